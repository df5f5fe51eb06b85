"""Makes text from outside harmless in the Markdown of Gerrit's page: names, sentences and URLs.

Gerrit also makes links of addresses without a scheme, such as ``mysql.Queries``, but not within code.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from .inert import NAME, inert, name_of

LINK = 200
"""Bytes of a URL that is shown; a longer one is left out, since half a link leads nowhere."""

MARKUP = re.compile(r"[\\*_\[\]<>#]|~~|://|[^\s.]\.[\w-]|&(?=#?\w+;)")
"""What makes a link or markup of a word, wherever it stands."""

BLOCK = re.compile(r"[-+=]+|[0-9]+[.)]")
"""Words that begin a list or underline a heading where they begin a line."""

END = re.compile(r"[\w/~-]", re.ASCII)
"""What the last character of a URL may be for Gerrit to take it into the link."""


def code(name: str, limit_bytes: int = NAME) -> str:
    """A name from outside, as code, in which nothing has a meaning."""
    return f"`{name_of(name, limit_bytes)}`"


def verbatim(text: str, limit_bytes: int) -> str:
    """Text from outside, such as a log line or a path, as code with its brackets and slashes; ``@`` is ``(at)``."""
    return f"`{inert(text.replace('`', '').replace('@', '(at)'), limit_bytes) or '?'}`"


def prose(text: str, limit_bytes: int) -> str:
    """A sentence from outside, inert. Words that would become markup or a link are written as code.

    It may stand anywhere in a line. ``limit_bytes`` applies before that. ``@`` is written ``(at)``: Gerrit makes a link
    of a mail address even within code, and of the backtick before it (marked 0.3, ``url``).
    """
    first, *others = re.split(r"(\s+)", inert(text.replace("`", ""), limit_bytes).replace("@", "(at)"))
    return "".join([f"`{first}`" if BLOCK.fullmatch(first) else _word(first), *map(_word, others)])


def link(url: str) -> str | None:
    """A URL, escaped so that Gerrit makes one link of all of it; None where it is longer than LINK."""
    url = quote(url, safe=":/?#@!$&+,=%")
    url = re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", "%5F", url)  # elsewhere it does not begin emphasis
    if not END.match(url[-1:]):
        url = f"{url[:-1]}%{ord(url[-1]):02X}" if url else ""
    return url if 0 < len(url) <= LINK else None


def _word(word: str) -> str:
    core = word.rstrip(",.:;!?")
    return f"`{core}`{word[len(core):]}" if MARKUP.search(word) else word
