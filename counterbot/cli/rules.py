"""``counterbot rules``: lists, validates and tests rules, and prints their JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn

import click

from ..core import limits
from ..core.counters.naming import named_in
from ..core.rules import Rule, holds
from ..core.text.figures import counted
from ..core.text.inert import inert
from ..files.reader import Mistake
from ..files.rulebook import RuleBook
from ..files.rulekeys import schema as schema_of_rules
from .check import read
from .completion import files
from .groups import Group
from .streams import warn
from .tables import coloured, table, terminal

HEAD = ("NAME", "TITLE", "WHERE", "BOUNDS", "BUG")
UNMATCHED = "fingerprint: not matched yet"
SHOWN = 1_000
"""Bytes of a line in a cell of the table."""


PATHS = click.argument("paths", metavar="[DIR|FILE]...", nargs=-1, shell_complete=files)
ALLOW_NONE = click.option("--allow-none", is_flag=True, help="A folder without rules is no mistake.")
FORMAT = click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text",
                      show_default=True, help="For people, programs, or annotations of GitHub Actions.")


@click.group(cls=Group)
def command() -> None:
    """List, validate and test rules: those in files, and in folders (default: queries/)."""


@command.command("list")
@PATHS
@ALLOW_NONE
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of a table.")
def list_rules(paths: Sequence[str], allow_none: bool, as_json: bool) -> None:
    """Show the rules."""
    book, mistakes = _book(paths, allow_none)
    if as_json:
        click.echo(json.dumps([_summary(rule) for rule in book.rules], indent=2))
    elif book.rules:
        click.echo(table(HEAD, [_row(rule) for rule in book.rules], within=terminal()))
    for mistake in mistakes:
        warn(str(mistake))
    raise SystemExit(1 if mistakes else 0)


@command.command()
@PATHS
@ALLOW_NONE
@click.option("--counters", metavar="FILE", shell_complete=files,
              help="A counters file of the rules' jobs, to warn of bounds that look like misspelt counters.")
@FORMAT
def check(paths: Sequence[str], allow_none: bool, counters: str | None, form: str) -> None:
    """Print every mistake in the rules; status 1 if there are any, or no rule."""
    book, mistakes = _book(paths, allow_none)
    for doubt in _misspelt(book, counters) if counters is not None else ():
        warn(f"warning: {doubt}")
    summary = f"{_many(len(book.rules), 'rule')}, {_many(len(mistakes), 'mistake')}"
    _end(form, summary, {"rules": len(book.rules)}, mistakes=mistakes)


@command.command()
@PATHS
@ALLOW_NONE
@FORMAT
def test(paths: Sequence[str], allow_none: bool, form: str) -> None:
    """Run the cases of every rule; status 1 if one fails, a rule lacks them, or there is no rule."""
    book, mistakes = _book(paths, allow_none)
    failures = [failure for rule in book.rules for failure in _failures(rule, book)]
    tested = [rule for rule in book.rules if rule.bounds]
    cases = sum(len(rule.cases) for rule in tested)
    skipped = len(book.rules) - len(tested)
    counts = [_many(len(tested), "rule"), _many(cases, "case"), _many(len(failures), "failure")]
    summary = ", ".join(counts + [_many(len(mistakes), "mistake")] * bool(mistakes)) + (
        f"; {_many(skipped, 'fingerprint')} not matched yet" if skipped else "")
    _end(form, summary, {"rules": len(tested), "cases": cases, "fingerprints": skipped},
         mistakes=mistakes, failures=failures)


@command.command()
def schema() -> None:
    """Print the JSON Schema of a rule's file, for editors."""
    click.echo(json.dumps(schema_of_rules(), indent=2))


def _book(paths: Sequence[str], allow_none: bool) -> tuple[RuleBook, tuple[Mistake, ...]]:
    """The rules, and the mistakes in them."""
    book = RuleBook(*(paths or ["queries/"]))
    return book, (*book.mistakes, *(() if allow_none else book.empty()))


def _misspelt(book: RuleBook, file: str) -> Iterator[Mistake]:
    """Bounds whose counter is not in the file but looks like one that is."""
    found = read(file)
    if isinstance(found, str):
        raise click.ClickException(inert(found, limits.MISTAKE))
    names = named_in(found)
    for rule in book.rules:
        for bound, place in zip(rule.bounds, book.file_of(rule).bounds_at, strict=True):
            if meant := names.meant(bound.counter):
                yield Mistake(place, f"{bound.counter!r} is not in {file}; did you mean {meant!r}?")


def _end(form: str, summary: str, counts: dict[str, int], mistakes: Sequence[Mistake],
         failures: Sequence[Mistake] | None = None) -> NoReturn:
    """Print what is wrong, and the summary as the last line; end with status 1 if anything is."""
    wrong = (*mistakes, *(failures or ()))
    if form == "json":
        lists = {"mistakes": mistakes} if failures is None else {"mistakes": mistakes, "failures": failures}
        click.echo(json.dumps({**counts, **{name: list(map(_fields, each)) for name, each in lists.items()}}, indent=2))
        raise SystemExit(1 if wrong else 0)
    if form == "github":
        for each in wrong:
            click.echo(_annotation(each))
    else:
        for mistake in mistakes:
            warn(str(mistake))
        for failure in failures or ():
            click.echo(f"{coloured('FAIL', 'red')} {inert(str(failure), limits.MISTAKE)}")
    click.echo(summary)
    raise SystemExit(1 if wrong else 0)


def _fields(wrong: Mistake) -> dict[str, str | int]:
    return {"file": wrong.where.path, "line": wrong.where.line, "column": wrong.where.column, "what": wrong.what}


def _annotation(wrong: Mistake) -> str:
    """A workflow command of GitHub Actions, which shows it beside the line."""
    where = wrong.where
    at = f",line={where.line},col={where.column}" if where.line else ""
    return (f"::error file={_escaped(where.path, ':,')}{at}::"
            f"{_escaped(inert(wrong.what, limits.MISTAKE))}")


def _escaped(text: str, more: Iterable[str] = "") -> str:
    """As GitHub's toolkit has it (packages/core/src/command.ts)."""
    for sign in ("%", "\r", "\n", *more):
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text


def _failures(rule: Rule, book: RuleBook) -> Iterator[Mistake]:
    """What is wrong with a rule's cases, one sentence each."""
    if not rule.bounds:
        return
    whole, *each = book.file_of(rule).cases_at
    if not any(case.over for case in rule.cases):
        yield Mistake(whole, "no case expects a counter over its bound")
    if not any(not case.over for case in rule.cases):
        yield Mistake(whole, "no case expects all counters within their bounds")
    for number, (case, place) in enumerate(zip(rule.cases, each, strict=True), 1):
        why = holds(rule, case)
        if why:
            yield Mistake(place, f"case {number}: {why}")


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


def _row(rule: Rule) -> list[str]:
    """A rule in the table, with a line for each bound."""
    asked = {key: value for key, value in vars(rule.where).items() if value not in ((), None)}
    where = " ".join(f"{key}={_words(value)}" for key, value in asked.items()) or "anywhere"
    bounds = [f"{bound.counter} <= {bound.max:,}" for bound in rule.bounds] or [UNMATCHED]
    cells = [rule.name], [rule.title], [where], bounds, [rule.bug or ""]
    return ["\n".join(inert(line, SHOWN) for line in lines) for lines in cells]


def _words(value: tuple[str, ...] | bool) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value).lower()


def _many(count: int, noun: str) -> str:
    return counted(count, noun) if count else f"no {noun}s"
