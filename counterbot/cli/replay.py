"""``counterbot replay``: recorded events through the real bot, until all is decided and delivered."""

from __future__ import annotations

import click

from ..core.model import Delivery, Refused, Retry, Sent
from ..core.text.inert import inert


@click.command()
@click.argument("events", metavar="EVENTS")
@click.option("-c", "--config", "file", metavar="FILE", required=True, help="The configuration.")
@click.option("--dry-run", is_flag=True, help="Deliver nothing and note nothing: print what would be said.")
@click.option("--deadline", type=click.FloatRange(min=0), metavar="SECONDS",
              help="Wait so long for logs (default: report.deadline).")
@click.option("-v", "--verbose", is_flag=True, help="Log also what is ignored.")
def command(events: str, file: str, dry_run: bool, deadline: float | None, verbose: bool) -> None:
    """Feed the event lines of EVENTS (- is standard input); a line for each delivery."""
    from ..engine.bot import Bot, loaded, log_to_stderr
    from ..engine.service import until
    from ..ledger import LedgerError
    from ..ledger.status import status
    from ..sources.recording import recorded

    log_to_stderr(verbose)
    told = Told(dry_run)
    try:
        bot = Bot(loaded(file), dry=dry_run, deadline=deadline, told=told)
    except LedgerError as error:
        raise click.ClickException(str(error)) from error
    try:
        aside = status(bot.ledger.store).quarantined
        if not dry_run:
            bot.greet()
        bot.start()
        for number, line in enumerate(recorded(events), 1):
            bot.take(line, f"recording, line {number}")
        until(lambda: bot.ledger.unsettled() == 0, bot.service.stop)
        after = status(bot.ledger.store)
    except OSError as error:
        raise click.FileError(events, error.strerror) from error
    except LedgerError as error:
        raise click.ClickException(str(error)) from error
    finally:
        bot.close()
    if bot.service.error:
        raise click.ClickException(str(bot.service.error))
    if after.quarantined > aside:
        raise click.ClickException(f"put aside after repeated failure: {after.quarantined - aside}, "
                                   f"the first: {after.quarantined_why}")
    raise SystemExit(1 if told.refused else 0)


class Told:
    """Prints what became of each delivery."""

    def __init__(self, dry: bool) -> None:
        self.refused = 0
        self._dry = dry

    def __call__(self, delivery: Delivery, result: Sent | Retry | Refused) -> None:
        from ..engine.delivery import worded

        self.refused += isinstance(result, Refused)
        if self._dry:
            text = delivery.payload.get("message") or delivery.payload["text"]
            click.echo(f"would be sent to {where(delivery)}:\n{text}\n")
        elif not isinstance(result, Retry):
            click.echo(f"{where(delivery)}: {worded(result)}")


def where(delivery: Delivery) -> str:
    """A delivery's change and destination, as people name them."""
    what = delivery.payload
    return inert(f"{delivery.destination} {what['project']} {what['change']},{what['patchset']}", 400)
