"""What the history tells a reviewer of a failed build that no rule explains: facts with their counts, no verdicts."""

from __future__ import annotations

from dataclasses import dataclass

DAYS = 7
"""How far back other changes are counted."""


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
    """

    passed: bool = False
    sights: tuple[Sight, ...] = ()
    gate: tuple[int, int] | None = None
    touched: tuple[str, ...] = ()
    patchsets: tuple[int, ...] = ()

    @property
    def changes(self) -> int:
        """The other changes that show the same."""
        return max((sight.changes for sight in self.sights), default=0)
