"""Why an SSH server cannot be used, and what a person has to change."""

from __future__ import annotations

import socket

import paramiko

from ..core.text.inert import inert

SHOWN = 200
"""Bytes shown of a text that the server or paramiko wrote."""

IS_IT_GERRIT = "correct host and port (Gerrit's SSH daemon listens on 29418, unless configured otherwise)"

KNOWN = {
    "Error reading SSH protocol banner": "the server closed the connection before it said that it speaks SSH; "
                                         f"{IS_IT_GERRIT}, or try later if it has too many connections",
    "Indecipherable protocol version": f"what answers there is no SSH server; {IS_IT_GERRIT}",
    "Invalid SSH banner": f"what answers there is no SSH server; {IS_IT_GERRIT}",
    "Negotiation failed": "the server ended the connection during the handshake; its log says why",
    "Signature verification": "the server did not prove that it has the private half of its host key; if that "
                              "persists, somebody may be intercepting the connection",
    "transport shut down or saw EOF": "the server closed the connection during the login; its log says why",
    "SSH session not active": "the connection is closed",
    "Timeout opening channel": "the server did not answer the request to run a command",
    "Channel closed": "the server refused the command and closed the channel",
}
"""Parts of paramiko's messages -> what happened, and what to do."""

UPGRADE = "ask the server's operators to upgrade its SSH daemon"
LACKING = {
    "kex algorithm": f"no key exchange; the bot refuses those with SHA-1, as other SSH clients do: {UPGRADE}",
    "host key": "no kind of host key; the bot takes Ed25519, ECDSA, and RSA that is signed with SHA-2, and not ssh-rsa "
                "with SHA-1 or ssh-dss: ask the server's operators to add an Ed25519 host key, or to upgrade its SSH "
                "daemon",
    "ciphers": f"no cipher: {UPGRADE}",
    "macs": f"no MAC: {UPGRADE}",
}
"""What paramiko found nothing of in common -> what that is, and what to do."""

SECOND_STEP = ("the key is right, but the server asks for {} as well, which the bot cannot give; ask its operators to "
               "let this account log in with the key alone")


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


class Incompatible(SshError):
    """The server and the bot have no version of SSH, or no algorithm, in common; only a change of the server helps."""

    lasting = True


def explained(place: str, error: Exception) -> SshError:
    """What paramiko or the socket raised, as our own error that says what to do."""
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        return Incompatible(f"{place} and the bot have {_lacking(str(error))}")
    return SshError(f"{place}: {words(error)}")


def words(error: Exception) -> str:
    """In one line, with what to do where it is known; else the library's own words and the error's class."""
    text = inert(str(error), SHOWN)
    known = next((said for part, said in KNOWN.items() if part in text), None)
    if known:
        return known
    if isinstance(error, EOFError):
        return "the server closed the connection"
    if isinstance(error, socket.gaierror):
        return f"the host's name cannot be looked up ({error.strerror}); correct host"
    if isinstance(error, OSError):
        return error.strerror or text or type(error).__name__
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def rejection(error: paramiko.AuthenticationException, key: paramiko.PKey) -> str:
    """Why a server that is there rejects a login with a key, and what to do."""
    if isinstance(error, paramiko.BadAuthenticationType):
        return (f"it takes no keys, only {inert(', '.join(error.allowed_types), SHOWN)}; {IS_IT_GERRIT}, or ask the "
                "server's operators to permit keys")
    if "Unable to agree on a pubkey algorithm" in str(error):
        return (f"it takes no {key.get_name()} key that is signed with SHA-2; give the account another key, made with "
                "ssh-keygen -t ed25519")
    old = "; a server that takes RSA keys with SHA-1 alone needs one made with ssh-keygen -t ed25519"
    return ("add its public half to that account in Gerrit's settings, or correct username or key_file"
            + old * (key.get_name() == "ssh-rsa"))


def _lacking(text: str) -> str:
    for what, said in LACKING.items():
        if f"no acceptable {what}" in text:
            return f"in common {said}"
    return f"no SSH in common ({inert(text, SHOWN)}): {UPGRADE}"
