"""``counterbot demo``: the whole job on loopback servers, and what a reviewer and a channel see of it."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .completion import folders
from .progress import progress

if TYPE_CHECKING:
    from ..demo.gerrit import Gerrit
    from ..demo.irc import IrcServer
    from ..demo.zuul import Zuul
    from ..engine.bot import Bot

PATIENCE = 60.0
"""Seconds after which something must be wrong."""


class Clock:
    """Epoch milliseconds that can be moved on: nobody wants to wait 20 minutes for logs that never come."""

    def __init__(self) -> None:
        from ..ledger.store import steady

        self.ahead = 0
        self._now = steady()

    def __call__(self) -> int:
        return self._now() + self.ahead


@click.command()
@click.option("--stay", is_flag=True, help="Keep the servers up, and print their addresses.")
@click.option("--keep", metavar="DIR", shell_complete=folders, help="Leave configuration, rules and database in DIR.")
def command(stay: bool, keep: str | None) -> None:
    """Show the whole job on loopback servers: five reports of Zuul, and what the bot says of them."""
    from ..demo import story
    from ..demo.gerrit import Gerrit
    from ..demo.irc import IrcServer
    from ..demo.sshd import make_key
    from ..demo.zuul import Zuul
    from ..engine.bot import Bot
    from .starting import loaded

    logging.basicConfig(level=logging.ERROR)
    with ExitStack() as stack:
        if keep is None:
            keep = stack.enter_context(tempfile.TemporaryDirectory(prefix="counterbot-demo-"))
        os.makedirs(keep, exist_ok=True)  # of an empty name Path would make the current folder
        folder = Path(keep)
        (folder / "id_ed25519").unlink(missing_ok=True)
        key = make_key(folder / "id_ed25519")
        gerrit = stack.enter_context(Gerrit({key: "counterbot"}))
        zuul = stack.enter_context(Zuul())
        irc = stack.enter_context(IrcServer())
        _write(folder, gerrit, zuul, irc)
        story.prepare(gerrit, zuul)
        clock = Clock()
        bot = Bot(loaded(str(folder / "config.yaml")), now=clock)
        stack.callback(bot.close)
        with progress(lambda: f"{len(bot.ledger.reports.decided())} of {len(story.CHANGES)} reports decided"):
            arrived = _play(bot, clock, gerrit, zuul, irc)
        _show(bot, gerrit, irc)
        if stay:
            _stay(folder, gerrit, zuul, irc)
    if not arrived:
        raise click.ClickException("not everything arrived; see above")


def _write(folder: Path, gerrit: Gerrit, zuul: Zuul, irc: IrcServer) -> None:
    from ..demo import story

    (folder / "counterbot.db").unlink(missing_ok=True)
    (folder / "config.yaml").write_text(story.config(gerrit, zuul, irc))
    (folder / "queries").mkdir(exist_ok=True)
    for rule in (Path(story.__file__).parent / "data/queries").iterdir():
        (folder / "queries" / rule.name).write_text(rule.read_text())


def _play(bot: Bot, clock: Clock, gerrit: Gerrit, zuul: Zuul, irc: IrcServer) -> bool:
    """Let the events happen; whether all that was due arrived."""
    from ..demo import story

    bot.start()
    bot.listen()
    gerrit.wait_for_streams()
    for change in story.CHANGES:
        gerrit.emit(story.event(change, zuul))
    if not (_settled(bot, 1) and _happens(bot, lambda: _looked_twice(zuul))):
        return False
    clock.ahead = bot.config.report.deadline * 1000
    bot.service.wake("decider")
    lines = len(story.TOLD)
    return _settled(bot, 0) and all(map(gerrit.messages, story.TOLD)) and len(irc.said(story.CHANNEL)) == lines


def _settled(bot: Bot, but: int) -> bool:
    """Whether all reports but so many are decided, and what they say is delivered, in time."""
    from ..demo import story

    decided = len(story.CHANGES) - but
    return _happens(bot, lambda: len(bot.ledger.reports.decided()) == decided and bot.ledger.unsettled() == but)


def _looked_twice(zuul: Zuul) -> bool:
    """Whether the bot came back for logs that are not there, and thus has noted that they were missing."""
    from ..demo import story

    missing = next(story.uuid(change, job) for change in story.CHANGES for job in change.jobs if not job.logs)
    return sum(path.endswith(f"{missing}/zuul-manifest.json") for path in zuul.requests) > 1


def _happens(bot: Bot, question: Callable[[], bool]) -> bool:
    ends = time.monotonic() + PATIENCE
    while not question():
        if time.monotonic() > ends or bot.service.error:
            return False
        time.sleep(0.05)
    return True


def _show(bot: Bot, gerrit: Gerrit, irc: IrcServer) -> None:
    from ..demo import story

    subjects: dict[int | None, str] = {change.number: change.subject for change in story.CHANGES}
    click.echo("Zuul reported on five changes. What the bot made of each:\n")
    for report in sorted(bot.ledger.reports.decided(), key=lambda report: report.change or 0):
        click.echo(f"  {report.change}  {subjects[report.change]}\n        {report.why}")
    for change in (change.number for change in story.CHANGES):
        for message in gerrit.messages(change):
            click.echo(f"\nThe comment on change {change}, as Gerrit stored it ({message.tag}, no vote):\n")
            click.echo("\n".join(f"  {line}".rstrip() for line in message.text.splitlines()))
    click.echo(f"\nIn {story.CHANNEL}:\n")
    for line in irc.said(story.CHANNEL):
        click.echo(f"  <counterbot> {line}")


def _stay(folder: Path, gerrit: Gerrit, zuul: Zuul, irc: IrcServer) -> None:
    click.echo(f"\nGerrit (SSH)  {gerrit.host}:{gerrit.port}\nZuul          {zuul.url}")
    click.echo(f"IRC           {irc.host}:{irc.port}\nFolder        {folder}\nCtrl-C ends them.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        pass
