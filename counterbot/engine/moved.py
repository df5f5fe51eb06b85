"""Tells channels where the levels of counters moved on merged code, each move once. Finds none."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from ..core.fallen import DAY, TOGETHER
from ..core.merged import Merge, likeliest
from ..core.model import Channel, Delivery
from ..core.moved import Move, news
from ..core.wording.moved import moved_line
from ..ledger import Ledger
from .telling import about_branch

EVERY = 600_000
"""Milliseconds between two looks."""

log = logging.getLogger("counterbot.moved")


class Moved:
    """The news of a bot's ``channels`` on what moved."""

    def __init__(self, ledger: Ledger, channels: Sequence[Channel]) -> None:
        self._ledger, self._channels = ledger, channels
        self._looked: int | None = None

    def step(self) -> bool:
        """Tell, where it is time to look; always False: there is no more to be done at once."""
        now = self._ledger.now()
        if self._looked is None or not 0 <= now - self._looked < EVERY:
            self._looked = now
            self._tell(now)
        return False

    def _tell(self, now: int) -> None:
        since = now - DAY - TOGETHER

        def say(untold: Collection[Move], told: Sequence[Move]) -> tuple[Iterable[Move], Iterable[Delivery]]:
            messages = news(untold, told, now)
            return ([move for moves in messages for move in moves],
                    [delivery for moves in messages for delivery in self._deliveries(moves, merged, now)])

        merged = {move: candidates(self._ledger, move) for move in self._ledger.moves.untold(since)}
        self._ledger.moves.tell(since, say)

    def _deliveries(self, moves: Sequence[Move], merged: Mapping[Move, list[Merge]], now: int) -> Iterator[Delivery]:
        text = moved_line(moves, merged.get(moves[0], ()), now)
        log.info("%s", text)
        projects = {project for move in moves for project in move.projects}
        pipelines = {pipeline for move in moves for pipeline in move.pipelines}
        yield from about_branch("moved level", [move.key for move in moves], moves[0].started, text, self._channels,
                                projects, pipelines)


def candidates(ledger: Ledger, move: Move) -> list[Merge]:
    """The merged changes that may have moved it, the likeliest first."""
    found = ledger.merges.between(move.key.branch, move.projects, move.after, move.started, move.tested)
    return likeliest(found, move.projects, move.tested)
