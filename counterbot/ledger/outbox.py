"""Deliveries: each is leased to one sender at a time, until it was sent or refused."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import delete

from ..core.model import Delivery, Refused, Retry, Sent
from .schema import outbox, said
from .store import Store, Transaction, transaction
from .work import DeliveryWork

WAIT_LONGEST = 600_000
"""Milliseconds until a delivery is tried again, at most."""


def owe(under_way: Transaction, deliveries: Iterable[Delivery]) -> None:
    under_way.insert_new(outbox, [
        {"key": delivery.key, "kind": delivery.kind, "destination": delivery.destination,
         "payload": json.dumps(dict(delivery.payload)), "created": under_way.now, "due": under_way.now,
         "state": "due", "why": ""} for delivery in deliveries])


class Outbox:
    """Pending deliveries. ``lease`` is milliseconds."""

    def __init__(self, store: Store, lease: int) -> None:
        self.store = store
        self.lease = lease

    @transaction
    def put(self, under_way: Transaction, deliveries: Iterable[Delivery]) -> None:
        """Owe these deliveries, but none whose key is known."""
        owe(under_way, deliveries)

    def claim(self, kind: str, destinations: Iterable[str] | None = None) -> DeliveryWork | None:
        """The next delivery of a kind, in state ``sending`` for the length of the lease."""
        where = [outbox.c.kind == kind]
        if destinations is not None:
            where.append(outbox.c.destination.in_(list(destinations)))
        claimed = self.store.claim(outbox, self.lease, *where, states=("due", "sending"), taken="sending")
        if claimed is None:
            return None
        claim, row = claimed
        delivery = Delivery(row["key"], row["kind"], row["destination"], json.loads(row["payload"]))
        return DeliveryWork(claim, delivery, row["tries"])

    @transaction
    def settle(self, under_way: Transaction, work: DeliveryWork, result: Sent | Retry | Refused) -> None:
        """Note how a delivery went. A retry without a time waits for its lease to end."""
        changes: dict[str, Any] = {"tries": work.tries + 1}
        if isinstance(result, Sent):
            changes |= {"state": "sent", "settled": under_way.now,
                        "why": "it was there already" if result.already else ""}
        elif isinstance(result, Refused):
            changes |= {"state": "refused", "settled": under_way.now, "why": result.why}
        else:
            changes["why"] = result.why
            if result.after is not None:
                changes["due"] = under_way.now + min(int(result.after * 1000), WAIT_LONGEST)
        under_way.settle(outbox, work.claim, **changes)
        if isinstance(result, Refused):  # it was not said after all: the next report may say it
            under_way.execute(delete(said).where(said.c.delivery == work.delivery.key))
