"""The role's README tells every variable, and those alone."""

import re
from pathlib import Path

import yaml

ROLE = Path(__file__).parents[2] / "roles/collect-counters"
USED = re.compile(r"\bcollect_counters_\w+")


def test_every_variable_is_told_and_has_its_default():
    told = re.findall(r"^\.\. zuul:rolevar:: (\S+)$", (ROLE / "README.rst").read_text(), re.MULTILINE)
    defaults = yaml.safe_load((ROLE / "defaults/main.yaml").read_text())
    used = {name for tasks in (ROLE / "tasks").glob("*.yaml") for name in USED.findall(tasks.read_text())}
    assert sorted(told) == sorted(set(told)) == sorted({"collect_counters_stage", *defaults})
    assert used <= set(told)
    assert set(defaults) <= used


def test_the_tasks_are_yaml_and_named():
    for path in (ROLE / "tasks").glob("*.yaml"):
        assert all("name" in task for task in yaml.safe_load(path.read_text())), path
