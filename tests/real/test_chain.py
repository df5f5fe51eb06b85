"""The whole chain: servers are read around known work, and its numbers come out in Gerrit and in Graphite.

Every program is the real one, and runs as a process; statsd alone is ours.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from subunit import ByteStreamToStreamResult

from counterbot.core.events import Recognition, recognise
from counterbot.demo.zuul import Zuul
from tests.edges import test_dashboard as dashboard

from .bots import CONTRACT, ROOT, Bot, first_recorded
from .servers.carbon import COARSE, FINE, HOUR, Carbon, Points
from .servers.gerrit import Change, Gerrit
from .servers.mariadb import MariaDB
from .servers.process import until
from .servers.rabbitmq import RabbitMQ
from .servers.statsd import Statsd

PLAIN, PACKED = "testrepository.subunit", "testrepository.subunit.gz"
TESTS = """\
import testtools
from testtools.content import Content, text_content
from testtools.content_type import ContentType


class Servers(testtools.TestCase):
    def test_boot(self):
        self.addDetail("console", text_content("login: \\xe9\\n" * 5000))

    def test_list(self):
        decoy = [b'{"mysql": {"Com_select": 1}}']
        self.addDetail("counters.json", Content(ContentType("application", "json"), lambda: decoy))

    def test_resize(self):
        self.addDetail("screenshot", Content(ContentType("image", "png"), lambda: [bytes(range(256)) * 40]))

    def test_delete(self):
        pass
"""
NAMES = ("boot", "delete", "list", "resize")

STATEMENTS = {
    "Com_create_db": ["CREATE DATABASE chain"],
    "Com_create_table": ["CREATE TABLE chain.t (id INT PRIMARY KEY, host VARCHAR(20))"],
    "Com_insert": [f"INSERT INTO chain.t VALUES ({n}, 'a')" for n in range(12)],
    "Com_select": [f"SELECT * FROM chain.t WHERE id = {n % 12}" for n in range(30)],
    "Com_update": [f"UPDATE chain.t SET host = 'b' WHERE id = {n}" for n in range(5)],
    "Com_delete": [f"DELETE FROM chain.t WHERE id = {n}" for n in range(3)],
    "Com_drop_db": ["DROP DATABASE chain"],
}
DONE = {name: len(statements) for name, statements in STATEMENTS.items()}
ALL = sum(DONE.values()) + 1
"""The end of a connection is one, too."""

MESSAGES = {"scheduler_fanout_{}": (30, 12), "reply_{}": (100, 7), "conductor.host1": (9,)}
QUEUES = {"conductor_publish": 9, "reply_publish": 107, "scheduler_fanout_publish": 42}
EXCHANGES = {"default_publish_in": 158, "total_publish": 158}

RULE = """\
title: Work of the tests
bug: 2041234
where: {job: tempest-full}
bounds: {mysql.Com_select: {max: 24}, mysql.Com_insert: {max: 12}, queues.*_publish: {max: 100}}
"""
OTHER = """\
title: Work of another job
where: {job: devstack-nv}
bounds: {mysql.Com_select: {max: 1000}}
"""
COMMENT = """\
Counters: 2 counters over their bound (not voting).

    job            counter                   this run      bound    over
    tempest-full   mysql.Com_select                30         24    +25%
    tempest-full   queues.reply_publish           107        100     +7%

`mysql.Com_select`, `queues.reply_publish`: Work of the tests, bug https://bugs.launchpad.net/bugs/2041234
"""


@pytest.fixture(scope="session")  # or it would begin behind the servers, which are the session's
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Future[Path]]:
    """The folder of stestr and of python-subunit's programs. Five seconds, in which the servers can start."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(installed, tmp_path_factory.mktemp("stestr"))


def installed(folder: Path) -> Path:
    """An environment of its own: what reads our streams shares no library with us."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    subprocess.run([sys.executable, "-m", "pip", "--python", folder, "install", "-q", "stestr"], check=True)
    return folder / "bin"


@dataclass
class Job:
    """A CI job's node, with its servers' places in settings.yaml."""

    folder: Path
    programs: Path

    def counterbot(self, *words: str) -> bytes:
        return self._done(sys.executable, "-m", "counterbot", *words, path=str(ROOT))

    def stestr(self, *words: str, data: bytes = b"") -> bytes:
        return self._done(self.programs / "stestr", *words, data=data)

    def subunit(self, name: str, *words: str, data: bytes) -> bytes:
        return self._done(self.programs / f"subunit-{name}", *words, data=data)

    def read(self, name: str) -> bytes:
        """A file; a gzipped one as any gunzip reads it."""
        data = (self.folder / name).read_bytes()
        return gzip.decompress(data) if name.endswith(".gz") else data

    @property
    def counters(self) -> dict[str, Any]:
        return json.loads(self.read("counters.json"))

    def _done(self, *command: str | Path, path: str = "", data: bytes = b"") -> bytes:
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "LANG": "C.UTF-8",
                       **({"PYTHONPATH": path} if path else {})}
        done = subprocess.run(command, cwd=self.folder, env=environment, input=data, capture_output=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, b""), (command, done)
        return done.stdout


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory, programs: Future[Path], mariadb: MariaDB, rabbitmq: RabbitMQ) -> Job:
    """A job that is over: its counters are attached to its stream, and to a gzipped copy of it."""
    job = Job(tmp_path_factory.mktemp("job"), programs.result())
    prepare(job, mariadb, rabbitmq)
    job.counterbot("collect", "--settings", "settings.yaml", "--output", "before.json")
    work(mariadb, rabbitmq)
    job.stestr("run")
    stream = job.stestr("last", "--subunit")
    (job.folder / PLAIN).write_bytes(stream)
    (job.folder / PACKED).write_bytes(gzip.compress(stream))
    job.counterbot("collect", "--settings", "settings.yaml", "--delta", "before.json", "--output", "counters.json")
    for name in (PLAIN, PACKED):
        job.counterbot("attach", "counters.json", name)
        assert job.read(name).startswith(stream)
    return job


def prepare(job: Job, mariadb: MariaDB, rabbitmq: RabbitMQ) -> None:
    (job.folder / "tests").mkdir()
    (job.folder / "tests/__init__.py").touch()
    (job.folder / "tests/test_servers.py").write_text(TESTS)
    (job.folder / ".stestr.conf").write_text("[DEFAULT]\ntest_path=tests\n")
    (job.folder / "settings.yaml").write_text(json.dumps({
        "mysql": {"socket": str(mariadb.socket), "user": "root"},
        "rabbitmq": {"url": rabbitmq.url, "settle": 1},
    }))


def work(mariadb: MariaDB, rabbitmq: RabbitMQ) -> None:
    mariadb.sql(";\n".join(each for statements in STATEMENTS.values() for each in statements) + ";")
    for name, counts in MESSAGES.items():
        for count in counts:
            queue = name.format(uuid.uuid4().hex)
            rabbitmq.queue(queue)
            rabbitmq.publish(count, queue)
    rabbitmq.wait_until_told()


# What the node has


def test_the_known_numbers(job):
    """Other tests of the session leave queues in which nothing happened since."""
    counters = job.counters
    assert counters["__meta__"].keys() == {"unixtime", "delta_seconds", "host", "collector", "absent"}
    mysql = counters["mysql"]
    assert {name: count for name, count in mysql.items() if name.startswith("Com_") and count} == DONE
    assert {name: mysql[name] for name in ("Connections", "Queries", "Questions", "Rows_sent", "Slow_queries")} == {
        "Connections": 1, "Queries": ALL, "Questions": ALL, "Rows_sent": 30, "Slow_queries": 0}
    for group, wanted in (("queues", QUEUES), ("exchanges", EXCHANGES)):
        assert {name: count for name, count in counters[group].items() if count} == wanted


@pytest.mark.parametrize("name", [PLAIN, PACKED])
def test_extract_gives_the_document_back(job, name):
    assert job.counterbot("extract", name) == job.read("counters.json")


@pytest.mark.parametrize("name", [PLAIN, PACKED])
def test_others_read_the_stream(job, tmp_path, name):
    stream = job.read(name)
    assert attached(stream) == {("counters.json", "application/json"): job.read("counters.json")}
    listed = job.subunit("ls", "--no-passthrough", data=stream).decode().split()
    assert sorted(listed) == [f"tests.test_servers.Servers.test_{each}" for each in NAMES]
    assert b"Passed tests:      4\n" in job.subunit("stats", data=stream)
    (tmp_path / ".stestr.conf").write_text("[DEFAULT]\ntest_path=tests\n")
    other = Job(tmp_path, job.programs)
    other.stestr("init")
    assert re.match(rb"Ran 4 tests in [\d.]+s\nPASSED \(id=0\)\n", other.stestr("load", data=stream))
    assert attached(other.stestr("last", "--subunit")) == {}  # so it has to be attached behind "last"


def attached(stream: bytes) -> dict[tuple[str, str], bytes]:
    """The files of the whole run, as python-subunit has them; it raises an exception for what is no packet."""
    files: dict[tuple[str, str], bytes] = {}

    class Result:
        def status(self, test_id=None, file_name=None, file_bytes=b"", mime_type=None, eof=False, **_):
            assert test_id != "subunit.parser", file_bytes
            if test_id is None and file_name is not None:
                assert eof
                files[file_name, mime_type] = bytes(file_bytes)

    ByteStreamToStreamResult(io.BytesIO(stream)).run(Result())
    return files


# What the bot makes of it


@dataclass
class Judged:
    """What there is after Zuul's report: the bot's comment, its log, and what Graphite keeps."""

    comment: str
    log: str
    metrics: dict[str, Points]


@pytest.fixture(scope="module")
def carbon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carbon]:
    """Set up as docs/operator/graphs.rst says."""
    [stanza] = re.findall(r"^ +\[counts\]\n(?: +\w+ = .*\n)+", (ROOT / "docs/operator/graphs.rst").read_text(), re.M)
    with Carbon(tmp_path_factory.mktemp("carbon"), re.sub("^ +", "", stanza, flags=re.M)) as carbon:
        yield carbon


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, job: Job, gerrit: Gerrit, carbon: Carbon) -> Judged:
    """The plain stream is tempest-full's, the gzipped one devstack-nv's; openstack-tox-py311 has none."""
    folder = tmp_path_factory.mktemp("bot")
    (folder / "rules").mkdir()
    (folder / "rules/work.yaml").write_text(RULE)
    (folder / "rules/other.yaml").write_text(OTHER)
    change = gerrit.push_change()
    with Zuul() as zuul, Statsd() as statsd:
        event = first_recorded(zuul, change)
        logs = {"tempest-full": PLAIN, "devstack-nv": PACKED}
        for link in recognise(event, Recognition(frozenset({"zuul"}))).builds:
            files = {logs[link.job]: (job.folder / logs[link.job]).read_bytes()} if link.job in logs else {}
            zuul.add_build(link.uuid, link.job, files, change=change.number)
        bot = Bot(folder, gerrit, zuul)
        text = bot.config.read_text().replace(str(CONTRACT / "queries"), str(folder / "rules"))
        bot.config.write_text(f'{text}statsd: {{host: {statsd.host}, port: {statsd.port}, prefix: "ci.{{job}}"}}\n')
        with bot:
            gerrit.review_as("zuul", change, 1, event["comment"].partition("\n\n")[2], tag="autogenerated:zuul:check")
            comment = until(lambda: said(gerrit, change), 30, "the comment")
        now = int(time.time())
        given = statsd.flush(carbon, now)
    assert bot.process.returncode == 0
    until(lambda: given <= present(carbon, now).keys(), 30, "all that carbon was given is written")
    return Judged(comment, bot.log.read_text(), present(carbon, now))


def present(carbon: Carbon, now: int) -> dict[str, Points]:
    """The metrics of which there is a value."""
    return {name: points for name, points in carbon.metrics(now - COARSE).items() if points}


def said(gerrit: Gerrit, change: Change) -> str | None:
    """The bot's comment, without Gerrit's first line."""
    ours = [each for each in gerrit.messages(change) if each["author"].get("username") == "counterbot"]
    return ours[0]["message"].partition("\n\n")[2] if ours else None


def due(counters: dict[str, Any]) -> dict[str, int]:
    """What Graphite is to have of both builds."""
    return {f"stats.counters.ci.{job}.{group}.{name}.count": value
            for job in ("tempest-full", "devstack-nv")
            for group, members in counters.items() if group != "__meta__" for name, value in members.items()}


def test_gerrit_shows_what_is_over_its_bound(judged):
    assert judged.comment.startswith(COMMENT)
    assert "Traceback" not in judged.log


def test_graphite_has_every_counter_of_each_build(job, judged):
    wanted = due(job.counters)
    assert len(wanted) > 2 * 200
    counts = {name: list(points.values()) for name, points in judged.metrics.items() if ".counters.ci." in name}
    assert counts == {name: [value] for name, value in wanted.items()}
    assert counts["stats.counters.ci.tempest-full.mysql.Com_select.count"] == [30]
    milliseconds = job.counters["__meta__"]["delta_seconds"] * 1000
    for build in ("tempest-full", "devstack-nv"):
        assert list(judged.metrics[f"stats.timers.ci.{build}.testrun.count"].values()) == [1]
        [mean] = judged.metrics[f"stats.timers.ci.{build}.testrun.mean"].values()
        assert mean == pytest.approx(milliseconds, abs=0.001)


def test_the_dashboards_graphs_find_the_files(judged):
    shown = set()
    for title, target in dashboard.TARGETS:
        paths = dashboard.paths(dashboard.parsed(dashboard.filled(target)))
        found = [[name for name in judged.metrics if dashboard.matches(path, name)] for path in paths]
        if all(found):
            shown.add(title)
            assert all(len(names) > path.count(",") for names, path in zip(found, paths, strict=True)), (title, found)
    assert shown == {
        "SQL statements per run", "Rows per run", "Other database counters per run", "Messages in queues per run",
        "Messages published per run", "Any counter per run", "Number and duration of runs"}


def test_counts_are_still_sums_where_graphite_thins_them_out(carbon):
    """By the stanza in docs/operator/graphs.rst; without it carbon makes means of them, or drops them."""
    name, now = "stats.counters.thin.mysql.Queries.count", int(time.time())
    minute = now - now % COARSE - COARSE
    carbon.send([(name, 30, minute), (name, 12, minute + FINE)])
    until(lambda: carbon.metrics(now - 2 * HOUR).get(name) == {minute: 42}, 10, "the minute's sum")
    assert carbon.metrics(minute - 1)[name] == {minute: 30, minute + FINE: 12}
