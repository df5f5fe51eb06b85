"""``counterbot extract``: prints attachments of a subunit stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import IO

import click

from ..core import limits
from ..core.model import ATTACHMENT, Unreadable
from ..core.subunit import attachments as subunit
from ..core.subunit import gunzip
from ..core.text.refusal import refusal
from .completion import files
from .progress import progress
from .streams import Failure, warn

ABSENT, UNREADABLE = 1, 3
BLOCK = 1 << 18


@click.command("extract")
@click.argument("stream", metavar="STREAM", shell_complete=files)
@click.option("--name", metavar="NAME", help=f"The run-level file to extract (default: {ATTACHMENT}).")
@click.option("--list", "list_all", is_flag=True,
              help="List all attachments instead, or those called NAME, a JSON line each.")
def command(stream: str, name: str | None, list_all: bool) -> None:
    """Write a file that belongs to a whole test run, as subunit STREAM holds it, to standard output.

    STREAM is subunit version 2, gzipped or not; - is standard input. Where the stream holds the file
    several times, the contents follow one another in the order in which they were completed. Damage to
    other parts of the stream is reported on standard error.

    The exit status is 1 where the stream has no such file, or cannot be read at all, and 3 where it has it
    but damage touched it, or where the stream is not subunit version 2.
    """
    with click.open_file(stream, "rb") as source:
        blocks = gunzip.unzipped_all(
            _blocks(source), packed_limit=limits.STREAM_PACKED, unpacked_limit=limits.STREAM_UNPACKED
        )
        try:
            if list_all:
                _list(blocks, name)
            else:
                _extract(blocks, ATTACHMENT if name is None else name, source.name)
        except Unreadable as error:
            raise Failure(f"{source.name}: {error}", UNREADABLE) from None


def _extract(blocks: Iterator[bytes], name: str, stream: str) -> None:
    with progress(lambda: "reading the stream"):
        contents = subunit.documents(blocks, name, tell=_tell)
    if not contents:
        raise Failure(f"{stream}: no run-level file {name} in it", ABSENT)
    click.echo(b"".join(contents), nl=False)


def _list(blocks: Iterator[bytes], name: str | None) -> None:
    for attachment in subunit.listing(blocks, tell=_tell):
        if name is None or attachment.name == name:
            click.echo(json.dumps(asdict(attachment)))


def _tell(damage: subunit.Damage) -> None:
    warn(str(damage))


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    """The bytes of the stream. Raises Failure where they cannot be read."""
    try:
        yield from iter(lambda: stream.read(BLOCK), b"")
    except OSError as error:
        raise Failure(f"{stream.name}: {refusal(error)}") from None
