"""What the history tells a reviewer of a failed build that no rule explains: facts with their counts, no verdicts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .model import FailedTest

DAYS = 7
"""How far back other changes are counted."""

FRAME = re.compile(r'File "([^"]+)", line [0-9]')
"""In a traceback of Python's."""


@dataclass(frozen=True)
class Sight:
    """A failed test, or a telling line of the failure, and where else it was seen.

    ``file`` is that of the line, "" for a test. ``changes`` counts the other changes that failed with it in the last
    days; ``since`` is when it was first seen, in epoch milliseconds, None where only in this build.
    """

    text: str
    file: str = ""
    changes: int = 0
    since: int | None = None


@dataclass(frozen=True)
class Facts:
    """Of one failed build; what is not known is None or empty.

    ``passed``: the same job passed on the same patch set, before or after. ``sights``: its first failed test and its
    telling line, that of the most other changes first. ``gate``: of so many newest gate builds of the job (second) so
    many passed (first); builds that failed by the site's fault are left out. ``touched``: files that the failure names
    and the change touches. ``patchsets``: those of this change on which the job failed, this one among them.
    ``compared``: failures of other changes are known, so that it tells something where none shows the same.
    """

    passed: bool = False
    sights: tuple[Sight, ...] = ()
    gate: tuple[int, int] | None = None
    touched: tuple[str, ...] = ()
    patchsets: tuple[int, ...] = ()
    compared: bool = True

    @property
    def changes(self) -> int:
        """The other changes that show the same."""
        return max((sight.changes for sight in self.sights), default=0)


def named(tests: Iterable[FailedTest]) -> Iterator[str]:
    """The source files that the tracebacks of failed tests name."""
    frames = (FRAME.search(line) for test in tests for line in test.lines)
    return (frame[1] for frame in frames if frame)


def touched(named: Iterable[str], files: Iterable[str], project: str) -> tuple[str, ...]:
    """Those of a change's ``files`` that a failure names, wherever they were installed.

    A path of a failure is a file where it ends with the whole path of it; a file of the project's top folder has the
    project's name before it there. Of several the longest: ``b/a.py`` is no other folder's ``a.py``.
    """
    top = project.rpartition("/")[2]
    ends = {f"/{path}" if "/" in path else f"/{top}/{path}": path for path in files}
    found = (max((end for end in ends if f"/{path}".endswith(end)), key=len, default="") for path in named)
    return tuple(dict.fromkeys(ends[end] for end in found if end))
