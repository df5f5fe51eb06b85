"""What docs/collectors.rst shows, as a person would do it."""

import json
import os
import re
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
    assert (status, between["kernel"]) == (0, {})
    assert between["__meta__"]["resets"] == ["kernel.forks", "kernel.switches"]


@pytest.mark.parametrize(("text", "why"), [
    (None, "stat cannot be read: "), ("btime\n", "stat cannot be read: "), ("ctxt 5\n", "stat has no btime: set path")])
def test_the_example_tells_what_is_wrong(collect, tmp_path, text, why):
    if text is not None:
        (tmp_path / "stat").write_text(text)
    status, found, err = collect("--set=kernel.path=stat")
    assert (status, set(found)) == (3, {"__meta__"})
    assert err.startswith(f"kernel: {why}")
