"""``counterbot failures suggest``: the rule that would recognise failures that nobody knows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from ...core import limits
from ...core.text.excerpt import excerpt
from ...core.text.inert import inert
from ..completion import files, folders
from ..opening import AS_JSON, opened
from ..progress import progress
from ..streams import warn
from ..tables import table

if TYPE_CHECKING:
    from ...engine.suggesting import Builds, Outcome
    from ...fingerprints.unknown.suggest import Candidate

HEAD = ("GROUP", "CHANGES", "PASSING", "OTHER", "QUERY")
NAME = 60
"""Bytes of a folder's name that progress shows."""


def _folders(name: str, help_text: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(name, metavar="DIR", multiple=True, shell_complete=folders, help=f"{help_text} May come again.")


@click.command()
@click.argument("group", metavar="[GROUP]", type=int, required=False)
@click.option("-c", "--config", "file", metavar="FILE", shell_complete=files,
              help="The bot's configuration, for a group of its database.")
@_folders("--failed", "The logs of a build that failed.")
@_folders("--passed", "The logs of a build that passed.")
@_folders("--other", "The logs of a build that failed by something else.")
@AS_JSON
def suggest(group: int | None, file: str | None, failed: Sequence[str], passed: Sequence[str], other: Sequence[str],
            as_json: bool) -> None:
    """Print a rule that would recognise failures which no rule explains, as a complete file for queries/.

    GROUP is a number in 'failures list'. Or name builds by the folders of their logs, each laid out as under a build's
    log root, at least three that failed alike: then neither configuration nor database is needed. Passing builds tell
    what is usual, a hundred better than twenty; other failures tell what is a consequence that many causes share.

    Standard error tells how many builds of each kind the best queries match: at most three.

    The exit status is 1 where nothing tells the failures apart.
    """
    if (group is None) == (not failed):
        raise click.UsageError("name a GROUP of 'failures list' with -c FILE, or folders with --failed and --passed")
    if group is not None and (passed or other):
        raise click.UsageError("--passed and --other go with --failed; a GROUP is held against what the database has")
    if group is not None and file is None:
        raise click.UsageError("a GROUP needs -c FILE, whose database has it")
    at = ["reading"]
    with progress(lambda: at[0]):
        found = _told(_in_folders(failed, passed, other, at) if group is None else _of_group(group, file or "", at), at)
    if as_json:
        click.echo(json.dumps(_fields(found), indent=2))
    else:
        _print(found)
    raise SystemExit(0 if found.text else 1)


def _told(builds: Builds, at: list[str]) -> Outcome:
    from ...engine.suggesting import suggest as suggested

    at[0] = "looking for what tells them apart"
    return suggested(builds)


def _in_folders(failed: Sequence[str], passed: Sequence[str], other: Sequence[str], at: list[str]) -> Builds:
    from ...core.model import Unreadable
    from ...engine.suggesting import in_folders

    try:
        return in_folders(failed, passed, other, lambda path: at.__setitem__(0, f"reading {inert(path, NAME)}"))
    except Unreadable as error:
        raise click.UsageError(inert(str(error), limits.MISTAKE)) from None


def _of_group(group: int, file: str, at: list[str]) -> Builds:
    from ...engine.suggesting import of_group

    with opened(file) as (config, ledger, book):
        found = of_group(ledger, list(book.queries), config.unexplained.days, group,
                         lambda what: at.__setitem__(0, f"reading {what}"))
    if found is None:
        raise click.ClickException(f"no group {group}; 'counterbot failures list -c {file}' lists them")
    return found


def _print(found: Outcome) -> None:
    for note in found.notes:
        warn(inert(note, limits.MISTAKE))
    suggestion = found.suggestion
    if found.text:
        warn(_table(suggestion.candidates))
        click.echo(found.text, nl=False)
        return
    warn(f"no rule to suggest: {suggestion.why_not}")
    if suggestion.nearest:
        warn("What came nearest:")
        warn(_table([suggestion.nearest]))


def _table(candidates: Iterable[Candidate]) -> str:
    return table(HEAD, list(map(_row, candidates)), right={0, 1, 2, 3})


def _row(candidate: Candidate) -> list[str]:
    counts = (candidate.group, candidate.changes, candidate.passing, candidate.other)
    return [*map(str, counts), inert(candidate.query, limits.MISTAKE)]


def _fields(found: Outcome) -> dict[str, Any]:
    suggestion = found.suggestion
    return {
        "candidates": list(map(_counted, suggestion.candidates)),
        "rule": {**_counted(suggestion.rule), "job": found.where or None, "text": found.text}
                if suggestion.rule else None,
        "why_not": suggestion.why_not or None,
        "nearest": _counted(suggestion.nearest) if suggestion.nearest else None,
        "notes": [inert(note, limits.MISTAKE) for note in found.notes],
    }


def _counted(candidate: Candidate) -> dict[str, Any]:
    counts = {"group": candidate.group, "changes": candidate.changes, "passing": candidate.passing,
              "other": candidate.other}
    return {"query": candidate.query,
            "lines": [{"file": clause.line.file, "text": excerpt(clause.line.text)} for clause in candidate.clauses],
            **{name: {"found": share.found, "of": share.of} for name, share in counts.items()}}
