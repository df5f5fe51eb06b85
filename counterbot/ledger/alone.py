"""One bot at a time: what two of them find in the same moment is noted, and told, once."""

from __future__ import annotations

from sqlalchemy import select

from .schema import cursors
from .store import Transaction


def alone(under_way: Transaction, name: str) -> None:
    """Until the end of the transaction no other one gets beyond this for the same name."""
    mine = select(cursors.c.name).where(cursors.c.name == name).with_for_update()
    if under_way.execute(mine).first() is None:  # MariaDB would lock a row that is there for an insert, too, and clash
        under_way.insert_new(cursors, [{"name": name, "value": "", "at": under_way.now}])
        under_way.execute(mine).first()
