"""Failed tests of subunit streams, with the last lines of their tracebacks."""

import io
from pathlib import Path

import pytest
import subunit
import testtools

from counterbot.core.model import FailedTest, Unreadable
from counterbot.core.subunit.results import Failed, failed_tests
from tests.memory import peak_below
from tests.streams import SOME, V1, changed, packet

SAMPLES = Path(__file__).parent.parent / "samples/subunit"
TRACE = b'Traceback (most recent call last):\n  File "x.py", line 14, in test\n    self.fail(1)\nAssertionError: 1\n\n'
LINES = ('File "x.py", line 14, in test', "self.fail(1)", "AssertionError: 1")


def run(test_id: str, status: int, *files: tuple[str, bytes], route=None) -> bytes:
    """A test's packets, as ``stestr last --subunit`` writes them."""
    return packet(test_id=test_id, status=2, route=route) + b"".join(
        packet(content, name=name, test_id=test_id, mime="text/plain", eof=True, route=route)
        for name, content in files) + packet(test_id=test_id, status=status, route=route)


def failed(stream: bytes, **options) -> Failed:
    return failed_tests([stream], **options)


def test_only_failures_and_unexpected_successes_count():
    stream = b"".join(run(f"t.{status}", status) for status in range(1, 8))
    assert failed(stream).names == ("t.4", "t.6")


def test_the_last_lines_of_the_traceback_are_kept():
    stream = run("t.a", 6, ("pythonlogging:''", b"log\n" * 99), ("traceback", TRACE), ("traceback-1", b"in clean-up"))
    assert failed(SOME + stream).tests == (FailedTest("t.a", LINES),)


def test_a_traceback_in_chunks_of_several_workers_at_once():
    one, two = ([packet(TRACE[at:at + 7], name="traceback", test_id=name) for at in range(0, len(TRACE), 7)]
                for name in "ab")
    mixed = b"".join(map(b"".join, zip(one, two, strict=True)))
    assert failed(mixed + run("b", 6) + run("a", 6)).tests == (FailedTest("b", LINES), FailedTest("a", LINES))


def test_what_a_test_shows_is_masked_and_cut():
    stream = run("t.a", 6, ("traceback", b"x" * 9000 + b"\nError: password=hunter2 \x1b[31mred\x1b[0m " + b"y " * 999))
    (test,) = failed(stream).tests
    assert test.lines[-1].startswith("Error: password=*** red y y")
    assert 290 <= len(test.lines[-1].encode()) <= 300


@pytest.mark.parametrize(("test_id", "name"), [
    ("tempest.a.B.test_c[id-9aa7b4a5-2fd6-4fc1-b6b6-0a8d2c1a6d4d]", "tempest.a.B.test_c"),
    ("tempest.a.B.test_c[compute,id-9aa7b4a5-2fd6-4fc1-b6b6-0a8d2c1a6d4d,smoke]", "tempest.a.B.test_c"),
    ("test_x[chromium]", "test_x[chromium]"), ("setUpClass (tempest.a.B)", "setUpClass (tempest.a.B)"),
    ("tests.A.test_b(wsgi)", "tests.A.test_b(wsgi)"), ("a\u202eb\nc", "ab c"),
])
def test_names_are_those_that_people_know(test_id, name):
    assert failed(run(test_id, 6)).names == (name,)


def test_of_500_the_first_ten_are_kept_and_all_are_named():
    found = failed(b"".join(run(f"t.{n}", 6, ("traceback", TRACE)) for n in range(500)))
    assert [test.name for test in found.tests] == [f"t.{n}" for n in range(10)]
    assert len(found.names) == 500


def test_one_that_fails_twice_is_one():
    assert failed(run("t.a", 6, route="0") + run("t.a", 6, route="1")).names == ("t.a",)


def test_damage_is_told_and_passed_over():
    told, at = [], len(run("t.a", 6) + packet(test_id="t.b", status=2))
    stream = run("t.a", 6) + changed(run("t.b", 6, ("traceback", TRACE)), 60) + run("t.c", 6)
    assert failed(stream, tell=told.append).names == ("t.a", "t.b", "t.c")
    assert [str(damage) for damage in told] == [f"damage at byte {at}: a packet's checksum does not match"]


@pytest.mark.parametrize(("stream", "why"), [
    (V1, "a subunit version 1 stream; subunit-1to2 converts it"),
    (b"<html>", "no subunit version 2 stream: there is no whole packet in it"),
])
def test_what_is_no_version_2_stream(stream, why):
    with pytest.raises(Unreadable, match=why):
        failed(stream)


def test_an_empty_stream_has_none():
    assert failed(b"") == Failed()


def test_tests_that_never_end_take_no_more_memory():
    def blocks():
        for n in range(20_000):
            yield packet(b"x" * 5000, name="traceback", test_id=f"t.{n}")

    with peak_below(16 << 20):
        assert failed_tests(blocks()).names == ()


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.subunit")), ids=lambda path: path.name)
def test_real_streams_give_what_python_subunit_gives(sample):
    data = sample.read_bytes()
    case = subunit.ByteStreamToStreamResult(io.BytesIO(data), non_subunit_name="stdout")
    wanted = []
    result = testtools.StreamToDict(lambda test: wanted.append(test["id"])
                                    if test["status"] in ("fail", "uxsuccess") else None)
    result.startTestRun()
    case.run(result)
    result.stopTestRun()
    assert sorted(failed(data).names) == sorted({name.partition("[id-")[0] for name in wanted})


def test_ids_of_a_megabyte_take_no_memory():
    """Each of 100 tests runs on, with a traceback."""
    packets = (packet(TRACE, name="traceback", test_id=f"{n}" + "x" * 1_000_000) for n in range(100))
    with peak_below(16 << 20):
        assert failed_tests(packets) == Failed()
