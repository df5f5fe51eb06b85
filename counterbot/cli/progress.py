"""Says on a terminal what a silent command is doing."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

SILENCE = 2.0
"""Seconds without output before a person is told what goes on."""


@contextmanager
def progress(text: Callable[[], str], every: float | None = None) -> Iterator[None]:
    """After SILENCE, and until the body ends, show ``text()`` on the last line of standard error, if it is a terminal.

    If it is none, a line of it each ``every`` seconds, or nothing. ``text`` is called in another thread. What else is
    printed goes over it, so it is to be short, and is cut at the terminal's width.
    """
    terminal = sys.stderr.isatty()
    if not terminal and every is None:
        yield
        return
    done = threading.Event()
    show, arguments = (_show, (text, done)) if terminal else (_tell, (text, done, every))
    thread = threading.Thread(target=show, args=arguments, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _show(text: Callable[[], str], done: threading.Event) -> None:
    while not done.wait(SILENCE):
        width = shutil.get_terminal_size().columns - 1  # a line that is wrapped would stay
        click.echo(f"{text()[:width]}\x1b[K\r", nl=False, err=True)
    click.echo("\x1b[K", nl=False, err=True)


def _tell(text: Callable[[], str], done: threading.Event, every: float) -> None:
    while not done.wait(every):
        click.echo(text(), err=True)
