"""One law: arrows point inward. cli -> engine -> edges -> {clients, stats, fingerprints} -> core.

Edges never import each other.
"""

import ast
import re
import sys
from pathlib import Path

import pytest

from counterbot.core.subunit.gunzip import FASTER

ROOT = Path(__file__).parents[1] / "counterbot"
EDGES = {"files", "sources", "builds", "ledger", "reporters", "collectors", "pages"}
INNER = {"core", "clients", "stats", "fingerprints"}
MAY_IMPORT = {
    "core": set(),
    "stats": {"core"},
    "fingerprints": {"core"},
    "clients": {"core"},
    "demo": {"core"},
    **dict.fromkeys(EDGES, INNER),
    "engine": {*INNER, *EDGES},
    "cli": {*INNER, "engine", "demo", *EDGES},
}
ROOMS_OF = {"requests": "clients/http", "urllib3": "clients/http", "sqlalchemy": "ledger", "alembic": "ledger",
            **dict.fromkeys(["luqum", "ply", "hyperscan", "re2"], "fingerprints")}
NUMBERS = {"numpy", "scipy"}
PURE = {"core": set(),
        "stats": NUMBERS,
        "fingerprints": NUMBERS | {name for name, room in ROOMS_OF.items() if room == "fingerprints"}}
RECKONING = ("stats/", "fingerprints/unknown/")
NODE_MUST_NOT = {"sqlalchemy", "alembic", "numpy", "scipy", "paramiko", "irc"}
EFFECTS = {"logging", "os", "pathlib", "random", "shutil", "socket", "subprocess", "tempfile", "threading", "time"}


def imports(path):
    """Absolute names of the modules that a file imports, anywhere in it."""
    package = ["counterbot", *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            yield ".".join([*base, *([node.module] if node.module else [])])


def modules(room):
    return sorted((ROOT / room).rglob("*.py"))


def rooms():
    return sorted(path.name for path in ROOT.iterdir() if path.is_dir() and list(path.glob("*.py")))


def test_every_room_is_known():
    assert set(rooms()) <= set(MAY_IMPORT)


@pytest.mark.parametrize("room", rooms())
def test_arrows_point_inward(room):
    wrong = [f"{path.relative_to(ROOT)} imports {name}" for path in modules(room) for name in imports(path)
             if name.startswith("counterbot.") and name.split(".")[1] != room
             and name.split(".")[1] not in MAY_IMPORT[room]]
    assert wrong == []


@pytest.mark.parametrize(("room", "libraries"), PURE.items())
def test_what_is_pure_has_no_effects(room, libraries):
    allowed = set(sys.stdlib_module_names) - EFFECTS | {"counterbot", *libraries}
    wrong = [f"{path.name} imports {name}" for path in modules(room) for name in imports(path)
             if name.split(".")[0] not in allowed]
    assert wrong == []


def test_core_loads_by_name_what_is_faster_alone():
    loaders = {path.name for path in modules("core") for name in imports(path) if name.split(".")[0] == "importlib"}
    assert loaders == {"gunzip.py"}
    assert [name.split(".")[0] for name in FASTER] == ["isal", "zlib_ng"]


def test_what_runs_on_test_nodes_is_light():
    light = [path for room in ("core", "collectors") if (ROOT / room).is_dir() for path in modules(room)]
    wrong = [f"{path.name} imports {name}" for path in light for name in imports(path)
             if name.split(".")[0] in NODE_MUST_NOT]
    assert wrong == []


@pytest.mark.parametrize(("library", "room"), ROOMS_OF.items())
def test_a_library_stays_in_its_room(library, room):
    users = {path.relative_to(ROOT).with_suffix("").as_posix() for path in ROOT.rglob("*.py") for name in imports(path)
             if name.split(".")[0] == library}
    assert [user for user in users if not f"{user}/".startswith(f"{room}/")] == []


def test_arrays_stay_where_they_are_reckoned_with():
    users = {path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py") for name in imports(path)
             if name.split(".")[0] in NUMBERS}
    assert [user for user in users if not user.startswith(RECKONING)] == []


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text())), f"{path} has no docstring"


def test_the_plain_install_brings_what_a_test_node_needs_and_no_more():
    tree = ast.parse((ROOT.parent / "setup.py").read_text())
    (node,) = (each.value for each in tree.body if isinstance(each, ast.Assign) and each.targets[0].id == "NODE")
    assert [re.match(r"[A-Za-z0-9_-]+", each)[0] for each in ast.literal_eval(node)] == [
        "click", "pydantic", "PyMySQL", "python-subunit", "PyYAML"]
