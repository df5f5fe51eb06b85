"""The hooks that pre-commit offers to projects with rules: their commands, given files as pre-commit gives them."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}


def run(hook, *files):
    program, *arguments = shlex.split(HOOKS[hook]["entry"])
    assert program == "counterbot"
    done = subprocess.run([sys.executable, "-m", "counterbot", *arguments, *map(str, files)], cwd=ROOT,
                          capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_they_take_the_rules_and_nothing_else():
    tracked = ["queries/mysql.yaml", "queries/1254890.yml", "queries/old/mysql.yaml", "queries/.yamllint.yaml",
               "tests/queries/mysql.yaml"]
    for hook in HOOKS.values():
        assert [name for name in tracked if re.search(hook["files"], name)] == tracked[:2]


@pytest.mark.parametrize(("hook", "wrong", "told"), [
    ("rules-check", "bounds: {a.b: {maximum: 1}}\n", "1:16: unknown key 'maximum'; did you mean 'max'?"),
    ("rules-test", "bounds: {a.b: {max: 1}}\n", "1:1: no case expects a counter over its bound"),
])
def test_they_pass_good_files_and_fail_for_a_wrong_one(tmp_path, hook, wrong, told):
    good = sorted((ROOT / "queries").iterdir())
    status, out, err = run(hook, *good)
    assert (status, err) == (0, "")
    assert out.startswith(f"{len(good)} rules, ")
    (tmp_path / "wrong.yaml").write_text(wrong)
    status, out, err = run(hook, *good, tmp_path / "wrong.yaml")
    assert status == 1
    assert f"wrong.yaml:{told}" in out + err
