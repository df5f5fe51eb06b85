"""How many files, and calls from file to file, an event takes from the SSH stream to the posted comment.

One report with one build, one of whose three counters is over its bound, on the loopback servers of
``counterbot.demo``. The bot's own threads are profiled from the moment the event is sent until the comment is
stored, with what idle threads do meanwhile; of several walks the one with the fewest calls is printed. Counted are
calls between files of ``counterbot/``, also through libraries, without ``demo/``. ``--names`` lists the files in the
order of the walk.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import counterbot
from counterbot.cli.starting import loaded
from counterbot.demo import story
from counterbot.demo.gerrit import Gerrit
from counterbot.demo.irc import IrcServer
from counterbot.demo.sshd import make_key
from counterbot.demo.zuul import Zuul
from counterbot.engine.bot import Bot

HOME = f"{Path(counterbot.__file__).parent}/"
RULE = "title: SQL statements\nbounds: {mysql.Queries: {max: 1250000}}\n"
WALKS, PAUSE = 11, 0.3


class Profile:
    """Calls by caller's and callee's file, while ``counting``."""

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()
        self.counting = False

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> None:
        """What threading.setprofile calls."""
        callee = _file(frame) if event == "call" and self.counting else None
        if callee is None:
            return
        caller, above = None, frame.f_back
        while above is not None and caller is None:
            caller, above = _file(above), above.f_back
        if caller != callee:
            self.calls[caller or "", callee] += 1


def _file(frame: FrameType) -> str | None:
    name = frame.f_code.co_filename
    return name.removeprefix(HOME) if name.startswith(HOME) and not name.startswith(f"{HOME}demo/") else None


def walk(profile: Profile, gerrit: Gerrit, zuul: Zuul, number: int) -> Counter[tuple[str, str]]:
    """The calls of one event."""
    change = story.Change(number, "A change", (story.Job("tempest-full", story.HARD),))
    story.prepare(gerrit, zuul, (change,))
    event = story.event(change, zuul)
    time.sleep(PAUSE)
    profile.calls = Counter()
    profile.counting = True
    gerrit.emit(event)
    while not gerrit.messages(number):
        time.sleep(0.001)
    profile.counting = False
    return profile.calls


def main() -> None:
    profile = Profile()
    with tempfile.TemporaryDirectory(prefix="counterbot-walk-") as name:
        folder = Path(name)
        with Gerrit({make_key(folder / "id_ed25519"): "counterbot"}) as gerrit, Zuul() as zuul, IrcServer() as irc:
            (folder / "queries").mkdir()
            (folder / "queries/sql.yaml").write_text(RULE)
            (folder / "config.yaml").write_text(story.config(gerrit, zuul, irc))
            bot = Bot(loaded(str(folder / "config.yaml")))
            threading.setprofile(profile)
            bot.start()
            bot.listen()
            gerrit.wait_for_streams()
            fewest = min((walk(profile, gerrit, zuul, 2000 + number) for number in range(WALKS)),
                         key=lambda calls: calls.total())
            bot.close()
    files = list(dict.fromkeys(callee for _, callee in fewest))
    print(f"{len(files)} files, {fewest.total()} calls from file to file")
    if "--names" in sys.argv:
        print("\n".join(files))


if __name__ == "__main__":
    main()
