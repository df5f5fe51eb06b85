"""Gerrit's events-log plugin over HTTP: the events since a time, as the stream told them.

Source: the plugin's EventsRestApiServlet, SQLQueryMaker and SQLStore. Its times are the server's own and name no zone.
It cuts an answer (returnLimit), and then leaves out the projects that the account does not see: a short answer need
not be the last one. Where its database fails, the answer may be an empty one with status 200.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from itertools import chain
from typing import NamedTuple
from urllib.parse import quote

from ...core import gerrit_json, limits
from ...core.deadline import DeadlineExceeded
from ...core.model import Unreadable
from ..http import Forbidden, Http, Refused, Unavailable
from . import Rejected, Unreachable

PATH = "/a/plugins/events-log/"

REACH = 300
"""Seconds before a time in which an event is looked for at first."""

HOUR = 3600
"""Seconds that clocks are put back by."""

WRONG_ZONE = "'gerrit.events_log.time_zone' is not the time zone of Gerrit's server: 'timedatectl' shows it there"


class Logged(NamedTuple):
    """An event's line, and its time in epoch seconds."""

    at: int
    line: bytes


class EventsLog:
    """The log of the Gerrit whose root is ``url``. ``zone`` is its server's time zone. For one thread.

    All raise Unreachable, Rejected, or Unreadable where the answer has not the plugin's form.
    """

    def __init__(self, http: Http, url: str, zone: tzinfo) -> None:
        self._http = http
        self._url = f"{url}{PATH}events/"
        self._zone = zone
        self._known: int | None = None
        """When an event happened that the log has, at or before the time that was asked for last."""

    def since(self, at: int) -> Iterator[Logged]:
        """All events since then (epoch seconds), the oldest first.

        An event at or before that time shows that nothing is missing after it. Raises Unreadable where none does.
        """
        start = max(0, at - REACH if self._known is None else min(at - REACH, self._known))
        events = self._from(start)
        first = next(events, None)
        if first is None or first.at > at:
            latest = self._latest()
            _check(latest, start, at)
            first, events = latest[0], iter(latest[1:])
        for event in chain([first], events):
            if event.at <= at:
                self._known = event.at
            if event.at >= at:
                yield event

    def greet(self) -> None:
        """Ask whether there is the plugin, and whether its zone is the one we know."""
        latest = self._latest()
        if latest and not any(event.at == latest[-1].at for event in self._page(self._t1(latest[-1].at))):
            raise Unreadable(WRONG_ZONE)

    def abort(self) -> None:
        """Break off what is under way, for good."""
        self._http.abort()

    def _from(self, start: int) -> Iterator[Logged]:
        """Answers until one brings nothing later; the events of its last second come again."""
        while True:
            events = self._page(self._t1(start))
            yield from events
            newest = max((event.at for event in events), default=start)
            if newest <= start:
                return
            start = newest

    def _latest(self) -> list[Logged]:
        """As many of the last events as the plugin gives: without a time, no zone can be wrong."""
        return self._page("")

    def _page(self, query: str) -> list[Logged]:
        """Sorted again: the plugin sorts by its own times, of which an hour comes twice when clocks are put back."""
        try:
            answer = self._http.fetch(self._url + query, limits.EVENTS_LOG_ANSWER)
        except (Refused, Forbidden) as error:
            raise Rejected(_advice(error)) from error
        except (Unavailable, DeadlineExceeded) as error:
            raise Unreachable(str(error)) from error
        if answer is None:
            raise Rejected(f"{self._url} is not found: Gerrit has no events-log plugin there")
        return sorted(_event(line) for line in answer.split(b"\n") if line.strip())

    def _t1(self, at: int) -> str:
        """The server's time then. Before clocks are put back it is that of the new clock, which shows the hour that
        comes twice again."""
        soon = datetime.fromtimestamp(at + HOUR, self._zone).replace(tzinfo=None) - timedelta(seconds=HOUR)
        local = min(soon, datetime.fromtimestamp(at, self._zone).replace(tzinfo=None))
        return f"?t1={quote(local.isoformat(' ', 'seconds'))}"


def _check(latest: list[Logged], start: int, at: int) -> None:
    """Raises Unreadable where an event was not given that happened since ``start``, or where there is none before."""
    if any(start <= event.at <= at for event in latest):
        raise Unreadable(WRONG_ZONE)
    if not latest or latest[0].at > at:
        begins = time.strftime("begins at %Y-%m-%d %H:%M:%S UTC", time.gmtime(latest[0].at)) if latest else "is empty"
        raise Unreadable(f"the log {begins}: it does not go back to what is missing")


def _event(line: bytes) -> Logged:
    try:
        at = gerrit_json.whole(gerrit_json.parse(line).get("eventCreatedOn"))
    except Unreadable as error:
        raise Unreadable(f"events-log did not answer with events: {error}") from error
    if at is None:
        raise Unreadable("events-log did not answer with events: one has no eventCreatedOn")
    return Logged(at, line)


def _advice(error: Refused | Forbidden) -> str:
    status = error.status if isinstance(error, Refused) else None
    if status == 401:
        return f"{error}: Gerrit does not take the HTTP password; it may have expired. Make a new one in the settings" \
               " of the bot's account (HTTP Credentials) for 'gerrit.events_log.password_file'"
    if status == 403:
        return f"{error}: the bot's account may not ask the events-log plugin; it must be active, and a proxy before" \
               f" Gerrit must let {PATH} through"
    return str(error)
