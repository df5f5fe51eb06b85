"""``counterbot run``: the bot until SIGTERM."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import time

import click

BEAT = 10.0
"""Seconds between signs of life in the ledger."""

PRUNE = 3600.0
log = logging.getLogger("counterbot.run")


@click.command()
@click.option("-c", "--config", "file", metavar="FILE", required=True, help="The configuration.")
@click.option("--dry-run", is_flag=True, help="Listen and decide; print what would be said, send and note nothing.")
@click.option("-v", "--verbose", is_flag=True, help="Log also what is ignored.")
def command(file: str, dry_run: bool, verbose: bool) -> None:
    """Run the bot until SIGTERM or Ctrl-C, which end it cleanly. The log goes to standard error."""
    from ..engine.bot import Bot, loaded, log_to_stderr
    from ..ledger import LedgerError
    from .replay import Told

    log_to_stderr(verbose)
    try:
        bot = Bot(loaded(file), dry=dry_run, **({"told": Told(dry_run)} if dry_run else {}))
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: bot.service.stop.set())
        bot.start()
        stream = bot.listen()
        log.info("running: %d rules from %s", len(bot.book.rules), bot.book.folder)
        _beat_until_stopped(bot, stream)
    except LedgerError as error:
        raise click.ClickException(str(error)) from error
    late = bot.close()
    if late:
        log.error("did not end in time: %s", ", ".join(late))
    if bot.service.error:
        raise click.ClickException(str(bot.service.error))
    log.info("stopped")


def _beat_until_stopped(bot: object, stream: object) -> None:
    """Keep the rules fresh and say that we are alive, until the stop."""
    beat = prune = 0.0
    while not bot.service.stop.wait(1.0):
        bot.book.refresh()
        if time.monotonic() - beat >= BEAT:
            beat = time.monotonic()
            _pulse(bot, stream, "running")
        if time.monotonic() - prune >= PRUNE:
            prune = time.monotonic()
            bot.ledger.prune(bot.config.keep_days * 86_400_000)
    if bot.service.error is None:
        _pulse(bot, stream, "stopped")


def _pulse(bot: object, stream: object, state: str) -> None:
    from ..ledger.status import PULSE

    seen = stream.state
    bot.ledger.remember(PULSE, json.dumps({
        "state": state, "host": socket.gethostname(), "pid": os.getpid(),
        "stream": "connected" if seen.connected_since is not None else f"not connected: {seen.why or 'not yet'}",
        "reconnects": seen.reconnects, "gaps": seen.gaps, "oversize": seen.oversize,
        "irc": "off" if bot.irc is None else bot.irc.trouble or "joined",
        "rule_mistakes": len(bot.book.mistakes)}))
