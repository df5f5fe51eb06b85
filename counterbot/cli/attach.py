"""``counterbot attach``: puts counters into a job's subunit stream."""

from __future__ import annotations

from codecs import BOM_UTF8

import click

from ..core import limits
from ..core.counters.attachment import META, parse_counters
from ..core.counters.performance import looks_like_performance
from ..core.counters.strictjson import documents
from ..core.model import ATTACHMENT, Unreadable
from ..files.attach import attach
from .completion import files
from .progress import progress
from .streams import Failure, warn

UNREADABLE = 3


@click.command("attach")
@click.argument("counters", metavar="COUNTERS", shell_complete=files)
@click.argument("stream", metavar="STREAM", shell_complete=files)
@click.option("--add", is_flag=True, help="Keep the counters.json that is in STREAM already.")
def command(counters: str, stream: str, add: bool) -> None:
    """Append COUNTERS (a counters.json) to the subunit STREAM, a file, gzipped or not.

    A counters.json that is in STREAM already is replaced, and standard error says so; the rest of the stream
    stays as it is.

    The stream is replaced whole, or stays as it was: nothing is lost to a crash or a full disk. Attach
    after `stestr last --subunit` wrote the file, since stestr drops attachments of the whole run, and when
    nobody writes it any more. Another attach to it is waited for, 30 seconds at most. Other hard links keep
    the old file. Another user's file becomes the caller's, unless root calls.

    The exit status is 1 where a file cannot be read or written, and 3 where COUNTERS holds no counters, or
    STREAM is still written or locked, is not subunit version 2, or is too damaged for anything to be
    read behind it.
    """
    with open(counters, "rb") as source:
        data = source.read(limits.COUNTERS_FILE + 1)
    why = _unfit(data)
    if why is not None:
        raise Failure(f"{counters}: {why}; nothing was attached", UNREADABLE)
    try:
        data = data.removeprefix(BOM_UTF8)  # behind other JSON it would be an error
        with progress(lambda: "attaching the counters"):
            damage = attach(data, stream, add=add, tell=lambda count: _tell(stream, count))
    except Unreadable as error:
        raise Failure(f"{stream}: {error}; it stays as it was", UNREADABLE) from None
    for each in damage:
        warn(f"{stream}: {each}")


def _tell(stream: str, count: int) -> None:
    was = f"the {ATTACHMENT}" if count == 1 else f"{count} attachments {ATTACHMENT}"
    warn(f"{stream}: replaced {was} in it; --add keeps what is there")


def _unfit(data: bytes) -> str | None:
    """Why it is not a counters document; one without counters is, if its ``__meta__`` can say why."""
    try:
        found = parse_counters(data)
        if looks_like_performance(data):
            return "it is DevStack's performance.json; make counters of it: counterbot collect --collector performance"
        described = any(isinstance(each, dict) and isinstance(each.get(META), dict) for each in documents(data))
    except Unreadable as error:
        return str(error)
    return None if found.values or described else "it holds no counters"
