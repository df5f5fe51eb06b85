"""counters.json and DevStack's performance.json <-> Counters. Reads no file; judges nothing.

A counter whose value is no finite number is unreadable and keeps its reason; the others count.
Formats: the attachment as os-performance-tools wrote it and DESIGN's section 4 extends it;
``performance.json`` as DevStack's ``tools/get-stats.py`` writes it, versions 1 and 2.
"""

from __future__ import annotations

import json
import math
import posixpath
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from . import limits
from .model import Counters, Number, Unreadable

META = "__meta__"
GAUGES = frozenset({"memory", "memory_peak", "process"})
"""Groups of momentary values: never subtracted, never added up over time."""

NOT_SET = 2**64 - 1
"""What systemd says of a unit whose memory is not accounted for."""


@dataclass(frozen=True)
class _Bad:
    """Stands in a document where a value cannot be a counter."""

    why: str


def parse_counters(data: bytes) -> Counters:
    """The counters of one or several JSON documents, one after the other; of a repeated name the later value.

    Raises Unreadable where the text is no such document.
    """
    documents = [_counters(document) for document in _documents(data)]
    if not documents:
        raise Unreadable("it is empty")
    return merge(documents)


def parse_performance(data: bytes) -> Counters:
    """The counters of DevStack's performance.json. Raises Unreadable where it is none."""
    documents = list(_documents(data))
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise Unreadable("it is no performance.json: one JSON object was expected")
    return _performance(documents[0])


def looks_like_performance(data: bytes) -> bool:
    """Whether a JSON document is DevStack's performance.json rather than a counters attachment."""
    head = data[: limits.COUNTERS_FILE].lstrip()
    if not head.startswith(b"{") or b'"services"' not in head:
        return False
    try:
        document = next(iter(_documents(data)))
    except (Unreadable, StopIteration):
        return False
    return isinstance(document, dict) and META not in document and isinstance(document.get("services"), list)


def merge(parts: Iterable[Counters]) -> Counters:
    """Several documents of one build, in order: a name that comes twice keeps the later value, and is told."""
    values: dict[str, Number] = {}
    unreadable: dict[str, str] = {}
    failures: dict[str, str] = {}
    absent: frozenset[str] = frozenset()
    resets: frozenset[str] = frozenset()
    repeated: frozenset[str] = frozenset()
    deltas = set()
    for part in parts:
        repeated |= part.repeated | frozenset(name for name in part.values if name in values)
        unreadable = {name: why for name, why in unreadable.items() if name not in part.values}
        for name in part.unreadable:
            values.pop(name, None)
        values |= part.values
        unreadable |= part.unreadable
        failures |= part.failures
        absent |= part.absent
        resets |= part.resets
        deltas |= {part.delta} - {None}
    gone = absent - frozenset(values)
    return Counters(values, unreadable, failures, gone, resets - frozenset(values), repeated,
                    deltas.pop() if len(deltas) == 1 else None)


def complete(counters: Counters, performance: Counters) -> Counters:
    """The attachment's counters, and from performance.json the groups that it does not have."""
    have = {_group(name) for name in (*counters.values, *counters.unreadable)}
    missing = {name: value for name, value in performance.values.items() if _group(name) not in have}
    unreadable = {name: why for name, why in performance.unreadable.items() if _group(name) not in have}
    return replace(counters, values={**counters.values, **missing}, unreadable={**counters.unreadable, **unreadable})


def _group(name: str) -> str:
    return name.partition(".")[0]


def _documents(data: bytes) -> Iterator[object]:
    """Consecutive JSON documents: two runs of os-collect-counters appended to one stream are one file."""
    if len(data) > limits.COUNTERS_FILE:
        raise Unreadable(f"{len(data):,} bytes, more than the {limits.COUNTERS_FILE:,} that are read")
    text = data.decode("utf-8-sig", "replace")
    decoder = json.JSONDecoder(object_pairs_hook=_pairs, parse_int=_whole, parse_float=_real, parse_constant=_constant)
    at = _skip_space(text, 0)
    while at < len(text):
        try:
            document, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise Unreadable(f"not JSON: {error.msg} at line {error.lineno} column {error.colno}") from None
        except RecursionError:
            raise Unreadable("not JSON that can be read: it is nested too deeply") from None
        yield document
        at = _skip_space(text, at)


def _skip_space(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) < len(pairs):
        twice = [name for name, count in Tally(name for name, _ in pairs).items() if count > 1]
        result |= {name: _Bad("it stands there twice") for name in twice}
    return result


def _whole(digits: str) -> int | _Bad:
    return int(digits) if len(digits) <= limits.DIGITS else _Bad(f"a number of {len(digits)} digits")


def _real(digits: str) -> float | _Bad:
    value = float(digits) if len(digits) <= limits.COUNTER_NAME else math.inf
    return value if math.isfinite(value) else _Bad(f"{digits[:20]} is no finite number")


def _constant(word: str) -> _Bad:
    return _Bad(f"{word} is no finite number")


class _Gather:
    """Names and values as they come; what is no counter is kept aside with its reason."""

    def __init__(self) -> None:
        self.values: dict[str, Number] = {}
        self.unreadable: dict[str, str] = {}

    def set(self, name: str, value: object, combine: Callable[[Number, Number], Number] | None = None) -> None:
        if len(self.values) + len(self.unreadable) >= limits.COUNTERS:
            raise Unreadable(f"more than {limits.COUNTERS:,} counters")
        why = _wrong_name(name) or _wrong_value(value)
        if why:
            self.values.pop(name, None)
            self.unreadable[inert_name(name)] = why
        elif isinstance(value, (int, float)) and name not in self.unreadable:
            before = self.values.get(name)
            self.values[name] = value if before is None or combine is None else combine(before, value)

    def add(self, name: str, value: object) -> None:
        self.set(name, value, lambda one, other: one + other)


def _wrong_name(name: str) -> str | None:
    if len(name) > limits.COUNTER_NAME:
        return f"a name of {len(name):,} characters, more than {limits.COUNTER_NAME}"
    if not all(part and part.isprintable() for part in name.partition(".")):
        return "a name that is empty or has characters that cannot be printed"
    return None


def inert_name(name: str) -> str:
    """A name that can be shown: short, and without what does not print."""
    shown = "".join(character if character.isprintable() else "?" for character in name[: limits.COUNTER_NAME])
    return shown if len(name) <= limits.COUNTER_NAME else shown[:40] + "…"


def _wrong_value(value: object) -> str | None:
    if isinstance(value, _Bad):
        return value.why
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return f"{_kind(value)} instead of a number"
    return None


def _kind(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), type(value).__name__)


def _counters(document: object) -> Counters:
    if not isinstance(document, dict):
        raise Unreadable(f"{_kind(document)} instead of an object of groups")
    gather, failures = _Gather(), {}
    for group, members in document.items():
        if group == META:
            continue
        if isinstance(members, dict):
            for name, value in members.items():
                gather.set(f"{group}.{name}", value)
        else:
            failures[inert_name(group)] = (members.why if isinstance(members, _Bad)
                                           else f"{_kind(members)} instead of a group of counters")
    meta = document.get(META)
    return _with_meta(Counters(gather.values, gather.unreadable, failures), meta if isinstance(meta, dict) else {})


def _with_meta(counters: Counters, meta: Mapping[str, object]) -> Counters:
    failures = meta.get("failures")
    told = {inert_name(str(name)): inert_name(str(why))
            for name, why in (failures.items() if isinstance(failures, dict) else ())}
    return replace(
        counters,
        failures={**counters.failures, **told},
        absent=_names(meta.get("absent")) - frozenset(counters.values),
        resets=_names(meta.get("resets")) - frozenset(counters.values),
        delta=isinstance(meta.get("delta_seconds"), (int, float)),
    )


def _names(value: object) -> frozenset[str]:
    return frozenset(inert_name(name) for name in value if isinstance(name, str)) if isinstance(value, list) \
        else frozenset()


def _performance(document: Mapping[str, object]) -> Counters:
    gather = _Gather()
    if not any(isinstance(document.get(section), list) for section in ("services", "db", "processes", "api")):
        raise Unreadable("it is no performance.json: none of services, db, processes and api is in it")
    for row in _rows(document, "services"):
        if row.get("MemoryCurrent") not in (None, NOT_SET):
            gather.set(f"memory.{_unit(row.get('service'))}", row["MemoryCurrent"])
    for row in _rows(document, "db"):
        gather.add(f"db.{row.get('db')}.{row.get('op')}", row.get("count"))
    for row in _rows(document, "processes"):
        gather.add(f"process.{posixpath.basename(str(row.get('cmd')))}", row.get("rss"))
    for row in _rows(document, "api"):
        for key, value in row.items():
            if key not in ("service", "log", "largest"):
                # version 1: METHOD; version 2: AGENT-METHOD
                gather.add(f"api.{row.get('service')}.{key.rpartition('-')[2]}", value)
    return Counters(gather.values, gather.unreadable)


def _rows(document: Mapping[str, object], section: str) -> Iterator[dict[str, object]]:
    rows = document.get(section)
    return (row for row in (rows if isinstance(rows, list) else ()) if isinstance(row, dict))


def _unit(service: object) -> str:
    return str(service).removeprefix("devstack@").removesuffix(".service")
