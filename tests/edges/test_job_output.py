"""What Zuul's own record of a job shows: the Ansible task that failed, and the first line that tells of an error."""

import json
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterbot.builds.job_output import FailedTask, FirstError, failed_task
from counterbot.core.model import Unreadable
from tests.memory import peak_below

SAMPLE = Path(__file__).parent.parent / "samples/zuul-14.3/job-output.txt"
ZERO = {"changed": 0, "failures": 0, "ignored": 0, "ok": 1, "rescued": 0, "skipped": 0, "unreachable": 0}


def task(name, **hosts):
    return {"hosts": hosts, "task": {"duration": {"start": "x"}, "id": "1", "name": name}}


def playbook(phase, *tasks, **stats):
    return {"branch": "master", "index": "0", "phase": phase, "playbook": "opendev.org/x/y.yaml",
            "plays": [{"play": {"id": "2", "name": "all", "duration": {"start": "x", "end": "y"}},
                       "tasks": list(tasks)}],
            "stats": {host: ZERO | counts for host, counts in stats.items()}, "trusted": False}


OK, BAD = {"changed": True, "stdout": 'a "b" \\ {[ c'}, {"failed": True, "rc": 1, "stdout_lines": ["failed", "}"]}
GOOD = playbook("pre", task("Set up", controller=OK), controller={})
FAILED = playbook("run", task("Try", controller=BAD), task("Run tempest", controller=BAD, compute1=OK),
                  controller={"failures": 1, "ignored": 1}, compute1={})
CLEANUP = playbook("cleanup", task("Tidy", controller=BAD), controller={"failures": 1})
POST = playbook("post", task("Copy logs", localhost=BAD), localhost={"failures": 1})


def found(document, **options):
    return failed_task([json.dumps(document, **options).encode()])


@pytest.mark.parametrize("options", [{}, {"indent": 4, "sort_keys": True, "separators": (",", ": ")},
                                     {"separators": (",", ":")}])
@pytest.mark.parametrize(("playbooks", "task"), [
    ([GOOD, FAILED, POST], FailedTask("run", "Run tempest", "controller")),
    ([GOOD, POST], FailedTask("post", "Copy logs", "localhost")),
    ([GOOD, CLEANUP], None), ([GOOD], None), ([], None),
    ([playbook("pre", task("Ping", node={"unreachable": True, "msg": "ssh"}), node={"unreachable": 1})],
     FailedTask("pre", "Ping", "node")),
    ([playbook("run", task("Rescued", a=BAD), task("Next", a=OK), a={"rescued": 1})], None),
    ([playbook("run", a={"failures": 1})], FailedTask("run")),
    ([{**playbook("run"), "plays": [{"play": {"name": "This playbook timed out."}, "tasks": []}]}],
     FailedTask("run", message="This playbook timed out.")),
    ([playbook("run", {"task": {"name": 'Say "it" password=x'}, "hosts": {"a": BAD}}, a={"failures": 1})],
     FailedTask("run", 'Say "it" password=***', "a")),
])
def test_the_failed_task_is_found(playbooks, task, options):
    assert found(playbooks, **options) == task


def test_of_several_hosts_it_is_one_that_failed():
    tasks = task("Try", a=BAD, b=OK), task("Run", a=OK, b=BAD), task("Later", a=OK)
    assert found([playbook("run", *tasks, a={"ignored": 1}, b={"failures": 1})]) == FailedTask("run", "Run", "b")


def test_what_fails_on_another_host_and_is_ignored_is_not_it():
    tasks = task("Run", a=OK, b=BAD), task("Try", a=BAD)
    assert found([playbook("run", *tasks, a={"ignored": 1}, b={"failures": 1})]) == FailedTask("run", "Run", "b")


@settings(deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1))
def test_wherever_the_blocks_are_cut(sizes):
    data, at, blocks = json.dumps([GOOD, FAILED], indent=1).encode(), 0, []
    while at < len(data):
        blocks.append(data[at:at + sizes[len(blocks) % len(sizes)]])
        at += len(blocks[-1])
    assert failed_task(blocks) == FailedTask("run", "Run tempest", "controller")


@pytest.mark.parametrize(("data", "why"), [
    (b"", "no list of playbooks"), (b"<html>", "no list of playbooks"), (b"{}", "no list of playbooks"),
    (b'[{"phase": "run"}}', "its brackets do not match"),
    (b'[{"phase": "run", "plays": [', "it ends within a playbook"),
    (b'[{"stats": {"controller": {"failures": ' + b"1" * 5000 + b"}}", "it ends within a playbook"),
    (b"[" * 2000, "more than 1,000 brackets in one another"),
])
def test_what_is_no_such_record(data, why):
    with pytest.raises(Unreadable, match=why):
        failed_task([data])


@pytest.mark.parametrize(("begin", "end"), [(b"", b""), (b'"', b"\\"), (b"\\", b"\\\\\\"), (b"", b"\\\\")])
def test_texts_of_any_length_take_no_memory(begin, end):
    """A task that printed 40 MB, in one text; blocks end within and behind an escape."""
    document = json.dumps([FAILED]).replace("failed\", \"}", "MUCH").encode()
    before, after = document.split(b"MUCH", 1)

    def blocks():
        yield before + end
        for _ in range(150):
            yield begin + b"x" * 260_000 + end
        yield begin + after

    with peak_below(4 << 20):
        assert failed_task(blocks()) == FailedTask("run", "Run tempest", "controller")


@pytest.mark.parametrize(("begin", "host"), [
    (b'[{"plays": [{"tasks": [{"hosts": {', b'"h%d": {"failed": true},'),
    (b'[{"stats": {', b'"h%d": {"failures": 1},'),
])
def test_hosts_without_end_take_no_memory(begin, host):
    with peak_below(1 << 20), pytest.raises(Unreadable, match="it ends within a playbook"):
        failed_task(chain([begin], (host % number for number in range(20_000))))


def first(*lines: str, size: int = 1 << 18) -> str:
    data = "".join(f"2026-11-21 02:07:44.237771 | {line}\n" for line in lines).encode()
    look = FirstError()
    assert b"".join(look.passing(data[at:at + size] for at in range(0, len(data), size))) == data
    return look.line


@pytest.mark.parametrize("size", [7, 1 << 18])
@pytest.mark.parametrize(("lines", "line"), [
    (["TASK [x]", "controller | E: Failed to fetch http://x", "c | ERROR: later"], "E: Failed to fetch http://x"),
    (["controller | fatal: unable to access 'https://x/'"], "fatal: unable to access 'https://x/'"),
    (["fatal: [controller]: FAILED! => {}"], "fatal: [controller]: FAILED! => {}"),
    (["controller | x.c:3: error: no such thing"], "x.c:3: error: no such thing"),
    (["c | ERROR", "c | {", "c | ERROR: No matching distribution"], "ERROR: No matching distribution"),
    (["c | + echo 'ERROR: x'", "c | ok: error: y", "c | ERROR: z (ignored)", "c | 0 errors"], ""),
    (["c | Traceback (most recent call last):", 'c |   File "x.py"', "c |     raise ValueError('error: y')",
      "c | ValueError: error: y", "c | ERROR: later"], "ValueError: error: y"),
    (["c | Traceback (most recent call last):", "c |   File", "c | KeyboardInterrupt"], "KeyboardInterrupt"),
    (["c | \x1b[31mERROR: token=abc\x1b[0m"], "ERROR: token=***"),
    (["c | {0} a.B.test_c [0.3s] ... FAILED"], "{0} a.B.test_c [0.3s] ... FAILED"),
    (["c | Timed out waiting for a server"], "Timed out waiting for a server"), ([], ""),
])
def test_the_first_line_that_tells_of_an_error(lines, line, size):
    assert first(*lines, size=size) == line


def test_half_a_line_is_not_looked_at():
    look = FirstError()
    list(look.passing([b"a\nERROR: pass", b"word=hunter2 is wrong\n"]))
    assert look.line == "ERROR: password=*** is wrong"


def test_that_of_a_real_job():
    look = FirstError()
    list(look.passing([SAMPLE.read_bytes()]))
    assert look.line == "{0} tempest.tests.test_servers.ServersTest.test_create_server [0.300301s] ... FAILED"


def test_a_line_without_end_takes_no_memory():
    look = FirstError()
    with peak_below(2 << 20):
        for _ in look.passing(b"x" * 100_000 for _ in range(500)):
            pass
    assert look.line == ""
