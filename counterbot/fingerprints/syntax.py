"""Lucene's syntax: text to luqum's tree, or mistakes with their places. Knows nothing of what the fields mean.

luqum's own tokens are not Lucene's (``&&`` and ``!x`` are words to it, ``a"b`` and ``'x`` are mistakes), so they are
cut here, after the lexical part of Lucene 4.10's QueryParser.jj; the grammar is luqum's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import luqum.parser
from luqum.head_tail import TokenValue
from luqum.tree import Item, Phrase, Regex, Word
from ply.lex import LexToken

DEEPEST = 50
"""Parentheses within each other."""


@dataclass(frozen=True)
class Remark:
    """What is to be said of a query. ``at`` is an offset in its text, from 0."""

    at: int
    what: str


class BadQuery(Exception):
    """A query cannot be used; ``mistakes`` are all that were found, in their order."""

    def __init__(self, mistakes: Sequence[Remark]) -> None:
        self.mistakes = tuple(sorted(mistakes, key=lambda mistake: mistake.at))
        super().__init__("; ".join(f"at {mistake.at}: {mistake.what}" for mistake in self.mistakes))


@dataclass(frozen=True)
class Token:
    """``kind`` is luqum's name for it; "" is a mistake, and FIELD a term before a colon."""

    kind: str
    text: str
    at: int


_START = r"""(?:[^\s+\-!():^\[\]"{}~*?\\/]|\\.)"""
_TERM = rf"(?:{_START}|[*?])(?:{_START}|[*?+\-])*"
_GOOP = r'(?:"(?:[^"\\]|\\.)*"|[^\s\]}"][^\s\]}]*)'
_TOKEN = re.compile(rf"""
    (?P<PHRASE>"(?:[^"\\]|\\.)*")
  | (?P<REGEX>/(?:[^/\\]|\\.)*/)
  | (?P<RANGE>[\[{{]\s*{_GOOP}\s+(?:TO\s+)?{_GOOP}\s*[\]}}])
  | (?P<FIELD>{_TERM}\s*:)
  | (?P<AND_OP>&&|AND(?!{_START}|[*?+\-]))
  | (?P<OR_OP>\|\||OR(?!{_START}|[*?+\-]))
  | (?P<NOT>!(?!\s)|NOT(?!{_START}|[*?+\-]))
  | (?P<PLUS>\+(?!\s)) | (?P<MINUS>-(?!\s)) | (?P<LPAREN>\() | (?P<RPAREN>\))
  | (?P<APPROX>~[\d.]*) | (?P<BOOST>\^[\d.]*)
  | (?P<TERM>{_TERM})
""", re.VERBOSE | re.DOTALL)
_BROKEN = re.compile(r"""["\[{].*|/[^\s()]*""", re.DOTALL)
_SPACE = re.compile(r"\s*")


def tree(text: str) -> Item:
    """The tree of a query. Raises BadQuery."""
    tokens = list(tokens_of(text))
    mistakes = [*_mistakes(tokens, len(text))]
    if mistakes:
        raise BadQuery(mistakes)
    feed = _lexed(tokens)
    return luqum.parser.parse(None, tokenfunc=lambda: next(feed, None))


def tokens_of(text: str) -> Iterator[Token]:
    """The tokens of a query; of what is none, one without kind."""
    at = _SPACE.match(text).end()  # type: ignore[union-attr]  # it matches everywhere
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            found = _BROKEN.match(text, at)
        end = found.end() if found else at + 1
        yield Token((found and found.lastgroup) or "", text[at:end], at)
        at = _SPACE.match(text, end).end()  # type: ignore[union-attr]


_NO_TOKEN = {
    '"': 'this quote is never closed; add " at the end of the text that it opens, or write \\" for a quote within',
    "[": "this range is not complete; write [low TO high]",
    "{": "this range is not complete; write {low TO high}",
    "\\": "nothing follows this backslash; remove it",
    **dict.fromkeys("+-!", "no space may follow this sign; write it right before the clause, or remove it"),
    ":": "no field stands before this colon; write field:value, or put the text in quotes",
}
_CONJUNCTIONS, _MODIFIERS = ("AND_OP", "OR_OP"), ("NOT", "PLUS", "MINUS")
_OPERANDS = ("TERM", "PHRASE", "REGEX", "RANGE")


def _mistakes(tokens: Sequence[Token], end: int) -> Iterator[Remark]:
    """What is against the grammar: each token is held against the one before it."""
    if not tokens:
        yield Remark(0, 'the query is empty; write one, such as message:"text of the log line"')
        return
    before: Token | None = None
    mistake: Remark | None = None
    for token in (*tokens, Token("END", "", end)):
        follows = mistake and (token.kind == "END" or token.text[0] == "/")  # from the mistake before it
        mistake = None if follows else _mistake(before, token)
        if mistake:
            yield mistake
        before = token
    if all(token.kind or token.text[0] not in '"[{' for token in tokens):  # these take all that follows with them
        yield from _parentheses(tokens)


def _mistake(before: Token | None, token: Token) -> Remark | None:
    if not token.kind:
        what = _NO_TOKEN.get(token.text[0], f"{token.text} stands where a value is expected; put the value in quotes")
        return _slash(before, token) if token.text[0] == "/" else Remark(token.at, what)
    if before is None or before.kind in (*_CONJUNCTIONS, *_MODIFIERS, "FIELD", "LPAREN"):
        if token.kind in (*_CONJUNCTIONS, "RPAREN", "END"):
            return _nothing_after(before, token)
        if token.kind in ("APPROX", "BOOST"):
            return Remark(token.at, f"{token.text} follows no value; put the value in quotes")
    if before and before.kind in (*_MODIFIERS, "FIELD") and token.kind in (*_MODIFIERS, before.kind):
        return Remark(token.at, _second(before, token))
    if token.kind in ("APPROX", "BOOST"):
        return _suffix(before, token)
    return _slash(before, token) if before and "REGEX" in (before.kind, token.kind) and _touch(before, token) else None


def _nothing_after(before: Token | None, token: Token) -> Remark | None:
    if before is None:
        what = f"{token.text} stands first; remove it"
        return Remark(token.at, what) if token.kind in _CONJUNCTIONS else None
    if before.kind == "FIELD":
        return Remark(before.at, f'no value follows {_name(before)}:; write {_name(before)}:"text"')
    if token.kind == "END":
        return Remark(before.at, f"nothing follows {before.text}; remove it") if before.kind != "LPAREN" else None
    if before.kind == "LPAREN":
        return Remark(before.at, f"nothing stands between ( and {token.text}; remove what is too much")
    return Remark(token.at, f"{before.text} {token.text}: nothing stands between them; remove one")


def _second(before: Token, token: Token) -> str:
    """Two signs or fields for one clause."""
    if token.kind == "FIELD":
        return (f"a field within the field {_name(before)}; if the colon belongs to the value, put it in quotes: "
                f'{_name(before)}:"a:b"')
    if before.kind == "FIELD":
        sign = token.text + " " * token.text.isalpha()
        return (f'{token.text} must stand before the field: {sign}{_name(before)}:"text"; if it belongs to the value, '
                "put the value in quotes")
    return f"{before.text} {token.text}: two signs for one clause; remove one"


def _name(field: Token) -> str:
    return field.text[:-1].rstrip()


def _suffix(before: Token | None, token: Token) -> Remark | None:
    if token.kind == "BOOST":
        is_boost = re.fullmatch(r"\^\d+(\.\d+)?", token.text)
        what = "a number must follow ^; if ^ belongs to the value, put the value in quotes"
        return None if is_boost else Remark(token.at, what)
    if before and before.kind == "PHRASE":
        return Remark(token.at, f"{token.text}: words that are only near each other are not searched for; "
                                'write a clause for each part: message:"one" AND message:"two"')
    return Remark(token.at, f"{token.text}: words that are only similar are not searched for; write them out: "
                            "(one OR two); if ~ belongs to the value, put the value in quotes")


def _touch(before: Token, token: Token) -> bool:
    values = before.kind in _OPERANDS and token.kind in ("", *_OPERANDS)
    return values and before.at + len(before.text) == token.at


def _slash(before: Token | None, token: Token) -> Remark:
    value = (before.text if before and _touch(before, token) else "") + token.text
    return Remark(token.at, f'a / begins a regular expression, and this is none; put the value in quotes: "{value}"')


def _parentheses(tokens: Sequence[Token]) -> Iterator[Remark]:
    opened: list[Token] = []
    for token in tokens:
        if token.kind == "LPAREN":
            opened.append(token)
            if len(opened) > DEEPEST:
                yield Remark(token.at, f"more than {DEEPEST} parentheses within each other")
                return
        elif token.kind == "RPAREN":
            if not opened:
                yield Remark(token.at, "this ) closes nothing; remove it, or open it with (")
            else:
                opened.pop()
    yield from (Remark(token.at, "this ( is never closed; add )") for token in opened)


def _lexed(tokens: Sequence[Token]) -> Iterator[LexToken]:
    """The tokens as luqum's parser wants them. Boosts, which change an order that nobody sees, are left out."""
    for token in tokens:
        if token.kind == "FIELD":
            yield _lex("TERM", Word(_name(token)), token.at)
            yield _lex("COLUMN", TokenValue(":"), token.at + len(token.text) - 1)
        elif token.kind == "RANGE":
            yield from _range(token)
        elif token.kind == "PHRASE":
            yield _lex("PHRASE", Phrase(token.text), token.at)
        elif token.kind == "REGEX":
            yield _lex("REGEX", Regex(token.text), token.at)
        elif token.kind == "TERM":
            yield _lex("TERM", Word(token.text), token.at)
        elif token.kind != "BOOST":
            yield _lex(token.kind, TokenValue(token.text), token.at)


def _range(token: Token) -> Iterator[LexToken]:
    low, high = (found for found in re.findall(_GOOP, token.text[1:-1]) if found != "TO")
    yield _lex("LBRACKET", TokenValue(token.text[0]), token.at)
    yield _lex("PHRASE", Phrase(low), token.at) if low[0] == '"' else _lex("TERM", Word(low), token.at)
    yield _lex("TO", TokenValue("TO"), token.at)
    yield _lex("PHRASE", Phrase(high), token.at) if high[0] == '"' else _lex("TERM", Word(high), token.at)
    yield _lex("RBRACKET", TokenValue(token.text[-1]), token.at)


def _lex(kind: str, value: Item | TokenValue, at: int) -> LexToken:
    token = LexToken()
    token.type, token.value, token.lexpos, token.lineno = kind, value, at, 0
    value.pos, value.size = at, 0
    return token
