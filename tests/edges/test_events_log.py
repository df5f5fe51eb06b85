"""The events since a time, as Gerrit's events-log plugin tells them."""

import base64
from datetime import timezone
from zoneinfo import ZoneInfo

import pytest

from counterbot.clients.gerrit import Rejected, Unreachable
from counterbot.clients.gerrit.events_log import PATH, WRONG_ZONE, EventsLog
from counterbot.clients.http import Http
from counterbot.core.model import Unreadable
from tests.events_log_server import EventsLogServer

NOW = 1_800_000_000


@pytest.fixture
def server():
    with EventsLogServer(now=lambda: NOW + 10_000) as server:
        yield server


def log(server, zone=timezone.utc, password="s3cret"):
    authorization = "Basic " + base64.b64encode(f"counterbot:{password}".encode()).decode()
    return EventsLog(Http([server.url + PATH], private=True, authorization=authorization), server.url, zone)


def stored(server, *times):
    server.events += [{"type": "ref-updated", "eventCreatedOn": at} for at in times]


def times(log, since):
    return [event.at for event in log.since(since)]


def test_the_events_since_a_time(server):
    stored(server, NOW - 400, NOW - 100, NOW, NOW + 5)
    assert times(log(server), NOW) == [NOW, NOW + 5, NOW + 5]
    assert server.queries == ["t1=2027-01-15 07:55:00", "t1=2027-01-15 08:00:05"]


def test_many_come_in_several_answers_also_where_projects_are_hidden(server):
    stored(server, *range(NOW - 10, NOW + 90))
    server.limit, server.hidden = 10, lambda event: event["eventCreatedOn"] % 3 == 1
    wanted = [at for at in range(NOW, NOW + 90) if at % 3 != 1]
    assert sorted(set(times(log(server), NOW))) == wanted


def test_a_second_that_fills_an_answer_ends(server):
    stored(server, NOW - 1, *[NOW + 1] * 30)
    server.limit = 10
    assert set(times(log(server), NOW)) == {NOW + 1}


def test_a_quiet_gerrit_shows_its_last_events_once(server):
    """Of an empty beginning nobody can tell whether events are missing."""
    stored(server, NOW - 90_000, NOW - 80_000, NOW + 5)
    asked = log(server)
    assert times(asked, NOW) == [NOW + 5]
    assert server.queries == ["t1=2027-01-15 07:55:00", ""]
    server.queries.clear()
    assert set(times(asked, NOW + 2)) == {NOW + 5}
    assert server.queries[0] == "t1=2027-01-14 09:46:40"
    assert "" not in server.queries


def test_a_log_that_does_not_go_back_so_far(server):
    with pytest.raises(Unreadable, match="the log is empty: it does not go back to what is missing"):
        times(log(server), NOW)
    stored(server, NOW + 5)
    with pytest.raises(Unreadable, match="the log begins at 2027-01-15 08:00:05 UTC: it does not go back"):
        times(log(server), NOW)


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_the_times_are_in_the_zone_of_the_server(server, zone):
    server.set_zone(zone)
    stored(server, NOW - 100, NOW + 5, NOW + 6)
    asked = log(server, ZoneInfo(zone))
    assert set(times(asked, NOW)) == {NOW + 5, NOW + 6}
    assert "" not in server.queries
    asked.greet()


def test_a_wrong_zone_is_told(server):
    server.set_zone("America/New_York")
    stored(server, NOW - 20_000, NOW - 100, NOW + 5)
    with pytest.raises(Unreadable, match=WRONG_ZONE):
        times(log(server), NOW)
    with pytest.raises(Unreadable, match=WRONG_ZONE):
        log(server).greet()


def test_the_hour_that_comes_twice(server):
    """On 2026-10-25 at 01:00 UTC clocks in Berlin go from 03:00 back to 02:00."""
    back = 1_792_890_000
    server.set_zone("Europe/Berlin")
    stored(server, back - 700, back - 650, back + 60, back + 4000)
    assert set(times(log(server, ZoneInfo("Europe/Berlin")), back - 650)) == {back - 650, back + 60, back + 4000}


@pytest.mark.parametrize(("answer", "error", "why"), [
    ((404, b"Not Found"), Rejected, f"{PATH}events/ is not found: Gerrit has no events-log plugin there"),
    ((401, b""), Rejected, "401 from .*: Gerrit does not take the HTTP password; it may have expired. Make a new one"),
    ((403, b""), Rejected, "403 from .*: the bot's account may not ask the events-log plugin"),
    ((400, b""), Rejected, "400 from"),
    ((503, b""), Unreachable, "503 from"),
    ((200, b"<html>\n"), Unreadable, "events-log did not answer with events: not JSON"),
    ((200, b'{"type": "ref-updated"}\n'), Unreadable, "one has no eventCreatedOn"),
])
def test_what_else_is_answered(server, answer, error, why):
    server.answer = answer
    for asks in (log(server).greet, lambda: times(log(server), NOW)):
        with pytest.raises(error, match=why) as told:
            asks()
        assert "s3cret" not in str(told.value)


def test_the_password_goes_to_the_plugin_alone(server):
    with EventsLogServer() as other:
        server.answer = (302, b"", f"{other.url}{PATH}events/")
        with pytest.raises(Rejected, match="is not under"):
            log(server).greet()
        assert other.queries == []


def test_a_wrong_password(server):
    with pytest.raises(Rejected, match="Gerrit does not take the HTTP password"):
        log(server, password="0ld").greet()
