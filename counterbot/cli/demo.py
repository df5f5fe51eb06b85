"""``counterbot demo``: the whole job on loopback servers, and what a reviewer and a channel see of it."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .completion import folders
from .progress import progress

if TYPE_CHECKING:
    from ..core.model import BuildLink, Reader
    from ..demo.gerrit import Gerrit
    from ..demo.irc import IrcServer
    from ..demo.zuul import Zuul
    from ..engine.bot import Bot

PATIENCE = 60.0
"""Seconds after which something must be wrong."""


class Clock:
    """Epoch milliseconds, which begin when the demo's builds have ended, and can be moved on: nobody wants to wait 20
    minutes for logs that never come."""

    def __init__(self) -> None:
        from ..demo import unexplained
        from ..ledger.store import steady

        self.ahead = 0
        self._now = steady(unexplained.NOW * 1000)

    def __call__(self) -> int:
        return self._now() + self.ahead


@click.command()
@click.option("--stay", is_flag=True, help="Keep the servers up, and print their addresses.")
@click.option("--keep", metavar="DIR", shell_complete=folders, help="Leave configuration, rules and database in DIR.")
def command(stay: bool, keep: str | None) -> None:
    """Show the whole job on loopback servers: reports of Zuul, and what the bot says of them."""
    from ..demo import history, story, unexplained
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
        clock = Clock()
        gerrit = stack.enter_context(Gerrit({key: "counterbot"}, lambda: clock() / 1000))
        zuul = stack.enter_context(Zuul())
        irc = stack.enter_context(IrcServer())
        _write(folder, gerrit, zuul, irc)
        story.prepare(gerrit, zuul)
        unexplained.prepare(gerrit, zuul)
        history.prepare(gerrit, zuul)
        bot = Bot(loaded(str(folder / "config.yaml")), now=clock)
        stack.callback(bot.close)
        reports = len(story.CHANGES) + len(unexplained.CHANGES)
        with progress(lambda: f"{len(bot.ledger.reports.decided())} of {reports} reports decided"):
            arrived = _play(bot, clock, gerrit, zuul, irc)
        _show(bot, gerrit, irc)
        _show_unexplained(bot, gerrit)
        if arrived:
            with progress(lambda: f"{len(bot.ledger.samples.known())} counters read of builds of the last month"):
                arrived = _play_history(bot, clock, gerrit, zuul)
            _show_learned(gerrit)
        if stay:
            _stay(folder, gerrit, zuul, irc)
    if not arrived:
        raise click.ClickException("not everything arrived; see above")


def _write(folder: Path, gerrit: Gerrit, zuul: Zuul, irc: IrcServer) -> None:
    from ..demo import story, unexplained

    (folder / "counterbot.db").unlink(missing_ok=True)
    (folder / "config.yaml").write_text(story.config(gerrit, zuul, irc) + unexplained.CONFIG)
    (folder / "queries").mkdir(exist_ok=True)
    for rule in (Path(story.__file__).parent / "data/queries").iterdir():
        (folder / "queries" / rule.name).write_text(rule.read_text())


def _play(bot: Bot, clock: Clock, gerrit: Gerrit, zuul: Zuul, irc: IrcServer) -> bool:
    """Let the events happen; whether all that was due arrived."""
    from ..demo import story, unexplained

    bot.start()
    if not _learnt(bot, zuul):
        return False
    bot.listen()
    gerrit.wait_for_streams()
    usual = [story.event(change, zuul) for change in story.CHANGES]
    first, *alike, last = (story.event(change, zuul, "gate") for change in unexplained.CHANGES)
    sent = 0
    # Of lines that are alike the first one is kept, and shown: what is printed is to be the same each time.
    for events, waiting in (([first], 0), ([*usual, *alike], 1), ([last], 1)):
        for event in events:
            gerrit.emit(event)
        sent += len(events)
        if not _settled(bot, sent - waiting, waiting):
            return False
    if not _happens(bot, lambda: _looked_twice(zuul)):
        return False
    clock.ahead = bot.config.report.deadline * 1000
    bot.service.wake("decider")
    told = (*story.TOLD, unexplained.CHANGES[-1].number)
    return (_settled(bot, sent, 0) and all(map(gerrit.messages, told))
            and len(irc.said(story.CHANNEL)) == len(story.TOLD)
            and _happens(bot, lambda: bool(bot.ledger.failures.groups()) and _all_are_read(bot)))


def _play_history(bot: Bot, clock: Clock, gerrit: Gerrit, zuul: Zuul) -> bool:
    """Have a month of builds read, as ``counterbot backfill`` does, and learn from them; then Zuul reports on a change.
    """
    from ..core.model import BuildLink, Reader
    from ..demo import history, story
    from ..engine.analyse import EVERY
    from ..engine.backfill import end_of

    for event in history.merged():
        gerrit.emit(event)
    runs = history.runs()
    _ask(bot, [BuildLink(run.job.name, zuul.page(run.uuid), run.uuid) for run in runs],
         {Reader.COUNTERS, Reader.FAILURE})
    uuids = [run.uuid for run in runs]
    if not _happens(bot, lambda: all(map(end_of, bot.ledger.builds.past(uuids).values()))):
        return False
    clock.ahead += EVERY  # what was learned from the first of them is good enough for an hour
    bot.service.wake("analyst")
    if not _happens(bot, lambda: all(known.runs >= history.passed(known.series.key.job)
                                     for known in bot.ledger.samples.known())):
        return False
    decided = len(bot.ledger.reports.decided())
    gerrit.emit(story.event(history.change(), zuul))
    return _settled(bot, decided + 1, 0)


def _all_are_read(bot: Bot) -> bool:
    """Whether the lines of all failed builds are known; no report waits for those of builds that a rule explains."""
    from ..demo import story, unexplained

    failed = sum(bool(job.failed) for change in (*story.CHANGES, *unexplained.CHANGES) for job in change.jobs)
    return len(list(bot.ledger.templates.failed(bot.config.unexplained.days))) == failed


def _learnt(bot: Bot, zuul: Zuul) -> bool:
    """Have the builds that passed read, as a bot does that runs for longer; whether they were, in time."""
    from ..core.model import BuildLink, Reader
    from ..demo import unexplained

    first, *others = (BuildLink(unexplained.JOB, zuul.page(uuid), uuid) for uuid in unexplained.passed())

    def read(links: Sequence[BuildLink], known: int) -> bool:
        _ask(bot, links, {Reader.TEMPLATES})
        return _happens(bot, lambda: len(bot.ledger.templates.baseline(unexplained.JOB)) == known)

    return read([first], 1) and read(others, unexplained.PASSED)  # of lines that are alike the first one is shown


def _ask(bot: Bot, links: Sequence[BuildLink], readers: set[Reader]) -> None:
    """Ask that past builds are read, for what their ends let expect."""
    from ..clients.zuul import Zuul as Client
    from ..core.model import Reader, is_failure
    from ..engine.parts import http

    client = Client(http(bot.config), *bot.config.zuul.url)
    for link in links:
        if build := client.build(link):
            bot.ledger.builds.ask(link, build, readers if is_failure(build.result) else readers - {Reader.FAILURE})
    bot.service.wake("examiner")


def _settled(bot: Bot, decided: int, but: int) -> bool:
    """Whether so many reports are decided, all but so many, and what they say is delivered, in time."""
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
        if report.change in subjects:
            click.echo(f"  {report.change}  {subjects[report.change]}\n        {report.why}")
    for change in story.CHANGES:
        _show_comments(gerrit, change.number)
    click.echo(f"\nIn {story.CHANNEL}:\n")
    for line in irc.said(story.CHANNEL):
        click.echo(f"  <counterbot> {line}")


def _show_comments(gerrit: Gerrit, change: int) -> None:
    for message in gerrit.messages(change):
        click.echo(f"\nThe comment on change {change}, as Gerrit stored it ({message.tag}, no vote):\n")
        _set_in(message.text)


def _show_unexplained(bot: Bot, gerrit: Gerrit) -> None:
    """What became of the changes that failed alike, their group, and the rule that would recognise them."""
    from ..demo import unexplained
    from ..engine.suggesting import of_group, suggest
    from .failures.listing import listed

    click.echo("\nThen four changes failed in the gate by something that no rule knows. On the first three nothing was"
               " said.")
    for change in unexplained.CHANGES:
        _show_comments(gerrit, change.number)
    found = bot.grouper.group()
    groups = [group for group in found if len(group.runs) > 1]
    click.echo("\nThe operator sees them as a group. 'counterbot failures list' prints:\n")
    _set_in(listed(groups, len(found) - len(groups), bot.ledger.now()))
    for group in groups:
        builds = of_group(bot.ledger, list(bot.book.queries), bot.config.unexplained.days, group.id)
        if builds:
            click.echo(f"\nand 'counterbot failures suggest {group.id}' the rule that would recognise them:\n")
            _set_in(suggest(builds).text)


def _show_learned(gerrit: Gerrit) -> None:
    """What is said of a change that no written bound would have stopped."""
    from ..demo import history

    click.echo("\nThen the bot read a month of builds of merged changes, and learned what is usual of their counters. A"
               " change\nmade two jobs work a little harder than that.")
    _show_comments(gerrit, history.change().number)


def _set_in(text: str) -> None:
    click.echo("\n".join(f"  {line}".rstrip() for line in text.splitlines()))


def _stay(folder: Path, gerrit: Gerrit, zuul: Zuul, irc: IrcServer) -> None:
    click.echo(f"\nGerrit (SSH)  {gerrit.host}:{gerrit.port}\nZuul          {zuul.url}")
    click.echo(f"IRC           {irc.host}:{irc.port}\nFolder        {folder}\nCtrl-C ends them.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        pass
