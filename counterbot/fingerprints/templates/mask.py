"""Masks what varies in a log line: ids, addresses, numbers. A fixed function of the line, which learns nothing.

So a phrase of unmasked words is in a line exactly where it is in the line's masked form, and what is kept of a build's
lines answers whether it is in the build.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from sys import intern

from ...core.lines import Words
from ..records import COLOUR
from ..words import words

VERSION = 1
"""To be raised when any line's mask changes: what was kept under another version is not comparable."""

VARIES = re.compile(
    r"(?<![A-Za-z0-9])(?:[A-Za-z_]{1,40}-){0,8}[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?:-[\w-]+)?"  # UUID
    r"|(?<![0-9a-fA-F])(?:[0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}(?![0-9a-fA-F])"  # MAC
    r"|(?<![A-Za-z0-9])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![A-Za-z0-9])"  # IPv6
    r"|(?<![A-Za-z0-9])0x[0-9a-fA-F]+"
    r"|(?<![A-Za-z0-9])(?=[0-9a-fA-F]*[0-9])(?:(?=[0-9]*[a-fA-F])[0-9a-fA-F]{7,31}|[0-9a-fA-F]{32,})(?![A-Za-z0-9])"
    r"|(?<![A-Za-z0-9])(?:tap|qbr|qv[bo]|(?:q[rg]|[sf]g|ha|fpr|rfp)-)[0-9a-f]{8}(?:-[0-9a-f]{2})?(?![A-Za-z0-9])"
    r"|/(?:var/)?tmp/[\w./-]+"
    r"|(?<![\w-])(?:[A-Za-z_]{1,40}-){1,8}(?=[\w-]{0,100}[0-9]{3})[\w-]+"  # tempest-ServersTest-server-1234567
    r"|(?<![A-Za-z0-9])gAAAA[\w=-]+"  # Fernet
    r"|(?<![A-Za-z0-9+])(?=[A-Za-z0-9+]*[0-9])[A-Za-z0-9+]{28,}={0,2}")  # base64
"""Whole things, parts of which would look like words. Bounded, so that no line is searched for long."""
UUID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Of a server, a volume, a request behind ``req-``."""
NOTHING_ELSE = re.compile(
    rb"%b(?:(?:req-)?%b|[0-9]+(?:[.,][0-9]+)+[A-Za-z]*|[0-9]{4,}|(?=[a-f]*[0-9])[0-9a-f]{7,})%b" % (
        _MARKS := rb"[^A-Za-z0-9_\x80-\xff]*", UUID.pattern, _MARKS))
"""The most common of what varies, alone between blanks: quicker to find than word by word."""
ANY_ID = re.compile(rb"(?<![A-Za-z0-9_\x80-\xff+-])(?:req-)?%b" % UUID.pattern)
AN_ID = b"00000000-0000-0000-0000-000000000000"
"""Whichever id stands there by itself, the words around it are the same."""
JOINERS = frozenset(".:',;")
"""What may join a varying thing to the word beside it, depending on how it begins and ends."""

NAMES = re.compile(
    r"v[0-9]|ip?v[46]|l[2347]|[xi](?:86|386)(?:_64)?|amd64|arm64|aarch64|py[23]|sha[0-9]{1,3}|md5|utf(?:_?8|16)|ext[234]"
    r"|nfs[34]?|http[23]?|tls1|oauth2|k8s|s3|x509|base64|b64(?:encode|decode)|e[0-9]{1,4}|c[0-9]|log4j|p2p")
"""Words with digits that are names."""
CODES = frozenset({
    "code", "errno", "error_code", "errorcode", "exit", "exitcode", "exit_code", "http", "rc", "response", "retcode",
    "return_code", "returncode", "returned", "signal", "status", "status_code"})
"""Words behind which a number of up to three digits is a code that tells something."""

VARIED = "*"
"""Stands for what varies in a masked text, whose words are separated by blanks. No word has this character."""
CODE = "#"
"""Begins a number that stays where it is a code."""

DIGIT = re.compile(r"\d")
REMEMBERED, LONGEST = 50_000, 100
"""Pieces between blanks whose words are remembered, and their bytes."""


def masked(message: str) -> Words:
    """The words of a message, None for what varies; runs of that count once.

    The others are words of ``words(message)`` in their order, side by side where no None is between them.
    """
    data = COLOUR.sub(b"", message.encode(errors="replace"))
    return as_words(settled(rough(data)))


def runs(found: Words) -> Iterator[tuple[str, ...]]:
    """The stretches between what varies."""
    run: list[str] = []
    for word in (*found, None):
        if word is not None:
            run.append(word)
        elif run:
            yield tuple(run)
            run = []


def rough(message: bytes) -> str:
    """The masked text of a message, in which it is open yet whether short numbers are codes. Colours are off."""
    return " ".join(map(_pieces.__getitem__, message.split()))


def settled(text: str) -> str:
    """Of a rough text: each number is a code or varies, and runs of what varies are one."""
    return " ".join(filter(None, settling(text.split())))


def settling(found: Iterable[str]) -> Iterator[str]:
    """For each word of a rough text what becomes of it; "" for one of a run."""
    last = ""
    for each in found:
        word = each if each[0] != CODE else each[1:] if last in CODES else VARIED
        yield "" if word == VARIED == last else word
        last = word


def as_words(text: str) -> Words:
    """Of a settled text. There are few different words, and each is in memory once."""
    return tuple(None if word == VARIED else intern(word) for word in text.split())


def as_text(found: Words) -> str:
    """The settled text of a message."""
    return " ".join(VARIED if word is None else word for word in found)


def key(file: str, text: str) -> int:
    """A template's, by its file and its settled text."""
    return int.from_bytes(blake2b(f"{file}\0{text}".encode(), digest_size=8).digest(), "big") >> 1


class _Pieces(dict[bytes, str]):
    """By what stands between two blanks, its rough masked text."""

    def __missing__(self, piece: bytes) -> str:
        if NOTHING_ELSE.fullmatch(piece):
            return VARIED
        if len(piece) > len(AN_ID) and (alike := ANY_ID.sub(AN_ID, piece)) != piece:
            return self[alike]
        made = " ".join(_masked(piece.decode(errors="replace")))
        if len(piece) <= LONGEST:
            if len(self) >= REMEMBERED:
                self.clear()
            self[piece] = made
        return made


_pieces = _Pieces()


def _masked(piece: str) -> list[str]:
    spans = [found.span() for found in VARIES.finditer(piece)]
    if not spans:
        return [_of_word(word) for word in words(piece)]
    lower = piece.lower() if piece.isascii() else "".join(letter.lower()[0] for letter in piece)  # as words() does it
    made = []
    at = passed = 0
    begin, end = _reach(piece, *spans[0])
    for word in words(piece):
        start = lower.index(word, at)
        at = start + len(word)
        while end < start and passed + 1 < len(spans):
            passed += 1
            begin, end = _reach(piece, *spans[passed])
        made.append(VARIED if begin <= at and start <= end else _of_word(word))
    return made


def _reach(piece: str, start: int, end: int) -> tuple[int, int]:
    """From where to where the words are that a varying thing touches: also over what may join them, for whether it
    does so depends on the letters at its ends."""
    return start - (piece[start - 1:start] in JOINERS), end + (piece[end:end + 1] in JOINERS)


def _of_word(word: str) -> str:
    if word.isalpha() or not DIGIT.search(word) or NAMES.fullmatch(word):
        return word
    if word.isdecimal():
        return CODE + word if len(word) <= 3 else VARIED
    return VARIED if word[0].isdecimal() or len(word) < 5 or len(DIGIT.findall(word)) > 1 else word
