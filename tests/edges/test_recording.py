"""Recorded events from files, fifos and standard input."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from counterbot.sources.recording import recorded


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b'{"a": 1}\n{"b": 2}\n', [b'{"a": 1}', b'{"b": 2}']),
        (b'{"a": 1}\n{"b"', [b'{"a": 1}', b'{"b"']),
        (b"a\n\n\xff\r\n", [b"a", b"", b"\xff\r"]),
    ],
)
def test_a_file(tmp_path, content, lines):
    (tmp_path / "events").write_bytes(content)
    assert list(recorded(tmp_path / "events")) == lines


def test_a_line_over_the_limit_is_told_and_keeps_its_number(tmp_path):
    (tmp_path / "events").write_bytes(b"y" * 1000 + b"\n" + b"x" * 3_000_000 + b"\nb\n" + b"z" * 1001)
    told = []
    lines = [b"y" * 1000, b"x" * 1001, b"b", b"z" * 1001]
    assert list(recorded(tmp_path / "events", limit=1000, told=told.append)) == lines
    assert told == [f"{tmp_path}/events: line {number} has {size} bytes, more than the 1000 of an event"
                    for number, size in ((2, 3_000_000), (4, 1001))]


def test_a_fifo_that_stays_open_gives_each_line_at_once(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    writer = []
    opener = threading.Thread(target=lambda: writer.append(os.open(tmp_path / "fifo", os.O_WRONLY)))
    opener.start()
    lines = recorded(str(tmp_path / "fifo"))
    seen = []
    reader = threading.Thread(target=lambda: seen.append(next(lines)))
    reader.start()
    opener.join(5)
    os.write(writer[0], b"first\nsec")
    reader.join(5)
    assert seen == [b"first"]
    os.write(writer[0], b"ond\n")
    assert next(lines) == b"second"
    os.close(writer[0])
    assert list(lines) == []


def test_standard_input():
    program = "from counterbot.sources.recording import recorded; print(list(recorded('-')))"
    done = subprocess.run([sys.executable, "-c", program], input=b"a\nb", capture_output=True, timeout=30)
    assert (done.stdout, done.returncode) == (b"[b'a', b'b']\n", 0)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(recorded(tmp_path / "nothing"))
