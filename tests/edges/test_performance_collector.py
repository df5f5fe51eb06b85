"""The performance collector on files as DevStack's tools/get-stats.py writes them."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterbot.collectors import Failed, performance, settings
from counterbot.core.counters.difference import Group, difference
from counterbot.core.counters.performance import parse_performance
from counterbot.core.counters.snapshot import Snapshot

SAMPLE = Path(__file__).parents[1] / "samples/performance/performance-v1-2022-05-17.json"
VERSION_2 = {
    "services": [{"service": "devstack@n-api.service", "MemoryCurrent": 100},
                 {"service": "apache2.service", "MemoryCurrent": 7}],
    "db": [{"db": "nova", "op": "SELECT", "count": 5}, {"db": "nova", "op": "UPDATE", "count": 1}],
    "processes": [{"cmd": "/usr/sbin/mysqld", "pid": 1, "args": "", "rss": 30},
                  {"cmd": "/usr/bin/privsep-helper", "pid": 2, "args": "", "rss": 4},
                  {"cmd": "/opt/privsep-helper", "pid": 3, "args": "", "rss": 5}],
    "api": [{"service": "compute", "log": "access_log", "largest": 900, "tempest-GET": 2, "nova-GET": 1,
             "tempest-POST": 4}],
    "report": {"timestamp": "2026-11-21T02:07:44.101", "hostname": "node-0001", "version": 2},
}
GROUPS = {"memory": {"n-api": 100, "apache2": 7}, "process": {"mysqld": 30, "privsep-helper": 9},
          "db": {"nova.SELECT": 5, "nova.UPDATE": 1}, "api": {"compute.GET": 3, "compute.POST": 4}}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "performance.json"


def collect(*files, **given):
    return performance.collect(performance.Settings(tuple(map(str, files)), **given), 5, False)


def written(file, document=VERSION_2, **changes):
    file.write_text(json.dumps({**document, **changes}))
    return collect(file)


def failure(*files, **given):
    with pytest.raises(Failed) as failed:
        collect(*files, **given)
    return str(failed.value)


def test_version_2(file):
    found = written(file)
    assert (found.groups, found.failures) == (GROUPS, ())
    assert (found.absent, dict(found.instances), dict(found.own)) == (frozenset(), {}, {})
    assert GROUPS.keys() == performance.GROUPS.keys()


def test_a_real_file_of_version_1_gives_what_the_bot_reads_from_it():
    found = collect(SAMPLE)
    assert found.failures == ()
    assert {f"{group}.{name}": value for group, members in found.groups.items() for name, value in members.items()} \
        == parse_performance(SAMPLE.read_bytes()).values
    assert found.groups["memory"]["n-api"] == 261332992


def test_the_first_file_that_is_there_is_read(file, tmp_path):
    written(file)
    (tmp_path / "later.json").write_text("{}")
    assert collect(tmp_path / "none.json", file, tmp_path / "later.json").groups == GROUPS


def test_the_home_folder(file, monkeypatch):
    monkeypatch.setenv("HOME", str(file.parent))
    written(file)
    assert performance.collect(performance.Settings(), 5, False).groups == GROUPS


def test_only_the_groups_that_are_wanted(file):
    written(file, db=[])
    found = collect(file, groups=("api", "memory"))
    assert (set(found.groups), found.failures) == ({"api", "memory"}, ())


def test_counts_stand_where_there_was_no_file_before_the_job(file):
    known = {group: Group("performance", kind) for group, kind in performance.GROUPS.items()}
    failed = Snapshot({}, 1, collector="counterbot", failures={"performance": "none of … is there"})
    after = Snapshot(written(file).groups, 2, collector="counterbot")
    assert difference(failed, after, known).groups == GROUPS
    again = difference(after, Snapshot(after.groups, 3, collector="counterbot"), known)
    assert again.groups == GROUPS | {"db": dict.fromkeys(GROUPS["db"], 0), "api": dict.fromkeys(GROUPS["api"], 0)}


# -- what cannot be read


def test_no_file(file):
    assert failure(file, "/nowhere/p.json") == (
        f"none of {file}, /nowhere/p.json is a file: run DevStack's tools/get-stats.py before, or name the place of "
        "what it wrote in 'files'")


@pytest.mark.parametrize(("content", "why"), [
    (b"", "not a performance.json: one JSON object was expected"),
    (b"{", "not JSON: Expecting property name enclosed in double quotes at line 1 column 2"),
    (b"Traceback (most recent call last):\n", "not JSON: Expecting value at line 1 column 1"),
    (b"[]", "not a performance.json: one JSON object was expected"),
    (b"{}{}", "not a performance.json: one JSON object was expected"),
    (b'{"mysql": {"Queries": 1}}', "not a performance.json: it holds none of services, db, processes, api"),
    (b'{"services": {}}', "not a performance.json: it holds none of services, db, processes, api"),
    (b" " * (8 << 20) + b"{}", "8,388,609 bytes, more than the 8,388,608 that are read"),
])
def test_a_file_that_is_none(file, content, why):
    file.write_bytes(content)
    assert failure(file) == f"{file}: {why}; write it anew with DevStack's tools/get-stats.py"


def test_what_is_no_file(file, tmp_path):
    os.mkfifo(file)  # which would never end
    assert failure(tmp_path, file).startswith(f"none of {tmp_path}, {file} is a file: ")


@pytest.mark.parametrize(("changes", "group", "why"), [
    ({"db": []}, "db", "db is empty: Python's pymysql was missing, or DevStack ran without MYSQL_GATHER_PERFORMANCE"),
    ({"processes": []}, "process", "processes is empty: Python's psutil was missing, or none of the processes ran"),
    ({"api": []}, "api", "api is empty: no access log of Apache was given, or its format is not 'combined'"),
    ({"services": [{"service": "devstack@n-api.service", "MemoryCurrent": 2**64 - 1}]}, "memory",
     "services is empty: no unit devstack@*.service ran, or systemd does not account for their memory"),
    ({"db": "many"}, "db", "db: text instead of a list"),
    ({"services": [{"name": "n-api"}, 5]}, "memory", "services: 2 of 2 rows have no name"),
    ({"db": [{"db": "nova", "op": "SELECT"}]}, "db", "db.nova.SELECT: null instead of a number"),
])
def test_a_group_without_anything_is_a_failure_and_never_empty(file, changes, group, why):
    found = written(file, **changes)
    assert found.groups == {name: members for name, members in GROUPS.items() if name != group}
    assert found.failures == (f"{file}: {why}",)
    assert failure(file, groups=(group,)) == f"{file}: {why}"


def test_what_is_no_number_is_told_and_the_others_kept(file):
    rows = [{"db": "nova", "op": f"OP{number}", "count": "many"} for number in range(3)]
    found = written(file, db=[*rows, *VERSION_2["db"]], services=[*VERSION_2["services"], {}])
    assert found.groups == GROUPS
    assert found.failures == (
        f"{file}: services: 1 of 3 rows have no name",
        *(f"{file}: db.nova.OP{number}: text instead of a number" for number in range(3)))


KEYS = st.sampled_from(["service", "MemoryCurrent", "db", "op", "count", "cmd", "rss", "x-GET"])
ROWS = st.lists(st.dictionaries(KEYS, st.none() | st.integers(-5, 5) | st.text(max_size=3), max_size=4), max_size=4)


@given(st.dictionaries(st.sampled_from(["services", "db", "processes", "api", "report"]), ROWS | st.text(max_size=3)))
def test_whatever_the_file_holds_each_group_has_values_or_a_reason(tmp_path_factory, document):
    file = tmp_path_factory.getbasetemp() / "performance.json"
    file.write_text(json.dumps(document))
    for group in performance.GROUPS:
        try:
            why, found = "", collect(file, groups=(group,)).groups
        except Failed as error:
            why, found = str(error), {}
        assert found.get(group) or why.startswith(str(file))


def test_settings():
    assert settings.build(performance.Settings, {"files": ["/p.json"]}).files == ("/p.json",)
    with pytest.raises(settings.Wrong, match="groups: 'services' is none of memory, process, db, api"):
        settings.build(performance.Settings, {"groups": ["services"]})
    with pytest.raises(settings.Wrong, match="files: must not be empty"):
        settings.build(performance.Settings, {"files": []})
