"""What docs/collectors.rst shows, as a person would do it."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/collectors.rst").read_text()
ENTRY_POINT = re.compile(r'\[project\.entry-points\."([a-z.]+)"\]\n +(\w+) = "(\w+)"\n')
STAT = "cpu  1 2 3\nintr 5 0\nctxt 9120330\nbtime {start}\nprocesses 20411\n"


@pytest.fixture
def collect(tmp_path):
    """``counterbot collect`` where the example is installed with the entry point that the page shows."""
    shutil.copy(ROOT / "docs/examples/kernel.py", tmp_path)
    installed = tmp_path / "counterbot_kernel-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: counterbot-kernel\nVersion: 1.0\n")
    group, name, module = ENTRY_POINT.search(PAGE).groups()
    (installed / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}\n")

    def run(*arguments):
        done = subprocess.run([sys.executable, "-m", "counterbot", "collect", "--collector", "kernel", *arguments],
                              cwd=tmp_path, env={**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"},
                              capture_output=True, text=True, timeout=60)
        return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr

    return run


def test_the_example_reads_this_kernel(collect):
    status, first, _ = collect("--output", "before.json")
    assert status == 0
    assert first["kernel"]["forks"] > 0
    status, between, _ = collect("--delta", "before.json")
    assert status == 0
    assert 0 < between["kernel"]["forks"] < first["kernel"]["forks"]


def test_the_example_sees_a_new_start(collect, tmp_path):
    (tmp_path / "stat").write_text(STAT.format(start=1_795_000_000))
    assert collect("--set=kernel.path=stat", "--output", "before.json")[1]["kernel"] == {
        "forks": 20411, "switches": 9120330}
    (tmp_path / "stat").write_text(STAT.format(start=1_795_009_000))
    status, between, _ = collect("--set=kernel.path=stat", "--delta", "before.json")
    assert (status, between["kernel"]) == (3, {})
    assert between["__meta__"]["resets"] == ["kernel.forks", "kernel.switches"]


@pytest.mark.parametrize(("text", "why"), [
    (None, "stat cannot be read: "), ("btime\n", "stat cannot be read: "), ("ctxt 5\n", "stat has no btime: set path")])
def test_the_example_tells_what_is_wrong(collect, tmp_path, text, why):
    if text is not None:
        (tmp_path / "stat").write_text(text)
    status, found, err = collect("--set=kernel.path=stat")
    assert (status, set(found)) == (3, {"__meta__"})
    assert err.startswith(f"kernel: {why}")


# docs/in-a-job.rst: how a job goes on

RULE = "bounds: {mysql.Com_select: {max: 1}}\n"


@pytest.fixture
def job(tmp_path):
    """Runs a script of the page under bash, on a node whose only server is down: its status, and what it said."""
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries/rows.yaml").write_text(RULE)
    program = tmp_path / "bin/counterbot"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} "
                       f"exec {shlex.quote(sys.executable)} -m counterbot \"$@\"\n")
    program.chmod(0o755)
    (tmp_path / "settings.yaml").write_text("mysql: {host: 127.0.0.1, port: 1}\n")

    def run(script, settings="settings.yaml"):
        done = subprocess.run(
            ["bash", "-c", f"{script}\necho the end"], cwd=tmp_path, capture_output=True, text=True, timeout=60,
            env={"PATH": f"{program.parent}:{os.environ['PATH']}", "HOME": str(tmp_path), "LANG": "C.UTF-8",
                 "COUNTERBOT_SETTINGS": settings})
        return done.returncode, done.stdout.endswith("the end\n"), done.stdout + done.stderr

    return run


def example(name):
    return (ROOT / "docs/examples" / name).read_text()


@pytest.mark.parametrize("name", ["only-three.sh", "whatever.sh"])
def test_a_job_goes_on_where_a_server_is_down_and_nothing_can_be_judged(job, tmp_path, name):
    status, ended, said = job(example(name))
    assert (status, ended) == (0, True), said
    assert "not everything could be judged" in said
    assert "mysql" in json.loads((tmp_path / "counters.json").read_text())["__meta__"]["failures"]


@pytest.mark.parametrize("step", range(3))
def test_without_these_words_each_step_ends_it(job, step):
    """What the page warns of."""
    first, *rest = example("only-three.sh").split(" || [ $? -eq 3 ]")
    words = [" || [ $? -eq 3 ]"] * 3
    words[step] = ""
    assert job(first + "".join(word + part for word, part in zip(words, rest, strict=True)))[:2] == (3, False)


def test_a_mistake_ends_it_where_only_three_may_go_on(job):
    status, ended, said = job(example("only-three.sh"), settings="no.yaml")
    assert (status, ended) == (1, False)
    assert "no.yaml" in said
    assert job(example("whatever.sh"), settings="no.yaml")[:2] == (0, True)


@pytest.mark.parametrize("name", ["only-three.sh", "whatever.sh"])
def test_nothing_of_an_earlier_run_is_judged(job, tmp_path, name):
    (tmp_path / "counters.json").write_text('{"mysql": {"Com_select": 9}}')
    said = job(example(name), settings="no.yaml")[2]
    assert "OVER" not in said
    assert not (tmp_path / "counters.json").exists()
