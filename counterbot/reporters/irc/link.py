"""One stay on an IRC server: logged in, called by our name, in our channels, and noticed when it is dead.

Knows nothing of what is owed: it tells which words were acknowledged and which bounced.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import irc.client
from irc.strings import lower

from ...core.text.inert import inert
from .connection import SHOWN, Connection, Reactor, Settings, connect

NICKS = 6
SHORT_NICK = 9
"""What RFC 2812 promises; ngircd's default."""

NOT_THERE = ("403", "442")
"""No such channel; you are not in it."""

LOGIN_NUMERICS = ("902", "905", "906", "908")
"""SASL refusals beside 904, which the library knows."""


@dataclass(frozen=True)
class Timing:
    """Seconds. The defaults are for real networks."""

    connect: float = 15
    login: float = 60
    joins: float = 5  # how long the first lines wait for the channels to answer
    rejoin: float = 30
    nick: float = 60
    silence: float = 60  # nothing heard for so long: PING
    dead: float = 30  # and still nothing after so long
    answer: float = 120  # a line not acknowledged by then never will be
    farewell: float = 5
    backoff: float = 1
    longest_backoff: float = 60
    poll: float = 0.5  # how often to ask for lines when there were none
    pump: float = 0.1


@dataclass
class Channel:
    """A channel of ours. ``again`` is when to ask for it next, None where nothing is to be asked."""

    name: str
    present: bool = False
    again: float | None = 0.0
    why: str = ""

    @property
    def speakable(self) -> bool:
        return self.present and self.again is None


class Link:
    """One connection, from its first byte to its last; used by one thread."""

    def __init__(
        self,
        settings: Settings,
        timing: Timing,
        *,
        answered: Callable[[str], None],
        bounced: Callable[[str, str], None],
        log: logging.Logger,
    ) -> None:
        self.settings = settings
        self.timing = timing
        self.channels = {lower(name): Channel(name) for name in settings.channels}
        self.why = ""
        self.welcomed: float | None = None
        self._answered = answered
        self._bounced = bounced
        self._log = log
        self._reactor = Reactor()
        self._connection: Connection = self._reactor.server()
        self._proved = False  # who we are, by SASL
        self._nicks_tried = 0
        self._nick_again = 0.0
        self._pinged = 0.0
        self._began = 0.0
        self._reactor.add_global_handler("all_events", self._event)

    # What the reporter asks for

    def connect(self) -> None:
        """Raises OSError or the library's ServerConnectionError."""
        self._began = time.monotonic()
        connect(self._connection, self.settings, self.timing.connect)

    @property
    def alive(self) -> bool:
        return bool(self._connection.connected)

    @property
    def nick(self) -> str:
        return self._connection.real_nickname

    @property
    def ready(self) -> bool:
        """Every channel has let us in or refused us, or had the time to."""
        if not self.alive or self.welcomed is None:
            return False
        settled = all(channel.present or channel.why for channel in self.channels.values())
        return settled or time.monotonic() > self.welcomed + self.timing.joins

    def channel(self, name: str) -> Channel | None:
        return self.channels.get(lower(name))

    def pump(self) -> None:
        """Reads what came, for a moment, and does what is due."""
        self._reactor.process_once(self.timing.pump)
        if self.alive:
            self._due(time.monotonic())

    def say(self, channel: Channel, text: str, token: str) -> None:
        """Sends a line, and after it the question whose answer says that the server has read the line."""
        self._connection.privmsg(channel.name, text)
        if self.alive:
            self._connection.ping(token)

    def close(self, why: str) -> None:
        if self.alive:
            self.why = why
            self._connection.disconnect(why)

    # What is due

    def _due(self, now: float) -> None:
        if self.welcomed is None:
            if now > self._began + self.timing.login:
                self.close(f"not let in within {self.timing.login:g} s")
            return
        self._watch(now)
        if self.alive:
            self._ask_for_channels(now)
        if self.alive and self.nick != self.settings.nick and now >= self._nick_again:
            self._nick_again = now + self.timing.nick
            self._connection.nick(self.settings.nick)

    def _watch(self, now: float) -> None:
        heard = self._connection.heard
        if now > heard + self.timing.silence + self.timing.dead:
            self.close(f"nothing heard for {now - heard:.0f} s")
        elif now > heard + self.timing.silence and self._pinged <= heard:
            self._pinged = now
            self._connection.ping("alive")

    def _ask_for_channels(self, now: float) -> None:
        for channel in self.channels.values():
            if channel.again is not None and channel.again <= now and self.alive:
                # Where we are in it already, the server ignores this without a word.
                channel.again = None if channel.present else now + self.timing.rejoin
                self._connection.join(channel.name)

    # What the server says

    def _event(self, _connection: Connection, event: irc.client.Event) -> None:
        handler = HANDLERS.get(event.type)
        if handler is not None:
            handler(self, event)
            return
        code = getattr(event.type, "code", "")
        if code in LOGIN_NUMERICS:
            self._login_failed(event)
        elif code.isdigit() and "400" <= code < "600":
            self._refused(code, event)

    def _welcome(self, _event: irc.client.Event) -> None:
        if self.settings.sasl and not self._proved:
            self.close("the server let us in without SASL: it does not offer it, or not yet")
            return
        self.welcomed, self.why = time.monotonic(), ""
        self._nick_again = self.welcomed + self.timing.nick
        self._log.info("on %s as %s", self.settings.host, inert(self.nick, SHOWN))

    def _sasl_done(self, _event: irc.client.Event) -> None:
        self._proved = True

    def _login_failed(self, event: irc.client.Event) -> None:
        self.close(f"SASL login refused: {_words(event)}; check the account's name and password")

    def _nick_refused(self, event: irc.client.Event) -> None:
        """Before we are in, another nick must do; afterwards ours is asked for again later."""
        if self.welcomed is not None:
            return
        self._nicks_tried += 1
        if self._nicks_tried > NICKS:
            self.close(f"no nick to be had: {_words(event)}")
            return
        nick = other_nick(self.settings.nick, self._nicks_tried)
        self._log.warning("nick refused: %s; trying %s", _words(event), nick)
        self._connection.nick(nick)

    def _joined(self, event: irc.client.Event) -> None:
        if self._is_me(event.source):
            self._present(event.target)

    def _names_ended(self, event: irc.client.Event) -> None:
        self._present(event.arguments[0])

    def _present(self, name: str) -> None:
        channel = self.channel(name)
        if channel is not None and not channel.speakable:
            channel.present, channel.again, channel.why = True, None, ""
            self._log.info("joined %s", channel.name)

    def _kicked(self, event: irc.client.Event) -> None:
        if lower(event.arguments[0]) == lower(self.nick):
            self._absent(event.target, f"kicked: {_words(event)}")

    def _parted(self, event: irc.client.Event) -> None:
        if self._is_me(event.source):
            self._absent(event.target, "made to leave")

    def _absent(self, name: str, why: str) -> None:
        channel = self.channel(name)
        if channel is not None:
            channel.present = False
            self._hold(channel, why)

    def _refused(self, code: str, event: irc.client.Event) -> None:
        """An error about a channel: of a line where we are in it, otherwise of our wish to join."""
        channel = self.channel(event.arguments[0]) if event.arguments else None
        if channel is None:
            self._refused_us(code, event)
            return
        why = f"{code} {_words(event)}"
        if code in NOT_THERE:
            channel.present = False
        self._hold(channel, why)
        self._bounced(channel.name, why)

    def _refused_us(self, code: str, event: irc.client.Event) -> None:
        if code == "437":  # a nick or a channel that is not to be had for a while
            self._nick_refused(event)
        elif self.welcomed is None:
            self.why = _words(event)  # such as 464, wrong password, just before it hangs up

    def _hold(self, channel: Channel, why: str) -> None:
        channel.again, channel.why = time.monotonic() + self.timing.rejoin, why
        self._log.warning("%s: %s; asking again in %g s", channel.name, why, self.timing.rejoin)

    def _pong(self, event: irc.client.Event) -> None:
        self._answered(event.arguments[-1] if event.arguments else event.target)

    def _ended(self, event: irc.client.Event) -> None:
        self.why = self.why or _words(event)

    def _is_me(self, source: irc.client.NickMask | None) -> bool:
        return source is not None and lower(source.nick) == lower(self.nick)


HANDLERS: dict[str, Callable[[Link, irc.client.Event], None]] = {
    "welcome": Link._welcome,
    "saslsuccess": Link._sasl_done,
    "login_failed": Link._login_failed,
    "nicknameinuse": Link._nick_refused,
    "erroneusnickname": Link._nick_refused,  # the library's spelling
    "nickcollision": Link._nick_refused,
    "join": Link._joined,
    "endofnames": Link._names_ended,
    "kick": Link._kicked,
    "part": Link._parted,
    "pong": Link._pong,
    "error": Link._ended,
    "disconnect": Link._ended,
}


def other_nick(nick: str, tries: int) -> str:
    """With an underscore; then so short that every server takes it: ``counterb_``, ``counter__``, …"""
    return f"{nick}_" if tries == 1 else nick[: SHORT_NICK + 1 - tries] + "_" * (tries - 1)


def _words(event: irc.client.Event) -> str:
    """What the server says for people to read: the last argument, which login_failed has for its target."""
    words = event.arguments or event.target or ""
    return inert(words if isinstance(words, str) else words[-1], SHOWN)
