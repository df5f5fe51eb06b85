"""Makes text of others harmless to show: one line, nothing invisible, of bounded length."""

from __future__ import annotations

import re
import unicodedata

COLOUR = re.compile("\x03(?:[0-9]{1,2}(?:,[0-9]{1,2})?)?|\x04(?:[0-9A-Fa-f]{6}(?:,[0-9A-Fa-f]{6})?)?")
"""Chat clients read the digits after these two controls as a colour, so they are removed as well."""

BREAKS = re.compile("[\t\n\x0b\x0c\r\x1c-\x1e\x85\u2028\u2029]+")
IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+")
"""Invisible, assigned or not: Default_Ignorable_Code_Point in DerivedCoreProperties.txt of Unicode 14.0. Among
them are variation selectors, fillers and tags, which are no controls to Python's unicodedata."""

MARKUP = re.compile(r"://|[@<>`\[\]]")
"""What would mention somebody, or become a link or markup."""

NAME = 80
"""Bytes of a job's, counter's or project's name that are shown."""

ELLIPSIS = "…"


def inert(text: str, limit_bytes: int) -> str:
    """``text`` on one line of at most ``limit_bytes`` of UTF-8, with ``…`` at its end where it was cut.

    Line breaks and tabs become a space; controls (C0, DEL, C1, chat colours) and what has no width or
    turns the reading direction are removed, as are blanks at the ends; half a surrogate pair becomes
    U+FFFD. Applying it twice changes nothing more.
    """
    text = IGNORABLE.sub("", BREAKS.sub(" ", COLOUR.sub("", text)))
    return cut("".join(map(_visible, text)).strip(), limit_bytes)


def cut(text: str, limit_bytes: int) -> str:
    """``text``, or its beginning and ``…``, within ``limit_bytes`` of UTF-8."""
    data = text.encode()
    if len(data) <= limit_bytes:
        return text
    room = limit_bytes - len(ELLIPSIS.encode())
    if room < 0:
        return ""
    return data[:room].decode(errors="ignore").rstrip() + ELLIPSIS


def name_of(text: str, limit_bytes: int = NAME) -> str:
    """A name from outside as it may stand in a sentence: inert and without markup; ``?`` where nothing is left."""
    return inert(MARKUP.sub("?", text), limit_bytes) or "?"


def called(name: str) -> str:
    """A file's name, to be shown: an empty one is said to be empty."""
    return name or "'' (an empty name)"


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cs":
        return "\N{REPLACEMENT CHARACTER}"
    return "" if category in ("Cc", "Cf") else character
