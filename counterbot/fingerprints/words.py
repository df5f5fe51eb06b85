"""Cuts text into the words that the old index knew: Elasticsearch's standard analyser, after Unicode's annex 29."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

LONGEST = 255
"""Characters of a word; what is longer is cut there, and the rest begins a new one (Lucene 4.10, StandardTokenizer)."""

_ASCII = re.compile(r"\w+(?:(?:(?<=[A-Za-z])[.:'](?=[A-Za-z])|(?<=\d)[.,;'](?=\d))\w+)*", re.ASCII)

# The same rules on a text of kinds, a letter for each character (see _kind); x is what clings to the one before it.
_LETTERS = r"ax*(?:(?:[jb]x*)?ax*)*"
_NUMBER = r"nx*(?:(?:[kb]x*)?nx*)*"
_PART = rf"(?:(?:{_LETTERS}|{_NUMBER})+|tx*(?:_*tx*)*)"
_KINDS = re.compile(rf"(?:_x*)*{_PART}(?:(?:_x*)+{_PART})*(?:_x*)*|hx*|s[sx]*")

_BOTH, _LETTER, _DIGIT = ".'‘’․﹒＇．", ":·\u0387״‧︓﹕：", ",;\u037e\u0589،؍٬\u07f8⁄︐︔﹐﹔，；"
_SCRIPTS = {"CJK": "h", "HIRAGANA": "h", "KATAKANA": "t",
            "HALFWIDTH KATAKANA": "t", "THAI": "s", "LAO": "s", "KHMER": "s", "MYANMAR": "s", "TAI": "s"}
_CATEGORIES = {"Nd": "n", "Pc": "_", "Mn": "x", "Mc": "x", "Me": "x", "Cf": "x", "Lu": "a", "Ll": "a", "Lt": "a",
               "Lm": "a", "Lo": "a", "Nl": "a"}
_CIRCLED = dict.fromkeys(map(chr, range(0x24B6, 0x24EA)), "a")
_OTHERS = {"\u200b": "-", "〇": "h", "゛": "t", "゜": "t", **_CIRCLED}


def words(text: str) -> list[str]:
    """The words of a text in their order, lower-cased."""
    if text.isascii():
        lower = text.lower()
        found = _ASCII.findall(lower)
        if len(text) > LONGEST and max(map(len, found), default=0) > LONGEST:
            found = list(_cut(_ASCII, lower, lower))
        return [each for each in found if each[0] != "_" or each.strip("_")]
    return ["".join(character.lower()[0] for character in each)  # one to one, as Java does: İ, and Σ at a word's end
            for each in _cut(_KINDS, text.translate(_KIND), text)]


def _cut(word: re.Pattern[str], kinds: str, text: str) -> Iterator[str]:
    for found in word.finditer(kinds):
        start, end = found.span()
        if end - start <= LONGEST:
            yield text[start:end]
            continue
        while begun := word.search(kinds, start, min(start + LONGEST, end)):
            start = begun.start()
            piece = word.match(kinds, start, min(start + LONGEST, end)) or begun
            yield text[start:piece.end()]
            start = piece.end()


class _Kind(dict[int, str]):
    """By character its kind, found once: ``a`` letter, ``n`` digit, ``_`` connector, ``h`` Han or Hiragana (a word by
    itself), ``t`` Katakana, ``s`` a script without spaces, ``x`` mark; ``j``, ``k`` and ``b`` join letters, digits or
    both; ``-`` anything else."""

    def __missing__(self, code: int) -> str:
        kind = self[code] = _kind(chr(code))
        return kind


def _kind(character: str) -> str:
    for joining, kind in ((_BOTH, "b"), (_LETTER, "j"), (_DIGIT, "k")):
        if character in joining:
            return kind
    if character in _OTHERS:
        return _OTHERS[character]
    kind = _CATEGORIES.get(unicodedata.category(character), "-")
    if kind != "a":
        return kind
    name = unicodedata.name(character, "")
    return next((script for begins, script in _SCRIPTS.items() if name.startswith(begins)), kind)


_KIND = _Kind()
