"""SSH host-key verification, and the key that the bot logs in with.

It must not trust a key that the configuration does not give, nor use an agent or search for keys. Every error says
what a person has to change.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path

import paramiko


class SshError(Exception):
    """The connection failed. ``sent``: the command had been sent, so it may have taken effect."""

    lasting = False

    def __init__(self, why: str, *, sent: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.sent = sent


class LoginRefused(SshError):
    """The server rejects our login until a person changes a key or an account."""

    lasting = True


class HostKeyRefused(SshError):
    """The server's key is not one that the configuration trusts; only a person may change that."""

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
    """The private key in a file. Raises LoginRefused, saying what to change."""
    try:
        return paramiko.PKey.from_path(Path(path).expanduser())
    except FileNotFoundError:
        why = "there is no such file; make one with ssh-keygen -t ed25519, or correct key_file"
    except OSError as error:
        why = f"it cannot be read ({error.strerror}); give the bot's user read access"
    except (TypeError, paramiko.PasswordRequiredException):
        why = "it is encrypted, and the bot cannot ask for the passphrase; give it a key without one"
    except (ValueError, paramiko.SSHException, paramiko.pkey.UnknownKeyType):
        why = "it holds no private key of a supported type (ed25519, ECDSA, RSA); is it the .pub file?"
    raise LoginRefused(f"key file {path}: {why}")


def trusted_keys(server: Server) -> tuple[paramiko.PKey, ...]:
    """The host keys that the configuration trusts, perhaps none. Raises HostKeyRefused."""
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
        raise HostKeyRefused(
            f"host_key is not a public key; expected 'ssh-ed25519 AAAA…', found {text[:60]!r}") from error


def check_host_key(server: Server, offered: paramiko.PKey, trusted: tuple[paramiko.PKey, ...]) -> None:
    """Raises HostKeyRefused where the server's key is not among the trusted ones."""
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
        f"host key of {server.name} changed: it offers {seen}, but {source} says {expected}. Somebody may be "
        f"intercepting the connection. Ask the server's operators; if they changed it, put '{line}' there"
    )


def words(error: BaseException) -> str:
    if isinstance(error, EOFError):
        return "the server closed the connection"
    return " ".join(str(error).split()) or type(error).__name__
