"""What a collector is to be and to give, held against what others wrote. Runs none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from ..core import limits
from ..core.counters.attachment import META
from ..core.counters.snapshot import Kind
from . import Collected, Failed


def check(module: object) -> None:
    """Raises Failed, in words for whoever wrote it, for a module that is no collector."""
    lack = _lack(module)
    if lack:
        raise Failed(_told(lack))


def taken(answer: object) -> Collected:
    """What a collector gave; of its counters each is judged later.

    Raises Failed, in words for whoever wrote it, for what cannot be joined with what the others gave.
    """
    if not isinstance(answer, Collected):
        raise Failed(_told(f"it gave {type(answer).__name__} instead of Collected"))
    for name, (good, form) in FORMS.items():
        if not good(getattr(answer, name)):
            raise Failed(_told(f"its {name} must be {form}"))
    if META in answer.groups:
        raise Failed(_told(f"its groups hold {META}, which is the document's own"))
    return answer


def fault(error: BaseException) -> str:
    """What is told of an exception that a collector should not have raised: its kind and line.

    Not its text, in which a password may stand.
    """
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    place = f" in {Path(last.tb_frame.f_code.co_filename).name}, line {last.tb_lineno}" if last else ""
    return _told(f"{type(error).__name__}{place}")


def _told(what: str) -> str:
    return f"a fault of the collector itself: {what}"


def _lack(module: Any) -> str | None:
    """What a module lacks to be a collector."""
    missing = [name for name in ("GROUPS", "Settings", "collect") if not hasattr(module, name)]
    if missing:
        return f"it has no {' and no '.join(missing)}"
    if not _maps(module.GROUPS, lambda kind: isinstance(kind, Kind)):
        return "its GROUPS must be a mapping of text to Kind"
    if not (isinstance(module.Settings, type) and is_dataclass(module.Settings)):
        return "its Settings must be a dataclass"
    return None


def _maps(value: object, good: Callable[[object], bool]) -> bool:
    return isinstance(value, Mapping) and all(isinstance(key, str) and good(each) for key, each in value.items())


def _texts(value: object) -> bool:
    """A text is not meant: it would be taken for its letters."""
    return isinstance(value, Collection) and not isinstance(value, str) and all(map(_text, value))


def _text(value: object) -> bool:
    return isinstance(value, str)


def _number(value: object) -> bool:
    """JSON has no word for infinity and for NaN, which is below no number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 10**limits.DIGITS


FORMS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "groups": (lambda value: _maps(value, lambda members: _maps(members, lambda _: True)),
               "a mapping of text to mappings of text to numbers"),
    "failures": (_texts, "a tuple of text"),
    "absent": (_texts, "a frozenset of text"),
    "instances": (lambda value: _maps(value, lambda each: _text(each) or _number(each)),
                  "a mapping of text to text or finite numbers (int, float)"),
    "own": (lambda value: _maps(value, _number), "a mapping of text to finite numbers (int, float)"),
    "made": (lambda value: _maps(value, _text), "a mapping of text to text"),
    "parts": (lambda value: _maps(value, lambda parts: _maps(parts, lambda n: isinstance(n, int) and _number(n))),
              "a mapping of text to mappings of text to int"),
}
"""What each field of Collected must be, and how to say so."""
