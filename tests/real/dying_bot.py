"""A bot that is killed at a moment of its first delivery. Arguments: configuration, events, moment, lease."""

import os
import signal
import sys

from counterbot.cli.starting import loaded
from counterbot.engine.bot import Bot
from counterbot.engine.service import until

config, events, moment, lease = sys.argv[1:]


def at(now: str) -> None:
    if now == moment:
        os.kill(os.getpid(), signal.SIGKILL)


bot = Bot(loaded(config), lease=int(lease), at=at)
bot.start()
with open(events, "rb") as lines:
    for line in lines:
        bot.take(line, "recording")
until(lambda: bot.ledger.unsettled() == 0, bot.service.stop)
bot.close()
