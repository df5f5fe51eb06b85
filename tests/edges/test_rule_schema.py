"""The JSON Schema of a rule's file: it accepts every rule, and what editors can tell it tells."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from counterbot.cli.rules import command
from counterbot.files.reader import read
from counterbot.files.rulefile import parse_rule

ROOT = Path(__file__).parents[2]
RULES = sorted([*(ROOT / "queries").iterdir(), *(ROOT / "tests/samples/contract/queries").iterdir(),
                *(ROOT / "counterbot/demo/data/queries").iterdir()])


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft202012Validator:
    document = json.loads(CliRunner().invoke(command, ["schema"]).stdout)
    jsonschema.Draft202012Validator.check_schema(document)
    return jsonschema.Draft202012Validator(document)


def told(schema: jsonschema.Draft202012Validator, text: str) -> list[str]:
    """Where its mistakes are. PyYAML reads these texts as YAML 1.2 does."""
    return [".".join(map(str, error.absolute_path)) for error in schema.iter_errors(yaml.safe_load(text))]


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_it_accepts_every_rule_there_is(schema, path) -> None:
    assert told(schema, path.read_text()) == []


@pytest.mark.parametrize(
    "text",
    [
        "bounds: {a.b: {max: 0}}",
        "bounds: {a.b: {max: 1.5}, 'q.*': {max: 1000}}\nbug: 5\nwhere: {job: [a, b], branch: master, voting: true}",
        "query: x\nbug: https://bugs.example.org/1\nsuppress-graph: true\ntest_ids: [a.b]\nresolved_at:",
        "query: x\nlabel: infra\ncases: [{given: {voting: true, file: f, lines: [x]}, expect: no match}]",
        "bounds: {a.b: {max: 1}}\nreport: {irc: []}\ncases: [{given: {counters: {a.b: 1}}, expect: within}]",
        "bounds: {a.b: {max: 1}}\ncases: [{given: {job: a, counters: {a.b: 2}}, expect: {over: [a.b]}}]",
    ],
)
def test_it_accepts_what_a_rule_may_hold(schema, text) -> None:
    assert parse_rule(read(text.encode(), "r.yaml")).mistakes == ()
    assert told(schema, text) == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("title: x", ""),
        ("query: x\nwher: {}", ""),
        ("query:", "query"),
        ("query: x\ntitle: 5", "title"),
        ("query: x\nowner:", "owner"),
        ("query: x\nbug: true", "bug"),
        ("bounds: {}", "bounds"),
        ("bounds: {a.b: 5}", "bounds.a.b"),
        ("bounds: {a.b: {maximum: 5}}", "bounds.a.b"),
        ("bounds: {a.b: {max: '5'}}", "bounds.a.b.max"),
        ("bounds: {a.b: {max: -1}}", "bounds.a.b.max"),
        ("query: x\nwhere: {branch: 2024.1}", "where.branch"),
        ("query: x\nwhere: {job: []}", "where.job"),
        ("query: x\nwhere: {branch: {regex: a}}", "where.branch"),
        ("query: x\nreport: {irc: '#qa'}", "report.irc"),
        ("query: x\nlabel: site", "label"),
        ("query: x\ncases: [{given: {file: f}, expect: match}]", "cases.0.given"),
        ("query: x\ncases: [{given: {file: f, lines: x}, expect: match}]", "cases.0.given.lines"),
        ("query: x\ncases: [{given: {counters: {}}, expect: within}]", "cases.0.given.counters"),
        ("query: x\ncases: [{given: {counters: {a.b: 1}}, expect: inside}]", "cases.0.expect"),
        ("query: x\ncases: [{given: {counters: {a.b: 1}}, expect: {over: []}}]", "cases.0.expect"),
    ],
)
def test_it_tells_what_counterbot_refuses(schema, text, place) -> None:
    assert parse_rule(read(text.encode(), "r.yaml")).mistakes
    assert place in told(schema, text)
