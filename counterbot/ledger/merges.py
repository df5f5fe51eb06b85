"""The changes that were merged. Tells nothing of why."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import and_, false, or_, select

from ..core.merged import Merge
from .schema import merges
from .store import Store


class Merges:
    """Changes that were merged, each once."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def between(self, branch: str, projects: Collection[str], after: int, until: int,
                also: Collection[tuple[str, int]] = ()) -> list[Merge]:
        """Changes of these projects' branch that were merged in a time, and those of ``also`` (project and number)
        whenever they were; the newest first."""
        here = or_(merges.c.branch == branch, merges.c.branch.is_(None))
        named = or_(false(), *(and_(merges.c.project == project, merges.c.change == change)
                               for project, change in also))
        query = select(merges).where(here, or_(named, and_(
            merges.c.at > after, merges.c.at <= until, merges.c.project.in_(projects)))).order_by(
            merges.c.at.desc(), merges.c.change.desc())
        return self.store.read(lambda under_way: [
            Merge(row.project, row.change, row.at, row.url) for row in under_way.execute(query)])
