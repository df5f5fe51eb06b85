"""Writes to standard output, standard error and a file so that a failure of one does not affect the others."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import IO, Any, BinaryIO

import click

from ..core.text.inert import called

FAILED = 1


class Failure(click.ClickException):
    """A line on stderr, and the exit status."""

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = status  # type: ignore[misc]  # click gives each class one

    def show(self, _file: IO[Any] | None = None) -> None:
        warn(f"Error: {self.message}")


def give(printed: str | bytes, path: str | None, document: bytes, status: int = FAILED) -> None:
    """Print, and write ``document`` to a file if there is a path: both are tried even if one fails.

    Raises Failure with this status and all that failed, or BrokenPipeError where only the reader of standard output
    has gone.
    """
    wrong: list[Failure | OSError] = []
    for put in (partial(_print, printed), partial(_write, document, path)):
        try:
            put()
        except (Failure, OSError) as error:
            wrong.append(error)
    told = [_worded(error) for error in wrong if not isinstance(error, BrokenPipeError)]
    if told:
        raise Failure("\nError: ".join(told), status) from None
    if wrong:
        raise wrong[0]


def warn(text: str) -> None:
    """A line on standard error, if it can be written."""
    try:
        click.echo(text, err=True)
    except OSError:
        forget(2)


@contextmanager
def standard_output() -> Iterator[BinaryIO]:
    """Standard output for bytes, flushed when the block ends. Raises Failure where it cannot be written."""
    if sys.stdout is None:
        raise Failure("standard output is closed")
    try:
        yield sys.stdout.buffer
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        forget(1)
        raise Failure(named(error)) from None


def forget(descriptor: int) -> None:
    """Discard what standard output (1) or error (2) still buffers: it would fail again when the process ends."""
    if (sys.stdout if descriptor == 1 else sys.stderr) is not None:  # else the descriptor may be that of a file
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def named(error: OSError) -> str:
    """The file and the error. Only writing to a standard stream fails without a file name."""
    name = "standard output" if error.filename is None else called(error.filename)
    return f"{name}: {error.strerror}"


def opened(path: str) -> AbstractContextManager[BinaryIO]:
    """A file to be read; ``-`` is standard input. Raises OSError, and Failure where standard input is closed."""
    if path != "-":
        return open(path, "rb")
    if sys.stdin is None:
        raise Failure("standard input is closed")
    return nullcontext(sys.stdin.buffer)


def beside(_context: click.Context, _option: click.Parameter, path: str | None) -> str | None:
    """Checks an option whose file is written besides standard output, so it may not be ``-``."""
    if path == "-":
        raise click.BadParameter("standard output is written in any case; name a file (./- is one called -)")
    return path


def _print(data: str | bytes) -> None:
    if not data:
        return
    with standard_output() as stream:
        stream.write(data.encode(sys.stdout.encoding, "replace") if isinstance(data, str) else data)


def _write(document: bytes, path: str | None) -> None:
    """To the file, which may be standard output itself (/dev/stdout)."""
    if path is None:
        return
    if _is_standard_output(path):
        _print(document)
        return
    from ..files.replacing import replaced

    with replaced(path) as stream:
        stream.write(document)


def _is_standard_output(path: str) -> bool:
    """Whether a file is standard output: replacing it would lose what was printed."""
    if sys.stdout is None:
        return False
    try:
        return os.path.samestat(os.stat(path), os.fstat(sys.stdout.fileno()))
    except OSError:
        return False


def _worded(error: Failure | OSError) -> str:
    return named(error) if isinstance(error, OSError) else error.message
