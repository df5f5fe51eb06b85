"""``counterbot rules try --history``: how often known failures match in past builds, passing and failed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ...core import limits
from ...core.text.figures import date, number
from ...core.text.inert import inert
from ...core.text.names import few
from ...files.config import Config
from ...files.rulebook import RuleBook
from ..progress import progress
from ..streams import warn
from ..tables import table, terminal

if TYPE_CHECKING:
    from ...engine.proving import Held, Proven
    from ...ledger import Ledger
    from ...ledger.work import Run

MOST = 20
"""Builds whose logs are read, unless the option tells otherwise."""

HEAD = ("RULE", "BUG", "PASSED", "FAILED", "SINCE", "UNEXPLAINED", "GROUPS")
COULD_NOT_READ = 3
SHOWN = 3
"""Passing builds that are named for a rule, and groups."""


def on_history(book: RuleBook, file: str, most: int, as_json: bool) -> int:
    """Print what each rule does in past builds; the exit status."""
    from ..starting import ledger, loaded

    config = loaded(file)
    with ledger(config) as kept:
        found, now = _proven(book, config, kept, most), kept.now()
    pages = config.zuul.tenant_pages
    bugs = {rule.name: rule.bug for rule in book.rules}
    if as_json:
        for name, each in found.items():
            click.echo(json.dumps(_fields(name, bugs[name], each, pages)))
    else:
        rows = [_row(name, bugs[name], each, now) for name, each in found.items()]
        click.echo(table(HEAD, rows, within=terminal()))
    for name, each in found.items():
        for line in _remarks(each, pages):
            warn(inert(f"{name}: {line}", limits.MISTAKE))
    if any(each.unread for each in found.values()):
        return COULD_NOT_READ
    return 0 if any(each.failed.matched for each in found.values()) else 1


def _proven(book: RuleBook, config: Config, ledger: Ledger, most: int) -> dict[str, Proven]:
    from ...clients.zuul import Zuul
    from ...engine import parts
    from ...engine.proving import Builds, Looker, proven

    rules = [rule for rule in book.rules if rule.name in book.queries]
    in_force = {rule.name for rule in RuleBook(config.rules).rules} if config.rules.is_dir() else set()
    http, at = parts.http(config), [""]
    looker = Looker(Zuul(http, *config.zuul.url), http, config.zuul.tenant_pages, most)
    days = config.unexplained.days
    found = {}
    with progress(lambda: f"reading {at[0]}" if at[0] else "reading what is kept of past builds"):
        builds = Builds(ledger, rules, days)
        for rule in rules:
            query = book.queries[rule.name]

            def look(held: Held, name: str = rule.name) -> Held:
                return looker.looked(held, name, book.queries[name], lambda run: at.__setitem__(0, inert(run.job, 60)))

            found[rule.name] = proven(ledger, builds, rule, query, in_force - {rule.name}, look, days)
    return found


def _remarks(found: Proven, pages: Sequence[str]) -> list[str]:
    """What is to be said of a rule beside the table."""
    lines = [found.warning] if found.warning else []
    if not found.passing.builds and not found.failed.builds:
        lines.append("no past build that it is about is known; 'counterbot backfill' reads some")
    if found.passing.matched:
        lines.append("it matches builds that passed: " + few(
            [f"{run.job} {_page(run, pages)}" for run in found.passing.matched], SHOWN))
    lines += [f"not read: {uuid}: {why}" for uuid, why in found.unread.items()]
    unread = len(found.passing.open) + len(found.failed.open) - len(found.unread)
    if unread:
        lines.append(f"it may match {number(unread)} more, which only their logs tell; --most reads those of so many")
    return lines


def _page(run: Run, pages: Sequence[str]) -> str:
    return f"{pages[0].rstrip('/')}/build/{run.uuid}" if len(pages) == 1 else run.uuid


def _row(name: str, bug: str | None, found: Proven, now: int) -> list[str]:
    since = "" if found.since is None else date(found.since, now)
    groups = [f"{group} ({number(count)} of {number(all_)})" for group, (count, all_) in found.groups.items()]
    cells = (name, bug or "", _of(found.passing), _of(found.failed), since,
             number(found.unexplained) if found.failed.matched else "", few(groups, SHOWN))
    return [inert(cell, limits.MISTAKE) for cell in cells]


def _of(held: Held) -> str:
    unknown = f", {number(len(held.open))} not known" if held.open else ""
    return f"{number(len(held.matched))} of {number(held.builds)}{unknown}"


def _fields(name: str, bug: str | None, found: Proven, pages: Sequence[str]) -> Mapping[str, Any]:
    def held(builds: Held) -> Mapping[str, Any]:
        return {"builds": builds.builds, "matched": len(builds.matched), "unknown": len(builds.open),
                "first": [{"job": run.job, "uuid": run.uuid, "page": _page(run, pages) if len(pages) == 1 else None,
                           "ended": run.ended} for run in builds.matched[:limits.FAILED_TESTS]]}

    return {"rule": name, "bug": bug, "passed": held(found.passing), "failed": held(found.failed), "since": found.since,
            "unexplained": found.unexplained, "warning": found.warning or None, "unread": dict(found.unread),
            "groups": [{"group": group, "matched": count, "builds": all_}
                       for group, (count, all_) in found.groups.items()]}
