"""Runs a program on a terminal."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]


def on_a_terminal(*arguments: str | Path, program: Sequence[str] = ("-m", "counterbot"), width: int = 80,
                  seen: Callable[[bytes], object] = lambda shown: None, **environment: str) -> str:
    """What a terminal so wide gets of both streams; ``seen`` is told of it as it comes."""
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    process = subprocess.Popen([sys.executable, *program, *map(str, arguments)], stdin=end, stdout=end, stderr=end,
                               env={"PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin",
                                    "TERM": "xterm", **environment})
    os.close(end)
    shown = b""
    with contextlib.suppress(OSError), open(terminal, "rb", buffering=0) as screen:  # EIO: nobody has it open any more
        while data := screen.read(1 << 16):
            shown += data
            seen(shown)
    process.wait(60)
    return shown.decode()
