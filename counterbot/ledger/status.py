"""What the ledger holds, counted for people. Changes nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from . import schema
from .store import QUARANTINED, Store, Transaction

PULSE = "pulse"
"""The cursor under which a running bot says that it is alive."""


@dataclass(frozen=True)
class Status:
    """Counts, and ages in milliseconds; an age is None where there is nothing to have one.

    ``pulse`` is what the bot last said of itself, with the age of that.
    """

    last_event: int | None
    backlog: int
    backlog_age: int | None
    owed: dict[str, int]
    owed_age: int | None
    owed_why: str
    refused: int
    quarantined: int
    quarantined_why: str
    pulse: dict[str, Any] | None
    pulse_age: int | None


def status(store: Store) -> Status:
    """The ledger as it stands now."""
    return store.read(_status)


def _status(under_way: Transaction) -> Status:
    inbox, reports, builds, outbox = schema.inbox, schema.reports, schema.builds, schema.outbox

    def one(query: Any) -> Any:
        return under_way.execute(query).scalar()

    def age(query: Any) -> int | None:
        at = one(query)
        return None if at is None else max(0, under_way.now - at)

    quarantined = [row for table in (inbox, reports, builds)
                   for row in under_way.execute(select(table.c.why).where(table.c.state == QUARANTINED))]
    owed = outbox.c.state.in_(("due", "sending"))
    latest = under_way.execute(select(outbox.c.why).where(owed, outbox.c.why != "")
                               .order_by(outbox.c.due.desc()).limit(1)).scalar()
    pulse = under_way.execute(select(schema.cursors).where(schema.cursors.c.name == PULSE)).first()
    return Status(
        last_event=age(select(func.max(inbox.c.received))),
        backlog=sum(one(select(func.count()).select_from(table).where(table.c.state == "due"))
                    for table in (inbox, reports)),
        backlog_age=age(select(func.min(inbox.c.received)).where(inbox.c.state == "due")),
        owed=dict(under_way.execute(
            select(outbox.c.kind, func.count()).where(owed).group_by(outbox.c.kind)).all()),
        owed_age=age(select(func.min(outbox.c.created)).where(owed)),
        owed_why=latest or "",
        refused=one(select(func.count()).select_from(outbox).where(outbox.c.state == "refused")),
        quarantined=len(quarantined),
        quarantined_why=quarantined[0].why if quarantined else "",
        pulse=json.loads(pulse.value) if pulse else None,
        pulse_age=pulse and max(0, under_way.now - pulse.at),
    )
