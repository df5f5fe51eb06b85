"""A build's logs, reduced to the kinds of line in them. Judges nothing.

The console comes first: it tells when tests failed, and which ids are theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from ..clients.http import Http
from ..core import limits
from ..core.lines import Reduction
from ..core.model import Build, Later, Reading, is_failure
from ..fingerprints.templates.reading import is_console, wanted
from ..fingerprints.templates.reduce import Reducer
from .attempts import Attempts
from .logs import Logs
from .sweep import USUAL_CAPS, Caps, Files, Store, Sweep, outcome

NOTHING = "it left no log with lines to be kept"


class TemplatesReader:
    """Reads builds' logs over HTTP. ``seconds`` are those that one build may take."""

    def __init__(self, http: Http, *, caps: Caps = USUAL_CAPS, seconds: float = limits.LOGS_SECONDS) -> None:
        self._store, self._caps = Store(http, seconds), caps

    def read(self, build: Build, give_way: Callable[[], None] = lambda: None) -> Reading | Later:
        """The lines of a build, as far as its log server has them now: lines are read when the build's failure was, so
        what is not there then will not come. ``give_way`` is called between the blocks of files, in several threads.
        Raises nothing that a server or a file can cause."""
        def begun(logs: Logs, attempts: Attempts) -> _Look:
            sweep = Sweep(logs, attempts, self._caps, limits.LINES_AT_ONCE)
            return _Look(sweep, Reducer(is_failure(build.result)), give_way)

        return self._store.look(build, None, False, begun)


def reduced(files: Files, failed: bool) -> Reduction:
    """The lines of a build that left these files, such as a Folder. Raises nothing that a file can cause; what could
    not be read is told in ``lines.unread``."""
    look = _Look(Sweep(files), Reducer(failed))
    look.read()
    return look.reduction()


@dataclass
class _Look:
    """One look at one build's files."""

    sweep: Sweep
    reducer: Reducer
    give_way: Callable[[], None] = lambda: None

    def read(self) -> None:
        """Read all files that matter. Raises Unavailable where all may be late."""
        paths = [path for path in self.sweep.files.paths if wanted(path)]
        self.sweep.read([path for path in paths if is_console(path)], self._take)
        self.sweep.read([path for path in paths if not is_console(path)], self._take)

    def _take(self, path: str, blocks: Iterable[bytes]) -> None:
        def politely() -> Iterator[bytes]:
            for block in blocks:
                yield block
                self.give_way()

        self.reducer.take(path, politely())

    def reading(self) -> Reading:
        """How the look ends, if there is to be no other."""
        return outcome(self.sweep, self.reduction(), NOTHING)

    def reduction(self) -> Reduction:
        """What was read until now."""
        found = self.reducer.reduction()
        return replace(found, lines=replace(found.lines, unread={**found.lines.unread, **self.sweep.unread}))
