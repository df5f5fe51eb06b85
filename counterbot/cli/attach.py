"""``counterbot attach``: appends counters to a job's subunit stream. Collects nothing."""

from __future__ import annotations

from pathlib import Path

import click

from .extract import Failure

FAILED, UNREADABLE = 1, 3


@click.command("attach")
@click.argument("counters", metavar="COUNTERS")
@click.argument("stream", metavar="STREAM")
def command(counters: str, stream: str) -> None:
    """Append COUNTERS (a counters.json) to the subunit STREAM, a file, gzipped or not.

    The stream is replaced whole, or stays as it was: nothing is lost to a crash or a full disk. Attach
    after `stestr last --subunit` wrote the file, since stestr drops attachments of the whole run.

    The exit status is 1 where a file cannot be read or written, and 3 where COUNTERS holds no counters or
    STREAM is not subunit version 2, or too damaged for anything to be read behind it.
    """
    from ..collectors.attach import attach
    from ..core.counters import parse_counters
    from ..core.model import Unreadable

    data = Path(counters).read_bytes()
    try:
        parse_counters(data)
    except Unreadable as error:
        raise Failure(f"{counters}: {error}; nothing was attached", UNREADABLE) from None
    try:
        damage = attach(data, stream)
    except Unreadable as error:
        raise Failure(f"{stream}: {error}; it stays as it was", UNREADABLE) from None
    for each in damage:
        click.echo(f"{stream}: {each}", err=True)
