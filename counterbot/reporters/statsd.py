"""Sends the counters of each build to statsd, once, for those who want graphs without subunit2sql.

Needs a statsd that listens by UDP; ``statsd:`` in the configuration::

    statsd:
      host: statsd.example.org
      port: 8125
      prefix: ci.{job}

``{project}``, ``{branch}``, ``{pipeline}`` and ``{job}`` in the prefix stand for the build's own; without
them counts of all jobs add up under one name. What arrives::

    ci.tempest-full.mysql.Queries:1204118|c
    ci.tempest-full.memory_peak.n-api:261332992|g
    ci.tempest-full.testrun:1312400.000000|ms

The names are those of the plugin for subunit2sql. Counts and times are as statsd knows them; ``memory``,
``memory_peak`` and ``process`` are gauges. A build counts when its counters are first read, in whichever
report, and never again. Nothing waits for statsd: where its name has no address, or it does not listen,
that build's counters are lost to it, and to nobody else. What is sent is decided elsewhere.
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
from ..core.model import Build, Counters

WAITING = 1000
"""Builds that may wait, as while a resolver takes its time; a busy Zuul reports some hundred an hour."""

ADDRESS_LIFE = 300.0
LOOK_AGAIN = 60.0
"""Seconds after which the host's address is looked up again: found, and not found."""

log = logging.getLogger("counterbot.statsd")


@dataclass(frozen=True)
class Settings:
    """Where to, and what comes before the names."""

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
        self._look_at = monotonic()

    def take(self, build: Build, counters: Counters) -> None:
        """A build's counters are to be sent; where too many wait, they are not."""
        try:
            self._waiting.put_nowait((build, counters))
        except Full:
            log.warning("%s: its counters are not sent, since %d builds wait", build.uuid, WAITING)

    def step(self) -> bool:
        """Send those of the next build; False where none waits. Raises nothing: graphs are not worth a report."""
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
        """The host's address may change, and its resolver may be away; an address that was good stays."""
        if self._monotonic() < self._look_at:
            return
        host, port = self._settings.host, self._settings.port
        try:
            client = self._connect(host, port)
        except OSError as error:
            self._look_at = self._monotonic() + LOOK_AGAIN
            log.warning("statsd at %s:%d: %s; looked up again in %d s", host, port, error, LOOK_AGAIN)
            return
        self._look_at = self._monotonic() + ADDRESS_LIFE
        if self._client is not None:
            self._client.close()
        self._client = client


def prefix(template: str, build: Build) -> str:
    """The configured prefix with a build's own words in it, each as one part of a name."""
    words = {"project": build.project, "branch": build.branch, "pipeline": build.pipeline or "none", "job": build.job}
    return template.format(**{name: segment(word) for name, word in words.items()})
