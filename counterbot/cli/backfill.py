"""``counterbot backfill``: past builds into the history, and known failures in them."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import click

from .completion import files

if TYPE_CHECKING:
    from ..engine.backfill import Walk
    from ..engine.baseline import Sampler
    from ..engine.bot import Bot

EVERY = 30.0
"""Seconds between lines that tell how far it is, where standard error is no terminal."""

FAILURES = 6
"""Times in a row that Zuul's API may fail, some two minutes, before the command ends."""


@click.command()
@click.option("-c", "--config", "file", metavar="FILE", required=True, shell_complete=files,
              help="The configuration.")
@click.option("--days", type=click.IntRange(1, 3650), metavar="N", required=True, help="How many days back.")
@click.option("--job", metavar="J", help="Only builds of this job.")
@click.option("--rule", metavar="R", help="Only builds of which this rule asks something.")
@click.option("--rate", type=click.IntRange(1, 6000), metavar="N",
              help="Builds a minute, at most (default: known.per_minute).")
@click.option("-v", "--verbose", is_flag=True, help="Log each build.")
def command(file: str, days: int, job: str | None, rule: str | None, rate: int | None, verbose: bool) -> None:
    """Read Zuul's past builds, the newest first: counters into the history, and failures held against the rules.

    Of watched jobs that failed, some passing gate builds are read as well, to compare the failures with.

    Builds that the history has are passed over, unless a rule is new to them, or learning is. Nobody is told of what is
    found. Ended in the middle, it goes on when it is called again; a bot may run on the same database.
    """
    import logging

    from ..engine.backfill import DAY, Order
    from ..engine.bot import Bot
    from .progress import progress
    from .starting import loaded, log_to_stderr, told

    log_to_stderr(verbose)
    if not verbose:
        logging.getLogger("counterbot").setLevel(logging.WARNING)
    with told():
        config = loaded(file)
        bot = Bot(config, listens=False)
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: bot.service.stop.set())
        try:
            _check_rule(bot, rule)
            order = Order(bot.ledger.now() - days * DAY, job, rule)
            per_minute = rate or config.known.per_minute
            walk = bot.walk(order, per_minute)
            sampler = bot.sampling(per_minute, job) if rule is None else None
            with progress(lambda: _bar(walk), EVERY):
                _walked(bot, walk, sampler)
        finally:
            bot.close()
    _end(bot, walk, sampler)


def _bar(walk: Walk) -> str:
    """How far it is, and how many builds ended how."""
    trouble = f"; {walk.trouble}" if walk.trouble else ""
    return f"[{'#' * int(walk.share * 10):<10}] {walk.share:4.0%}  {walk.tally}{trouble}"


def _check_rule(bot: Bot, rule: str | None) -> None:
    from ..core.text.spelling import nearest

    names = [each.name for each in bot.book.rules]
    if rule is not None and rule not in names:
        near = nearest(rule, names)
        raise click.ClickException(f"--rule {rule}: no such rule in {bot.config.rules}"
                                   + (f"; did you mean {near}?" if near else ""))


def _walked(bot: Bot, walk: Walk, sampler: Sampler | None) -> None:
    """Until all is read, and then what to compare it with, or the stop, or Zuul's API fails for too long."""
    from ..engine.service import until

    bot.ledger.take_up()
    bot.service.repeat("past", bot.examiner.step_past)

    def ended() -> bool:
        if walk.step() or (walk.done and sampler and sampler.step()):
            bot.service.wake("past")
        return (walk.done and (sampler is None or sampler.done)) or _fails(walk)

    until(ended, bot.service.stop)


def _fails(walk: Walk) -> bool:
    return walk.lasting or walk.failures >= FAILURES


def _end(bot: Bot, walk: Walk, sampler: Sampler | None) -> None:
    """What came of it, and the exit status."""
    from ..core.text.figures import counted

    click.echo(str(walk.tally))
    if sampler and sampler.asked:
        click.echo(f"{counted(sampler.asked, 'passing build')} looked at, to compare failures with")
    for reason in walk.tally.reasons:
        click.echo(f"not readable: {reason}", err=True)
    if bot.service.error:
        raise click.ClickException(str(bot.service.error))
    if _fails(walk):
        raise click.ClickException(f"{walk.trouble}; call it again to go on")
    if not walk.done or (sampler and not sampler.done):
        raise click.ClickException("ended before its time; call it again to go on")
    raise SystemExit(1 if walk.tally.unread else 0)
