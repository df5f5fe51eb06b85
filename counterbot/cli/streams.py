"""What commands share: printing beside a file, and errors as one line with an exit status."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NoReturn

import click

from ..core.text.inert import called
from ..core.text.refusal import refusal


class Failure(click.ClickException):
    """A line on standard error, and the exit status."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.exit_code = status  # type: ignore[misc]  # click gives each class one


def failure(error: OSError, status: int = 1) -> Failure:
    """What tells the error, with its file. Only writing to standard output fails without a file name."""
    if error.filename is None:  # what is still buffered would fail again when the process ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    name = "standard output" if error.filename is None else called(error.filename)
    return Failure(f"{name}: {refusal(error)}", status)


def give(printed: str | bytes, path: str | None, document: bytes, status: int = 1) -> None:
    """Print, and write ``document`` to a file if there is a path, even if printing fails.

    Raises Failure with this status, or BrokenPipeError where only the reader of standard output has gone.
    """
    try:
        try:
            click.echo(printed, nl=False)
        finally:
            if path is not None:
                from ..files.replacing import replaced

                with replaced(path) as file:
                    file.write(document)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise failure(error, status) from None


def warn(text: str) -> None:
    """A line on standard error."""
    click.echo(text, err=True)


def end_with(mistakes: Iterable[object]) -> NoReturn:
    """End the command with status 1 and a line for each mistake."""
    for mistake in mistakes:
        warn(str(mistake))
    raise SystemExit(1)


def beside(_context: click.Context, _option: click.Parameter, path: str | None) -> str | None:
    """Checks an option whose file is written besides standard output, so it may not be ``-``."""
    if path == "-":
        raise click.BadParameter("standard output is written in any case; name a file (./- is one called -)")
    return path
