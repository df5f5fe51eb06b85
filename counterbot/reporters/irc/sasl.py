"""The login to an account by SASL PLAIN: takes the server's lines, gives ours.

The library's own login fails with capabilities that have a value, come in several lines, or end with a blank.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

from ...core.text.inert import inert

ASK = "CAP LS 302"
"""302 makes the server name the mechanisms (IRCv3, capability negotiation)."""

MECHANISM = "PLAIN"
PIECE = 400
"""Bytes of one AUTHENTICATE; a shorter one, perhaps an empty one, is the last (IRCv3, SASL 3.1)."""

SUCCEEDED = ("903", "907")
"""907: logged in already."""

FAILED = ("902", "904", "905", "906")
MECHANISMS = "908"
SHOWN = 200
"""Bytes shown of what the server wrote."""


class SaslRefused(Exception):
    """Why there is no login, for people."""


class Sasl:
    """One login. ``done`` once the server knows the account; before ``CAP END`` it lets nobody in."""

    def __init__(self, account: str, password: str) -> None:
        self.done = False
        self._secret = b64encode(f"\0{account}\0{password}".encode()).decode()
        self._offered: dict[str, str] = {}

    def heard(self, command: str, parameters: Sequence[str]) -> list[str]:
        """What to send after a line of the server. Raises SaslRefused."""
        words = inert(parameters[-1], SHOWN) if parameters else ""
        match command.upper():
            case "CAP" if len(parameters) > 1:
                return self._capabilities(parameters[1].upper(), parameters[2:])
            case "AUTHENTICATE" if words == "+":
                return [f"AUTHENTICATE {piece}" for piece in _pieces(self._secret)]
            case code if code in SUCCEEDED:
                self.done = True
                return ["CAP END"]
            case code if code in FAILED:
                raise SaslRefused(f"SASL login refused: {words}; check the account's name and password")
            case code if code == MECHANISMS:
                _check(parameters[1] if len(parameters) > 2 else "")
        return []

    def _capabilities(self, subcommand: str, rest: Sequence[str]) -> list[str]:
        listed = dict(_named(word) for word in rest[-1].split()) if rest else {}
        match subcommand:
            case "LS":
                self._offered |= listed
                more = len(rest) > 1 and rest[0] == "*"
                return [] if more else [self._request()]
            case "ACK" if "sasl" in listed:
                return [f"AUTHENTICATE {MECHANISM}"]
            case "NAK":
                raise SaslRefused("the server offers SASL, but does not grant it (CAP NAK)")
        return []

    def _request(self) -> str:
        if "sasl" not in self._offered:
            raise SaslRefused("the server does not offer SASL, or not yet; leave irc.sasl out if it never does")
        _check(self._offered["sasl"])
        return "CAP REQ sasl"


def _named(capability: str) -> tuple[str, str]:
    """Its name and its value, such as ``sasl=PLAIN,EXTERNAL``; without a value any mechanism may do."""
    name, _, value = capability.partition("=")
    return name.lower(), value


def _check(mechanisms: str) -> None:
    """Those that the server names, if it does."""
    if mechanisms and MECHANISM not in mechanisms.upper().split(","):
        raise SaslRefused(f"the server takes SASL by {inert(mechanisms, SHOWN)}, and the bot knows {MECHANISM} alone")


def _pieces(text: str) -> list[str]:
    pieces = [text[at:at + PIECE] for at in range(0, len(text), PIECE)]
    return pieces if len(text) % PIECE else [*pieces, "+"]
