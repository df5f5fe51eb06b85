"""``counterbot series analyse``: change points and the bound of a series in a file. Needs no ledger."""

from __future__ import annotations

import json
import sys

import click

from ...core import limits
from ...core.learned import ChangePoint
from ...core.text.inert import called
from ...files.reader import Mistake
from ..completion import files
from ..streams import Failure, end_with, failure

MOST = limits.COUNTERS_FILE * 4
"""Bytes of a series: a million runs with their times."""


@click.command("analyse")
@click.argument("file", metavar="FILE", shell_complete=files)
@click.option("--false-warnings", metavar="N", type=click.FloatRange(0, 100, min_open=True), default=1.0,
              show_default=True, help="False warnings in 1,000 runs that the bound may give.")
def analyse(file: str, false_warnings: float) -> None:
    """Print the change points of a series and the bound of its next run, as JSON.

    FILE (- is standard input) holds a run a line, as CSV with a column value, and perhaps time, or a list in JSON; an
    empty cell, or null, is a run without a value. By time where there is one. "index" counts runs from 0, those without
    a value too.
    """
    from ...files.series_file import Row, read_series
    from ...stats.analysis import analyse as analysed

    rows = read_series(_data(file), file)
    runs = [(number, row.value) for number, row in enumerate(rows) if isinstance(row, Row) and row.value is not None]
    mistakes = [row for row in rows if isinstance(row, Mistake)]
    if mistakes:
        end_with(mistakes)
    found = analysed([value for _, value in runs], false_warnings / 1000)
    level = found.level
    click.echo(json.dumps({
        "n": found.count,
        "change_points": [_shown(point, runs[point.index][0]) for point in found.points],
        "bound": found.bound,
        "false_warnings_per_1000": false_warnings,
        "stable": level is not None and level.stable,
        "smallest_caught": None if level is None else level.rise,
        "why": "; ".join(level.why) if level else "fewer than 3 runs since the last change point",
    }, allow_nan=False))


def _data(file: str) -> bytes:
    try:
        if file == "-":
            data = sys.stdin.buffer.read(MOST + 1)
        else:
            with open(file, "rb") as stream:
                data = stream.read(MOST + 1)
    except OSError as error:
        raise failure(error) from error
    if len(data) > MOST:
        raise Failure(f"{called(file)}: more than the {MOST:,} bytes that are read")
    return data


def _shown(point: ChangePoint, index: int) -> dict[str, float | int | None]:
    return {"index": index, "before": point.before, "after": point.after, "change": point.change, "p": point.p}
