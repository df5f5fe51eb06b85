"""``counterbot extract`` as a process: what it prints, and its exit status."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from tests import streams
from tests.streams import DOC, OTHER, SOME, changed, counters, packet

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "counterbot", "extract"]


def extract(*arguments, stdin: bytes = b"") -> tuple[int, bytes, list[str]]:
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return done.returncode, done.stdout, done.stderr.decode().splitlines()


@pytest.fixture
def stream(tmp_path):
    def write(data: bytes) -> Path:
        path = tmp_path / "testrepository.subunit"
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize("packed", [bytes, gzip.compress, lambda data: gzip.compress(gzip.compress(data))])
def test_the_content_is_printed(stream, packed):
    data = packed(SOME + counters())
    assert extract(stream(data)) == (0, DOC, [])
    assert extract("-", stdin=data) == (0, DOC, [])


def test_several_follow_one_another_in_order_of_completion(stream):
    path = stream(SOME + counters(route="0") + counters(OTHER, route="1", eof=True))
    assert extract(path) == (0, OTHER + DOC, [])


def test_another_name(stream):
    path = stream(SOME + packet(b"\x00\xff", name="core dump"))
    assert extract(path, "--name", "core dump") == (0, b"\x00\xff", [])


def test_the_list(stream):
    status, out, told = extract(stream(SOME + counters()), "--list")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (status, told, len(lines)) == (0, [], 11)
    assert lines[-1] == {
        "test_id": None,
        "name": "counters.json",
        "mime": "application/json",
        "size": len(DOC),
        "sha256": sha256(DOC).hexdigest(),
    }


def test_the_list_of_a_name(stream):
    path = stream(SOME + counters() + packet(b"x", name="core dump") + counters(OTHER, route="1", eof=True))
    status, out, told = extract(path, "--list", "--name", "counters.json")
    assert (status, told) == (0, [])
    assert [json.loads(line)["size"] for line in out.splitlines()] == [len(OTHER), len(DOC)]
    assert extract(path, "--list", "--name", "none") == (0, b"", [])


def test_an_absent_file_is_status_1(stream):
    path = stream(SOME + counters(test_id="of.a.test"))
    assert extract(path) == (1, b"", [f"Error: {path}: no run-level file counters.json in it"])
    assert extract("-") == (1, b"", ["Error: <stdin>: no run-level file counters.json in it"])


def test_a_damaged_file_is_status_3(stream):
    path = stream(counters(OTHER, eof=True) + SOME + changed(counters(), 40))
    status, out, told = extract(path)
    assert (status, out) == (3, b"")
    assert told == [
        f"Error: {path}: counters.json: damage at byte {len(counters(OTHER)) + len(SOME)}: "
        "a packet's checksum does not match"
    ]


def test_damage_elsewhere_is_told(stream):
    path = stream(changed(SOME, 60) + counters())
    assert extract(path) == (0, DOC, ["damage at byte 0: a packet's checksum does not match"])


@pytest.mark.parametrize("option", [[], ["--list"]])
@pytest.mark.parametrize(
    ("data", "why"),
    [
        (streams.V1, "subunit-1to2"),
        (b"no packets", "no subunit version 2 stream"),
        (gzip.compress(SOME + counters(), mtime=0)[:-30], "truncated gzip data"),
    ],
)
def test_what_is_no_whole_version_2_stream_is_status_3(stream, data, why, option):
    status, out, told = extract(stream(data), *option)
    assert status == 3
    assert why in told[-1]
    assert option or not out


@pytest.mark.parametrize("option", [[], ["--list"]])
def test_a_stream_that_cannot_be_read_is_status_1(tmp_path, option):
    none = tmp_path / "none.subunit"
    assert extract(none, *option) == (1, b"", [f"Error: {none}: no such file"])
    assert extract(tmp_path, *option) == (1, b"", [f"Error: {tmp_path}: Is a directory"])
    assert extract("", *option) == (1, b"", ["Error: '' (an empty name): no such file"])


def test_an_error_of_reading_is_status_1():
    memory = "/proc/self/mem"  # whose first page nobody can read
    assert extract(memory) == (1, b"", [f"Error: {memory}: Input/output error"])


@pytest.mark.parametrize("option", [[], ["--list"]])
def test_standard_output_that_cannot_be_written_is_told(stream, option):
    command = ["sh", "-c", '"$@" > /dev/full', "sh", *COMMAND, stream(SOME + counters()), *option]
    done = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True)
    assert (done.returncode, done.stderr) == (1, "Error: standard output: No space left on device\n")


def test_the_program_starts_light():
    heavy = {"requests", "pydantic", "yaml", "paramiko", "sqlalchemy", "subunit", "numpy"}
    check = "import sys, counterbot.cli.extract; print(*sys.modules)"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    loaded = subprocess.run([sys.executable, "-c", check], env=env, capture_output=True, text=True, check=True).stdout
    assert heavy & set(loaded.split()) == set()
