r"""Messages published through RabbitMQ, by what they were about. Changes nothing in the broker.

Needs
    The broker's management plugin: ``rabbitmq-plugins enable rabbitmq_management``. A user with the tag
    ``monitoring`` and a permission in every virtual host, or the broker shows nothing of it; an empty one
    is enough, which lets the user change and read nothing there::

        rabbitmqctl set_user_tags USER monitoring
        rabbitmqctl set_permissions -p VHOST USER '' '' ''

    With the tag ``administrator`` it sees all without.

Settings
    ``url``
        Where the management API is, with what may stand before ``/api``. Default: what the environment's
        ``OS_QA_RABBITMQ_API`` says, also as ``HOST:PORT``, or else ``http://127.0.0.1:15672``.
    ``user``
        Default: ``OS_QA_RABBITMQ_USER``, or else ``guest``.
    ``password_file``
        A file whose only line is the password. Default: ``OS_QA_RABBITMQ_PASS``, or else ``guest``.
    ``ca_file``
        With ``https``: the authority to trust, in PEM form, in place of the system's.
    ``settle``
        The management plugin's interval in seconds, the shortest of ``management.sample_retention_policies``:
        only at its end does the broker tell of a message. It is waited out before counting, with half a
        second more for the broker's adding up. Default: 5, as RabbitMQ's own. 0 where you wait yourself.
    ``scopes``
        Patterns (Python's, of a whole name) and the scopes they give, tried in their order before those
        built in. Repeat nothing that itself repeats or has alternatives, as ``(x+)+y`` and ``(x|x)+y`` do:
        for some names these take longer than any time limit, and nothing can stop them.

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
         "exchanges": {
          "default_publish_in": 2410,
          "nova_publish_in": 1633,
          "scheduler_fanout_publish_in": 21,
          "total_publish": 4064
         },
         "queues": {
          "conductor_publish": 1480,
          "reply_publish": 2410,
          "scheduler_fanout_publish": 42
         }
        }

    ``queues`` has the messages that came into queues, added up over the queues of a scope and over virtual
    hosts: ``scheduler_fanout_UNIQUE`` is ``scheduler_fanout``, ``reply_UNIQUE`` is ``reply``, and
    ``conductor.host1`` is ``conductor``. A message that a fanout puts into four queues counts four times.
    ``exchanges`` has what was published to exchanges, by the same scopes, with what no queue took;
    ``default`` is the exchange without a name. ``total_publish`` is every message once.

    The broker forgets a queue's count with the queue, and an exchange's with the exchange. A sum of which a
    queue fell between two readings, or is gone with its messages, has no difference and is named in
    ``resets``; so it is with exchanges, and for ``total_publish`` with virtual hosts. What was deleted and
    made anew under its name is not noticed once it has counted as far as in the first reading: then the sum
    lacks all that it had counted before it was deleted.
    No scope's name holds a dot.

Failures
    No answer, a refused user, a wrong ``url``, and an answer that is none of RabbitMQ's are told as
    failures. So is a user who does not see every virtual host, since all sums would be too small. (Which
    are seen is told by the exchanges; where these cannot be read, queues have no values either.) So is a
    broker that collects no statistics (``management_agent.disable_metrics_collector``,
    ``management.disable_stats``, ``management.rates_mode = none``); one where nothing was published yet
    gives empty groups. A broker that was started anew between two readings is seen by its process's
    number, and none of its counters has a difference; ``rabbitmqctl stop_app`` keeps that number, as may
    a container, and then only counters that fell are noticed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from ...clients import tls
from ...core.counters.snapshot import mark
from ...core.deadline import Deadline
from ...core.model import Number, Unreadable
from .. import Collected, Failed, Kind
from ..password_file import password
from .management_api import Api, Request, place
from .scopes import Scopes

GROUPS = {"queues": Kind.FROM_ZERO, "exchanges": Kind.FROM_ZERO}
FORM = "2"
"""Of what a sum's parts are; readings of another form are not compared."""

LOCAL = "http://127.0.0.1:15672"
ADDING_UP = 0.5
"""Seconds; a broker with 2,000 queues was seen to tell of messages 20 ms after its interval's end."""

TOLD = 3
"""Hidden virtual hosts that a message names."""

COLON = "must hold no colon, which HTTP takes for its end"
Row = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """What stands under ``rabbitmq`` in the settings."""

    url: str | None = None
    user: str | None = None
    password_file: str | None = None
    ca_file: str | None = None
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
    """Counts by counter, and what each adds up, by mark: what vanishes takes its count along."""

    counts: dict[str, Number] = field(default_factory=dict)
    parts: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, counter: str, part: str, count: int) -> None:
        self.counts[counter] = self.counts.get(counter, 0) + count
        self.add_part(counter, part, count)

    def add_part(self, counter: str, part: str, count: int) -> None:
        """To the parts alone, of a counter whose sum is known."""
        if count:
            parts, marked = self.parts.setdefault(counter, {}), mark(part)
            parts[marked] = parts.get(marked, 0) + count


def collect(settings: Settings, seconds: float, _again: bool) -> Collected:
    """Read the counts, in so many seconds with the settling. Raises Failed where there are none to be read."""
    wait = settings.settle and settings.settle + ADDING_UP
    if wait >= seconds:
        raise Failed(f"settle means a wait of {wait:g} s, and there are {seconds:g} s in all; change one of them")
    api = _api(settings, Deadline.after(seconds, time.monotonic))
    if wait:
        _overview(api)  # nobody waits for being told of a wrong password
        time.sleep(wait)
    with closing(api.ask("queues?columns=name,vhost,message_stats.publish")) as queues:  # takes the broker longest
        try:
            return _read(api, queues, settings)
        except (LookupError, TypeError, AttributeError):
            raise Failed(f"{api.place} answered something else than RabbitMQ; is url the management API's?") from None


def _read(api: Api, queues: Request, settings: Settings) -> Collected:
    overview, start = _overview(api), _start(api)
    vhosts = api.get("vhosts?columns=name,message_stats.publish")
    exchanges = api.get("exchanges?columns=name,vhost,message_stats.publish_in")
    _sees_all(vhosts, exchanges)
    scopes = Scopes(settings.scopes.items())
    read = {"exchanges": _with_total(_sums(exchanges, "publish_in", scopes), overview, vhosts)}
    failures = []
    try:
        read["queues"] = _sums(queues.answer(), "publish", scopes)
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
        trusted = tls.context(settings.ca_file and os.path.expanduser(settings.ca_file)) if at.tls else None
    except Unreadable as error:
        raise Failed(f"ca_file {error}") from None
    return Api(at, user, secret, deadline, trusted)


def _overview(api: Api) -> Row:
    """What the broker says of itself. Raises Failed where it counts no messages, which looks like a quiet one."""
    overview: Row = api.get("overview?columns=message_stats.publish,disable_stats,rates_mode")
    if overview.get("disable_stats") or "message_stats" not in overview:
        raise Failed("the broker collects no statistics; take management_agent.disable_metrics_collector and "
                     "management.disable_stats out of rabbitmq.conf and restart it")
    if overview["rates_mode"] == "none":
        raise Failed("the broker counts no messages; set management.rates_mode = basic in rabbitmq.conf and restart it")
    return overview


def _start(api: Api) -> str | None:
    """What tells one start of the broker from the next; None where nobody knows yet.

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
        more = f" and {len(hidden) - TOLD:,} more" if len(hidden) > TOLD else ""
        raise Failed("the user does not see every virtual host; rabbitmqctl set_permissions -p VHOST USER '' '' '' for "
                     + ", ".join(map(repr, hidden[:TOLD])) + more)


def _sums(rows: list[Row], member: str, scopes: Scopes) -> Sums:
    """The counts of all that were published to, added up by scope."""
    sums = Sums()
    for row in rows:
        count = _count(row, member)
        if count is not None:
            sums.add(f"{scopes.of(row['name'])}_{member}", f"{row['vhost']}/{row['name']}", count)
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
    """A count of messages; None where there was none yet: RabbitMQ then leaves it out."""
    count: int | None = row.get("message_stats", {}).get(member)
    return count
