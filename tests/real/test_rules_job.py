"""The job counterbot-rules: its playbook, run by Ansible as Zuul runs it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from .source import copy_source

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
GOOD = """\
bounds: {a.b: {max: 1}}
cases:
- {given: {counters: {a.b: 1}}, expect: within}
- {given: {counters: {a.b: 2}}, expect: {over: [a.b]}}
"""


class Job:
    """A repository with rules on a node, which is the executor too."""

    def __init__(self, ansible: Path, folder: Path) -> None:
        self.ansible, self.folder = ansible, folder
        (folder / "src/queries").mkdir(parents=True)
        (folder / "work").mkdir()
        program = folder / "counterbot"
        program.write_text(f"#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} "
                           f"exec {shlex.quote(sys.executable)} -m counterbot \"$@\"\n")
        program.chmod(0o755)
        self.variables: dict[str, Any] = {
            "ansible_python_interpreter": sys.executable, "ansible_user_dir": str(folder),
            "zuul": {"project": {"src_dir": "src"}},
            "check_rules_package": "", "check_rules_executable": str(program)}

    def rule(self, name: str, text: str) -> None:
        (self.folder / "src/queries" / name).write_text(text)

    def run(self) -> tuple[int, str]:
        (entry,) = yaml.safe_load((ROOT / "zuul.d/jobs.yaml").read_text())
        (self.folder / "variables.json").write_text(json.dumps(self.variables))
        done = subprocess.run(
            [self.ansible / "ansible-playbook", "-i", "localhost,", "-c", "local", "-v",
             "-e", f"@{self.folder}/variables.json", ROOT / entry["job"]["run"]],
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8", "ANSIBLE_NOCOLOR": "1",
                 "ANSIBLE_GATHERING": "explicit", "ANSIBLE_HOME": str(self.folder / ".ansible"),
                 "ANSIBLE_ROLES_PATH": str(ROOT / "roles"), "ANSIBLE_LIBRARY": str(HERE / "ansible_modules"),
                 "ZUUL_JOBDIR": str(self.folder / "work")},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
        assert "WARNING" not in done.stdout + done.stderr, done.stdout + done.stderr
        return done.returncode, done.stdout + done.stderr

    def comments(self) -> dict[str, Any] | None:
        """What Zuul is told to comment on, by file."""
        results = self.folder / "work/results.json"
        return json.loads(results.read_text())["file_comments"] if results.exists() else None


@pytest.fixture
def job(ansible: Path, tmp_path: Path) -> Job:
    return Job(ansible, tmp_path)


def test_good_rules_pass(job: Job) -> None:
    job.rule("good.yaml", GOOD)
    status, out = job.run()
    assert (status, job.comments()) == (0, None), out
    assert "1 rule, 2 cases, no failures" in out


def test_what_is_wrong_fails_the_job_and_is_commented_on_its_line(job: Job) -> None:
    job.rule("good.yaml", GOOD)
    job.rule("bad.yaml", "bounds: {a.b: {maximum: 1}}\nwher: {}\n")
    job.rule("fails.yaml", GOOD.replace("max: 1", "max: 2"))
    status, out = job.run()
    assert status == 2
    assert "2 rules, 4 cases, 1 failure, 2 mistakes" in out
    assert job.comments() == {
        "queries/bad.yaml": [
            {"line": 1, "message": "unknown key 'maximum'; did you mean 'max'?", "level": "error"},
            {"line": 2, "message": "unknown key 'wher'; did you mean 'where'?", "level": "error"}],
        "queries/fails.yaml": [{"line": 4, "message": "case 2: expected over: a.b", "level": "error"}]}


def test_a_project_without_rules_fails(job: Job) -> None:
    status, out = job.run()
    assert status == 2
    assert "no rule in this folder: it is empty" in out


def test_it_installs_counterbot(job: Job) -> None:
    """From a source folder here; from an index with the default package."""
    del job.variables["check_rules_executable"]
    job.variables["check_rules_package"] = str(copy_source(job.folder / "source"))
    job.rule("good.yaml", GOOD)
    status, out = job.run()
    assert status == 0, out
