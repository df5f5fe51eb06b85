r"""Messages published through RabbitMQ, added up by topic. Changes nothing in the broker.

Needs
    The management plugin: ``rabbitmq-plugins enable rabbitmq_management``. A user with the tag ``monitoring`` and a
    permission in every virtual host, since the broker hides the others; an empty permission is enough::

        rabbitmqctl set_user_tags USER monitoring
        rabbitmqctl set_permissions -p VHOST USER '' '' ''

    A user with the tag ``administrator`` needs no permissions.

Settings
    ``url``
        The management API, with what stands before ``/api``. Default: ``OS_QA_RABBITMQ_API`` of the environment, also
        as ``HOST:PORT``, or else ``http://127.0.0.1:15672``.
    ``user``
        Default: ``OS_QA_RABBITMQ_USER``, or else ``guest``.
    ``password_file``
        A file whose only line is the password. Default: ``OS_QA_RABBITMQ_PASS``, or else ``guest``.
    ``ca_file``
        With ``https``: the authority to trust, in PEM form, instead of the system's.
    ``settle``
        The management plugin's interval in seconds, the shortest of ``management.sample_retention_policies``: the
        broker tells of a message only at its end. It is waited out before counting, with half a second more for the
        broker's adding up. Default: 5, as RabbitMQ's own. Use 0 where you wait yourself.
    ``scopes``
        Python regular expressions, each for a whole name, and the scopes they give, tried in their order before those
        built in. Avoid nested repetition as in ``(x+)+y`` and ``(x|x)+y``: some names would take forever.

Stanza
    .. code-block:: yaml

        rabbitmq:
          url: https://rabbit.example.org:15671
          user: counters
          password_file: /etc/counterbot/rabbitmq-password
          ca_file: /etc/ssl/rabbit.pem
          scopes:
            'billing-([a-z]+)-[0-9]+': 'billing_\1'

Output
    .. code-block:: json

        {
         "exchanges": {"default_publish_in": 2410, "nova_publish_in": 1633, "total_publish": 4043},
         "queues": {"conductor_publish": 1480, "reply_publish": 2410, "scheduler_fanout_publish": 42}
        }

    ``queues`` has the messages that came into queues, added up over the queues of a scope and over virtual hosts:
    ``scheduler_fanout_UNIQUE`` is ``scheduler_fanout``, ``reply_UNIQUE`` is ``reply``, and ``conductor.host1`` is
    ``conductor``. A message that a fanout puts into four queues counts four times. ``exchanges`` has what was published
    to exchanges, by the same scopes, also where no queue took it; ``default`` is the exchange without a name.
    ``total_publish`` counts every message once. Scopes hold no dots.

    The broker forgets a queue's count with the queue. A sum has no difference, and is named in ``resets``, where one of
    its queues is gone between two readings, or its count fell; likewise with exchanges, and with virtual hosts for
    ``total_publish``. A queue that was deleted and created again under its name, and has counted further since, is not
    noticed: the sum then lacks what it had counted before.

Failures
    The broker does not answer, refuses the user, or collects no statistics (``management.disable_stats``,
    ``management_agent.disable_metrics_collector``, ``management.rates_mode = none``); or the user does not see every
    virtual host, so that sums would be too small. Where nothing was published yet, groups are empty, and that is no
    failure. No counter has a difference where the broker was restarted between two readings, which is seen by its
    process number. ``rabbitmqctl stop_app`` keeps that number, and a container may; then only counters that fell are
    noticed.
"""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

from ...clients import tls
from ...core.counters.snapshot import mark
from ...core.deadline import Deadline
from ...core.model import Unreadable
from ...core.text.names import few
from .. import Collected, Failed, File, Kind
from ..password_file import password
from .management_api import Api, place
from .scopes import Scopes

GROUPS = {"queues": Kind.FROM_ZERO, "exchanges": Kind.FROM_ZERO}
FORM = "2"
"""Of what a sum's parts are; readings of another form are not compared."""

LOCAL = "http://127.0.0.1:15672"
ADDING_UP = 0.5
"""Seconds; a broker with 2,000 queues was seen to tell of messages 20 ms after its interval's end."""

COLON = "must hold no colon, which HTTP takes for its end"
Row = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """What stands under ``rabbitmq`` in the settings."""

    url: str | None = None
    user: str | None = None
    password_file: File | None = None
    ca_file: File | None = None
    settle: float = 5.0
    scopes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.url is not None:
            try:
                place(self.url)
            except ValueError as error:
                raise ValueError(f"url: {error}") from None
        if not 0 <= self.settle < float("inf"):
            raise ValueError("settle: must be 0 or more seconds")
        if ":" in (self.user or ""):
            raise ValueError(f"user: {COLON}")
        Scopes(self.scopes.items(), built_in=())


@dataclass(frozen=True)
class Sums:
    """Counts by counter, and the parts that each adds up, by mark: what is deleted loses its count."""

    counts: Counter[str] = field(default_factory=Counter)
    parts: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add_part(self, counter: str, part: str, count: int) -> None:
        if count:
            self.parts[counter][mark(part)] += count


def collect(settings: Settings, seconds: float, _again: bool) -> Collected:
    """Read the counts, in so many seconds with the settling. Raises Failed where there are none to be read."""
    wait = settings.settle and settings.settle + ADDING_UP
    if wait >= seconds:
        raise Failed(f"settle means a wait of {wait:g} s, and there are {seconds:g} s in all; change one of them")
    api = _api(settings, Deadline.after(seconds, time.monotonic))
    try:
        if wait:
            _overview(api)  # a wrong password is reported before the wait
            time.sleep(wait)
        with closing(api.ask("queues?columns=name,vhost,message_stats.publish")) as queues:  # takes the broker longest
            return _read(api, queues, settings)
    except (LookupError, TypeError, AttributeError):
        raise Failed(f"{api.place} answered something else than RabbitMQ; is url the management API's?") from None


def _read(api: Api, queues: HTTPConnection, settings: Settings) -> Collected:
    overview, start = _overview(api), _start(api)
    vhosts = api.get("vhosts?columns=name,message_stats.publish")
    exchanges = api.get("exchanges?columns=name,vhost,message_stats.publish_in")
    _sees_all(vhosts, exchanges)
    scopes = Scopes(settings.scopes.items())
    read = {"exchanges": _with_total(_sums(exchanges, "publish_in", scopes), overview, vhosts)}
    failures = []
    try:
        read["queues"] = _sums(api.answer(queues), "publish", scopes)
    except Failed as error:
        failures.append(f"queues: {error}")
    return Collected(
        {group: sums.counts for group, sums in read.items()}, tuple(failures),
        instances=dict.fromkeys(read, start) if start is not None else {},
        made=dict.fromkeys(read, f"{scopes.rules} {FORM}"),
        parts={f"{group}.{name}": parts for group, sums in read.items() for name, parts in sums.parts.items()})


def _api(settings: Settings, deadline: Deadline) -> Api:
    """The settings before the environment, in which os-collect-counters looks."""
    try:
        at = place(settings.url or os.environ.get("OS_QA_RABBITMQ_API") or LOCAL)
    except ValueError as error:
        raise Failed(f"OS_QA_RABBITMQ_API {error}") from None
    user = settings.user or os.environ.get("OS_QA_RABBITMQ_USER") or "guest"
    if ":" in user:
        raise Failed(f"OS_QA_RABBITMQ_USER {COLON}")
    secret = os.fsencode(os.environ.get("OS_QA_RABBITMQ_PASS") or "guest")
    if settings.password_file is not None:
        secret = password(settings.password_file)
    try:
        ca_file = settings.ca_file and os.path.expanduser(settings.ca_file)
        trusted = tls.context(ca_file) if at.scheme == "https" else None
    except Unreadable as error:
        raise Failed(f"ca_file {error}") from None
    return Api(at, user, secret, deadline, trusted)


def _overview(api: Api) -> Row:
    """What the broker says of itself. Raises Failed where it counts no messages, which looks like a quiet one."""
    overview: Row = api.get("overview?columns=message_stats.publish,disable_stats,rates_mode")
    if overview["rates_mode"] == "none":
        raise Failed("the broker counts no messages; set management.rates_mode = basic in rabbitmq.conf and restart it")
    if overview.get("disable_stats") or "message_stats" not in overview:
        raise Failed("the broker collects no statistics; take management_agent.disable_metrics_collector and "
                     "management.disable_stats out of rabbitmq.conf and restart it")
    return overview


def _start(api: Api) -> str | None:
    """What tells one start of the broker from the next; None where that is not known yet.

    A node's own statistics, and so its process's number, are there some seconds after its start. Users without the
    tag monitoring are refused; they see neither all virtual hosts nor that there are more.
    """
    running = [node for node in api.get("nodes?columns=name,running,os_pid") if node.get("running")]
    if not running or not all(node.get("os_pid") for node in running):
        return None
    return " ".join(sorted(f"{node['name']}:{node['os_pid']}" for node in running))


def _sees_all(vhosts: list[Row], exchanges: list[Row]) -> None:
    """Raise Failed where virtual hosts are hidden, which look like quiet ones: each has exchanges from its start."""
    hidden = sorted({vhost["name"] for vhost in vhosts} - {exchange["vhost"] for exchange in exchanges})
    if hidden:
        raise Failed("the user does not see every virtual host; rabbitmqctl set_permissions -p VHOST USER '' '' '' for "
                     + few([repr(name) for name in hidden]))


def _sums(rows: list[Row], member: str, scopes: Scopes) -> Sums:
    """The counts of all that were published to, added up by scope."""
    sums = Sums()
    for row in rows:
        count = _count(row, member)
        if count is not None:
            counter = f"{scopes.of(row['name'])}_{member}"
            sums.counts[counter] += count
            sums.add_part(counter, f"{row['vhost']}/{row['name']}", count)
    return sums


def _with_total(sums: Sums, overview: Row, vhosts: list[Row]) -> Sums:
    """The exchanges' counts, and every message once beside them."""
    count = _count(overview, "publish")
    if count is not None:
        sums.counts["total_publish"] = count
        for vhost in vhosts:
            sums.add_part("total_publish", vhost["name"], _count(vhost, "publish") or 0)
    return sums


def _count(row: Row, member: str) -> int | None:
    """A count of messages; None where there was none yet: RabbitMQ leaves it out, or has ``[]`` or null around it."""
    count: int | None = (row.get("message_stats") or {}).get(member)
    return count
