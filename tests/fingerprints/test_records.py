from __future__ import annotations

import pytest

from counterbot.fingerprints.fields import of_file
from counterbot.fingerprints.records import RECORD_TAGS, Record, Records, layout_of

CPU = "controller/logs/screen-n-cpu.txt"


def records(path: str, text: str) -> list[Record]:
    data = text.encode()
    return list(Records(data, len(data), layout_of(path, of_file(path))))


@pytest.mark.parametrize(("path", "line", "message", "fields"), [
    ("job-output.txt", "2026-11-21 02:07:44.101 | controller | + ls", "controller | + ls", {}),
    (CPU, "Nov 21 02:10:11.123456 node nova-compute[411]: ERROR nova.compute.manager [None req-1] Timed out: x",
     "[None req-1] Timed out: x", {"syslog_program": "node nova-compute", "syslog_pid": "411", "loglevel": "ERROR",
                                   "module": "nova.compute.manager"}),
    (CPU, "2017-05-04 03:02:01.123 411 INFO nova.api [-] up", "[-] up",
     {"pid": "411", "loglevel": "INFO", "module": "nova.api"}),
    (CPU, "2017-05-04 03:02:01.123 WARNING [nova.api] up", "up", {"loglevel": "WARNING", "module": "nova.api"}),
    ("logs/libvirtd.txt", "2017-05-04 03:02:01.123+0000: 411: error : virThing:12 : no", "virThing:12 : no",
     {"pid": "411", "loglevel": "error"}),
    ("logs/syslog.txt", "May  4 03:02:01 node dnsmasq-dhcp[12]: DHCPACK(tap) 10.1", "DHCPACK(tap) 10.1",
     {"syslog_host": "node", "syslog_program": "dnsmasq-dhcp", "syslog_pid": "12"}),
    ("logs/syslog.txt", "May  4 03:02:01 node.example kernel: [ 1.2] up", "[ 1.2] up",
     {"syslog_host": "node.example", "syslog_program": "kernel"}),
    ("logs/apache/horizon_error.txt", "[Thu May 04 03:02:01 2017] [error] no", "no", {"loglevel": "error"}),
    ("logs/screen-s-object.txt", '10.0.0.1 - - [04/May/2017:03:02:01 +0000] "PUT /a/b HTTP/1.1" 201 - "-" "swift"',
     "PUT /a/b 201", {"verb": "PUT", "request": "/a/b", "response": "201"}),
])
def test_a_record_is_cut_as_logstash_cut_it(path: str, line: str, message: str, fields: dict[str, str]) -> None:
    (record,) = records(path, line)
    assert record.text.decode() == message
    assert record.fields == {**{name: (value,) for name, value in fields.items()}, RECORD_TAGS: ()}


@pytest.mark.parametrize(("path", "line"), [
    ("job-output.txt", "no time"), (CPU, "Nov 21 02:10:11.1 node uwsgi[4]: [pid: 1|app: 0] GET /"),
    ("logs/apache/horizon_error.txt", "[Sat Nov 21 02:07:44.1 2026] [wsgi:error] [pid 1] no")])
def test_what_does_not_look_so_is_kept_whole_and_tagged(path: str, line: str) -> None:
    (record,) = records(path, line)
    assert record.text.decode() == line
    assert record.fields == {RECORD_TAGS: ("_grokparsefailure",)}


OLD, JOURNAL = "2017-05-04 03:02:01.123 4", "May  4 03:02:01 node nova[4]:"


@pytest.mark.parametrize(("path", "lines", "messages"), [
    ("job-output.txt", ["first", "2026-11-21 02:07:44 | a", "b", "", "<pre>", "2026-11-21 02:07:45 | c"],
     ["first", "a\nb\n", "c"]),
    (CPU, [f"{OLD} INFO m one", "  two", f"{OLD} ERROR m three", f"{OLD} INFO m four", "+ five"],
     [f"one\n  two\n{OLD} ERROR m three", "four"]),
    (CPU, [f"{OLD} INFO m one", f"{OLD} DEBUG m two", "  more of two", f"{OLD} TRACE m three"],
     [f"one\n{OLD} TRACE m three"]),
    (CPU, [f"{JOURNAL} INFO m one", f"{JOURNAL} ERROR m two", f"{JOURNAL} ERROR m three"], ["one", "two", "three"]),
    (CPU, [f"{JOURNAL} DEBUG m one", f"{JOURNAL} [pid: 1] GET", f"{JOURNAL} INFO m two", f"{JOURNAL} [pid: 1] PUT"],
     ["two", f"{JOURNAL} [pid: 1] PUT"]),
    ("logs/screen-cat.txt", [f"{JOURNAL} DEBUG m one", "  two", f"{JOURNAL} INFO m three"], ["three"]),
    ("controller/logs/mysql/error_log.txt", ["2026-11-21 one", "  two\rthree\u2028four\r"],
     ["2026-11-21 one", "  two", "three", "four"]),
])
def test_lines_are_joined_and_dropped_as_they_were(path: str, lines: list[str], messages: list[str]) -> None:
    assert [record.text.decode() for record in records(path, "\n".join([*lines, ""]))] == messages


def test_a_record_is_found_at_each_of_its_bytes() -> None:
    first, debug, last = f"{OLD} INFO m one\n  two\n", f"{OLD} DEBUG m no\n", f"{OLD} ERROR m x\n"
    data = (first + debug + last).encode()
    made = Records(data, len(data), layout_of(CPU, of_file(CPU)))
    found = ["." if made.at(offset) is None else "x" for offset in range(len(data))]
    assert "".join(found) == "x" * len(first) + "." * len(debug) + "x" * len(last)
