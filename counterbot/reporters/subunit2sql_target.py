"""A plugin of subunit2sql that sends the counters of each imported stream to statsd.

Needs
    ``pip install 'counterbot[subunit2sql]'`` into the environment of subunit2sql, which then finds it by
    itself. Uninstall os-performance-tools there: both send the same counters, so the one that subunit2sql
    finds second is turned off.

Settings
    subunit2sql's own, on its command line or in its configuration file; the same as of
    os-performance-tools' plugin.

    ``--counters2statsd-host``, ``--counters2statsd-port``
        Where statsd listens. Default: ``localhost``, 8125.
    ``--counters2statsd-prefix``
        What comes before each name. Default: nothing.
    ``--counters2statsd-noenabled``
        Send nothing.

Stanza
    .. code-block:: ini

        [counters2statsd]
        host = statsd.example.org
        prefix = ci

Output
    For each stream, as datagrams of several lines::

        ci.mysql.Queries:3522457|c
        ci.memory_peak.n-api:261332992|g
        ci.testrun:1312400.000000|ms

    ``--meta-prefix`` of the collector comes between prefix and group. In a name, every character but ASCII
    letters and digits, ``_``, ``-`` and ``.`` becomes ``_``. Of a name that is in a stream twice, the last
    value is sent.

Failures
    They are reported on standard error, and never end the import. The counters of a stream are not sent where
    a damaged packet may have been part of ``counters.json``, or where the stream could not be read to its end.
    Text between packets would end the import, so this plugin sets ``non_subunit_name`` where it is not set. A
    damaged packet still ends the import, since subunit2sql 1.10 adds up its missing times. The counters are sent
    before the database is written: a stream that is imported again is sent again.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core import limits
from ..core.counters.attachment import META, parse_each
from ..core.counters.metrics import Metric, metrics
from ..core.counters.strictjson import documents
from ..core.model import ATTACHMENT, Counters, Unreadable
from ..core.text.names import few

GROUP = "counters2statsd"
PARSER = "subunit.parser"
"""The test that python-subunit invents for a damaged packet."""

TEXT = "text"
log = logging.getLogger("counterbot.subunit2sql")


@dataclass
class Stream:
    """One stream's attachment while it is read. ``broken``: why it cannot be trusted."""

    done: list[bytes] = field(default_factory=list)
    open: dict[str | None, list[bytes]] = field(default_factory=dict)
    size: int = 0
    damaged: bool = False
    broken: str | None = None

    def take(self, route: str | None, content: bytes, begins: bool, ends: bool) -> None:
        """A piece of the attachment. The first one carries the type: ``begins``."""
        self.size += len(content)
        if self.size > limits.ATTACHMENT:
            self.broken = f"it has more than {limits.ATTACHMENT:,} bytes"
        elif self.damaged and not begins and route not in self.open:
            self.broken = "it may have begun in a damaged packet"
        else:
            self.open.setdefault(route, []).append(content)
            if ends:
                self.done.append(b"".join(self.open.pop(route)))

    def damage(self, packet: bytes) -> None:
        """A packet that cannot be read, or a stream that ends within one."""
        self.damaged = True
        if self.open or ATTACHMENT.encode() in packet:
            self.broken = "a packet that may be a part of it is damaged"

    def contents(self) -> list[bytes]:
        """Attachments in order of completion; one without an end is complete where the stream ends."""
        return [*self.done, *map(b"".join, self.open.values())]


class Target:
    """The plugin's interface to subunit2sql: one object for all streams of a command line."""

    @classmethod
    def enabled(cls) -> bool:
        """Called before the command line is read, so our options are added here."""
        from oslo_config import cfg

        try:
            import statsd  # noqa: F401 - only whether it is installed
        except ImportError:
            log.warning("counters are not sent: pip install 'counterbot[subunit2sql]'")
            return False
        options = [
            cfg.StrOpt("host", default="localhost", help="The host of the statsd that counters are sent to."),
            cfg.PortOpt("port", default=8125, help="The port of statsd."),
            cfg.StrOpt("prefix", help="The prefix of the counters' names."),
            cfg.BoolOpt("enabled", default=True, help="Whether counters are sent to statsd."),
        ]
        try:
            cfg.CONF.register_cli_opts(options, group=cfg.OptGroup(GROUP, title="Counters to statsd"))
        except cfg.DuplicateOptError:
            log.warning("counters are sent by another plugin; to use this one, uninstall os-performance-tools")
            return False
        with contextlib.suppress(cfg.NoSuchOptError):  # or text between packets ends the import
            cfg.CONF.set_default("non_subunit_name", TEXT)
        return True

    def __init__(self) -> None:
        self._stream = Stream()

    def startTestRun(self) -> None:  # noqa: N802 - testtools' name
        self._stream = Stream()

    def status(self, test_id: str | None = None, test_status: str | None = None, test_tags: Any = None,  # noqa: ARG002
               runnable: bool = True, file_name: str | None = None, file_bytes: bytes | None = None,  # noqa: ARG002
               eof: bool = False, mime_type: str | None = None, route_code: str | None = None,
               timestamp: Any = None) -> None:  # noqa: ARG002
        """An event of the stream, as testtools.StreamResult has it."""
        content = bytes(file_bytes or b"")
        if test_id == PARSER and test_status is None:
            self._stream.damage(content)
        elif test_id is None and file_name == ATTACHMENT:
            self._stream.take(route_code, content, mime_type is not None, eof)

    def stopTestRun(self) -> None:  # noqa: N802 - testtools' name
        """The stream has ended, or could not be read further: then this is called while an exception is raised."""
        from oslo_config import cfg

        stream, error = self._stream, sys.exc_info()[1]
        why = stream.broken or (f"the stream was not read to its end ({error})" if error else None)
        if not cfg.CONF[GROUP].enabled:
            return
        if stream.damaged and not why:
            state = "whole" if stream.contents() else "not there"
            log.warning("packets of the stream are damaged; %s is %s", ATTACHMENT, state)
        if why:
            log.warning("%s is not sent: %s", ATTACHMENT, why)
            return
        found, repeated = metrics(_parts(stream.contents()), cfg.CONF[GROUP].prefix or "")
        if repeated:
            log.warning("%s: duplicate; the last value is sent", few(sorted(repeated)))
        _send(found, cfg.CONF[GROUP])


def _parts(contents: Iterable[bytes]) -> list[Counters]:
    """The documents of all attachments. Those that cannot be used are reported, and the others kept."""
    parts = []
    for content in contents:
        try:
            read = list(parse_each(content))
            empty = [group for each in documents(content) for group in _empty(each)]
        except Unreadable as error:
            log.warning("%s is not sent: %s", ATTACHMENT, error)
            continue
        parts += read
        if empty:
            log.warning("%s: empty, which is how the old collector writes what it could not read", few(empty))
    for part in parts:
        told = [f"{name}: {why}" for name, why in {**part.failures, **part.unreadable}.items()]
        if told:
            log.warning("not sent: %s", few(told, between="; "))
    return parts


def _empty(document: object) -> list[str]:
    groups: Mapping[str, object] = document if isinstance(document, dict) else {}
    return [group for group, members in groups.items() if group != META and members == {}]


def _send(found: list[Metric], options: Any) -> None:
    from ..clients import statsd

    try:
        client = statsd.connect(options.host, options.port)
    except OSError as error:
        log.warning("counters are not sent: %s:%s: %s", options.host, options.port, error)
        return
    statsd.send(client, found)
    client.close()
