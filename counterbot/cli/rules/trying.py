"""``counterbot rules try``: where known failures match in a build's logs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ...core import limits
from ...core.model import Hit
from ...core.text.figures import number
from ...core.text.inert import called, inert
from ...core.text.names import few
from ...core.text.spelling import unknown
from ...files.rulebook import RuleBook
from ..completion import files
from ..progress import progress
from ..streams import Failure, warn
from ..tables import table, terminal
from .proving import MOST, on_history
from .reading import book_of

if TYPE_CHECKING:
    from ...engine.trying import Logged

HEAD = ("RULE", "BUG", "FILE", "LINE", "HITS", "TEXT")
COULD_NOT_READ = 3
NAME = 60
"""Bytes of a file's name that progress shows."""


def _facts(_context: click.Context, _option: click.Parameter, given: Sequence[str]) -> dict[str, str]:
    """What a query may ask of a build, and counters, by name."""
    from ...engine.trying import NOT_OF_BUILD
    from ...fingerprints.doubts import FIELDS
    from ...fingerprints.fields import is_counter, is_number
    from ...fingerprints.matching import number as number_in

    known = [field for field in FIELDS if field not in NOT_OF_BUILD]
    facts = {}
    for each in given:
        name, sign, value = each.partition("=")
        if not sign or not value:
            raise click.BadParameter(f"{each!r} is not KEY=VALUE, such as build_name=tempest-full")
        if name not in known and not is_counter(name):
            raise click.BadParameter(unknown(name, known))
        if is_number(name) and number_in(value) is None:
            raise click.BadParameter(f"{each!r}: {name} must be a number" + (", 1 or 0" if name == "voting" else ""))
        facts[name] = value
    return facts


@click.command("try")
@click.argument("rules", metavar="RULES", shell_complete=files)
@click.argument("logs", metavar="[LOGS]", required=False, shell_complete=files)
@click.option("--history", is_flag=True, help="Hold the rules against past builds, instead of LOGS.")
@click.option("-c", "--config", "file", metavar="FILE", shell_complete=files,
              help="The bot's configuration, for --history.")
@click.option("--most", type=click.IntRange(0, 1000), default=MOST, show_default=True, metavar="N",
              help="Builds whose logs --history reads, at most, where what is kept of their lines is not enough.")
@click.option("--fact", "facts", metavar="KEY=VALUE", multiple=True, callback=_facts,
              help="What a query may ask of the build, as in build_name=tempest-full; may come again.")
@click.option("--json", "as_json", is_flag=True,
              help="Print a JSON line for each file that a rule matches in; with --history for each rule.")
def try_rules(rules: str, logs: str | None, history: bool, file: str | None, most: int, facts: Mapping[str, str],
              as_json: bool) -> None:
    """Show where the queries of RULES (a file or a folder) match in the logs of a build, or in past builds.

    LOGS is the URL of a build's page, or a folder laid out as under a build's log root. What is known of the build is
    read from zuul-info/inventory.yaml there, unless --fact tells it; it failed and votes where nothing tells otherwise.
    Standard error tells why a rule did not match.

    With --history there are no LOGS: it is told how many of the last builds that passed, and of those that failed, each
    rule matches, by what the bot has kept of their lines. Builds that passed are taken as if they had failed. A rule
    that matches more than one in a hundred of them is warned of: it does not tell why a build failed.

    The exit status is 1 where nothing (with --history, no failed build) matched or RULES has mistakes, and 3 where a
    file that a query asks for, or the build itself, could not be read.
    """
    if history:
        if logs is not None or facts or file is None:
            raise click.UsageError("--history takes -c FILE, and neither LOGS nor --fact")
    elif logs is None or file is not None:
        raise click.UsageError("Give LOGS, or --history with -c FILE")
    book, mistakes = book_of([rules], allow_none=False)
    for mistake in mistakes:
        warn(str(mistake))
    if not book.queries:
        if not mistakes:
            warn(f"{called(rules)}: no rule with a query")
        raise SystemExit(1)
    if file is not None:
        raise SystemExit(on_history(book, file, most, as_json) or (1 if mistakes else 0))
    _on_logs(book, str(logs), facts, as_json, bool(mistakes))


def _on_logs(book: RuleBook, logs: str, facts: Mapping[str, str], as_json: bool, mistakes: bool) -> None:
    from ...engine.trying import tried

    at = [logs]
    with progress(lambda: f"reading {inert(at[0], NAME)}"):
        found = tried(book.rules, book.queries, _logged(logs, facts, book), lambda path: at.__setitem__(0, path))
    _print(found.hits, {rule.name: rule.bug for rule in book.rules}, as_json)
    for why, names in _by_reason(found.why_not):
        warn(inert(f"{few(names)}: {why}", limits.MISTAKE))
    for path, why in found.notes.items():
        warn(inert(f"{path}: {why}", limits.MISTAKE))
    for path, why in found.unread.items():
        warn(inert(f"not read: {path}: {why}", limits.MISTAKE))
    raise SystemExit(COULD_NOT_READ if found.unread else 1 if mistakes or not found.hits else 0)


def _logged(logs: str, facts: Mapping[str, str], book: RuleBook) -> Logged:
    from ...clients.zuul import TROUBLE
    from ...engine import trying
    from ...fingerprints.query import ask_counters

    try:
        if not logs.startswith(("http://", "https://")):
            return trying.in_folder(logs, facts)
        return trying.of_page(logs, facts, ask_counters(book.queries.values()))
    except TROUBLE as error:
        raise Failure(inert(f"{called(logs)}: {error}", limits.MISTAKE), COULD_NOT_READ) from None


def _print(hits: Sequence[Hit], bugs: Mapping[str, str | None], as_json: bool) -> None:
    if as_json:
        for hit in hits:
            click.echo(json.dumps(_fields(hit, bugs)))
    elif hits:
        click.echo(table(HEAD, [_row(hit, bugs) for hit in hits], right={3, 4}, within=terminal()))


def _by_reason(why_not: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """Each reason with the rules that have it."""
    found: dict[str, list[str]] = {}
    for name, why in why_not.items():
        found.setdefault(why, []).append(name)
    return list(found.items())


def _fields(hit: Hit, bugs: Mapping[str, str | None]) -> dict[str, Any]:
    return {"rule": hit.rule, "bug": bugs[hit.rule], "file": hit.file, "line": hit.line, "text": hit.text,
            "hits": hit.hits}


def _row(hit: Hit, bugs: Mapping[str, str | None]) -> list[str]:
    cells = (hit.rule, bugs[hit.rule] or "", hit.file, number(hit.line), number(hit.hits), hit.text)
    return [inert(cell, limits.MISTAKE) for cell in cells]
