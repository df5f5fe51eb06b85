"""``counterbot attach``: the stream has the counters more, or is as it was."""

import fcntl
import gzip
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from counterbot.cli import main
from counterbot.core.counters.attachment import parse_counters
from counterbot.core.model import Unreadable
from counterbot.core.subunit import attachments as subunit
from counterbot.core.subunit import writer
from counterbot.files import attach as attaching
from counterbot.files.replacing import replaced
from tests.oracle import heard
from tests.streams import DOC, SOME, changed, counters, packet

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "counterbot", "attach"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
MINE = b'{"__meta__": {"unixtime": 7}, "mysql": {"Queries": 12}}\n'
V1 = b"time: 2026-11-21 10:00:00.000000Z\ntest: a.b\nsuccessful: a.b [ multipart\n]\n"
OLD_TOOLS = packet(DOC, name="counters.json", mime="application/json")  # without EOF


def attach(*arguments):
    done = CliRunner().invoke(main, ["attach", *map(str, arguments)])
    return done.exit_code, done.output


@pytest.fixture
def files(tmp_path):
    """A counters file, and a stream of these bytes."""
    def make(data, name="testrepository.subunit", document=MINE):
        (tmp_path / "c.json").write_bytes(document)
        (tmp_path / name).write_bytes(data)
        return tmp_path / "c.json", tmp_path / name

    return make


def documents(path):
    data = path.read_bytes()
    return subunit.documents([gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data], "counters.json")


@pytest.mark.parametrize("data", [SOME, b"", SOME + counters(eof=True), SOME + b"text between\n"])
@pytest.mark.parametrize("name", ["run.subunit", "run.subunit.gz"])
def test_the_stream_has_the_counters_more(files, data, name):
    packed = gzip.compress(data) if name.endswith(".gz") and data else data
    counted, stream = files(packed, name)
    stream.chmod(0o640)
    before = documents(stream) if data else []
    assert attach("--add", counted, stream) == (0, "")
    assert documents(stream) == [*before, MINE]
    assert stream.read_bytes().startswith(packed)
    assert stat.S_IMODE(stream.stat().st_mode) == 0o640
    assert (stream.read_bytes()[:2] == b"\x1f\x8b") is name.endswith(".gz")
    assert sorted(path.name for path in stream.parent.iterdir()) == ["c.json", name]


LOG = packet(b"log", name="counters.json", test_id="t", eof=True) + packet(b"run", name="log", eof=True)
LARGE = b'{"mysql": {%s}}' % b", ".join(b'"Com_%d": 1' % number for number in range(400_000))
"""More than a packet may hold."""


@pytest.mark.parametrize(("old", "told"), [
    ([counters(eof=True)], "the counters.json"), ([OLD_TOOLS], "the counters.json"),
    ([OLD_TOOLS, OLD_TOOLS], "the counters.json"),  # joined: the old tool's packet has no end
    ([counters(eof=True)] * 3, "3 attachments counters.json"),
    ([packet(DOC, name="counters.json", eof=True, route="0")], "the counters.json"),
    ([writer.attachment("counters.json", LARGE, "application/json")], "the counters.json"),
])
@pytest.mark.parametrize("name", ["run.subunit", "run.subunit.gz"])
def test_it_replaces_what_was_attached_and_leaves_the_rest_to_the_byte(files, old, told, name):
    data = b"".join(part + rest for part, rest in zip((SOME, *old), (LOG, b"text\n", SOME, LOG, b""), strict=False))
    counted, stream = files(gzip.compress(data) if name.endswith(".gz") else data, name)
    stream.chmod(0o640)
    assert attach(counted, stream) == (0, f"{stream}: replaced {told} in it; --add keeps what is there\n")
    mine = writer.attachment("counters.json", MINE, "application/json")
    kept = stream.read_bytes()
    wanted = data + mine
    for each in old:
        wanted = wanted.replace(each, b"")
    assert (gzip.decompress(kept) if name.endswith(".gz") else kept) == wanted
    assert (kept[:2] == b"\x1f\x8b") is name.endswith(".gz")
    assert stat.S_IMODE(stream.stat().st_mode) == 0o640
    assert documents(stream) == [MINE]
    assert sorted(path.name for path in stream.parent.iterdir()) == ["c.json", name]


def test_text_and_damage_around_what_was_replaced_stay_and_are_told(files):
    damaged = changed(packet(b"x" * 200, name="log", test_id="t", eof=True), 60)
    counted, stream = files(
        SOME + b"Killed" + counters(eof=True) + b" \xc3\xb3\n" + SOME + damaged + SOME + b"end \xc3")
    rest = stream.read_bytes().replace(counters(eof=True), b"")
    status, out = attach(counted, stream)
    assert (status, out.count("\n"), documents(stream)) == (0, 2, [MINE])
    assert ": damage at byte " in out
    assert stream.read_bytes() == rest + b"\n" + writer.attachment("counters.json", MINE, "application/json")


def test_a_stream_whose_counters_are_damaged_stays_as_it_was_whether_added_or_not(files):
    data = SOME + changed(counters(eof=True), 60)
    for more in ([], ["--add"]):
        counted, stream = files(data)
        assert attach(*more, counted, stream)[0] == 3
        assert stream.read_bytes() == data


def test_python_subunit_reads_it(files):
    counted, stream = files(SOME)
    attach(counted, stream)

    contents = [bytes(event["file_bytes"]) for event in heard(stream.read_bytes())
                if event["file_name"] == "counters.json" and event["test_id"] is None]
    assert contents == [MINE]


def test_behind_the_old_tools_packet_both_are_read(files):
    counted, stream = files(SOME + OLD_TOOLS)
    assert attach("--add", counted, stream) == (0, "")
    assert documents(stream) == [DOC + MINE]


@pytest.mark.parametrize(("text", "between"), [(b"Killed", b""), (b"Killed \xc3", b"\n")])
def test_behind_a_line_that_is_not_ended_it_is_read(files, text, between):
    """On a new line where it must be: \xb3 would end the character that was cut off."""
    counted, stream = files(SOME + text)
    assert attach(counted, stream)[0] == 0
    assert documents(stream) == [MINE]
    assert stream.read_bytes().startswith(SOME + text + between)


def test_a_symbolic_link_stays_one(files, tmp_path):
    counted, stream = files(SOME)
    (tmp_path / "link").symlink_to(stream)
    assert attach(counted, tmp_path / "link") == (0, "")
    assert (tmp_path / "link").is_symlink()
    assert documents(stream) == [MINE]


def test_damage_elsewhere_is_told_and_costs_nothing(files):
    damaged = changed(packet(b"x" * 200, name="log", test_id="t", eof=True), 60)
    counted, stream = files(SOME + damaged + SOME)
    status, out = attach(counted, stream)
    assert status == 0
    assert f"{stream}: damage at byte {len(SOME)}: a packet's checksum does not match" in out
    assert documents(stream) == [MINE]


@pytest.mark.parametrize("cut", range(1, len(SOME) // 6, 97))
def test_behind_a_packet_that_was_cut_off(files, cut):
    """The runner was killed; what it wrote is damage, and the counters are read all the same."""
    _, stream = files(SOME[:-cut])
    damage = attaching.attach(MINE, str(stream))
    assert documents(stream) == [MINE]
    assert len(damage) <= 1


CANNOT_CARRY = "a subunit version 1 stream, which cannot carry run-level files; subunit-1to2 converts it"


@pytest.mark.parametrize(("data", "why"), [
    (V1, CANNOT_CARRY),
    (gzip.compress(V1, mtime=0), CANNOT_CARRY),
    (gzip.compress(SOME, mtime=0)[:-5], "truncated gzip data"),
    (gzip.compress(SOME, mtime=0) + b"rubbish", "other data stands behind the gzip data"),
    (SOME + changed(counters(), 60), "a packet's checksum does not match"),
])
def test_a_stream_in_which_nothing_could_be_read_stays_as_it_was(files, data, why):
    counted, stream = files(data)
    status, out = attach(counted, stream)
    assert status == 3
    assert out.startswith(f"Error: {stream}: ")
    assert why in out
    assert out.endswith("; it stays as it was\n")
    assert stream.read_bytes() == data


PERFORMANCE = (ROOT / "tests/samples/performance/performance-v1-2022-05-17.json").read_bytes()


@pytest.mark.parametrize("document", [b"", b"[]", b'{"mysql": {"Que', b"{}", b'{"a": 5}', b'{"mysql": {"a": NaN}}',
                                      b'{"__meta__": 5}', PERFORMANCE, b" " * ((8 << 20) + 1)])
def test_a_document_without_counters_is_not_attached(files, document):
    counted, stream = files(SOME, document=document)
    status, out = attach(counted, stream)
    assert status == 3
    assert out.startswith(f"Error: {counted}: ")
    assert out.endswith("; nothing was attached\n")
    assert stream.read_bytes() == SOME


def test_a_document_that_says_why_it_has_no_counters_is_attached(files):
    document = b'{"__meta__": {"failures": {"mysql": "it does not run"}}}\n'
    counted, stream = files(SOME, document=document)
    assert attach(counted, stream) == (0, "")
    assert documents(stream) == [document]


BOM = b"\xef\xbb\xbf"


def test_a_byte_order_mark_does_not_come_along(files):
    """RFC 8259, section 8.1. Behind another document it is none, but a character that is no JSON."""
    counted, stream = files(SOME + OLD_TOOLS, document=BOM + MINE)
    assert attach("--add", counted, stream) == (0, "")
    assert documents(stream) == [DOC + MINE]
    assert parse_counters(documents(stream)[0]).values["mysql.Queries"] == 12


def test_an_empty_name_is_named(files):
    counted, stream = files(SOME)
    for arguments in ((counted, ""), ("", stream)):
        assert attach(*arguments) == (1, "Error: '' (an empty name): no such file\n")


def test_what_is_missing_is_named(files, tmp_path):
    counted, stream = files(SOME)
    assert attach(counted, tmp_path / "other") == (1, f"Error: {tmp_path}/other: no such file\n")
    assert attach(tmp_path / "other", stream) == (1, f"Error: {tmp_path}/other: no such file\n")
    assert attach(counted, tmp_path) == (1, f"Error: {tmp_path}: it is no regular file\n")


def test_a_full_disk_leaves_the_old_stream(files):
    """The limit on a file's size stands for the disk: the copy does not fit."""
    counted, stream = files(SOME * 100)
    full = len(SOME * 100) + 10
    done = subprocess.run([*COMMAND, counted, stream], env=ENVIRONMENT, capture_output=True, text=True,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (full, full)))
    assert (done.returncode, done.stderr) == (1, f"Error: {stream}: File too large\n")
    assert stream.read_bytes() == SOME * 100
    assert sorted(path.name for path in stream.parent.iterdir()) == ["c.json", stream.name]


def test_a_crash_leaves_the_old_stream(files):
    _, stream = files(SOME)
    code = ("import os, signal, sys; from counterbot.files.replacing import replaced\n"
            "with replaced(sys.argv[1]) as new:\n"
            "    new.write(b'half'); new.flush(); os.kill(os.getpid(), signal.SIGKILL)")
    done = subprocess.run([sys.executable, "-c", code, stream], env=ENVIRONMENT)
    assert done.returncode == -signal.SIGKILL
    assert stream.read_bytes() == SOME


def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path):
    before = os.umask(0o027)
    try:
        with replaced(str(tmp_path / "new")) as new:
            new.write(b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


def test_another_hard_link_keeps_the_old_stream(files, tmp_path):
    counted, stream = files(SOME)
    os.link(stream, tmp_path / "link")
    assert attach(counted, stream) == (0, "")
    assert (tmp_path / "link").read_bytes() == SOME


def open_to_all(stream):
    for folder in (stream.parent, *stream.parents):
        if folder.stat().st_uid == os.geteuid() and str(folder).startswith(tempfile.gettempdir() + "/"):
            folder.chmod(0o777)


def in_a_folder(files, tmp_path, mode):
    """Counters, and a stream that anybody may write, in a folder of this mode."""
    (tmp_path / "folder").mkdir()
    counted, stream = files(SOME, "folder/run.subunit")
    stream.chmod(0o666)
    open_to_all(stream)
    stream.parent.chmod(mode)
    return counted, stream


def attach_as_somebody_else(counted, stream):
    """As somebody who is not root, if a test can be that: whom files may be read-only for."""
    first = counted.with_name("first")  # so that all modules are loaded when the user changes
    first.write_bytes(SOME)
    code = ("import os, sys; from counterbot.cli import main; _, counters, first, stream = sys.argv\n"
            "main(['attach', counters, first], standalone_mode=False)\n"
            "os.geteuid() or os.setuid(65534)\n"
            "main(['attach', counters, stream])")
    return subprocess.run([sys.executable, "-c", code, counted, first, stream], env=ENVIRONMENT, capture_output=True,
                          text=True)


def test_a_read_only_stream_stays_as_it_was(files):
    counted, stream = files(SOME)
    stream.chmod(0o444)
    open_to_all(stream)
    done = attach_as_somebody_else(counted, stream)
    assert (done.returncode, done.stderr) == (1, f"Error: {stream}: it is read-only for this user\n")
    assert stream.read_bytes() == SOME


def test_somebody_elses_stream_becomes_the_callers(files):
    counted, stream = files(SOME)
    stream.chmod(0o666)
    open_to_all(stream)
    done = attach_as_somebody_else(counted, stream)
    assert (done.returncode, done.stderr) == (0, "")
    assert stat.S_IMODE(stream.stat().st_mode) == 0o666
    assert documents(stream) == [MINE]


def test_the_group_stays_where_the_folder_has_one_of_its_own(files):
    """Which it gives to new files, where its setgid bit is set."""
    counted, stream = files(SOME)
    with suppress(PermissionError):  # for who is not root, and has no second group
        os.chown(stream.parent, -1, 2345)
    stream.parent.chmod(0o2777)
    before = stream.stat().st_gid
    assert attach(counted, stream) == (0, "")
    assert stream.stat().st_gid == before


ADVICE = "; do it as its folder's owner, or in another folder"


def test_a_folder_that_lets_nobody_replace_it_is_told_with_the_streams_name(files):
    counted, stream = files(SOME)
    stream.chmod(0o666)
    open_to_all(stream)
    stream.parent.chmod(0o1777)
    done = attach_as_somebody_else(counted, stream)
    told = f"Error: {stream}: no new file can take its place: Operation not permitted{ADVICE}\n"
    assert (done.returncode, done.stderr) == ((0, "") if os.geteuid() else (1, told))
    assert documents(stream) == ([MINE] if os.geteuid() else [])
    assert {path.name for path in stream.parent.iterdir()} == {"c.json", "first", stream.name}


def test_a_folder_that_takes_no_new_file_is_told_with_the_streams_name(files, tmp_path):
    counted, stream = in_a_folder(files, tmp_path, 0o555)
    done = attach_as_somebody_else(counted, stream)
    told = f"Error: {stream}: no new file can be made beside it: Permission denied{ADVICE}\n"
    assert (done.returncode, done.stderr) == (1, told)
    assert stream.read_bytes() == SOME


def test_a_stream_that_is_still_written_is_left_alone(files):
    """The run goes on behind the copy's back: what it wrote would be gone."""
    _, stream = files(SOME)
    state = attaching._state(str(stream))
    stream.write_bytes(SOME + SOME)
    addition = packet(MINE, name="counters.json", eof=True)
    with pytest.raises(Unreadable, match="it is being written"):
        attaching._append(addition, str(stream), state, [MINE], [])
    assert stream.read_bytes() == SOME + SOME


def test_a_stream_that_somebody_has_open_for_writing_is_left_alone(files):
    """Nothing was written so far, and what comes would go to the file that was replaced."""
    counted, stream = files(SOME)
    with open(stream, "ab"):
        status, out = attach(counted, stream)
    assert (status, out) == (
        3, f"Error: {stream}: it is being written; attach when the run has ended; it stays as it was\n")
    assert stream.read_bytes() == SOME
    with open(stream, "rb"):
        assert attach(counted, stream) == (0, "")
    stream.write_bytes(gzip.compress(SOME)[:-5])  # what looks damaged is half of what somebody writes
    with open(stream, "ab"):
        assert "it is being written" in attach(counted, stream)[1]


def test_who_opens_it_while_the_kernel_is_asked_ends_nothing(files):
    """A lease that is broken is told by a signal, and that of fcntl(2)'s own choice ends the process."""
    _, stream = files(SOME)
    code = ("import fcntl, os, signal, sys, threading\n"
            "from counterbot.files import attach\n"
            "asked = fcntl.fcntl\n"
            "def ask(file, what, value):\n"
            "    found = asked(file, what, value)\n"
            "    if what == fcntl.F_SETLEASE:\n"
            "        try: os.open(sys.argv[1], os.O_WRONLY | os.O_NONBLOCK)\n"
            "        except BlockingIOError: print('broken')\n"
            "    return found\n"
            "fcntl.fcntl = ask\n"
            "print(attach._is_open_for_writing(sys.argv[1]))")
    done = subprocess.run([sys.executable, "-c", code, stream], env=ENVIRONMENT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "broken\nFalse\n", "")


@pytest.mark.parametrize("name", ["run.subunit", "run.subunit.gz"])
def test_attaches_at_the_same_time_are_all_there_in_the_end(files, name):
    counted, stream = files(gzip.compress(SOME * 20) if name.endswith(".gz") else SOME * 20, name)
    command = [*COMMAND, "--add", counted, stream]
    started = [subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) for _ in range(8)]
    told = [process.communicate(timeout=60)[1] for process in started]
    assert ([process.returncode for process in started], told) == ([0] * 8, [""] * 8)
    assert documents(stream) == [MINE] * 8


def test_behind_another_attach_it_goes_on_with_the_file_as_it_is_then(files):
    _, stream = files(SOME)
    with open(stream, "rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)

        def end(_seconds):
            with replaced(str(stream)) as new:
                new.write(SOME + counters(eof=True))
            other.close()

        attaching.attach(MINE, str(stream), add=True, sleep=end)
    assert documents(stream) == [DOC, MINE]


def test_a_file_that_was_replaced_before_it_was_locked_is_not_the_one(files):
    """Another attach ended between the opening and the lock, so nobody holds what is open."""
    _, stream = files(SOME)
    with open(stream, "rb") as opened:
        assert attaching._lock(opened, str(stream))
        with replaced(str(stream)) as new:
            new.write(SOME)
        assert not attaching._lock(opened, str(stream))


def test_an_attach_that_lasts_is_not_called_the_run(files):
    _, stream = files(SOME)
    with open(stream, "rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Unreadable, match=r"^another attach, or another program's lock, took more than 0\.01 s"):
            attaching.attach(MINE, str(stream), patience=0.01)
    assert stream.read_bytes() == SOME
    attaching.attach(MINE, str(stream), patience=0)


def test_the_type_of_a_filesystem_is_known():
    assert attaching._filesystem(os.stat("/proc").st_dev) == b"proc"
    assert attaching._filesystem(os.makedev(4095, 77)) is None


def test_the_counters_come_out_again(files):
    counted, stream = files(SOME)
    attach(counted, stream)
    out = subprocess.run([sys.executable, "-m", "counterbot", "extract", stream], capture_output=True, env=ENVIRONMENT)
    assert json.loads(out.stdout)["mysql"] == {"Queries": 12}
