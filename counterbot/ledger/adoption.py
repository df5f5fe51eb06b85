"""Gives what was kept before tenants were noted to one of them. Reckons nothing."""

from __future__ import annotations

from sqlalchemy import and_, delete, select, update

from .alone import alone
from .moves import LOCK as MOVES
from .schema import change_points, drops, levels, runs, samples, series
from .store import Transaction

UNKNOWN = ""
"""The tenant of what was kept before tenants were noted."""


def adopt(under_way: Transaction, tenant: str) -> None:
    """Runs, series and fallen rates of no known tenant become those of this one; series that it has already are joined.
    """
    alone(under_way, MOVES)
    theirs = series.alias()
    same = and_(theirs.c.tenant == tenant, *(theirs.c[name] == series.c[name]
                                             for name in ("job", "branch", "counter", "delta")))
    both = list(under_way.execute(
        select(series.c.id, theirs.c.id).join(theirs, same).where(series.c.tenant == UNKNOWN)))
    for old, new in both:
        under_way.execute(update(samples).where(samples.c.series == old).values(series=new))
        for column in (levels.c.series, change_points.c.series):  # a look at all its runs finds others
            under_way.execute(delete(column.table).where(column.in_((old, new))))
        under_way.execute(delete(series).where(series.c.id == old))
    for table in (series, runs, drops):
        under_way.execute(update(table).where(table.c.tenant == UNKNOWN).values(tenant=tenant))
