"""Patterns that fit no name are told, with the pattern that would; what may fit is not."""

from __future__ import annotations

import re
import subprocess
from fnmatch import fnmatchcase

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from counterbot.core.events import Recognition, recognise
from counterbot.core.model import Report
from counterbot.core.patterns import Names, complaint, literal

JOB, BRANCH, PROJECT, PIPELINE, COUNTER = Names
NO_REGEX = "must be a shell pattern, not a regular expression; "
ONE = "must be a single shell pattern; "
EXCLUDES = "must be a shell pattern, which cannot exclude names; "
CLASSES = "must be a shell pattern, which has characters and ranges in brackets: [abc], [0-9], or [!0-9]"


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("^stable/.*$", NO_REGEX + "write 'stable/*'"),
        ("stable/.*", NO_REGEX + "write 'stable/*'"),
        ("tempest.*", NO_REGEX + "write 'tempest*'"),
        (".*tempest.*", NO_REGEX + "write '*tempest*'"),
        (".*", NO_REGEX + "write '*'"),
        (".+-full", NO_REGEX + "write '?*-full'"),
        ("^tempest", NO_REGEX + "write 'tempest*'"),
        ("/tempest/", NO_REGEX + "write 'tempest'"),
        ("tempest-full$", NO_REGEX + "write 'tempest-full'"),
        (r"py3\.\d+", NO_REGEX + "write 'py3.[0-9]*'"),
        (r"stable/\d{4}\.\d", NO_REGEX + "write 'stable/[0-9][0-9][0-9][0-9].[0-9]'"),
        ("tempest-[a-z]+", NO_REGEX + "write 'tempest-[a-z]*'"),
        ("^stable/(2023.1|2024.1)$", NO_REGEX + "write a list: ['stable/2023.1', 'stable/2024.1']"),
        ("tempest(-py3)?$", NO_REGEX + "write a list: ['tempest-py3', 'tempest']"),
        ("(?i)tempest", NO_REGEX + "* stands for any text, ? for a character, [0-9] for one of these"),
        ("master|main", ONE + "write a list: ['master', 'main']"),
        ("(master|main)", ONE + "write a list: ['master', 'main']"),
        ("@(master|main)", ONE + "write a list: ['master', 'main']"),
        ("master, main", ONE + "write a list: ['master', 'main']"),
        ("stable/{2023.1,2024.1}", ONE + "write a list: ['stable/2023.1', 'stable/2024.1']"),
        ("[check, 'gate*']", ONE + "write a list: ['check', 'gate*']"),
        ("tempest-v[0-9]{1,2}", NO_REGEX + "write 'tempest-v[0-9]*'"),
        ("v.{2,}|a{1,3}", NO_REGEX + "write a list: ['v?*', 'a*']"),
        ("|", ONE + "* stands for any text, ? for a character, [0-9] for one of these"),
        ("[^s]*", CLASSES),
        ("[[:alpha:]]*", CLASSES),
        ("[:alpha:]*", CLASSES),
        (r"v[\d]*", CLASSES),
        (r"[\w-]+", NO_REGEX + "* stands for any text, ? for a character, [0-9] for one of these"),
        ("[z-a]*", "must be a shell pattern: there is nothing in the range [z-a]"),
        ("a[", "must be a shell pattern: its '[' is never closed"),
        (" master", "must not begin or end with a blank"),
    ],
)
def test_what_fits_no_job_branch_or_pipeline(pattern, told):
    assert {complaint(names, pattern) for names in (JOB, BRANCH, PIPELINE)} == {told}


@pytest.mark.parametrize(
    ("names", "pattern", "told"),
    [
        (BRANCH, r"^(?!stable/).*$", EXCLUDES + "list those that are meant, such as [master, 'feature/*']"),
        (JOB, "!tempest", EXCLUDES + "list those that are meant, such as [tempest-full, 'devstack*']"),
        (PROJECT, "openstack/!(nova)",
         EXCLUDES + "list those that are meant, such as [openstack/nova, 'openstack/neutron*']"),
        (PIPELINE, "!check", EXCLUDES + "list those that are meant, such as [check, gate]"),
        (COUNTER, "!mysql.Queries", EXCLUDES + "write a bound for each that is meant"),
        (BRANCH, "refs/heads/master", "must be a branch's short name; write 'master'"),
        (BRANCH, "^refs/heads/stable/.*$", NO_REGEX + "write 'stable/*'"),
        (BRANCH, "refs/tags/*", "must be a branch's short name; * stands for any text, ? for a character, "
                                "[0-9] for one of these"),
        (BRANCH, "stable/", "must fit the name of a branch, and none has '/' at its end"),
        (BRANCH, "master main", "must fit the name of a branch, and none has ' '"),
        (BRANCH, "a..b", "must fit the name of a branch, and none has '..'"),
        (PROJECT, "openstack/nova.git", "must fit the name of a project, and none has '.git' at its end"),
        (PROJECT, "https://opendev.org/*", "must fit the name of a project, and none has ':'"),
        (PROJECT, "openstack/.*", NO_REGEX + "write 'openstack/*'"),
        (PROJECT, "^openstack/nova", NO_REGEX + "write 'openstack/nova*'"),
        (COUNTER, "mysql.Com_.*", NO_REGEX + "write 'mysql.Com_*'"),
        (COUNTER, "mysql.Com.*", NO_REGEX + "write 'mysql.Com*'"),
        (COUNTER, r"mysql\.Queries", NO_REGEX + "write 'mysql.Queries'"),
        (COUNTER, "^mysql.Queries$", NO_REGEX + "write 'mysql.Queries'"),
        (COUNTER, "mysql.Com_[a-z]+", NO_REGEX + "write 'mysql.Com_[a-z]*'"),
        (COUNTER, "mysql.(Com_select|Com_insert)",
         ONE + "write a bound for each: 'mysql.Com_select', 'mysql.Com_insert'"),
        (COUNTER, "a.b, a.c", ONE + "write a bound for each: 'a.b', 'a.c'"),
        (COUNTER, "^mysql.*", NO_REGEX + "write 'mysql.*'"),
        (COUNTER, "mysql.+_.*$", NO_REGEX + "write 'mysql.?*_*'"),
        (COUNTER, ".*", NO_REGEX + "* stands for any text, ? for a character, [0-9] for one of these"),
        (COUNTER, "mysql.Queries|Slow_queries",
         ONE + "* stands for any text, ? for a character, [0-9] for one of these"),
        (COUNTER, "a.b|a.c", ONE + "write a bound for each: 'a.b', 'a.c'"),
    ],
)
def test_what_fits_no_name_of_a_kind(names, pattern, told):
    assert complaint(names, pattern) == told


@pytest.mark.parametrize("pattern", ["*", "**", "?", "*.*", "tempest-*", "*-full", "[!x]b", "[]]", "[a-z]*", "a[|]b*",
                                     "openstack-tox-py3.*", "v1.?", "libstdc++", "{name}", "a-b_c.d"])
def test_what_fits_any_kind_of_name(pattern):
    assert [complaint(names, pattern) for names in Names if names is not PROJECT or "|" not in pattern] == [None] * (
        4 if "|" in pattern else 5)


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (JOB, "build (linux)"), (JOB, "a b"), (JOB, "c++/x"), (JOB, "a~b"), (PIPELINE, "third party check"),
        (BRANCH, "stable/2024.*"), (BRANCH, "stable/202[45].?"), (BRANCH, "feature/a+b"), (BRANCH, "a(b)"),
        (PROJECT, "platform/eclipse.*"), (PROJECT, "c++/*"), (PROJECT, "All-*"),
        (COUNTER, "mysql.*"), (COUNTER, "*.Queries"), (COUNTER, "queues.notifications.*"), (COUNTER, "process.beam.*"),
        (COUNTER, "queues.a|b"), (COUNTER, "queues.a,b_publish"), (COUNTER, "queues.$x_publish"),
        (COUNTER, "exchanges.(default)_publish"), (COUNTER, "db.nova_cell?.UPDATE"), (COUNTER, "a.b c"),
    ],
)  # fmt: skip
def test_names_with_such_characters(names, pattern):
    assert complaint(names, pattern) is None


# -- what is accepted fits a name that may exist

WRITTEN = st.lists(
    st.sampled_from(["stable", "x", "2024", "/", "*", "?", "[0-9]", "[!a-c]", "[|]", "[.]", ".", "-", "_", "|", "^",
                     "$", "(", ")", ",", " ", "\\", "\\d", "{", "}", "+", "!", "~", ":", "@", "%", "<",
                     ".git", ".lock"]),
    min_size=1, max_size=6).map("".join)
CLASS = re.compile(r"\[(!?)(.)[^]]*\]")
MANY = settings(max_examples=500, deadline=None)


def a_name(pattern):
    """One that it fits."""
    name = CLASS.sub(lambda found: "x" if found[1] else found[2], pattern).replace("*", "y").replace("?", "z")
    assert fnmatchcase(name, pattern)
    return name


@MANY
@given(WRITTEN)
def test_a_branch_that_git_takes(pattern):
    assume(complaint(BRANCH, pattern) is None)
    name = a_name(pattern)
    subprocess.run(["git", "check-ref-format", f"refs/heads/{name}"], check=True)


@MANY
@given(WRITTEN)
def test_a_project_that_gerrit_takes(pattern):
    """``LocalDiskRepositoryManager.isUnreasonableName``."""
    assume(complaint(PROJECT, pattern) is None)
    name = a_name(pattern)
    assert not any(part in name for part in ("\\", "//", "/./", "/../", "/+", *"?%*:<>|$~"))
    assert not name.startswith(("/", "../"))
    assert not name.endswith(("/", ".git"))


@MANY
@given(WRITTEN)
def test_a_job_that_is_read_in_a_comment_of_zuul(pattern):
    assume(complaint(JOB, pattern) is None)
    name = a_name(pattern)
    comment = f"Build succeeded (check pipeline).\n\n- {name} https://zuul.example.org/build/{'a' * 32} : SUCCESS in 1s"
    report = recognise({"type": "comment-added", "author": {"username": "zuul"}, "comment": comment,
                        "change": {"project": "a/b", "branch": "master", "number": 1, "id": "I1"},
                        "patchSet": {"number": 1, "revision": "b" * 40}}, Recognition(frozenset({"zuul"})))
    assert isinstance(report, Report)
    assert [build.job for build in report.builds] == [name]


@MANY
@given(st.sampled_from([JOB, BRANCH, PROJECT, PIPELINE, COUNTER]), WRITTEN)
def test_what_is_suggested_is_yaml_and_accepted(names, pattern):
    told = re.search(r"; write (?:a bound for each: |a list: )?(\[?'.*)", complaint(names, pattern) or "")
    suggested = yaml.safe_load(f"[{told[1]}]" if told else "[]")
    for each in suggested[0] if suggested and isinstance(suggested[0], list) else suggested:
        assert complaint(names, each) is None
        assert names is not COUNTER or "." in each


@given(st.sampled_from(Names), st.text(st.sampled_from("ab1.*?[]!^$|(){},\\-/ "), min_size=1, max_size=8))
def test_a_name_has_a_pattern_that_fits_it_alone_or_none(names, name):
    pattern = literal(names, name)
    if pattern is not None:
        assert complaint(names, pattern) is None
        assert fnmatchcase(name, pattern)
        assert not fnmatchcase(f"{name}x", pattern)


@pytest.mark.parametrize(("name", "pattern"), [
    ("mysql.Queries", "mysql.Queries"), ("queues.a*b", "queues.a[*]b"), ("queues.a|[b]", "queues.a[|][[]b[]]"),
    ("^queues.x", None)])
def test_signs_of_a_name_stand_in_brackets(name, pattern):
    assert literal(COUNTER, name) == pattern
