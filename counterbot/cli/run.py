"""``counterbot run``: the bot until SIGTERM."""

from __future__ import annotations

import logging
import signal

import click

from .completion import files

log = logging.getLogger("counterbot.run")


@click.command()
@click.option("-c", "--config", "file", metavar="FILE", required=True, shell_complete=files,
              help="The configuration.")
@click.option("--dry-run", is_flag=True, help="Listen and decide; print what would be said, send and note nothing.")
@click.option("--log", "log_file", metavar="FILE", help="Append the log to FILE, which may be moved away meanwhile"
              " (default: standard error).")
@click.option("-v", "--verbose", is_flag=True, help="Log also what is ignored.")
def command(file: str, dry_run: bool, log_file: str | None, verbose: bool) -> None:
    """Run the bot until SIGTERM or Ctrl-C, which end it cleanly. SIGHUP makes it read its rules anew."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the rules are about to be read

    from ..core.text.figures import counted
    from ..engine.bot import Bot
    from ..engine.upkeep import Upkeep
    from .replay import Told
    from .starting import loaded, log_to_file, log_to_stderr, told

    if log_file:
        log_to_file(log_file, verbose)
    else:
        log_to_stderr(verbose)
    with told():
        config = loaded(file)
        bot = Bot(config, dry=True, told=Told(dry=True)) if dry_run else Bot(config)
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: bot.service.stop.set())
        upkeep = Upkeep(bot)
        signal.signal(signal.SIGHUP, lambda *_: upkeep.reload())
        try:
            bot.start()
            bot.listen()
            log.info("running: %s from %s", counted(len(bot.book.rules), "rule"), bot.config.rules)
            upkeep.run(bot.service.stop)
        finally:
            if late := bot.close():
                log.error("did not end in time: %s", ", ".join(late))
    if bot.service.error:
        raise click.ClickException(str(bot.service.error))
    log.info("stopped")
