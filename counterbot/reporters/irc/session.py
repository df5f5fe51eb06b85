"""One login on an IRC server: nick, SASL, channels, and whether the server still answers.

It does not know which lines are pending; it reports which were acknowledged and which were rejected.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import irc.client
from irc.strings import lower

from ...core.deadline import Deadline
from ...core.model import Unreadable
from ...core.text.inert import inert
from .connection import SHOWN, Connection, Settings, dial, unreachable
from .sasl import Sasl, SaslRefused

BAD_NICK = "432"
NICK_REFUSED = (BAD_NICK, "433", "436", "437")
CAP_UNKNOWN = ("410", "421", "451")
"""What servers without capabilities answer to CAP."""

SHORT_NICK = 9
"""So many characters every server accepts (RFC 2812, section 1.2.1)."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Timing:
    """Seconds. The defaults suit real networks."""

    connect: float = 10
    login: float = 60
    rejoin: float = 30  # between attempts to join a channel, or to write to one that rejected a line
    nick: float = 60  # between attempts to get the configured nick
    ping: float = 30  # from a PING to the next, while there are no lines
    answer: float = 90  # to a PING; inspircd delays those of clients that write much
    farewell: float = 2  # at the stop, for acknowledgements
    retry: float = 1  # before the first reconnect
    pace: float = 1  # between lines, after the first few
    poll: float = 0.5  # between looks for lines while there are none
    pump: float = 0.1  # for the server's next byte


@dataclass
class Channel:
    """A configured channel. ``why`` is set while no line may be sent to it, even where we are ``present``."""

    name: str
    present: bool = False
    why: str = ""
    join_at: float = 0.0

    @property
    def is_open(self) -> bool:
        return self.present and not self.why


class Session:
    """One connection to its end, used by one thread.

    ``acknowledged`` gets the token of a line that the server has read; ``rejected`` a channel, and why the oldest line
    to it was not delivered. ``why`` is the reason for the end.
    """

    def __init__(self, settings: Settings, timing: Timing, acknowledged: Callable[[str], None],
                 rejected: Callable[[str, str], None]) -> None:
        self.channels = {lower(name): Channel(name) for name in settings.channels}
        self.welcomed = False
        self.why = ""
        self._settings, self._timing, self._place = settings, timing, settings.place
        self._acknowledged, self._rejected = acknowledged, rejected
        self._reactor = irc.client.Reactor()
        self._reactor.connection_class = Connection
        self._connection: Connection = self._reactor.server()
        self._sasl = Sasl(*settings.sasl) if settings.sasl else None
        self._nick = settings.nick  # or as much of it as the network allows
        self._nicks_tried = 0
        self._nick_at = self._ping_at = 0.0
        self._pings: dict[str, Deadline] = {}  # by token, oldest first
        self._reactor.add_global_handler("all_events", self._event)

    def connect(self) -> None:
        """Connect and begin the login. Raises Unreadable with the reason where that fails."""
        self._login = Deadline.after(self._timing.login, time.monotonic)
        try:
            self._connection.connect(
                self._settings.host, self._settings.port, self._nick, ircname="counterbot",
                connect_factory=lambda _: dial(self._settings, self._timing.connect))
        except irc.client.ServerConnectionError as error:
            cause = error.__cause__
            raise Unreadable(unreachable(cause) if isinstance(cause, OSError) else str(error)) from error

    @property
    def nick(self) -> str:
        """The one that the server gave us."""
        return str(self._connection.real_nickname)

    @property
    def alive(self) -> bool:
        return bool(self._connection.connected)

    @property
    def ready(self) -> bool:
        """Whether we have joined each channel, or know why not."""
        return self.welcomed and all(channel.present or channel.why for channel in self.channels.values())

    def pump(self, seconds: float) -> None:
        """Wait so long for the server, process what it sent, and do what is due."""
        self._reactor.process_once(seconds)
        now = time.monotonic()
        if self.welcomed:
            self._check_answers(now)
            self._join(now)
            self._recover_nick(now)
        elif self._login.exceeded:
            self.close(f"not logged in within {self._timing.login:g} s")

    def say(self, channel: Channel, text: str, token: str) -> None:
        """Send a line, and a PING behind it: the PONG proves that the server has read the line."""
        self._connection.privmsg(channel.name, text)
        self._ping(token)

    def close(self, why: str) -> None:
        self.why = self.why or why
        self._connection.disconnect(why)

    def _ping(self, token: str) -> None:
        self._pings[token] = Deadline.after(self._timing.answer, time.monotonic)
        self._ping_at = time.monotonic() + self._timing.ping
        self._connection.ping(token)

    def _check_answers(self, now: float) -> None:
        """A server that hangs keeps the connection open; ngircd even goes on writing to a client it no longer reads."""
        if any(deadline.exceeded for deadline in self._pings.values()):
            self.close(f"no answer within {self._timing.answer:g} s")
        elif not self._pings and now >= self._ping_at:
            self._ping("alive")

    def _join(self, now: float) -> None:
        for channel in self.channels.values():
            if channel.is_open or now < channel.join_at:
                continue
            if channel.present:
                channel.why = ""  # if we are there indeed, the server ignores JOIN, and the next line will tell
            elif channel.join_at and not channel.why:
                channel.why = "no answer to JOIN"
            channel.join_at = now + self._timing.rejoin
            self._connection.join(channel.name)

    def _recover_nick(self, now: float) -> None:
        if self.nick != self._nick and now >= self._nick_at:
            self._nick_at = now + self._timing.nick
            self._connection.nick(self._nick)

    def _event(self, _connection: Connection, event: irc.client.Event) -> None:
        if self._sasl and not self._sasl.done:
            self._log_in(self._sasl, event)
        match event.type:
            case "welcome":
                self._welcome()
            case "featurelist":
                self._heed_limit()
            case "join" | "part" | "kick":
                self._moved(event)
            case "pong":
                self._pings.pop(_last(event), None)
                self._acknowledged(_last(event))
            case "error" | "disconnect":
                self.why = self.why or _words(event)
            case numeric if getattr(numeric, "code", "").startswith(("4", "5")):
                self._refused(numeric.code, event)

    def _log_in(self, sasl: Sasl, event: irc.client.Event) -> None:
        parameters = [*([] if event.target is None else [event.target]), *event.arguments]
        try:
            for line in sasl.heard(getattr(event.type, "code", event.type), parameters):
                self._connection.send_raw(line)
        except SaslRefused as refusal:
            self.close(str(refusal))

    def _welcome(self) -> None:
        if self._sasl and not self._sasl.done:
            self.close("the server accepted us without SASL: it does not offer it, or not yet")
            return
        self.welcomed, self.why = True, ""
        if not self._nicks_tried and self._nick.startswith(self.nick):  # some servers cut it without a word
            self._shorten(len(self.nick))
        log.info("%s: logged in as %s", self._place, inert(self.nick, SHOWN))

    def _heed_limit(self) -> None:
        """The network's limit for nicks comes after the welcome (005, NICKLEN)."""
        limit = getattr(self._connection.features, "nicklen", None)
        if isinstance(limit, int) and limit >= SHORT_NICK:
            self._shorten(limit)

    def _shorten(self, limit: int, why: str = "too long for this network") -> None:
        """Want as much of the configured nick as is allowed."""
        nick = self._settings.nick[:limit]
        if nick not in (self._nick, self._settings.nick):
            log.warning("%s: the nick %s is %s; it is shortened to %s", self._place, self._settings.nick, why, nick)
        self._nick = nick

    def _moved(self, event: irc.client.Event) -> None:
        """Somebody joined or left a channel, or was kicked out of it."""
        channel = self.channels.get(lower(event.target))
        who = event.arguments[0] if event.type == "kick" else event.source.nick
        if channel is None or lower(who) != lower(self.nick):
            return
        channel.present, channel.why = event.type == "join", ""
        if channel.present:
            log.info("%s: joined %s", self._place, channel.name)
        else:
            self._hold(channel, f"kicked: {_words(event)}" if event.type == "kick" else "removed from the channel")

    def _refused(self, code: str, event: irc.client.Event) -> None:
        """An error numeric: of a JOIN or a line to a channel, of a nick, of the login."""
        channel = self.channels.get(lower(event.arguments[0]))
        if channel is not None:
            self._hold(channel, f"{code} {_words(event)}")
            self._rejected(channel.name, channel.why)
        elif self.welcomed:
            return
        elif code in NICK_REFUSED:
            self._try_another_nick(code, _words(event))
        elif code not in CAP_UNKNOWN:
            self.why = _words(event)  # such as 464, wrong password, just before the server hangs up

    def _hold(self, channel: Channel, why: str) -> None:
        channel.join_at, channel.why = time.monotonic() + self._timing.rejoin, why
        log.warning("%s: %s: %s; trying again in %g s", self._place, channel.name, why, self._timing.rejoin)

    def _try_another_nick(self, code: str, why: str) -> None:
        if code == BAD_NICK and len(self._nick) > SHORT_NICK:
            self._shorten(SHORT_NICK, f"refused ({why})")
            self._connection.nick(self._nick)
            return
        self._nicks_tried += 1
        if self._nicks_tried >= SHORT_NICK:
            self.close(f"no nick accepted: {why}")
            return
        nick = self._settings.nick[: SHORT_NICK - self._nicks_tried] + "_" * self._nicks_tried
        log.warning("%s: nick refused: %s; trying %s", self._place, why, nick)
        self._connection.nick(nick)


def _last(event: irc.client.Event) -> str:
    """The last parameter. The library keeps the first one apart, as the target."""
    return str([event.target, *event.arguments][-1])


def _words(event: irc.client.Event) -> str:
    """What the server wrote for people."""
    return inert(_last(event), SHOWN)
