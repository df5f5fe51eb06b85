"""Sends the counters of each build to statsd, once: graphs without subunit2sql.

Needs a statsd that listens by UDP; ``statsd:`` in the configuration::

    statsd:
      host: statsd.example.org
      port: 8125
      prefix: ci.{job}

``{project}``, ``{branch}``, ``{pipeline}`` and ``{job}`` in the prefix are replaced by the build's; without
them the counts of all jobs add up under one name. statsd receives::

    ci.tempest-full.mysql.Queries:1204118|c
    ci.tempest-full.memory_peak.n-api:261332992|g
    ci.tempest-full.testrun:1312400.000000|ms

The names are those of the plugin for subunit2sql. ``memory``, ``memory_peak`` and ``process`` are gauges. A
build's counters are sent when they are first read, in whichever report, and never again. Nothing waits for
statsd: while its name has no address, or it does not listen, builds' counters are missing there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, Full, Queue
from typing import Any

from ..clients import statsd
from ..core.counters.metrics import metrics, segment
from ..core.deadline import Deadline
from ..core.model import Build, Counters

WAITING = 1000
"""Builds that may wait, as while a name is looked up; a busy Zuul reports some hundred an hour."""

ADDRESS_LIFE = 60.0
"""Seconds after which the host's address is looked up again."""

log = logging.getLogger("counterbot.statsd")


@dataclass(frozen=True)
class Settings:
    """Where statsd listens, and what comes before the names."""

    host: str
    port: int = 8125
    prefix: str = ""


class Statsd:
    """The reporter. ``take`` may be called from any thread, ``step`` from one."""

    def __init__(self, settings: Settings, *, monotonic: Callable[[], float] = time.monotonic,
                 connect: Callable[[str, int], Any] = statsd.connect) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._connect = connect
        self._waiting: Queue[tuple[Build, Counters]] = Queue(WAITING)
        self._client: Any = None
        self._lookup = Deadline(monotonic(), monotonic)

    def take(self, build: Build, counters: Counters) -> None:
        """Queue a build's counters, unless too many builds wait."""
        try:
            self._waiting.put_nowait((build, counters))
        except Full:
            log.warning("%s: its counters are not sent, since %d builds wait", build.uuid, WAITING)

    def step(self) -> bool:
        """Send the next build's counters; False where none waits. Raises nothing, since a report matters more."""
        try:
            build, counters = self._waiting.get_nowait()
        except Empty:
            return False
        try:
            self._send(build, counters)
        except Exception:
            log.exception("%s: its counters are not sent", build.uuid)
        return True

    def _send(self, build: Build, counters: Counters) -> None:
        found, repeated = metrics([counters], prefix(self._settings.prefix, build))
        if repeated:
            log.warning("%s: several counters have the names %s", build.uuid, ", ".join(sorted(repeated)[:5]))
        self._look_up()
        if self._client is None:
            log.info("%s: its counters are not sent", build.uuid)
        else:
            statsd.send(self._client, found)

    def _look_up(self) -> None:
        """The host's address may change; where it has none, the last one is kept."""
        if self._lookup.exceeded:
            self._lookup = Deadline.after(ADDRESS_LIFE, self._monotonic)
            host, port = self._settings.host, self._settings.port
            try:
                self._client = self._connect(host, port)
            except OSError as error:
                log.warning("statsd at %s:%d: %s; looked up again in %d s", host, port, error, ADDRESS_LIFE)


def prefix(template: str, build: Build) -> str:
    """The configured prefix with a build's words filled in, each as one part of a name."""
    words = {"project": build.project, "branch": build.branch, "pipeline": build.pipeline or "none", "job": build.job}
    return template.format(**{name: segment(word) for name, word in words.items()})
