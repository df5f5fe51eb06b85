"""Changes that were merged just before something was seen: which of them are its likeliest cause. Looks nothing up."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Merge:
    """A change that was merged ``at`` a time, in epoch milliseconds."""

    project: str
    change: int
    at: int
    url: str | None = None

    @property
    def of(self) -> tuple[str, int]:
        """Project and number."""
        return self.project, self.change


def likeliest(merged: Iterable[Merge], projects: Sequence[str],
              tested: Collection[tuple[str, int]] = ()) -> list[Merge]:
    """The likeliest first: the changes that were ``tested`` when it was first seen, then those of the project whose
    changes the job tests most often, ``projects`` being in that order; of each the newest first."""
    place = {project: number for number, project in enumerate(projects)}
    return sorted(merged, key=lambda merge: (merge.of not in tested, place.get(merge.project, len(place)),
                                             -merge.at, -merge.change))
