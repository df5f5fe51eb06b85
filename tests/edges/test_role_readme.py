"""Each role's README tells every variable, and those alone."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ROLES = {"collect-counters": {"collect_counters_stage"}, "check-rules": set()}
"""With the variables that have no default."""


def test_there_is_no_other_role():
    assert {path.name for path in (ROOT / "roles").iterdir()} == set(ROLES)


@pytest.mark.parametrize("name", ROLES)
def test_every_variable_is_told_and_has_its_default(name):
    role, words = ROOT / "roles" / name, re.compile(rf"\b{name.replace('-', '_')}_\w+")
    told = re.findall(r"^\.\. zuul:rolevar:: (\S+)$", (role / "README.rst").read_text(), re.MULTILINE)
    defaults = yaml.safe_load((role / "defaults/main.yaml").read_text())
    used = {name for tasks in (role / "tasks").glob("*.yaml") for name in words.findall(tasks.read_text())}
    used |= {name for value in defaults.values() if isinstance(value, str) for name in words.findall(value)}
    assert sorted(told) == sorted(set(told)) == sorted(ROLES[name] | set(defaults))
    assert used <= set(told)
    assert set(defaults) <= used


@pytest.mark.parametrize("name", ROLES)
def test_the_tasks_are_yaml_and_named(name):
    for path in (ROOT / "roles" / name / "tasks").glob("*.yaml"):
        assert all("name" in task for task in yaml.safe_load(path.read_text())), path


def test_the_job_runs_a_playbook_with_a_role_that_is_here():
    (entry,) = yaml.safe_load((ROOT / "zuul.d/jobs.yaml").read_text())
    (play,) = yaml.safe_load((ROOT / entry["job"]["run"]).read_text())
    assert set(play["roles"]) <= set(ROLES)
