"""Reads a series of numbers from a file: JSON (a list), or CSV with a column ``value``. Judges none."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from ..core.text.figures import counted
from ..core.text.inert import inert
from .reader import Mistake, Place

SHOWN = 40
"""Characters of a cell that a mistake repeats."""

MISTAKES = 20
"""That are told of one file."""

GAPS = frozenset({"", "nan", "null", "none", "na", "n/a", "-"})
"""Cells of runs without a value."""

TIMES = ("time", "timestamp", "date")
SEPARATORS = ",;\t"
NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,9})?")


@dataclass(frozen=True)
class Row:
    """A run: its ``value``, None where it has none, its ``time`` in seconds, None where there is no such column, and
    the line that it stands in, from 1 (in JSON, its number in the list)."""

    value: float | None
    time: float | None
    line: int


def read_series(data: bytes, path: str) -> tuple[Row, ...] | tuple[Mistake, ...]:
    """The runs, by time where they have one: of equal times in the file's order; or all mistakes."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return (Mistake(Place(path, 0, 0), f"is not UTF-8 (byte {error.start + 1})"),)
    rows = _from_json(text, path) if text.lstrip()[:1] in ("[", "{") else _from_csv(text, path)
    if mistakes := tuple(row for row in rows if isinstance(row, Mistake)):
        return mistakes[:MISTAKES]
    runs = [row for row in rows if isinstance(row, Row)]
    return tuple(sorted(runs, key=lambda row: row.time) if runs and runs[0].time is not None else runs)  # type: ignore[arg-type,return-value]


def _from_json(text: str, path: str) -> list[Row | Mistake]:
    try:
        values = json.loads(text, parse_constant=lambda _: None, parse_int=float)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 0)
        return [Mistake(Place(path, line, getattr(error, "colno", 0)), "is no JSON that can be read")]
    if not isinstance(values, list):
        return [Mistake(Place(path, 1, 1), "must be a list of numbers, such as [1041, 1038.5, null]")]
    return [_json_row(value, number, path) for number, value in enumerate(values, 1)]


def _json_row(value: object, number: int, path: str) -> Row | Mistake:
    if value is None:
        return Row(None, None, number)
    if isinstance(value, float):
        return Row(value, None, number) if math.isfinite(value) else Mistake(
            Place(path, 0, 0), f"item {number:,} is no finite number")
    return Mistake(Place(path, 0, 0), f"item {number:,} must be a number or null, not"
                                        f" {inert(json.dumps(value), SHOWN)}")


def _from_csv(text: str, path: str) -> list[Row | Mistake]:
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    separator = next((sign for sign in SEPARATORS if sign in first), ",")
    rows = [(number, [cell.strip() for cell in cells])
            for number, cells in enumerate(csv.reader(lines, delimiter=separator), 1) if cells]
    if not rows:
        return [Mistake(Place(path, 0, 0), "is empty: a series is a list in JSON, or CSV with a column 'value'")]
    header = None if all(_is_cell(cell) for cell in rows[0][1]) else [cell.lower() for cell in rows[0][1]]
    columns = _columns(header, len(rows[0][1]))
    if columns is None:
        return [Mistake(Place(path, rows[0][0], 1), "no column is called 'value'; name one in the first line")]
    return list(_csv_rows(rows[1:] if header else rows, columns, path))


def _columns(header: Sequence[str] | None, count: int) -> tuple[int | None, int] | None:
    """Where time and value stand; without a header they are the only ones."""
    if header is None:
        return {1: (None, 0), 2: (0, 1)}.get(count)
    if "value" not in header:
        return None
    return next((header.index(name) for name in TIMES if name in header), None), header.index("value")


def _csv_rows(rows: Sequence[tuple[int, list[str]]], columns: tuple[int | None, int],
              path: str) -> Iterator[Row | Mistake]:
    at, of = columns
    for number, cells in rows:
        if len(cells) <= max(at or 0, of):
            yield Mistake(Place(path, number, 1),
                          f"the line has {counted(len(cells), 'column')}, and the value is number {of + 1}")
            continue
        value = _value(cells[of])
        time = None if at is None else _time(cells[at])
        if value is not None and not math.isfinite(value):
            yield Mistake(Place(path, number, 1), f"{inert(cells[of], SHOWN)!r} is no finite number; leave the cell"
                                                  " empty where a run has no value")
        elif at is not None and time is None:
            yield Mistake(Place(path, number, 1), f"{inert(cells[at], SHOWN)!r} is no time: give epoch seconds or"
                                                  " 2026-11-30T12:00:00")
        else:
            yield Row(value, time, number)


def _is_cell(cell: str) -> bool:
    return cell.lower() in GAPS or NUMBER.fullmatch(cell) is not None or _time(cell) is not None


def _value(cell: str) -> float | None:
    """None of a gap; not finite where it is no number."""
    if cell.lower() in GAPS:
        return None
    return float(cell) if NUMBER.fullmatch(cell) else math.inf


def _time(cell: str) -> float | None:
    if NUMBER.fullmatch(cell):
        return float(cell) if math.isfinite(float(cell)) else None
    try:
        time = datetime.fromisoformat(cell.replace("Z", "+00:00"))
        return (time if time.tzinfo else time.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError):
        return None
