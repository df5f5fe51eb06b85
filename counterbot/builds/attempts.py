"""What a reader tried of a build's files: why some were not read, and when to look again. Reads nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice

from ..clients.http import Forbidden, Stopped, Unavailable, Unfinished
from ..core.model import Later, Reading, State, Unreadable
from .logs import MANIFEST

REASONS = 5
"""Of why something is missing, how many are told."""


class Attempts:
    """``failures`` say by file name why it was not read. Threads may share it.

    ``awaits``: a file that is not there may still come, and so the others may be late, too.
    """

    def __init__(self, awaits: bool) -> None:
        self.failures: dict[str, str] = {}
        self._awaits = awaits
        self._missed: Unavailable | None = None

    def attempt(self, name: str, take: Callable[..., None], *arguments: str) -> bool:
        """Whether a file could be read; if not, the reason is noted, and the others go on. Raises Unavailable where all
        may be late, and DeadlineExceeded."""
        try:
            take(*arguments)
        except (Unreadable, Forbidden, Unavailable) as error:
            if isinstance(error, Stopped):  # what else there is would be missing without a reason
                raise
            if isinstance(error, Unavailable):
                if (self._awaits or name == MANIFEST) and not isinstance(error, Unfinished):
                    raise
                self._missed = self._missed or error
            self.failures[name] = str(error)
            return False
        return True

    def ended(self, found: Reading) -> Reading | Later:
        """How the look ends that found this, or when there is to be another."""
        if self._missed is None:
            return found
        # If no other file came, the whole store may be away.
        store_answers = found.state is State.READ or isinstance(self._missed, Unfinished)
        return Later(str(self._missed), self._missed.after, found if store_answers else None)


def told(reasons: Mapping[str, str]) -> str:
    """The first reasons, and how many more there are."""
    more = len(reasons) - REASONS
    listed = "; ".join(f"{name}: {reason}" for name, reason in islice(reasons.items(), REASONS))
    return listed + (f"; and {more} more" if more > 0 else "")
