"""``counterbot rules``: lists, validates and tests the rules of a folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from ..core.rules import Rule, holds
from ..core.text.inert import inert
from ..files.rulebook import RuleBook
from .completion import files
from .groups import Group
from .streams import end_with
from .tables import coloured, table

FOLDER = click.argument("folder", metavar="[DIR]", default="queries/", shell_complete=files)
HEAD = ("NAME", "TITLE", "WHERE", "BOUNDS", "BUG")
UNMATCHED = "fingerprint: not matched yet"
SHOWN = 1_000
"""Bytes of a cell of the table, and of a failed case."""


@click.group(cls=Group)
def command() -> None:
    """List, validate and test the rules in DIR (default: queries/)."""


@command.command("list")
@FOLDER
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of a table.")
def list_rules(folder: str, as_json: bool) -> None:
    """Show the rules in DIR."""
    book = RuleBook(folder)
    if as_json:
        click.echo(json.dumps([_summary(rule) for rule in book.rules], indent=2))
    elif book.rules:
        click.echo(table(HEAD, [[inert(cell, SHOWN) for cell in row] for rule in book.rules for row in _rows(rule)]))
    if book.mistakes:
        end_with(book.mistakes)


@command.command()
@FOLDER
def check(folder: str) -> None:
    """Print every mistake in DIR; status 1 if there are any."""
    book = RuleBook(folder)
    click.echo(f"{_many(len(book.rules), 'rule')}, {_many(len(book.mistakes), 'mistake')}")
    if book.mistakes:
        end_with(book.mistakes)


@command.command()
@FOLDER
def test(folder: str) -> None:
    """Run the cases of every rule in DIR; status 1 if one fails, or a rule lacks them."""
    book = RuleBook(folder)
    failures = [f"FAIL {book.path_of(rule)}: {why}" for rule in book.rules for why in _failures(rule)]
    for failure in failures:
        click.echo(coloured("FAIL", "red") + inert(failure, SHOWN).removeprefix("FAIL"))
    tested = [rule for rule in book.rules if rule.bounds]
    cases = sum(len(rule.cases) for rule in tested)
    summary = [_many(len(tested), "rule"), _many(cases, "case"), _many(len(failures), "failure")]
    skipped = len(book.rules) - len(tested)
    click.echo(", ".join(summary) + (f"; {_many(skipped, 'fingerprint')} not matched yet" if skipped else ""))
    if book.mistakes or failures:
        end_with(book.mistakes)


def _failures(rule: Rule) -> Iterator[str]:
    """What is wrong with a rule's cases, one sentence each."""
    if not rule.bounds:
        return
    if not any(case.over for case in rule.cases):
        yield "no case expects a counter over its bound"
    if not any(not case.over for case in rule.cases):
        yield "no case expects all counters within their bounds"
    for number, case in enumerate(rule.cases, 1):
        why = holds(rule, case)
        if why:
            yield f"case {number}: {why}"


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
        "report": {"gerrit": rule.report.gerrit, "irc": None if rule.report.irc is None else list(rule.report.irc)},
        "cases": len(rule.cases),
        "fingerprint": rule.fingerprint and {"query": rule.fingerprint.query, "matched": False},
    }


def _rows(rule: Rule) -> Iterator[tuple[str, ...]]:
    """A rule's lines in the table: one for each bound; the first has the rest."""
    asked = {key: value for key, value in vars(rule.where).items() if value not in ((), None)}
    where = " ".join(f"{key}={_words(value)}" for key, value in asked.items()) or "anywhere"
    first, *others = [f"{bound.counter} <= {bound.max:,}" for bound in rule.bounds] or [UNMATCHED]
    yield rule.name, rule.title, where, first, rule.bug or ""
    yield from (("", "", "", bound, "") for bound in others)


def _words(value: tuple[str, ...] | bool) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value).lower()


def _many(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"
