"""What statsd does: adds up what came within an interval, and gives it to Graphite under its own names.

A stand-in for statsd itself, which Debian has no package of. Names and sums are as its documentation has them, with
legacyNamespace off: https://github.com/statsd/statsd/blob/master/docs/metric_types.md
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from tests.statsd import Statsd as Socket

from .carbon import Carbon

Point = tuple[str, float, int]


class Statsd(Socket):
    """Listens by UDP; an interval ends where ``flush`` is called, so that no test waits for one."""

    def flush(self, carbon: Carbon, at: int) -> set[str]:
        """Give carbon what came since the last flush, with this moment in seconds since the epoch. Gives the names."""
        points = list(_aggregated(self.lines(), at))
        carbon.send(points)
        return {name for name, _, _ in points}


def _aggregated(lines: Iterable[str], at: int) -> Iterator[Point]:
    counts: dict[str, float] = defaultdict(int)
    gauges: dict[str, float] = {}
    timers: dict[str, list[float]] = defaultdict(list)
    for line in lines:
        name, _, rest = line.partition(":")
        text, kind = rest.split("|")
        value = float(text) if "." in text else int(text)
        if kind == "c":
            counts[name] += value
        elif kind == "g":
            gauges[name] = value
        else:
            assert kind == "ms", line
            timers[name].append(value)
    yield from ((f"stats.counters.{name}.count", value, at) for name, value in counts.items())
    yield from ((f"stats.gauges.{name}", value, at) for name, value in gauges.items())
    for name, values in timers.items():
        yield f"stats.timers.{name}.count", len(values), at
        yield f"stats.timers.{name}.mean", sum(values) / len(values), at
