"""python-subunit as the oracle of what a stream holds: its events, as they come."""

from __future__ import annotations

import io
from typing import Any

from subunit import ByteStreamToStreamResult
from testtools import StreamResult


class _Heard(StreamResult):
    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []

    def status(self, **event: Any) -> None:
        self.events.append(event)


def heard(data: bytes) -> list[dict[str, Any]]:
    """The arguments of each ``status`` that a stream makes python-subunit call."""
    result = _Heard()
    ByteStreamToStreamResult(io.BytesIO(data)).run(result)
    return result.events
