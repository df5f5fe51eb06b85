"""``counterbot rules suggest``: rule files with the bounds that were learned from the history."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...core.text.inert import name_of
from ...core.text.names import few
from ..completion import folders
from ..opening import AS_JSON, CONFIG, opened
from ..streams import Failure, failure, warn

if TYPE_CHECKING:
    from ...engine.bounding import Suggestion

NAMED = 10
"""Jobs that a sentence names."""


@click.command()
@CONFIG
@click.option("--job", metavar="J", help="Only for this job.")
@click.option("--branch", metavar="B", help="Only for this branch.")
@click.option("--output", metavar="DIR", shell_complete=folders,
              help="Write the files into this folder, which is made; files that are there already are kept.")
@AS_JSON
def suggest(file: str, job: str | None, branch: str | None, output: str | None, as_json: bool) -> None:
    """Print a rule with the learned bounds of a job's stable counters, as a complete file for queries/.

    Its cases are real runs: one that is within all bounds, and one that is over some, where there was one. Several jobs
    or branches make several files, each of its own, for which --output names a folder.

    Standard error tells why there is no rule for some.

    The exit status is 1 where there is none at all.
    """
    from ...engine.bounding import suggestions
    from ...files.suggested_bounds import bounds_text, file_names

    with opened(file) as (config, ledger, book):
        found = list(suggestions(ledger, config.learned, book.rules, job, branch))
        now = ledger.now()
    rules = [each.rule for each in found if each.rule]
    texts = {name: bounds_text(rule, now) for name, rule in zip(file_names(rules), rules, strict=True)}
    if not as_json and output is None and len(texts) > 1:
        where = few([f"{name_of(rule.job)} on {name_of(rule.branch)}" for rule in rules], NAMED)
        raise click.UsageError(f"there are {len(texts)} files: name a folder with --output, or one job and branch with"
                               f" --job and --branch, of {where}")
    _tell(found, file)
    if as_json:
        click.echo(json.dumps([{"name": name, **asdict(rule), "text": texts[name]}
                               for name, rule in zip(texts, rules, strict=True)], indent=2))
    if output is not None and texts:
        for path in _write(texts, Path(output)):
            click.echo(str(path), err=as_json)
    elif not as_json:
        click.echo("".join(texts.values()), nl=False)
    raise SystemExit(0 if texts else 1)


def _tell(found: Sequence[Suggestion], file: str) -> None:
    """Why there is no rule of some jobs and counters, and what to do where there is none at all."""
    for each in found:
        of = f"{name_of(each.job)} on {name_of(each.branch)}"
        if each.left_out:
            warn(f"{of}: no file of rules can hold {few(list(map(name_of, each.left_out)), NAMED)}")
        if each.why:
            warn(f"no rule for {of}: {each.why}")
    if not found:
        warn(f"no such counters are in the history; 'counterbot series list -c {file}' shows which are")
    elif not any(each.rule for each in found):
        warn(f"'counterbot series stable -c {file}' tells why of each counter, and 'counterbot backfill --days 30"
             f" -c {file}' reads more runs")


def _write(texts: Mapping[str, str], folder: Path) -> list[Path]:
    """The files' paths. None is written where one is there already: people may have changed it."""
    from ...files.replacing import replaced

    paths = [folder / f"{name}.yaml" for name in texts]
    if there := [path for path in paths if path.exists()]:
        raise Failure(f"{few(list(map(str, there)), NAMED)}: there already; remove what is to be suggested anew, or"
                      " name another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in zip(paths, texts.values(), strict=True):
            with replaced(str(path)) as stream:
                stream.write(text.encode())
    except OSError as error:
        raise failure(error) from None
    return paths
