"""``counterbot replay``: recorded events through the real bot, until all is decided and delivered."""

from __future__ import annotations

import click

from ..core.model import Delivery, Refused, Retry, Sent
from .completion import files
from .progress import progress


@click.command()
@click.argument("events", metavar="EVENTS", shell_complete=files)
@click.option("-c", "--config", "file", metavar="FILE", required=True, shell_complete=files,
              help="The configuration.")
@click.option("--dry-run", is_flag=True, help="Deliver nothing and note nothing: print what would be said.")
@click.option("--deadline", type=click.FloatRange(min=0), metavar="SECONDS",
              help="Wait so long for logs (default: report.deadline).")
@click.option("-v", "--verbose", is_flag=True, help="Log also what is ignored.")
def command(events: str, file: str, dry_run: bool, deadline: float | None, verbose: bool) -> None:
    """Feed the event lines of EVENTS (- is standard input); a line for each delivery."""
    from ..engine.bot import Bot
    from ..engine.service import until
    from ..ledger.status import status
    from ..sources.recording import recorded
    from .starting import loaded, log_to_stderr, told

    log_to_stderr(verbose)
    results = Told(dry_run)
    with told():
        bot = Bot(loaded(file), dry=dry_run, listens=False, deadline=deadline, told=results)
        try:
            before = status(bot.ledger.store).quarantined
            if not dry_run:
                bot.greet()
            bot.start()
            with progress(lambda: f"{bot.ledger.unsettled()} events and reports to go"):
                for number, line in enumerate(recorded(events), 1):
                    bot.take(line, f"recording, line {number}")
                until(lambda: bot.ledger.unsettled() == 0, bot.service.stop)
            after = status(bot.ledger.store)
        finally:
            bot.close()
    if bot.service.error:
        raise click.ClickException(str(bot.service.error))
    if after.quarantined > before:
        raise click.ClickException(f"quarantined after repeated failure: {after.quarantined - before}, "
                                   f"the first: {after.quarantined_why}")
    raise SystemExit(1 if results.refused else 0)


class Told:
    """Prints what became of each delivery."""

    def __init__(self, dry: bool) -> None:
        self.refused = 0
        self._dry = dry

    def __call__(self, delivery: Delivery, result: Sent | Retry | Refused) -> None:
        from ..engine.deliver import named, worded

        self.refused += isinstance(result, Refused)
        if self._dry:
            text = delivery.payload.get("message") or delivery.payload["text"]
            click.echo(f"would be sent to {named(delivery)}:\n{text}\n")
        elif not isinstance(result, Retry):
            click.echo(f"{named(delivery)}: {worded(result)}")
