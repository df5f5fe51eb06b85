"""docs/dashboard.json: Grafana can load it, and each of its graphs finds series that statsd writes for what we send."""

import json
import re
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path

import pytest

from counterbot.core.counters.metrics import Kind, metrics
from counterbot.core.model import Counters

DASHBOARD = json.loads((Path(__file__).parents[2] / "docs/dashboard.json").read_text())
PANELS = DASHBOARD["panels"]
TARGETS = [(panel["title"], target["target"]) for panel in PANELS for target in panel["targets"]]
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
CHOSEN = {"job": "tempest-full", "datasource": "graphite"}
"""What Grafana asks its data source for."""

LEGACY = {"counts": "stats_counts", "end": ""}
TOKEN = re.compile(r"""\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<number>\d+(?:\.\d+)?(?![\w.]))|(?P<sign>[(),])
                       |(?P<path>(?:[^\s(),'{}]|\{[^{}]*\})+))""", re.VERBOSE)

SENT = {
    "mysql.Queries": 9, "mysql.Com_select": 5, "mysql.Handler_read_key": 3, "mysql.Connections": 1,
    "queues.reply_publish": 7, "exchanges.total_publish": 7, "cpu.n-api_usec": 45110873, "io.mariadb_read_bytes": 4096,
    "api.compute.GET": 5, "memory_peak.n-api": 261332992, "memory.n-api": 261332992,
}


def written(legacy):
    """The names that statsd writes to Graphite for what is sent of one build."""
    counters = Counters(SENT, seconds=60.0)
    for metric in metrics([counters], "ci.tempest-full")[0]:
        if metric.kind is Kind.COUNT:
            yield f"stats_counts.{metric.name}" if legacy else f"stats.counters.{metric.name}.count"
        elif metric.kind is Kind.GAUGE:
            yield f"stats.gauges.{metric.name}"
        else:
            yield from (f"stats.timers.{metric.name}.{what}" for what in ("count", "mean"))


def filled(text, **chosen):
    """A text with its variables' values in it. Raises KeyError for one that is not defined."""
    values = {name: variable["current"].get("value") for name, variable in VARIABLES.items()} | CHOSEN | chosen
    return re.sub(r"\$\{?([A-Za-z]\w*)\}?", lambda found: values[found[1]], text)


def parsed(text):
    """Functions as [name, arguments…], series as (path,), other arguments as they are. Raises AssertionError."""
    tokens, at = [], 0
    while at < len(text):
        found = TOKEN.match(text, at)
        assert found, f"{text[at:]!r} is none of Graphite's"
        tokens.append((found.lastgroup, found[found.lastgroup]))
        at = found.end()

    def argument():
        kind, token = tokens.pop(0)
        assert kind != "sign", f"{token} where an argument should be: {text}"
        if kind == "path" and tokens and tokens[0][1] == "(":
            tokens.pop(0)
            call = [token, argument()]
            while (sign := tokens.pop(0)[1]) == ",":
                call.append(argument())
            assert sign == ")", text
            return call
        return (token,) if kind == "path" else token

    whole = argument()
    assert not tokens, f"{tokens} behind {text}"
    return whole


def paths(expression):
    if isinstance(expression, tuple):
        return [expression[0]]
    return [path for each in expression for path in paths(each)] if isinstance(expression, list) else []


def matches(path, name):
    """As Graphite does: node by node, with {a,b} and shell patterns."""
    choices = [re.split(r"[{}]", part) for part in path.split(".")]
    nodes = [["".join(picked) for picked in product(*(
        piece.split(",") if index % 2 else [piece] for index, piece in enumerate(pieces)))] for pieces in choices]
    parts = name.split(".")
    return len(parts) == len(nodes) and all(
        any(fnmatchcase(part, node) for node in any_of) for part, any_of in zip(parts, nodes, strict=True))


def test_grafana_can_load_it():
    assert DASHBOARD["id"] is None  # Grafana gives it one
    assert (DASHBOARD["uid"], type(DASHBOARD["schemaVersion"]), DASHBOARD["schemaVersion"] >= 36) == (
        "counterbot", int, True)
    assert len({panel["id"] for panel in PANELS}) == len({panel["title"] for panel in PANELS}) == len(PANELS)
    for panel in PANELS:
        assert panel["type"] == "timeseries"
        letters = [target["refId"] for target in panel["targets"]]
        assert letters == sorted(set(letters)) != []
        assert all(each["datasource"] == {"type": "graphite", "uid": "${datasource}"}
                   for each in (panel, *panel["targets"]))


def test_no_panel_lies_on_another():
    taken = [(x, y) for panel in PANELS for place in [panel["gridPos"]]
             for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24


def test_every_variable_is_used_and_defined():
    used = set(re.findall(r"\$\{?([A-Za-z]\w*)", json.dumps(DASHBOARD)))
    assert used == set(VARIABLES)
    assert VARIABLES["prefix"]["current"]["value"] == "ci"


@pytest.mark.parametrize(("title", "target"), TARGETS)
@pytest.mark.parametrize("legacy", [False, True])
def test_each_graph_finds_what_statsd_writes(title, target, legacy):
    names = list(written(legacy))
    expression = parsed(filled(target, **(LEGACY if legacy else {})))
    found = paths(expression)
    assert found
    for path in found:
        assert [name for name in names if matches(path, name)], f"{title}: nothing is called {path}"


def test_the_list_of_jobs_comes_from_names_that_are_there():
    query = filled(VARIABLES["job"]["query"])
    assert {name.split(".")[3] for name in written(False) if matches(f"{query}.*.*", name)} == {"tempest-full"}


@pytest.mark.parametrize("legacy", [False, True])
def test_each_graph_names_its_lines(legacy):
    """Graphite applies the last function's pattern to a name such as divideSeries(summarize(…),summarize(…))."""
    for title, target in TARGETS:
        function, inner, *words = parsed(filled(target, **(LEGACY if legacy else {})))
        if function == "alias":
            continue
        pattern, replacement = (word[1:-1] for word in words)
        (path, *others), shown = paths(inner), set()
        for name in (name for name in written(legacy) if matches(path, name)):
            series = f'divideSeries(summarize({name},"1d","sum"),{",".join(others)})' if others else \
                f'summarize({name},"1d","max")'
            shown.add(re.sub(pattern, replacement, series))
        assert shown <= {name.partition(".")[2].removesuffix("_usec") for name in SENT} | set(SENT), title
        assert shown


@pytest.mark.parametrize("broken", ["alias(a.b", "alias(a.b))", "a.b c.d", "alias(,a)", "alias(a.b, 'x)", "alias()"])
def test_what_is_no_expression_is_seen(broken):
    with pytest.raises((AssertionError, IndexError)):
        parsed(broken)
