"""``counterbot rules check`` and ``test``: what is wrong with rules, for people, programs and GitHub."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import NoReturn

import click

from ...core import limits
from ...core.counters.naming import named_in
from ...core.rules import Case, LogCase, Rule, holds
from ...core.text.figures import counted
from ...core.text.inert import inert
from ...files.reader import Mistake
from ...files.rulebook import RuleBook
from ...files.rulefile import RuleFile
from ..check import read
from ..completion import files
from ..streams import warn
from ..tables import coloured
from .reading import ALLOW_NONE, PATHS, book_of

FORMAT = click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text",
                      show_default=True, help="For people, programs, or annotations of GitHub Actions.")


@click.command()
@PATHS
@ALLOW_NONE
@click.option("--counters", metavar="FILE", shell_complete=files,
              help="A counters file of the rules' jobs, to warn of bounds that look like misspelt counters.")
@FORMAT
def check(paths: Sequence[str], allow_none: bool, counters: str | None, form: str) -> None:
    """Print every mistake in the rules; status 1 if there are any, or no rule.

    Warnings tell what in a query its writer may not have meant, or what can never match.
    """
    book, mistakes = book_of(paths, allow_none)
    doubts = (*book.doubts, *(_misspelt(book, counters) if counters is not None else ()))
    summary = ", ".join([_many(len(book.rules), "rule"), _many(len(mistakes), "mistake"),
                         *([_many(len(doubts), "warning")] if doubts else [])])
    _end(form, summary, {"rules": len(book.rules)}, {"mistakes": mistakes, "warnings": doubts})


@click.command()
@PATHS
@ALLOW_NONE
@FORMAT
def test(paths: Sequence[str], allow_none: bool, form: str) -> None:
    """Run the cases of every rule; status 1 if one fails, a rule lacks them, or there is no rule.

    elastic-recheck's own files, which have no cases, are only counted.
    """
    book, mistakes = book_of(paths, allow_none)
    tested = [rule for rule in book.rules if not book.file_of(rule).as_it_came]
    failures = [failure for rule in tested for failure in _failures(rule, book.file_of(rule))]
    cases, untested = sum(len(book.file_of(rule).cases) for rule in tested), len(book.rules) - len(tested)
    ran = [_many(len(tested), "rule"), _many(cases, "case")] if tested or not untested else []
    summary = ", ".join([*ran, _many(len(failures), "failure"),
                         *([_many(len(mistakes), "mistake")] if mistakes else [])])
    summary += f"; {counted(untested, 'query', 'queries')} without cases" if untested else ""
    _end(form, summary, {"rules": len(tested), "cases": cases, "fingerprints": untested},
         {"mistakes": mistakes, "failures": failures})


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


def _failures(rule: Rule, file: RuleFile) -> Iterator[Mistake]:
    """What is wrong with a rule's cases, one sentence each."""
    whole, *each = file.cases_at
    if rule.bounds:
        if not any(case.over for case in rule.cases):
            yield Mistake(whole, "no case expects a counter over its bound")
        if not any(not case.over for case in rule.cases):
            yield Mistake(whole, "no case expects all counters within their bounds")
    if rule.fingerprint:
        if not any(case.match for case in rule.fingerprint.cases):
            yield Mistake(whole, "no case expects a match")
        if not any(not case.match for case in rule.fingerprint.cases):
            yield Mistake(whole, "no case expects no match")
    for number, (case, place) in enumerate(zip(file.cases, each, strict=True), 1):
        why = holds(rule, case) if isinstance(case, Case) else _of_query(rule, file, case)
        if why:
            yield Mistake(place, f"case {number}: {why}")


def _of_query(rule: Rule, file: RuleFile, case: LogCase) -> str | None:
    from ...fingerprints.cases import tested  # which needs more than the plain install

    return tested(rule, file.query, case) if file.query else None


def _end(form: str, summary: str, counts: dict[str, int], found: dict[str, Sequence[Mistake]]) -> NoReturn:
    """Print what was found, and the summary as the last line; end with status 1 if anything is wrong."""
    wrong = any(each for kind, each in found.items() if kind != "warnings")
    if form == "json":
        click.echo(json.dumps({**counts, **{kind: list(map(_fields, each)) for kind, each in found.items()}}, indent=2))
    else:
        for kind, each in found.items():
            for one in each:
                _TELL[form](kind, one)
        click.echo(summary)
    raise SystemExit(1 if wrong else 0)


def _tell(kind: str, found: Mistake) -> None:
    if kind == "failures":
        click.echo(f"{coloured('FAIL', 'red')} {inert(str(found), limits.MISTAKE)}")
    else:
        warn(f"warning: {found}" if kind == "warnings" else str(found))


def _annotate(kind: str, found: Mistake) -> None:
    """A workflow command of GitHub Actions, which shows it beside the line."""
    where = found.where
    at = f",line={where.line},col={where.column}" if where.line else ""
    click.echo(f"::{'warning' if kind == 'warnings' else 'error'} file={_escaped(where.path, ':,')}{at}::"
               f"{_escaped(inert(found.what, limits.MISTAKE))}")


_TELL = {"text": _tell, "github": _annotate}


def _fields(wrong: Mistake) -> dict[str, str | int]:
    return {"file": wrong.where.path, "line": wrong.where.line, "column": wrong.where.column, "what": wrong.what}


def _escaped(text: str, more: Iterable[str] = "") -> str:
    """As GitHub's toolkit has it (packages/core/src/command.ts)."""
    for sign in ("%", "\r", "\n", *more):
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text


def _many(count: int, noun: str) -> str:
    return counted(count, noun) if count else f"no {noun}s"
