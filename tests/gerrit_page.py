"""A message as Gerrit's page shows it: HTML-escaped, CommonMark with breaks, and links of all that looks like one.

Gerrit 3.13: gr-formatted-text.ts (``markdown``, ``breaks``) and link-util.ts; up to 3.7, ba-linkify 0.3. The rule
here takes all that any of them takes, and more: every word with a dot within it.
"""

from __future__ import annotations

import html
import re

from markdown_it import MarkdownIt
from markdown_it.token import Token

LINK = re.compile(
    r"(https?://(?:(?!&(?:gt|lt|quot|apos);)\S)+[\w/~-])|(\S*[^\s.]\.[\w-]\S*|\S+@\S+|\S*\w://\S*)", re.ASCII)
"""What becomes a link: after its scheme, or by its looks alone."""

EMAIL = re.compile(r"()([\w.!#$%&'*+/=?^{|}~-]*@[\w-]+\.[\w-]+)", re.ASCII)
"""What becomes a link even within code: marked 0.3 looks for addresses first, and takes the backtick before for one's
first letter."""

MARKDOWN = MarkdownIt("commonmark", {"breaks": True})
BREAKS = {"softbreak", "hardbreak"}


def escaped(text: str) -> str:
    """All but ``>`` where it begins a quotation."""
    text, quotes = html.escape(text), re.compile(r"(?m)^((?:\s{0,3}>)*\s{0,3})&gt;")
    while (unquoted := quotes.sub(r"\1>", text)) != text:
        text = unquoted
    return text


def blocks(text: str) -> list[Token]:
    """What the page is made of, without the ends of blocks."""
    return [token for token in MARKDOWN.parse(text) if token.nesting >= 0 and token.type != "paragraph_open"]


def kinds(text: str) -> set[str]:
    """All that Markdown makes of a text."""
    tokens = [*blocks(text), *(child for block in blocks(text) for child in block.children or ())]
    return {token.type for token in tokens} - BREAKS


def plain(text: str) -> str:
    """What is read on the page, the table left out."""
    return "\n".join("".join("\n" if child.type in BREAKS else child.content for child in block.children or ())
                     for block in blocks(text) if block.type == "inline")


def links(text: str) -> list[tuple[str, str]]:
    """What becomes a link: after its scheme, and by its looks alone."""
    rules = {"text": LINK, "code_inline": EMAIL}
    return [(found[1] or "", found[2] or "") for block in blocks(text) for child in block.children or ()
            if child.type in rules for found in rules[child.type].finditer(child.content)]


def page(text: str) -> str:
    """The message's HTML. Code is not decoded when it is parsed, so that it stays as it was escaped."""
    def linked(content: str) -> str:
        return LINK.sub(lambda found: f'<a href="{found[0]}">{found[0]}</a>', html.escape(content))

    def inline(block: Token) -> str:
        return "".join("<br>\n" if child.type in BREAKS else
                       f"<code>{child.content}</code>" if child.type == "code_inline" else
                       linked(child.content) for child in block.children or ())

    return "\n".join(f"<pre><code>{block.content}</code></pre>" if block.type == "code_block" else
                     f"<p>{inline(block)}</p>" for block in blocks(escaped(text)))
