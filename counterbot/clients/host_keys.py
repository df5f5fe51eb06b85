"""Whom to log in to and why to believe that it is they: the key of ours and the host keys we trust.

It must not trust a key that nobody vouched for, nor ask an agent or look for keys by itself. Every error
says what a person has to change.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path

import paramiko


class SshError(Exception):
    """The connection did not serve. ``sent``: the command had gone out, so that it may have had its effect."""

    lasting = False

    def __init__(self, why: str, *, sent: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.sent = sent


class LoginRefused(SshError):
    """Nothing will change until a person changes a key or an account."""

    lasting = True


class HostKeyRefused(SshError):
    """The server's key is not the one that was vouched for; only a person may decide otherwise."""

    lasting = True


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
    """The private key in a file; LoginRefused with what to change where there is none to be had."""
    try:
        return paramiko.PKey.from_path(Path(path).expanduser())
    except FileNotFoundError:
        why = "there is no such file; make one with ssh-keygen -t ed25519, or correct key_file"
    except OSError as error:
        why = f"it cannot be read ({error.strerror}); give the bot's user read access"
    except (TypeError, paramiko.PasswordRequiredException):
        why = "it is encrypted; the bot has nobody to ask, so give it a key without a passphrase"
    except (ValueError, paramiko.SSHException, paramiko.pkey.UnknownKeyType):
        why = "it holds no private key of a kind that is known here (ed25519, ECDSA, RSA); is it the .pub file?"
    raise LoginRefused(f"key file {path}: {why}")


def trusted_keys(server: Server) -> tuple[paramiko.PKey, ...]:
    """The host keys that the configuration vouches for; none is a valid answer. Raise HostKeyRefused."""
    if server.host_key:
        return (_pinned(server.host_key),)
    if not server.known_hosts:
        return ()
    try:
        known = paramiko.HostKeys(str(Path(server.known_hosts).expanduser()))
    except (OSError, UnicodeDecodeError, paramiko.hostkeys.InvalidHostKey) as error:
        raise HostKeyRefused(f"known_hosts file {server.known_hosts} cannot be read: {words(error)}") from error
    found = known.lookup(server.name)
    return tuple(found.values()) if found else ()


def _pinned(text: str) -> paramiko.PKey:
    try:
        kind, data, *_ = text.split()
        return paramiko.PKey.from_type_string(kind, b64decode(data, validate=True))
    except (ValueError, binascii.Error, paramiko.SSHException, paramiko.pkey.UnknownKeyType) as error:
        raise HostKeyRefused(f"host_key is no public key; expected 'ssh-ed25519 AAAA…', found {text[:60]!r}") from error


def check_host_key(server: Server, offered: paramiko.PKey, trusted: tuple[paramiko.PKey, ...]) -> None:
    if any(key.asbytes() == offered.asbytes() for key in trusted):
        return
    line = f"{offered.get_name()} {b64encode(offered.asbytes()).decode()}"
    seen = f"{offered.get_name()} {offered.fingerprint}"
    if not trusted:
        raise HostKeyRefused(
            f"host key of {server.name} is not known: it offers {seen}. Compare that with what the server's "
            f"operators publish; then set host_key to '{line}', or add '{server.name} {line}' to known_hosts"
        )
    expected = ", ".join(f"{key.get_name()} {key.fingerprint}" for key in trusted)
    source = "host_key" if server.host_key else server.known_hosts
    raise HostKeyRefused(
        f"host key of {server.name} changed: it offers {seen}, but {source} says {expected}. Somebody may stand "
        f"in between. Ask the server's operators; if they changed it, put '{line}' there"
    )


def words(error: BaseException) -> str:
    if isinstance(error, EOFError):
        return "the server closed the connection"
    return " ".join(str(error).split()) or type(error).__name__
