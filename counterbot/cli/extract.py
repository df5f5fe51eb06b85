"""``counterbot extract``: prints attachments of a subunit stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import BinaryIO

import click

from ..core import limits
from ..core.model import ATTACHMENT, Unreadable
from ..core.subunit import attachments as subunit
from ..core.subunit import gunzip
from .streams import FAILED, Failure, opened, standard_output, warn

ABSENT, UNREADABLE = 1, 3
BLOCK = 1 << 18


def _utf8(_context: click.Context, _option: click.Parameter, name: str | None) -> str | None:
    try:
        (name or "").encode()
    except UnicodeEncodeError:
        raise click.BadParameter("it is not UTF-8, as every name in a stream is") from None
    return name


@click.command("extract")
@click.argument("stream", metavar="STREAM")
@click.option("--name", metavar="NAME", callback=_utf8, help=f"The run-level file to extract (default: {ATTACHMENT}).")
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
    with opened(stream) as source:
        _print(source, name, list_all)


def _print(stream: BinaryIO, name: str | None, list_all: bool) -> None:
    blocks = gunzip.unzipped_all(
        _blocks(stream), packed_limit=limits.STREAM_PACKED, unpacked_limit=limits.STREAM_UNPACKED
    )
    try:
        if list_all:
            _list(blocks, name)
        else:
            _extract(blocks, ATTACHMENT if name is None else name, stream.name)
    except Unreadable as error:
        raise Failure(f"{stream.name}: {error}", UNREADABLE) from None


def _extract(blocks: Iterator[bytes], name: str, stream: str) -> None:
    contents = subunit.documents(blocks, name, tell=_tell)
    if not contents:
        raise Failure(f"{stream}: no run-level file {name} in it", ABSENT)
    with standard_output() as output:
        output.writelines(contents)


def _list(blocks: Iterator[bytes], name: str | None) -> None:
    wanted = (each for each in subunit.listing(blocks, tell=_tell) if name is None or each.name == name)
    with standard_output() as output:
        for attachment in wanted:
            output.write(json.dumps(asdict(attachment)).encode() + b"\n")


def _tell(damage: subunit.Damage) -> None:
    warn(str(damage))


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    """The bytes of the stream. Raises Failure where they cannot be read."""
    while True:
        try:
            block = stream.read(BLOCK)
        except OSError as error:
            raise Failure(f"{stream.name}: {error.strerror}", FAILED) from None
        if not block:
            return
        yield block
