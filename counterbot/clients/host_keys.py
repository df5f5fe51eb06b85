"""SSH host-key verification, and the key that the bot logs in with.

It must not trust a key that the configuration does not give, nor use an agent or search for keys. Every error says
what a person has to change.
"""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import paramiko

from .known_hosts import AUTHORITY, REVOKED, Line, about, public_key, read
from .ssh_errors import HostKeyRefused, LoginRefused

PUBLIC = "it is a public key; give the private one, whose file is named the same without .pub"
PKCS8 = ("it is in PKCS#8 form, not in OpenSSH's; 'ssh-keygen -p -f {path}' rewrites an RSA or ECDSA key, else make "
         "one with ssh-keygen -t ed25519")
NO_PRIVATE_KEYS = {
    "ssh-": PUBLIC,
    "ecdsa-": PUBLIC,
    "---- BEGIN SSH2 PUBLIC KEY": PUBLIC,
    "-----BEGIN PUBLIC KEY": PUBLIC,
    "-----BEGIN PRIVATE KEY": PKCS8,
    "PuTTY-User-Key-File": "it is in PuTTY's form; convert it with 'puttygen {path} -O private-openssh -o NEW'",
}
"""How a file begins that holds no private key in OpenSSH's form -> what it is, and what to do."""

NO_PRIVATE_KEY = ("it holds no private key of a supported type (ed25519, ECDSA, RSA), or a damaged one; make one with "
                  "ssh-keygen -t ed25519")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Server:
    """Where to log in, as whom. ``host_key`` is ``ssh-ed25519 AAAA…``; ``known_hosts`` a file in OpenSSH's form."""

    host: str
    port: int
    username: str
    key_file: str
    host_key: str | None = None
    known_hosts: str | None = None

    @property
    def name(self) -> str:
        """The server's name in known_hosts."""
        return self.host if self.port == paramiko.config.SSH_PORT else f"[{self.host}]:{self.port}"


def load_key(path: str) -> paramiko.PKey:
    """The private key in a file. Raises LoginRefused, saying what to change."""
    try:
        return paramiko.PKey.from_path(Path(path).expanduser())
    except FileNotFoundError:
        why = "there is no such file; make one with ssh-keygen -t ed25519, or correct key_file"
    except OSError as error:
        why = f"it cannot be read ({error.strerror}); give the bot's user read access"
    except (TypeError, paramiko.PasswordRequiredException):
        why = "it is encrypted, and the bot cannot ask for the passphrase; give it a key without one"
    except Exception:  # paramiko and cryptography raise many kinds for what is no key of theirs
        text = Path(path).expanduser().read_bytes().decode("ascii", "replace")
        why = next((said for begin, said in NO_PRIVATE_KEYS.items() if text.startswith(begin)), NO_PRIVATE_KEY)
    raise LoginRefused(f"key file {path}: {why.format(path=path)}")


@dataclass(frozen=True)
class Trust:
    """The host keys that the configuration trusts, perhaps none, and those that it revokes.

    ``source`` is where they are from; ``useless`` says why other lines about the server are of no use.
    """

    source: str
    keys: tuple[paramiko.PKey, ...] = ()
    revoked: tuple[paramiko.PKey, ...] = ()
    useless: tuple[str, ...] = ()


def trusted(server: Server) -> Trust:
    """Raises HostKeyRefused where it cannot be read."""
    if server.host_key:
        return Trust("host_key", (_pinned(server.host_key),))
    if not server.known_hosts:
        return Trust("known_hosts")
    lines = read(_known_hosts(server, server.known_hosts))
    for line in lines:
        if line.why:
            _tell_once(f"{server.known_hosts}:{line.number}: the line is ignored: {line.why}")
    return _trust(server.known_hosts, about(lines, server.host, server.port))


def _known_hosts(server: Server, path: str) -> bytes:
    try:
        return Path(path).expanduser().read_bytes()
    except FileNotFoundError:
        why = (f"there is no such file; make it with 'ssh-keyscan -p {server.port} {server.host} > {path}' and compare "
               "the key with what the server's operators publish, or set host_key")
    except OSError as error:
        why = f"it cannot be read ({error.strerror}); give the bot's user read access, or set host_key"
    raise HostKeyRefused(f"known_hosts file {path}: {why}")


@cache
def _tell_once(text: str) -> None:
    """The file is read anew for each connection."""
    log.warning(text)


def _trust(path: str, lines: Iterable[Line]) -> Trust:
    revoked = tuple(line.key for line in lines if line.key and line.marker == REVOKED)
    return Trust(
        path,
        tuple(line.key for line in lines if line.key and not line.marker and line.key not in revoked),
        revoked,
        tuple(f"{path}:{line.number} is of no use: {_why_useless(line)}. " for line in lines
              if line.marker == AUTHORITY or line.why))


def _why_useless(line: Line) -> str:
    if line.marker == AUTHORITY:
        return f"the bot cannot verify certificates of an authority ({AUTHORITY}) and needs the server's own key"
    return line.why


def _pinned(text: str) -> paramiko.PKey:
    try:
        kind, data, *_ = text.split()
        return public_key(kind, data)
    except ValueError as error:
        raise HostKeyRefused(
            f"host_key is not a public key; expected 'ssh-ed25519 AAAA…', found {text[:60]!r}") from error


def check_host_key(server: Server, offered: paramiko.PKey, trust: Trust) -> None:
    """Raises HostKeyRefused where the server's key is not among the trusted ones."""
    if offered in trust.keys:
        return
    line = f"{offered.get_name()} {b64encode(offered.asbytes()).decode()}"
    seen = f"{offered.get_name()} {offered.fingerprint}"
    if offered in trust.revoked:
        raise HostKeyRefused(
            f"host key of {server.name} is revoked: it offers {seen}, which {trust.source} marks {REVOKED}. Somebody "
            "may be intercepting the connection. Ask the server's operators for its new key"
        )
    if not trust.keys:
        raise HostKeyRefused(
            f"host key of {server.name} is not known: it offers {seen}. {''.join(trust.useless)}Compare that with what "
            f"the server's operators publish; then set host_key to '{line}', or add '{server.name} {line}' to "
            f"{trust.source}"
        )
    expected = ", ".join(f"{key.get_name()} {key.fingerprint}" for key in trust.keys)
    raise HostKeyRefused(
        f"host key of {server.name} changed: it offers {seen}, but {trust.source} says {expected}. Somebody may be "
        f"intercepting the connection. Ask the server's operators; if they changed it, put '{line}' there"
    )
