"""The line that says that a command is still at work."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AT_WORK = """
import sys, threading
from counterbot.cli.patience import told_if_slow
with told_if_slow("reading mysql", after={after}):
    waiting = threading.enumerate()[1:]
    sys.stdin.readline()
for thread in waiting:
    thread.join()
print(len(waiting))
"""
"""Says how many threads waited, when they have ended."""


@pytest.fixture
def at_work():
    """A process that works until it is let go: its standard error is a terminal (of which the other end is given),
    and ends with it."""
    ends = []

    def start(after):
        ours, theirs = os.openpty()
        process = subprocess.Popen([sys.executable, "-c", AT_WORK.format(after=after)], stdin=subprocess.PIPE, cwd=ROOT,
                                   stdout=subprocess.PIPE, stderr=theirs, text=True)
        os.close(theirs)
        ends.append((process, ours))
        return process, ours

    yield start
    for process, ours in ends:
        process.kill()
        process.communicate()
        os.close(ours)


def test_one_that_is_slow_tells_so_on_the_terminal(at_work):
    process, terminal = at_work(after=0)
    assert os.read(terminal, 100) == b"reading mysql\r\n"
    assert process.communicate("\n", timeout=60)[0] in ("1\n", "0\n")  # it may have ended already


def test_one_that_is_quick_says_nothing(at_work):
    process, terminal = at_work(after=600)
    assert process.communicate("\n", timeout=60)[0] == "1\n"
    with pytest.raises(OSError, match="Input/output error"):  # the end of a terminal
        os.read(terminal, 100)


def test_where_no_terminal_is_nothing_is_said():
    done = subprocess.run([sys.executable, "-c", AT_WORK.format(after=600)], input="\n",
                          capture_output=True, text=True, cwd=ROOT)
    assert (done.stdout, done.stderr) == ("0\n", "")
