"""Whether the bot can log in on an IRC server, for people who set it up. Joins no channel and says nothing."""

from __future__ import annotations

from dataclasses import replace

from ...core.model import Unreadable
from .connection import Settings
from .session import Session, Timing

QUICK = Timing(login=20)


def log_in(settings: Settings, timing: Timing = QUICK) -> str:
    """Log in and leave. The nick that the server gave us. Raises Unreadable with the place and the reason where that
    fails."""
    session = Session(replace(settings, channels=()), timing, lambda _: None, lambda *_: None)
    try:
        session.connect()
        while session.alive and not session.welcomed:
            session.pump(timing.pump)
        if not session.welcomed:
            raise Unreadable(session.why or "the server closed the connection")
        return session.nick
    except Unreadable as error:
        raise Unreadable(f"{settings.place}: {error}") from error
    finally:
        session.close("leaving")
