"""The list of a build's files, as Zuul's role writes it and as nobody should."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterbot.builds.logs import manifest_paths as paths
from counterbot.core import limits
from counterbot.core.model import Unreadable
from tests.memory import peak_below

SAMPLE = Path(__file__).parent.parent / "samples/zuul-14.3/zuul-manifest.json"


def folder(name, *children):
    return {"name": name, "mimetype": "application/directory", "encoding": None, "children": list(children)}


def file(name):
    return {"name": name, "mimetype": "text/plain", "encoding": None, "last_modified": 1, "size": 1}


def listed(*nodes):
    return paths(json.dumps({"tree": nodes, "index_links": False}).encode())


def test_of_a_real_zuul():
    assert paths(SAMPLE.read_bytes()) == [
        "controller/logs/performance.json", "job-output.json", "job-output.txt", "testrepository.subunit",
        "workspace-repos.json"]


def test_in_order_and_once():
    assert listed(file("b"), folder("a", file("z"), file("é b#?%")), file("b"), folder("empty")) == ["a/z",
        "a/é b#?%", "b"]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "/etc", "a\\b", "a\nb", "a\0b", "\u202e", "\ud800",
    None, 7, []])
def test_names_that_could_lead_elsewhere_are_passed_over(name):
    assert listed(file(name), folder(name, file("inside")), file("good")) == ["good"]


@pytest.mark.parametrize("node", [None, 7, "a", [], {}, {"children": []}])
def test_nodes_that_are_none_are_passed_over(node):
    assert listed(node, file("good")) == ["good"]


@pytest.mark.parametrize("data", [b"", b"<!DOCTYPE html>", b"[]", b"{}", b'{"tree": {}}', b"null", b"[" * 200_000,
    b"\xff",
                                  b'{"tree": [' + b"[" * 100_000, b'{"tree": ' + b"9" * 5000 + b"}"])
def test_what_is_none(data):
    with pytest.raises(Unreadable, match=r"zuul-manifest\.json (is not JSON|has no tree)"):
        paths(data)


def test_without_end():
    assert len(listed(*(file(f"f{n}") for n in range(limits.MANIFEST_NODES)))) == limits.MANIFEST_NODES
    with pytest.raises(Unreadable, match=r"zuul-manifest\.json names more than 50,000 files"):
        listed(*(file("same") for n in range(100_000)))


def test_with_more_files_than_any_job_has_is_within_the_limit():
    nodes = [folder(f"controller-{n}", *(file(f"journal-{n}-{m}.txt.gz") for m in range(100))) for n in range(200)]
    data = json.dumps({"tree": nodes}).encode()
    assert len(data) < limits.MANIFEST_FILE
    assert len(paths(data)) == 20_000


def test_many_deep_in_folders_take_little_memory():
    data = b'{"name":"a","children":[' * 63 + b"0," * 300_000 + b"0" + b"]}" * 63
    with peak_below(16 << 20), pytest.raises(Unreadable, match="more than 50,000 files"):
        paths(b'{"tree":[%s]}' % data)


def test_without_ground():
    deep = file("f")
    for _ in range(200):
        deep = folder("d", deep)
    assert listed(deep, file("good")) == ["good"]
    data = b'{"tree": ' + b'[{"name": "d", "children": ' * 20_000
    with pytest.raises(Unreadable):
        paths(data)


NODES = st.recursive(st.none() | st.integers() | st.text(max_size=4), lambda inner: st.lists(inner,
    max_size=4) | st.fixed_dictionaries(
    {}, optional={"name": st.text(max_size=4) | inner, "children": st.lists(inner, max_size=4) | inner}), max_leaves=20)


@given(NODES)
def test_never_leave_the_root(tree):
    try:
        found = paths(json.dumps({"tree": tree}).encode())
    except Unreadable:
        return
    assert all(part not in ("", ".", "..") for path in found for part in path.split("/"))
    assert found == sorted(set(found))
