"""Follows docs/operator/index.rst as its reader would, in a folder that stands for the machine's root.

The page's ``sh`` blocks are its commands. Paths such as /etc become those of the folder, example.org's servers become
the test's, and what only an administrator of a machine with systemd can run is a program of ``tools``.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from .clock import eventually

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/operator/index.rst"
BLOCK = re.compile(r"^\.\. code-block:: sh\n\n((?:  .*\n|\n)+)", re.M)
PLACE = re.compile(r"(?<![\w.])/(etc|opt|usr/local|var)(?=/)")
Said = Callable[[], str]


def blocks() -> list[str]:
    """The page's commands, in order."""
    return [re.sub("^  ", "", block, flags=re.M).strip() for block in BLOCK.findall(PAGE.read_text())]


class Reader:
    """Somebody who follows the page. ``names``: what they write instead of the page's names, in commands and files.

    ``more`` are lines that they add to the configuration.
    """

    def __init__(self, machine: Path, clone: Path, tools: Path, names: Mapping[str, str], more: str = "") -> None:
        self.machine, self.clone, self.names, self.more = machine, clone, names, more
        path = f"{machine}/usr/local/bin:{tools}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        self.environment = {"PATH": path, "LANG": "C.UTF-8", "MACHINE": str(machine), "PYTHONUNBUFFERED": "1"}

    def here(self, text: str) -> str:
        """A text of the page, as it is on this machine and site."""
        for name, own in self.names.items():
            text = text.replace(name, own)
        return PLACE.sub(lambda place: f"{self.machine}/{place[1]}", text)

    def run(self, block: str) -> str:
        """Run commands that end by themselves; their output."""
        status, output = self._run(block)
        assert status == 0, (block, output)
        if "config sample" in block:
            config = self.machine / "etc/counterbot/config.yaml"
            config.write_text(self.here(config.read_text()) + self.more)
        return output

    def run_patiently(self, block: str) -> str:
        """Run commands until they end well; their output."""
        return eventually(lambda: (done := self._run(block))[0] == 0 and done)[1]

    def _run(self, block: str) -> tuple[int, str]:
        done = subprocess.run(self._bash(block), cwd=self.clone, env=self.environment, text=True, timeout=300,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout

    def run_until(self, block: str, happened: Callable[[str], object], meanwhile: Callable[[Said], None]) -> str:
        """Run a command, do something ``meanwhile``, and press Ctrl-C when ``happened`` says so of what it printed."""
        log, events = self.machine / "output", self.clone / "events.jsonl"

        def said() -> str:
            return log.read_text() + (events.read_text() if events.exists() else "")

        with log.open("wb") as output:
            process = subprocess.Popen(self._bash(block), cwd=self.clone, env=self.environment, stdout=output,
                                       stderr=output, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            meanwhile(said)
            eventually(lambda: happened(said()))
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(60)
        return said()

    def _bash(self, block: str) -> list[str]:
        # What tests start in the background of a shell would ignore Ctrl-C.
        return ["env", "--default-signal=INT", "bash", "-euo", "pipefail", "-c", self.here(block)]


def tool(folder: Path, name: str, script: str) -> None:
    """A program on the reader's PATH."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(script)
    (folder / name).chmod(0o755)


def follow(reader: Reader, report: Callable[[Said], None], commented: Callable[[], object]) -> dict[str, str]:
    """Run the page's blocks; their outputs. ``report`` lets Zuul report once somebody listens to Gerrit, which it can
    see by what the listener has said; ``commented`` says whether the bot's comment is there."""
    outputs = {}
    for block in blocks():
        if "stream-events" in block:
            outputs[block] = reader.run_until(block, lambda said: " pipeline)" in said, report)
        elif "--dry-run" in block and " run " in block:
            outputs[block] = reader.run_until(block, lambda said: "would be sent" in said, report)
        elif "counterbot status" in block:
            outputs[block] = reader.run_patiently(block)
        else:
            outputs[block] = reader.run(block)
        if "systemctl" in block:
            report(lambda: (reader.machine / "service.log").read_text())
            eventually(commented)
    return outputs
