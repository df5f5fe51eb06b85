"""``counterbot rules list``: shows the rules."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from ...core.rules import Fingerprint, Rule
from ...core.text.inert import inert
from ..streams import warn
from ..tables import table, terminal
from .reading import ALLOW_NONE, PATHS, book_of

HEAD = ("NAME", "TITLE", "WHERE", "BOUNDS OR QUERY", "BUG")
SHOWN = 1_000
"""Bytes of a line in a cell of the table."""


@click.command("list")
@PATHS
@ALLOW_NONE
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of a table.")
def list_rules(paths: Sequence[str], allow_none: bool, as_json: bool) -> None:
    """Show the rules."""
    book, mistakes = book_of(paths, allow_none)
    if as_json:
        click.echo(json.dumps([_summary(rule) for rule in book.rules], indent=2))
    elif book.rules:
        click.echo(table(HEAD, [_row(rule) for rule in book.rules], within=terminal()))
    for mistake in mistakes:
        warn(str(mistake))
    raise SystemExit(1 if mistakes else 0)


def _summary(rule: Rule) -> dict[str, Any]:
    """A rule as JSON has it; cases are only counted."""
    where = {key: list(value) if isinstance(value, tuple) else value for key, value in vars(rule.where).items()}
    return {
        "name": rule.name,
        "title": rule.title,
        "why": rule.why,
        "owner": rule.owner or None,
        "bug": rule.bug,
        "where": where,
        "bounds": [{"counter": bound.counter, "max": bound.max} for bound in rule.bounds],
        "learn": [{"counter": each.counter, "false_warnings": each.false_warnings} for each in rule.learn],
        "report": {"gerrit": rule.report.gerrit, "irc": None if rule.report.irc is None else list(rule.report.irc)},
        "cases": len(rule.cases),
        "fingerprint": rule.fingerprint and _of_query(rule.fingerprint, rule.infra),
    }


def _of_query(fingerprint: Fingerprint, infra: bool) -> dict[str, Any]:
    return {
        "query": fingerprint.query,
        "matched": True,
        "label": "infra" if infra else None,
        "suppress-graph": fingerprint.suppress_graph,
        "suppress-notification": fingerprint.suppress_notification,
        "allow-nonvoting": fingerprint.allow_nonvoting,
        "test_ids": list(fingerprint.test_ids),
        "resolved_at": fingerprint.resolved_at,
        "cases": len(fingerprint.cases),
    }


def _row(rule: Rule) -> list[str]:
    """A rule in the table, with a line for each bound and one for its query."""
    asked = {key: value for key, value in vars(rule.where).items() if value not in ((), None)}
    where = " ".join(f"{key}={_words(value)}" for key, value in asked.items()) or "anywhere"
    asks = [*(f"{bound.counter} <= {bound.max:,}" for bound in rule.bounds),
            *(f"learn {each.counter}: {_sharp(each.false_warnings)}" for each in rule.learn),
            *([rule.fingerprint.query] if rule.fingerprint else [])]
    cells = [rule.name], [rule.title], [where], asks, [rule.bug or ""]
    return ["\n".join(inert(line, SHOWN) for line in lines) for lines in cells]


def _sharp(false_warnings: float) -> str:
    return f"{false_warnings:g} false in 1,000 runs" if false_warnings else "no bound"


def _words(value: tuple[str, ...] | bool) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value).lower()
