"""subunit2sql itself, with our plugin in it: what it sends, and what it imports.

Its last version needs older libraries than ours, so it has an environment of its own, made here by pip.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.statsd import Statsd
from tests.streams import SOME, counters, packet

from .source import copy_source

OLDER = ("subunit2sql==1.10.0", "SQLAlchemy<2", "oslo.db<13", "alembic<1.8")
ONE = b'{"__meta__": {"delta_seconds": 1312.4}, "mysql": {"Queries": 3522457}, "memory_peak": {"n-api": 9}}'
ONE_SENT = ["ci.mysql.Queries:3522457|c", "ci.memory_peak.n-api:9|g", "ci.testrun:1312400.000000|ms"]
TWO = b'{"__meta__": {"prefix": "grenade"}, "queues": {"reply_publish": 107, "conductor_publish": null}}'
TWO_SENT = ["ci.grenade.queues.reply_publish:107|c"]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an environment's programs. Takes some 20 to 40 seconds, and the network."""
    folder = tmp_path_factory.mktemp("subunit2sql")
    source = copy_source(folder / "counterbot")
    run(sys.executable, "-m", "venv", folder / "venv")
    run(folder / "venv/bin/pip", "install", "-q", *OLDER, f"{source}[subunit2sql]")
    return folder / "venv/bin"


def run(*command: object) -> None:
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout


@dataclass
class Import:
    """What became of streams: the exit status, what was said, what statsd heard, and the runs in the database."""

    status: int
    said: str
    sent: list[str]
    runs: int


class Importer:
    def __init__(self, programs: Path, folder: Path, statsd: Statsd) -> None:
        self._programs, self._folder, self._statsd = programs, folder, statsd
        self._database = ("--database-connection", f"sqlite:///{folder / 'runs.db'}")
        run(programs / "subunit2sql-db-manage", *self._database, "upgrade", "head")

    def __call__(self, *streams: bytes, options: tuple[str, ...] = ()) -> Import:
        files = [self._folder / f"{number}.subunit" for number in range(len(streams))]
        for file, stream in zip(files, streams, strict=True):
            file.write_bytes(stream)
        command = [self._programs / "subunit2sql", *self._database, "--counters2statsd-host", self._statsd.host,
                   "--counters2statsd-port", str(self._statsd.port), "--counters2statsd-prefix", "ci", *options, *files]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
        with sqlite3.connect(self._folder / "runs.db") as database:
            [[runs]] = database.execute("select count(*) from runs")
        return Import(done.returncode, done.stderr, self._statsd.lines(), runs)


@pytest.fixture
def importer(programs: Path, tmp_path: Path) -> Iterator[Importer]:
    with Statsd() as statsd:
        yield Importer(programs, tmp_path, statsd)


def test_two_files_on_one_command_line(importer):
    done = importer(SOME + counters(ONE), SOME + counters(TWO, eof=True))
    assert (done.status, done.sent, done.runs) == (0, ONE_SENT + TWO_SENT, 2)
    assert "not sent: queues.conductor_publish: null instead of a number" in done.said


@pytest.mark.parametrize("eof", [False, True])
def test_two_documents_and_text_between_packets(importer, eof):
    done = importer(b"+ stestr last\n" + SOME + counters(ONE, eof=eof) + b"text\n" + counters(TWO, eof=eof) + b"bye\n")
    assert (done.status, done.sent, done.runs) == (0, ONE_SENT + TWO_SENT, 1)


def test_empty_groups_are_told(importer):
    done = importer(SOME + counters(b'{"mysql": {}, "queues": {}}'))
    assert (done.status, done.sent, done.runs) == (0, [], 1)
    assert "mysql, queues: empty, which is how the old collector writes what it could not read" in done.said


def test_a_damaged_packet_costs_the_import_and_not_the_counters(importer):
    """subunit2sql adds up the times of the test that python-subunit makes up, which has none."""
    hurt = bytearray(packet(b"x" * 50, name="stdout", test_id="a.test"))
    hurt[-9] ^= 1
    done = importer(SOME + bytes(hurt) + counters(ONE))
    assert (done.status, done.sent, done.runs) == (1, ONE_SENT, 0)
    assert "packets of the stream are damaged; counters.json is whole" in done.said
    assert "TypeError" in done.said


def test_a_damaged_attachment_is_not_sent(importer):
    hurt = bytearray(counters(ONE))
    hurt[-9] ^= 1
    done = importer(SOME + bytes(hurt))
    assert done.sent == []
    assert "counters.json is not sent: a packet that may be a part of it is damaged" in done.said


def test_a_statsd_without_an_address_costs_no_import(importer):
    done = importer(SOME + counters(ONE), options=("--counters2statsd-host", "statsd.invalid"))
    assert (done.status, done.sent, done.runs) == (0, [], 1)
    assert "counters are not sent: statsd.invalid:" in done.said


def test_our_options_are_in_its_help(programs):
    text = subprocess.run([programs / "subunit2sql", "--help"], capture_output=True, text=True).stdout
    for name in ("host", "port", "prefix", "enabled", "noenabled"):
        assert f"--counters2statsd-{name}" in text
