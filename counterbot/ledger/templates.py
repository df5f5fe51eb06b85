"""The lines of builds, each kind of line once: what passing builds hold, and what failed ones do. Masks nothing.

A line's text stands in a dictionary, one for each window of 30 days, so that it can be forgotten as a whole; a build
has the numbers of its lines there. Lines that another version of the mask made are not compared with ours.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import accumulate, chain, islice
from operator import itemgetter, sub
from sys import intern
from typing import Any

from sqlalchemy import BindParameter, bindparam, delete, func, select

from ..core.lines import Lines, Reduction, StoryLine, Template
from ..core.model import Build, is_failure
from ..core.text.excerpt import excerpt
from ..fingerprints.templates.mask import VERSION, as_text, as_words
from .schema import failures, lines, runs, templates
from .store import Store, Transaction
from .work import Run, packed, packed_from, run_from

DAY = 86_400_000
WINDOW = 30 * DAY
"""Milliseconds."""

TELLING = 50
"""Of a failed build's telling lines that are kept as such."""

QUOTED = 20
"""Of these those of which the build's own text is kept: that in the dictionary has another build's ids and numbers."""

NEW_OF_PASSING, NEW_OF_FAILED = 20_000, 5_000
"""Kinds of lines that one build may add to the dictionary: a job's first build brings as many; a change whose logs are
made to fill the disk gets no more."""
ROOM = 500
"""Characters of each of them, on average: a DevStack job's have 300, those made to fill the disk 8,000."""

AT_ONCE, BUILDS_AT_ONCE = 5_000, 50
"""Numbers in one query, and builds whose lines are in memory at the same time."""

MINE = lines.c.mask + 0 == VERSION
"""Lines that our mask made, of runs that are known. Without the sum SQLite would look for them by their mask alone."""


class Templates:
    """What is known of builds' lines."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def baseline(self, job: str, most: int = 100) -> list[array[int]]:
        """The keys of each of the newest passing builds of a job, of the last 30 days, newest first."""
        return [found.keys for _, found in self.passing(job, most)]

    def jobs(self) -> Sequence[str]:
        """The jobs of which lines of a build are known."""
        return self.store.read(_jobs)

    def count(self) -> int:
        """Of how many builds the lines are known."""
        return self.store.read(lambda under_way: int(under_way.execute(select(func.count(lines.c.run))).scalar_one()))

    def dictionary(self, keys: Collection[int]) -> dict[int, Template]:
        """By their keys those templates that are known."""
        return self.store.read(lambda under_way: _dictionary(under_way, keys))

    def passing(self, job: str | None = None, most: int = 100) -> Iterator[tuple[Run, Lines]]:
        """The newest passing builds of a job (None: of each), of the last 30 days, newest first."""
        return self._with_lines(lambda under_way: [
            run for each in ([job] if job is not None else _jobs(under_way))
            for run in _newest(under_way, each, most)])

    def failed(self, days: int, most: int = 2_000) -> Iterator[tuple[Run, Lines]]:
        """The newest failed builds of the last days whose lines are known, newest first."""
        return self._with_lines(lambda under_way: list(map(run_from, under_way.execute(
            select(runs).join(lines, lines.c.run == runs.c.id)
            .where(lines.c.mask == VERSION, lines.c.at >= under_way.now - days * DAY, lines.c.failed)
            .order_by(lines.c.at.desc(), runs.c.id.desc()).limit(most)).mappings())))

    def lines(self, numbers: Collection[int]) -> Iterator[tuple[int, Lines]]:
        """The lines of runs, by their numbers and in their order, where they are known. A few are read at a time."""
        known: dict[int, int] = {}
        waiting = iter(numbers)
        while some := list(islice(waiting, BUILDS_AT_ONCE)):
            yield from self.store.read(partial(_lines, numbers=some, known=known))

    def telling(self, uuid: str) -> list[Template]:
        """The most telling lines of a failed build, the most telling first, with their files' whole paths; the first
        of them as the build itself has them."""
        return self.store.read(lambda under_way: _telling(under_way, uuid))

    def sources(self, uuid: str) -> tuple[str, ...]:
        """The source files that a failed build's tracebacks name."""
        return self.store.read(lambda under_way: tuple(_kept(under_way, uuid).get("sources", ())))

    def wanting(self, pipelines: Collection[str], most: int, days: int = 14) -> dict[str, int]:
        """Jobs of which a voting build failed in the last days, and of whose builds that passed since then in some
        pipelines the lines of fewer than ``most`` are known: how many are lacking."""
        return self.store.read(lambda under_way: _wanting(under_way, pipelines, most, under_way.now - days * DAY))

    def _with_lines(self, chosen: Any) -> Iterator[tuple[Run, Lines]]:
        found: dict[int, Run] = {run.run: run for run in self.store.read(chosen)}
        return ((found[number], each) for number, each in self.lines(found))


@dataclass(frozen=True)
class Fitted:
    """The lines of a build as they are to be kept: the ids of what is in the dictionary of their window, what is new
    there, and the build's own texts of its most telling lines."""

    window: int
    ids: Mapping[int, int]
    new: Sequence[Mapping[str, Any]]
    texts: Mapping[int, str]


def fitted(under_way: Transaction, reduction: Reduction, build: Build) -> Fitted:
    """To be done before the transaction that keeps them: to mask credentials takes time."""
    window = (build.ended or under_way.now) // WINDOW
    ids = _ids(under_way, reduction.lines.keys, window)
    lacking = [key for key in {**_unusual_first(reduction), **reduction.templates} if key not in ids]
    before = {row["key"]: {**row, "in_window": window} for row in _of_windows(under_way, lacking)}
    room = NEW_OF_FAILED if is_failure(build.result) else NEW_OF_PASSING
    new = (_row(reduction.templates[key], window) for key in lacking if key not in before)
    rows = [*before.values(), *_within(islice(new, room), room * ROOM)]
    texts = {key: excerpt(reduction.templates[key].text) for key in reduction.telling[:QUOTED]}
    return Fitted(window, ids, sorted(rows, key=itemgetter("key")), texts)


def _within(rows: Iterable[dict[str, Any]], room: int) -> Iterator[dict[str, Any]]:
    """The first of them that together have so many characters."""
    for row in rows:
        room -= sum(len(row[name]) for name in ("file", "words", "text"))
        if room < 0:
            return
        yield row


def _unusual_first(reduction: Reduction) -> dict[int, None]:
    found = reduction.lines
    return dict.fromkeys([*reduction.telling, *found.linked, *found.near])


def _of_windows(under_way: Transaction, keys: Iterable[int]) -> Iterator[dict[str, Any]]:
    """The rows of templates that are known in any window."""
    for some in _parts(keys):
        for row in under_way.execute(_BY_KEY, {"some": some}).mappings():
            yield {name: value for name, value in row.items() if name != "id"}


def keep(under_way: Transaction, run: Any, failed: bool, reduction: Reduction, fit: Fitted) -> None:
    """Note a run's lines, in place of those that are known of it."""
    # In the order of their keys: two transactions that add the same must not wait for each other.
    under_way.insert_new(templates, fit.new)
    ids = {**fit.ids, **_ids(under_way, [row["key"] for row in fit.new], fit.window)}
    under_way.execute(delete(lines).where(lines.c.run == run.id))
    mine = _known(reduction.lines.keys, ids)
    under_way.insert(lines, [{"run": run.id, "job": run.job, "failed": failed, "mask": VERSION, "at": run.ended,
                              "ids": _gaps(mine), "more": _more(reduction, ids, fit)}])


def prune(under_way: Transaction, before: int) -> list[int]:
    """Forget the lines of some runs that ended before a time, or whose mask is older; which."""
    old = (lines.c.mask < VERSION) | ((lines.c.mask == VERSION) & (lines.c.at < before))
    numbers: list[int] = under_way.execute(select(lines.c.run).where(old).limit(BUILDS_AT_ONCE)).scalars().all()
    under_way.execute(delete(lines).where(lines.c.run.in_(numbers)))
    return numbers


def prune_dictionary(under_way: Transaction, before: int) -> int:
    """Forget some templates that are of no use when all such lines are forgotten; how many."""
    old = (templates.c.mask < VERSION) | ((templates.c.mask == VERSION) & (templates.c.in_window < before // WINDOW))
    ids = under_way.execute(select(templates.c.id).where(old).limit(AT_ONCE)).scalars().all()
    under_way.execute(delete(templates).where(templates.c.id.in_(ids)))
    return len(ids)


def _gaps(ascending: Iterable[int]) -> bytes:
    """Numbers as what lies between them: the ids of one build's lines follow each other."""
    numbers = list(ascending)
    return zlib.compress(array("I", map(sub, numbers, chain([0], numbers))).tobytes())


def _of_gaps(blob: bytes) -> list[int]:
    return list(accumulate(array("I", zlib.decompress(blob))))


def _row(template: Template, window: int) -> dict[str, Any]:
    return {"key": template.key, "mask": VERSION, "in_window": window, "file": template.file, "level": template.level,
            "body": template.body, "words": as_text(template.words), "text": excerpt(template.text)}


def _template(row: Any) -> Template:
    return Template(row.key, intern(row.file), intern(row.level), as_words(row.words), row.body, row.text)


def _more(reduction: Reduction, ids: Mapping[int, int], fit: Fitted) -> bytes:
    """Numbers are those of lines that are unusual, or that no other build had."""
    found = reduction.lines
    telling = [key for key in reduction.telling[:TELLING] if key in ids]
    numbered = {*reduction.telling, *found.linked, *(row["key"] for row in fit.new)}
    fields = {"near": _known(found.near, ids), "linked": _known(found.linked, ids), "share": found.share,
              "numbers": sorted((ids[key], number) for key, number in found.numbers.items()
                                if key in numbered and key in ids),
              "story": list(map(asdict, found.story)), "sources": found.sources, "unread": dict(found.unread),
              "left_out": found.left_out + sum(key not in ids for key in found.keys),
              "telling": [ids[key] for key in telling], "paths": [found.paths.get(key, "") for key in telling],
              "texts": [fit.texts[key] for key in telling if key in fit.texts]}
    return packed(fields)


def _known(keys: Iterable[int], ids: Mapping[int, int]) -> list[int]:
    return sorted(ids[key] for key in keys if key in ids)


def _lines(under_way: Transaction, numbers: Sequence[int], known: dict[int, int]) -> list[tuple[int, Lines]]:
    """``known`` are keys by id; those that are lacking are added."""
    query = select(lines.c.run, lines.c.ids, lines.c.more).where(lines.c.run.in_(numbers), MINE)
    found = {row.run: (_of_gaps(row.ids), row.more) for row in under_way.execute(query)}
    lacking = {each for ids, _ in found.values() for each in ids if each not in known}
    for some in _parts(lacking):
        known.update(tuple(row) for row in under_way.execute(_KEYS, {"some": some}))
    return [(number, _lines_from(*found[number], known)) for number in numbers if number in found]


def _lines_from(ids: Sequence[int], more: bytes, known: Mapping[int, int]) -> Lines:
    keys, found = array("q", sorted(known[each] for each in ids if each in known)), packed_from(more)
    paths = zip(found["telling"], found["paths"], strict=True)
    texts = zip(found["telling"], found["texts"], strict=False)
    return Lines(keys, frozenset(known[each] for each in found["near"] if each in known),
                 frozenset(known[each] for each in found["linked"] if each in known), found["share"],
                 {known[each]: number for each, number in found["numbers"] if each in known},
                 tuple(StoryLine(**line) for line in found["story"]), tuple(found["sources"]), found["left_out"],
                 found["unread"], {known[each]: path for each, path in paths if path and each in known},
                 {known[each]: text for each, text in texts if each in known})


# Many numbers: quicker in the text of the query.
_SOME: BindParameter[Sequence[int]] = bindparam("some", expanding=True, literal_execute=True)
_KEYS = select(templates.c.id, templates.c.key).where(templates.c.id.in_(_SOME))
_BY_ID = select(templates).where(templates.c.id.in_(_SOME))
_BY_KEY = select(templates).where(templates.c.key.in_(_SOME), templates.c.mask == VERSION)
_IDS = select(templates.c.key, templates.c.id).where(
    templates.c.key.in_(_SOME), templates.c.mask == VERSION, templates.c.in_window == bindparam("window"))


def _parts(numbers: Iterable[int]) -> Iterator[list[int]]:
    waiting = iter(sorted(numbers))
    while some := list(islice(waiting, AT_ONCE)):
        yield some


def _ids(under_way: Transaction, keys: Iterable[int], window: int) -> dict[int, int]:
    return {key: number for some in _parts(keys)
            for key, number in under_way.execute(_IDS, {"some": some, "window": window})}


def _dictionary(under_way: Transaction, keys: Iterable[int]) -> dict[int, Template]:
    return {row.key: _template(row) for some in _parts(keys) for row in under_way.execute(_BY_KEY, {"some": some})}


def _kept(under_way: Transaction, uuid: str) -> dict[str, Any]:
    """What is kept of a failed build alone; nothing where its lines are not known."""
    query = select(lines.c.more).join(runs, runs.c.id == lines.c.run).where(runs.c.uuid == uuid, lines.c.failed,
                                                                            lines.c.mask == VERSION)
    more = under_way.execute(query).scalar()
    return packed_from(more) if more else {}


def _telling(under_way: Transaction, uuid: str) -> list[Template]:
    kept = _kept(under_way, uuid)
    paths = dict(zip(kept.get("telling", ()), kept.get("paths", ()), strict=True))
    found = {row.id: _template(row) for some in _parts(paths) for row in under_way.execute(_BY_ID, {"some": some})}
    texts = dict(zip(paths, kept.get("texts", ()), strict=False))
    return [replace(found[each], file=path or found[each].file, text=texts.get(each, found[each].text))
            for each, path in paths.items() if each in found]


def _jobs(under_way: Transaction) -> Sequence[str]:
    found: Sequence[str] = under_way.execute(select(lines.c.job).distinct().order_by(lines.c.job)).scalars().all()
    return found


def _newest(under_way: Transaction, job: str, most: int) -> list[Run]:
    query = (select(runs).join(lines, lines.c.run == runs.c.id)
             .where(lines.c.job == job, ~lines.c.failed, lines.c.mask == VERSION,
                    lines.c.at >= under_way.now - WINDOW)
             .order_by(lines.c.at.desc(), runs.c.id.desc()).limit(most))
    return list(map(run_from, under_way.execute(query).mappings()))


def _wanting(under_way: Transaction, pipelines: Collection[str], most: int, since: int) -> dict[str, int]:
    failing = under_way.execute(select(runs.c.job).distinct().join(failures, failures.c.run == runs.c.id)
                                .where(failures.c.at >= since, runs.c.voting)).scalars().all()
    have = dict(tuple(row) for row in under_way.execute(
        select(lines.c.job, func.count()).join(runs, runs.c.id == lines.c.run)
        .where(lines.c.job.in_(failing), ~lines.c.failed, lines.c.mask == VERSION, lines.c.at >= since,
               runs.c.pipeline.in_(pipelines)).group_by(lines.c.job)))
    return {job: most - have.get(job, 0) for job in failing if have.get(job, 0) < most}
