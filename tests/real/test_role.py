"""The role collect-counters, run by Ansible as Zuul runs it, against a MariaDB and a RabbitMQ."""

from __future__ import annotations

import gzip
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from counterbot.core.subunit.writer import attachment

from .servers.mariadb import MariaDB
from .servers.process import free_ports
from .servers.rabbitmq import RabbitMQ
from .source import copy_source

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PASSWORD = "50% 'quoted' \"twice\""
WORK = "CREATE TABLE {0} (a INT); INSERT INTO {0} VALUES (1), (2), (3); SELECT * FROM {0}; SELECT * FROM {0};"
"""No USE: the client adds a SELECT of its own to it."""

RULE = """\
title: Rows read by a test
bug: https://bugs.example.org/1
where: {job: tempest-full}
bounds: {mysql.Com_select: {max: 1}, mysql.Com_insert: {max: 5}}
"""


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    with MariaDB(tmp_path_factory.mktemp("mariadb")) as server:
        quoted = PASSWORD.replace("'", "''")
        server.sql(f"CREATE USER counters@localhost IDENTIFIED BY '{quoted}'; CREATE DATABASE work;")
        yield server


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    with RabbitMQ(tmp_path_factory.mktemp("rabbitmq"), "collect_statistics_interval = 200") as server:
        server.user("counters", PASSWORD, "monitoring")
        server.queue("reply_0123456789abcdef0123456789abcdef")
        yield server


@dataclass
class Job:
    """A Zuul job's node and executor, both this machine."""

    ansible: Path
    folder: Path
    variables: dict[str, Any]

    def new_executor(self) -> None:
        """What the last job left on the executor is gone."""
        shutil.rmtree(self.folder / "work", ignore_errors=True)
        self.logs.mkdir(parents=True)

    @property
    def logs(self) -> Path:
        return self.folder / "work/logs"

    def run(self, stage: str, **variables: Any) -> tuple[int, str]:
        """A playbook with the role in it: its status, and what it printed."""
        playbook = self.folder / f"{stage}.yaml"
        roles = [{"role": "collect-counters", "collect_counters_stage": stage, **variables}]
        playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "roles": roles}]))
        extra = self.folder / "variables.json"
        extra.write_text(json.dumps(self.variables))
        done = subprocess.run(
            [self.ansible / "ansible-playbook", "-i", "localhost,", "-c", "local", "-v", "-e", f"@{extra}", playbook],
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8", "ANSIBLE_NOCOLOR": "1",
                 "ANSIBLE_PIPELINING": "1", "ANSIBLE_HOME": str(self.folder / ".ansible"),
                 "ANSIBLE_REMOTE_TEMP": str(self.folder / ".ansible/tmp"),
                 "ANSIBLE_ROLES_PATH": str(ROOT / "roles"), "ANSIBLE_LIBRARY": str(HERE / "ansible_modules"),
                 "ZUUL_JOBDIR": str(self.folder / "work")},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
        assert PASSWORD.split('"')[0] not in done.stdout + done.stderr  # JSON would write the rest in its own way
        assert "WARNING" not in done.stdout + done.stderr, done.stdout + done.stderr
        return done.returncode, done.stdout + done.stderr

    def with_broker(self, url: str) -> None:
        """Count RabbitMQ's messages too."""
        self.variables["collect_counters_settings"]["rabbitmq"] = {
            "url": url, "user": "counters", "password_file": "passwords/rabbitmq", "settle": 1}

    def counters(self, at: str = "counters.json") -> dict[str, Any]:
        return json.loads((self.logs / at).read_text())

    def returned(self) -> dict[str, Any]:
        """What Zuul was told by zuul_return."""
        results = self.folder / "work/results.json"
        return json.loads(results.read_text()) if results.exists() else {}

    def attached(self, stream: Path) -> list[Any]:
        done = subprocess.run([self.variables["collect_counters_executable"], "extract", stream],
                              capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stderr
        return [json.loads(document) for document in done.stdout.replace("}\n{", "}\0{").split("\0") if document]


@pytest.fixture
def job(ansible, database, tmp_path) -> Job:
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries/rows.yaml").write_text(RULE)
    program = tmp_path / "counterbot"
    program.write_text(f"#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} "
                       f"exec {shlex.quote(sys.executable)} -m counterbot \"$@\"\n")
    program.chmod(0o755)
    found = Job(ansible, tmp_path, {
        "ansible_python_interpreter": sys.executable,
        "ansible_user_dir": str(tmp_path),
        "zuul": {"executor": {"log_root": str(tmp_path / "work/logs")}, "job": "tempest-full", "branch": "master",
                 "project": {"src_dir": "."}},
        "collect_counters_package": "",
        "collect_counters_executable": str(program),
        "collect_counters_passwords": {"mysql": PASSWORD, "rabbitmq": PASSWORD},
        "collect_counters_settings": {
            "mysql": {"socket": str(database.socket), "user": "counters", "password_file": "passwords/mysql"},
        },
    })
    found.new_executor()
    return found


def work(database: MariaDB) -> None:
    database.sql("DROP TABLE IF EXISTS work.t; " + WORK.format("work.t"))


def test_the_role_counts_what_happened_between(job, database, broker):
    job.with_broker(broker.url)
    assert job.run("before")[0] == 0
    assert list(job.logs.iterdir()) == []
    work(database)
    broker.publish(7, "reply_0123456789abcdef0123456789abcdef")
    broker.wait_until_told()
    status, out = job.run("after", collect_counters_meta_prefix="ci")
    counters = job.counters()
    assert (status, counters["__meta__"].get("failures")) == (0, None), out
    assert {name: counters["mysql"][name] for name in ("Com_create_table", "Com_insert", "Com_select")} == {
        "Com_create_table": 1, "Com_insert": 1, "Com_select": 2}
    assert counters["queues"] == {"reply_publish": 7}
    assert counters["__meta__"]["prefix"] == "ci"
    assert counters["__meta__"]["delta_seconds"] > 0
    assert job.returned() == {"artifacts": [
        {"name": "counters", "url": "counters.json", "metadata": {"type": "counters"}}]}
    assert not (job.folder / "counters/passwords").exists()


def test_it_does_nothing_twice(job, database):
    plain, packed = job.folder / "testrepository.subunit", job.folder / "testrepository.subunit.gz"
    log = attachment("log", b"text", "text/plain")
    plain.write_bytes(log)
    packed.write_bytes(gzip.compress(log))
    wanted = {"collect_counters_streams": [str(plain), str(packed)], "collect_counters_check": True}
    job.run("before")
    work(database)
    assert job.run("after", **wanted)[0] == 0
    first = job.counters(), plain.read_bytes(), packed.read_bytes(), job.returned()
    assert job.attached(plain) == job.attached(packed) == [job.counters()]
    work(database)
    assert job.run("after", **wanted)[0] == 0
    assert (job.counters(), plain.read_bytes(), packed.read_bytes(), job.returned()) == first
    assert (len(job.returned()["artifacts"]), len(job.returned()["warnings"])) == (1, 1)


def test_findings_are_warnings_and_a_new_job_on_the_node_begins_anew(job, database):
    wanted = {"collect_counters_check": True, "collect_counters_voting": True}
    job.run("before")
    work(database)
    status, out = job.run("after", **wanted)
    warning = "mysql.Com_select is 2, over its bound 1 (+100%): Rows read by a test, bug https://bugs.example.org/1"
    assert status == 2
    assert job.returned()["warnings"] == [warning]
    assert len(job.returned()["artifacts"]) == 1
    assert "OVER    mysql.Com_select         2      1  +100%  Rows read by a test, bug https://bugs" in out
    assert f'"msg": "{warning}"' in out
    job.new_executor()
    assert job.run("before")[0] == 0
    assert job.run("after", **wanted)[0] == 0
    assert job.counters()["mysql"]["Com_select"] == 0
    assert "warnings" not in job.returned()


def test_many_findings_are_ten_warnings_and_a_number(job):
    (job.folder / "queries/rows.yaml").write_text("bounds: {mysql.*: {max: 0}}\n")
    assert job.run("after", collect_counters_delta=False, collect_counters_check=True)[0] == 0
    warnings = job.returned()["warnings"]
    assert len(warnings) == 11
    over = json.loads((job.folder / "counters/findings.json").read_text())["over"]
    assert warnings[10] == f"… and {len(over) - 10} more over their bounds"


def test_a_server_that_is_down_is_told_and_fails_only_a_strict_job_when_all_is_done(job, database):
    port, = free_ports(1)
    job.with_broker(f"http://127.0.0.1:{port}")
    status, out = job.run("before")
    assert status == 0
    assert '"rabbitmq: ' in out
    assert str(port) in out
    work(database)
    status, out = job.run("after", collect_counters_check=True, collect_counters_strict=True)
    assert "Not every counter could be read after the tests: rabbitmq: " in out
    assert (status, job.counters()["mysql"]["Com_select"]) == (2, 2)
    assert str(port) in job.counters()["__meta__"]["failures"]["rabbitmq"]
    assert (len(job.returned()["artifacts"]), len(job.returned()["warnings"])) == (1, 1)


TOTALS = {"collect_counters_delta": False, "collect_counters_check": True, "collect_counters_strict": True}


def failed(out: str) -> str:
    """What the last task says that fails the job."""
    return out.rpartition("Fail, since collect_counters_strict is set")[2]


def test_a_strict_job_fails_for_a_stream_when_all_is_done(job):
    """Neither the other stream, nor the file, the artifact or the warnings lack for it."""
    missing, there = job.folder / "no.subunit", job.folder / "testrepository.subunit"
    there.write_bytes(b"")
    (job.folder / "queries/rows.yaml").write_text("bounds: {mysql.Queries: {max: 0}}")
    status, out = job.run("after", collect_counters_streams=[str(missing), str(there)], **TOTALS)
    assert status == 2
    assert f'"msg": "The counters could not be attached to {missing}"' in failed(out)
    assert f"{missing}: no such file" in out
    assert job.attached(there) == [job.counters()]
    assert (len(job.returned()["artifacts"]), len(job.returned()["warnings"])) == (1, 1)


@pytest.mark.parametrize(("rules", "warnings", "told"), [
    ({"rows": "bounds: {mysql.Com_nothing: {max: 1}}"}, 0, "(status 3): no data for mysql.Com_nothing"),
    ({"rows": "bounds: {mysql.*: {max: 0}}", "wrong": "bounds: {"}, 11, "(status 0): {folder}/wrong.yaml"),
    ({"rows": "bounds: {"}, 0, "(status 3): {folder}/rows.yaml"),
])
def test_a_strict_job_fails_for_what_could_not_be_checked_when_all_is_done(job, rules, warnings, told):
    for name, text in rules.items():
        (job.folder / f"queries/{name}.yaml").write_text(text)
    status, out = job.run("after", **TOTALS)
    assert status == 2
    assert f"Not everything could be checked {told.format(folder=job.folder / './queries')}" in failed(out)
    assert (len(job.returned()["artifacts"]), len(job.returned().get("warnings", []))) == (1, warnings)
    assert job.run("after", **TOTALS | {"collect_counters_strict": False})[0] == 0


def test_a_strict_job_fails_for_a_check_that_broke_when_all_is_done(job):
    program = Path(job.variables["collect_counters_executable"])
    program.write_text(program.read_text().replace("\n", '\n[ "$1" = check ] && echo it broke >&2 && exit 2\n', 1))
    status, out = job.run("after", **TOTALS)
    assert status == 2
    assert '"msg": "Not everything could be checked (status 2): it broke"' in failed(out)
    assert len(job.returned()["artifacts"]) == 1


def test_findings_that_cannot_be_written_fail_only_a_strict_job_when_all_is_done(job):
    wanted = {"collect_counters_check": True}
    job.run("before")
    (job.folder / "counters/findings.json").mkdir()
    status, out = job.run("after", **wanted)
    assert (status, len(job.returned()["artifacts"])) == (0, 1), out
    status, out = job.run("after", collect_counters_strict=True, **wanted)
    assert status == 2
    assert "Not everything could be checked (status 3): Error: findings.json: Is a directory" in failed(out)


def test_a_strict_job_is_told_all_that_failed(job):
    port, = free_ports(1)
    job.with_broker(f"http://127.0.0.1:{port}")
    wanted = {"collect_counters_streams": ["/no/stream"], "collect_counters_rules": "/no/rules"}
    status, out = job.run("after", **wanted, **TOTALS)
    assert status == 2
    parts = ("Not every counter could be read after the tests: rabbitmq: ", "; The counters could not be attached to "
             "/no/stream; ", "Not everything could be checked (status 3): /no/rules")
    places = [failed(out).find(part) for part in parts]
    assert -1 not in places
    assert places == sorted(places)


def test_a_password_that_cannot_be_written_leaves_none_on_the_node(job):
    job.variables["collect_counters_passwords"] = {"a": PASSWORD, "b/c": PASSWORD}
    for stage in ("before", "after"):
        status, out = job.run(stage)
        assert (status, "Write the passwords" in out) == (2, True)
        assert not (job.folder / "counters/passwords").exists()


def test_without_a_reading_before_there_is_nothing_and_what_to_do_is_told(job):
    status, out = job.run("after")
    assert status == 0
    assert "before.json: no such file" in out
    assert (job.returned(), list(job.logs.iterdir())) == ({}, [])


def test_totals_of_several_nodes(job):
    """Where the servers start within the job, there is nothing to read before."""
    status, out = job.run(
        "after", collect_counters_delta=False, collect_counters_log_path="{{ inventory_hostname }}/counters.json",
        collect_counters_streams=[str(job.folder / "no.subunit")], collect_counters_check=True,
        collect_counters_rules="/no/rules")
    assert status == 0
    counters = job.counters("localhost/counters.json")
    assert counters["mysql"]["Com_create_user"] == 1
    assert "delta_seconds" not in counters["__meta__"]
    assert job.returned() == {"artifacts": [
        {"name": "counters", "url": "localhost/counters.json", "metadata": {"type": "counters"}}]}
    assert "no.subunit: no such file" in out
    assert "/no/rules" in out


def test_totals_are_never_another_jobs(job, database):
    """No stage before has removed what the last job on the node left."""
    wanted = {"collect_counters_delta": False, "collect_counters_check": True}
    stream = job.folder / "testrepository.subunit"
    stream.write_bytes(b"")
    assert job.run("after", **wanted)[0] == 0
    first = job.counters()
    job.new_executor()
    work(database)
    assert job.run("after", **wanted)[0] == 0
    assert job.counters()["mysql"]["Com_insert"] == first["mysql"]["Com_insert"] + 1
    assert len(job.returned()["artifacts"]) == 1
    job.new_executor()
    job.variables["collect_counters_settings"]["mysql"]["prot"] = 1
    status, out = job.run("after", collect_counters_streams=[str(stream)], **wanted)
    assert (status, job.returned(), list(job.logs.iterdir()), job.attached(stream)) == (0, {}, [], []), out
    assert "prot" in out
    assert not (job.folder / "counters/findings.json").exists()


def test_the_stage_is_asked_for(job):
    status, out = job.run("between")
    assert status == 2
    assert "Set collect_counters_stage to 'before'" in out


def test_it_installs_counterbot(job, database, tmp_path):
    """From a source folder here; from an index with the default package."""
    job.variables |= {"collect_counters_package": str(copy_source(tmp_path / "source"))}
    del job.variables["collect_counters_executable"]
    status, out = job.run("before", collect_counters_strict=True)
    assert status == 0, out
    work(database)
    assert job.run("after", collect_counters_strict=True)[0] == 0
    assert job.counters()["mysql"]["Com_select"] == 2


def test_a_package_that_cannot_be_installed_fails_no_job(job):
    job.variables |= {"collect_counters_package": str(job.folder / "nowhere")}
    del job.variables["collect_counters_executable"]
    status, out = job.run("before")
    assert status == 0
    assert "not found" in out
    status, out = job.run("before", collect_counters_strict=True)
    assert status == 2
    assert "Not every counter could be read before the tests: " in out


# docs/in-a-job.rst without Ansible

TESTS = """\
import subprocess, unittest

class Work(unittest.TestCase):
    def test_it(self):
        subprocess.run({command!r}, input={statements!r}, text=True, check=True)
"""


def test_the_shell_script_of_the_documentation(job, ansible, database):
    """With stestr, whose own store has no place for what is attached to a run."""
    folder, stream = job.folder, job.folder / "testrepository.subunit"
    (folder / "tests").mkdir()
    (folder / "tests/__init__.py").touch()
    (folder / "tests/test_work.py").write_text(TESTS.format(
        command=["mariadb", "--no-defaults", f"--socket={database.socket}", "--user=root"],
        statements="DROP TABLE IF EXISTS work.t; " + WORK.format("work.t")))
    (folder / ".stestr.conf").write_text("[DEFAULT]\ntest_path=tests\n")
    (folder / ".my.cnf").write_text(f"[client]\nuser=root\nsocket={database.socket}\n")
    environment = {"HOME": str(folder), "PATH": f"{folder}:{ansible}:{os.environ['PATH']}", "LANG": "C.UTF-8"}

    def run(*command: str | Path, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(command, cwd=folder, env=environment, input=data, capture_output=True, timeout=120)

    script = ROOT / "docs/examples/counters.sh"
    done = run("bash", script)
    assert done.returncode == 0, done.stdout + done.stderr
    counters = json.loads((folder / "counters.json").read_text())
    assert (counters["mysql"]["Com_select"], counters["mysql"]["Com_insert"]) == (2, 1)
    assert job.attached(stream) == [counters]
    assert b"over its bound" in done.stdout
    run("stestr", "load", data=stream.read_bytes())
    stream.write_bytes(run("stestr", "last", "--subunit").stdout)
    assert b"test_work" in stream.read_bytes()
    assert job.attached(stream) == []
    # Where the next run in this folder can read nothing, it has nothing, rather than the first one's.
    environment["COUNTERBOT_SETTINGS"] = str(folder / "no.yaml")
    done = run("bash", script)
    assert done.returncode == 0
    assert b"no.yaml" in done.stderr
    assert b"--delta before.json: no such file" in done.stderr
    assert b"over its bound" not in done.stdout
    assert b"test_work" in stream.read_bytes()
    assert job.attached(stream) == []
