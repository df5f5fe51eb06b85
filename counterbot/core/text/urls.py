"""Normalises URLs, so that prefixes can be compared; for the HTTP client and for the configuration alike."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

URL = re.compile(r"(?P<scheme>https?)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{1,5}))?"
                 r"(?P<path>/[!-~]*)?", re.IGNORECASE)
ANY_NAME = "any-name-here"
PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
PORTS = {"http": 80, "https": 443}


def place(url: str) -> str | None:
    """A normalised URL; None where two programs might read it differently.

    It may have no user, backslash, fragment, or ``.`` and ``..`` as folders, also written as ``%2e``.
    """
    match = URL.fullmatch(url)
    if match is None or "\\" in url or "#" in url:
        return None
    path, _, query = (match["path"] or "/").partition("?")
    if {".", ".."} & set(re.split(r"[/\\]", unquote(path))):
        return None
    scheme = match["scheme"].lower()
    return f"{scheme}://{match['host'].lower()}:{int(match['port'] or PORTS[scheme])}{path}?{query}"


def below(root: str, url: str) -> str | None:
    """What follows a web root in a URL; None where the URL is not under it. The host's case, and a default port that is
    written or not, make no difference."""
    folder = f"{root.rstrip('/')}/"
    if url.startswith(folder):  # nearly always, and this tells it at once
        return url.removeprefix(folder)
    found, base = place(quote(url, safe=PRINTABLE)), (place(folder) or "").rstrip("?")
    return found.removeprefix(base).rstrip("?") if found and base and found.startswith(base) else None


def place_pattern(prefix: str) -> re.Pattern[str]:
    """Matches the beginning of places under a prefix, up to the end of a folder's name.

    ``https://*.example.org/`` has any one name before the dot: object stores put a hash there. Raises
    ValueError for a prefix that is not a plain URL.
    """
    found = place(prefix.replace("://*.", f"://{ANY_NAME}.", 1))
    if found is None or not found.endswith("?"):
        raise ValueError(f"{prefix} is no plain URL without user, '?' and '#'")
    return re.compile(re.escape(found.rstrip("?/") + "/").replace(re.escape(ANY_NAME), "[a-z0-9-]+"))
