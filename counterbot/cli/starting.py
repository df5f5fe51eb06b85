"""What commands that need a configuration share: loading it, its database, the log, and errors as click tells them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import WatchedFileHandler
from typing import TYPE_CHECKING

import click

from ..core.model import Unreadable
from ..core.text.inert import called
from ..files.config import Config, load_config, read_secret
from .streams import end_with

if TYPE_CHECKING:
    from ..ledger import Ledger


def loaded(file: str) -> Config:
    """The configuration; ends the command with all its mistakes where it has any."""
    outcome = load_config(file)
    if not isinstance(outcome, Config):
        end_with(outcome)
    return outcome


def database(config: Config) -> tuple[str, str | None]:
    """The URL and the password of the database that a bot has written. Raises Unreadable and LedgerError, and ends the
    command where there is none yet."""
    from ..ledger.store import exists

    url, password = config.database, config.database_password_file
    if not exists(url):
        raise click.ClickException(f"{called(url.removeprefix('sqlite:///'))}: no such file; 'database' in the"
                                   " configuration names it, and the bot has not run yet")
    return url, None if password is None else read_secret(password)


@contextmanager
def ledger(config: Config) -> Iterator[Ledger]:
    """What a bot has written there."""
    from ..ledger import Ledger

    with told():
        url, password = database(config)
        opened = Ledger(url, password=password)
        try:
            yield opened
        finally:
            opened.close()


def log_to_stderr(verbose: bool) -> None:
    """Log to standard error, from ``info`` on; libraries' messages only from warnings on."""
    _log_to(logging.StreamHandler(sys.stderr), verbose)


def log_to_file(path: str, verbose: bool) -> None:
    """The same to a file. If that is moved away, the log goes on in a new one of its name."""
    try:
        _log_to(_LogFile(path, encoding="utf-8"), verbose)
    except OSError as error:
        raise click.ClickException(f"--log {path}: cannot be written: {error.strerror}") from error


class _LogFile(WatchedFileHandler):
    """Where the file cannot be opened anew, lines go to standard error: logging must not end who logs."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except OSError as error:
            sys.stderr.write(f"{self.format(record)} (not in the log file: {error})\n")


def _log_to(handler: logging.Handler, verbose: bool) -> None:
    logging.basicConfig(handlers=[handler], level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("counterbot").setLevel(logging.DEBUG if verbose else logging.INFO)


@contextmanager
def told() -> Iterator[None]:
    """Errors of a bot that say what to change, without a traceback."""
    from ..engine.bot import CannotStart
    from ..ledger import LedgerError

    try:
        yield
    except CannotStart as error:
        if error.mistakes:
            end_with(error.mistakes)
        raise click.ClickException(str(error)) from error
    except (LedgerError, Unreadable) as error:
        raise click.ClickException(str(error)) from error
