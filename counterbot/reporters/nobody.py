"""For a dry run: takes deliveries and sends them nowhere."""

from __future__ import annotations

from ..core.model import Delivery, Sent


class Nobody:
    """Stands where the Gerrit reporter stands."""

    def already_there(self, _delivery: Delivery) -> bool:
        return False

    def post(self, _delivery: Delivery) -> Sent:
        return Sent()
