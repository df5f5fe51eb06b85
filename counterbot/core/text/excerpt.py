"""Makes a line of a log fit to be shown to everybody: one short line, without what looks like a credential.

Logs are public where they lie, but a line that is quoted in a comment stays for good and is mailed to people. What is
masked is known by its shape or by the name before it; a secret that nothing announces cannot be known.
"""

from __future__ import annotations

import re

from .. import limits
from .inert import ELLIPSIS, cut, inert

MASK = "***"
"""As OpenStack's own libraries write it."""

ESCAPES = re.compile(r"(?:\x1b|#033|\^\[)\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-Z\\^_]?")
"""Colours and other sequences of terminals; ``#033`` and ``^[`` are the escape character as rsyslog and cat show it."""

NAME = r"""(?:password|passwd|passphrase|pswd|secret|token|credential|api[_-]?key|access[_-]?key|private[_-]?key|
    [_-]pwd|[_-]pass|adminpass|userpass|signature|temp_url_sig|pwd(?=["'\s]*[=:]\s*["']?[^/~"'\s]))
    (?:[_-]?(?:key|id|value|hash|s|[0-9]+(?![0-9])))*"""
"""How the name of a secret ends. ``pwd`` alone is a directory, where what follows looks like one. A number is taken
whole: cut in all possible ways, one of thirty digits would be searched for hours."""

BETWEEN = r"""(?:\\?["']?\s*(?:=>|[=:>])\s*|\\?["'],\s*|\s*\(\s*(?=["']))"""
"""Stands between name and value: in assignments, JSON, reprs of Python, XML, headers and SQL's PASSWORD('...')."""

QUOTED = r"""[bu]?\\["'](?P<a>[^"'\\]*)|[bu]?"(?P<b>[^"\\]*(?:\\.[^"\\]*)*)|[bu]?'(?P<c>[^'\\]*(?:\\.[^'\\]*)*)"""

NAMED = re.compile(rf"""(?ix){NAME}{BETWEEN}(?:{QUOTED}|(?P<d>(?!\w+\(["'])(?:(?:bearer|basic)\s+)?[^\s"'&]+))""")
FLAG = re.compile(rf"""(?ix)--[\w-]{{0,40}}{NAME}\s+(?:{QUOTED}|(?P<d>[^\s"']+))""")
HEADER = re.compile(
    rf"""(?ix)(?:authorization|cookie)["']?\s*[=:,]\s*(?:{QUOTED}|(?P<d>(?:digest|aws4)\S*\s.*|[^"']+))""")
SQL = re.compile(rf"(?ix)identified\s+(?:with\s+\S+\s+)?(?:by|as)\s+(?:{QUOTED})")
MYSQL = re.compile(r"\bmysql\w*\s(?:[^|;]{0,200}?\s)??-p(?P<d>\S+)")
USER = re.compile(r"://[^\s/:@]{0,200}:(?P<d>[^\s/]+)(?=@)")

SHAPES = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}-----|$)"  # OpenSSL, OpenSSH
    r"|\bgAAAA[\w-]{16,}=*"  # Fernet: Keystone's tokens, and what is encrypted alike
    r"|\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?"  # JSON Web Token
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"  # Amazon
    r"|\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{20,}|\bxox[abeprs]-[\w-]{10,}"  # GitHub, GitLab, Slack
    r"|(?<=\b[Bb]earer )[\w.~+/-]{16,}=*")

HINTS = ("pass", "pwd", "pswd", "secret", "token", "credential", "apikey", "accesskey", "privatekey", "_key", "-key",
         "private key", "signature", "temp_url_sig", "authorization", "cookie", "identified", "mysql", "@", "gaaaa",
         "eyj", "akia", "asia", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "bearer ")
"""One of these is in each text, in small letters, that has a credential: most have none, and are not searched."""

RUN = re.compile(r"[A-Za-z0-9+/_-]{60,}={0,2}")
LONG, BEGINNING, PATH_PART = 256, 8, 20
"""Characters of a run that is shortened whatever it is (SHA-512 in hexadecimal has 128), of it that stay, and of what
lies between two slashes of a path on average."""

PLAIN = frozenset({"", "*", "**", MASK, "none", "null", "true", "false"})
"""Values that tell nothing, or that were masked before."""
ENDS = f"{ELLIPSIS},;)}}]"
"""What may follow such a value."""


def excerpt(line: str, limit: int = limits.EXCERPT) -> str:
    """``line`` as it may be shown: inert, of at most ``limit`` bytes of UTF-8, credentials as ``***``.

    Runs of base64 and hexadecimal digits that are longer than any identifier are shortened. Applying it twice changes
    nothing more.
    """
    text = inert(ESCAPES.sub("", _beginning(line)), limits.EXCERPT_SOURCE)
    return cut(RUN.sub(_shortened, hidden(text)), limit)


def hidden(text: str, mask: str = MASK) -> str:
    """``text`` with ``mask`` in place of each credential."""
    lower = text.casefold()
    if not any(hint in lower for hint in HINTS):
        return text
    text = SHAPES.sub(mask, text)
    for pattern in (HEADER, FLAG, NAMED, SQL, MYSQL, USER):
        text = pattern.sub(lambda found: _masked(found, mask), text)
    return text


def _beginning(line: str) -> str:
    """As much as can be shown, without the word at which it was cut: it may be half a credential."""
    if len(line) <= limits.EXCERPT_SOURCE:
        return line
    beginning = line[: limits.EXCERPT_SOURCE]
    return beginning.rpartition(" ")[0] or beginning


def _masked(found: re.Match[str], mask: str) -> str:
    """The value, which is the pattern's only group that took part."""
    group = next(name for name, value in found.groupdict().items() if value is not None)
    if found[group].strip(ENDS).lower() in PLAIN:
        return found[0]
    start = found.start(group) - found.start()
    return found[0][:start] + mask + found[0][found.end(group) - found.start():]


def _shortened(found: re.Match[str]) -> str:
    run = found[0]
    mixed = all(re.search(kind, run) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    encoded = mixed and not {"_", "-"} & set(run) and run.count("/") * PATH_PART <= len(run)
    return f"{run[:BEGINNING]}{ELLIPSIS} ({len(run):,} characters)" if encoded or len(run) >= LONG else run
