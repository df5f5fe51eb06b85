"""What a known_hosts file says of a server, as OpenSSH reads it (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").

paramiko reads a part of that format: no patterns, no markers, and no file with a damaged key or an odd byte in it.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

import paramiko

AUTHORITY, REVOKED = "@cert-authority", "@revoked"


@dataclass(frozen=True)
class Line:
    """A line about the servers that fit ``names``. One without a ``key`` is useless, and ``why`` says why."""

    number: int
    marker: str = ""
    names: str = ""
    key: paramiko.PKey | None = None
    why: str = ""

    def is_about(self, name: str) -> bool:
        """Whether it is about the server of this name: a host, or ``[host]:port``."""
        if self.names.startswith("|"):
            return _is_hash_of(name.lower(), self.names)
        return bool(self._fitting(name)) and not self.excludes(name)

    def excludes(self, name: str) -> bool:
        return any(pattern.startswith("!") for pattern in self._fitting(name))

    def _fitting(self, name: str) -> list[str]:
        patterns = self.names.lower().split(",")
        return [pattern for pattern in patterns if _fits(name.lower(), pattern.removeprefix("!"))]


def read(data: bytes) -> tuple[Line, ...]:
    """All lines but empty ones and comments; a bad one spoils no other."""
    return tuple(_lines(data.removeprefix(BOM_UTF8)))


def about(lines: Iterable[Line], host: str, port: int) -> tuple[Line, ...]:
    """The lines about a server: those for ``[host]:port``, then those for the host without a port.

    As in ssh, the latter count only where none of the former gives a key. Stricter than ssh: one that excludes
    ``[host]:port`` never counts, and one that revokes a key always does.
    """
    lines = tuple(lines)
    if port == paramiko.config.SSH_PORT:
        return tuple(line for line in lines if line.is_about(host))
    name = f"[{host}]:{port}"
    of_port = tuple(line for line in lines if line.is_about(name))
    of_host = tuple(line for line in lines if line.is_about(host) and not line.excludes(name) and line not in of_port)
    if any(line.key and not line.marker for line in of_port):
        return of_port + tuple(line for line in of_host if line.marker == REVOKED)
    return of_port + of_host


def public_key(kind: str, text: str) -> paramiko.PKey:
    """From a type's name and base64. Raises ValueError with what is wrong."""
    try:
        data = b64decode(text, validate=True)
        key = paramiko.PKey.from_type_string(kind, data)
    except paramiko.pkey.UnknownKeyType:
        raise ValueError(f"keys of type {kind} are not supported") from None
    except Exception as error:  # paramiko and cryptography raise many kinds for damaged data
        raise ValueError(f"its {kind} key is damaged") from error
    if key.asbytes() != data:
        raise ValueError(f"its {kind} key is damaged")
    return key


def _lines(data: bytes) -> Iterator[Line]:
    for number, raw in enumerate(data.split(b"\n"), 1):
        fields = [field.decode("ascii", "replace") for field in raw.split(maxsplit=4)]
        if fields and not fields[0].startswith("#"):
            yield _line(number, fields)


def _line(number: int, fields: list[str]) -> Line:
    marker = fields.pop(0) if fields[0].startswith("@") else ""
    if marker not in ("", AUTHORITY, REVOKED):
        return Line(number, why=f"its marker is neither {AUTHORITY} nor {REVOKED}")
    if len(fields) < 3:
        return Line(number, why="it has no host, type of key and key")
    names, kind, text, *_comment = fields
    try:
        return Line(number, marker, names, public_key(kind, text))
    except ValueError as error:
        return Line(number, marker, names, why=str(error))


def _fits(name: str, pattern: str) -> bool:
    """Only * and ? are special: a port's host stands in brackets."""
    return fnmatchcase(name, pattern.replace("[", "[[]"))


def _is_hash_of(name: str, names: str) -> bool:
    """``|1|salt|hash``, as ``ssh-keygen -H`` writes it."""
    try:
        _, kind, salt, expected = names.split("|")
        found = hmac.digest(b64decode(salt, validate=True), name.encode(), "sha1")
        return kind == "1" and hmac.compare_digest(found, b64decode(expected, validate=True))
    except (ValueError, binascii.Error):
        return False
