"""Says on a terminal what a silent command is doing."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

SILENCE = 2.0
"""Seconds without output before a person is told what goes on."""


@contextmanager
def progress(text: Callable[[], str]) -> Iterator[None]:
    """After SILENCE, and until the body ends, show ``text()`` on the last line of standard error, if it is a terminal.

    ``text`` is called in another thread. What else is printed goes over it, so it is to be short.
    """
    if not sys.stderr.isatty():
        yield
        return
    done = threading.Event()
    thread = threading.Thread(target=_show, args=(text, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _show(text: Callable[[], str], done: threading.Event) -> None:
    while not done.wait(SILENCE):
        click.echo(f"{text()}\x1b[K\r", nl=False, err=True)
    click.echo("\x1b[K", nl=False, err=True)
