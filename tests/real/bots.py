"""The bot as a process of its own beside real servers, and the Zuul that reports to them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from counterbot.demo import story
from counterbot.demo.zuul import Zuul

from .servers.gerrit import Change, Gerrit
from .servers.ngircd import Ngircd
from .servers.process import until

CHANNEL = "#openstack-qa"
ROOT = Path(__file__).parents[2]
CONTRACT = ROOT / "tests/samples/contract"
RECORDED = ROOT / "tests/samples/zuul-14.3/stream-events-zuul-comments.jsonl"
CONFIG = """\
gerrit: {{host: {gerrit.host}, port: {gerrit.ssh_port}, username: counterbot, key_file: "{key}", host_key: {key_line}}}
zuul: {{accounts: [zuul], url: "{zuul.url}", logs: ["{zuul.logs}"]}}
rules: "{rules}"
database: sqlite:///counterbot.db
"""
IRC = """\
irc: {{host: {irc.host}, port: {irc.port}, tls: false, nick: counterbot, channels: {{"{channel}": {{}}}}}}
"""
IRC_SECURED = """\
irc: {{host: localhost, port: {irc.tls_port}, ca_file: "{irc.cert}", password_file: password, nick: counterbot,
      channels: {{"{channel}": {{}}}}}}
"""


class Bot:
    """A folder with a configuration, and commands run on it."""

    def __init__(self, folder: Path, gerrit: Gerrit, zuul: Zuul, irc: Ngircd | None = None) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.config = folder, folder / "config.yaml"
        text = CONFIG.format(gerrit=gerrit, zuul=zuul, rules=CONTRACT / "queries", key=gerrit.key_file("counterbot"),
                             key_line=gerrit.host_key)
        if irc and irc.password:
            (folder / "password").write_text(irc.password + "\n")
        spoken = (IRC_SECURED if irc.password else IRC).format(irc=irc, channel=CHANNEL) if irc else ""
        self.config.write_text(text + spoken)
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "counterbot", *arguments, "-c", str(self.config)]

    def runs(self, *arguments: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=seconds, cwd=ROOT)

    def __enter__(self) -> Bot:
        """``counterbot run``, until it listens."""
        self.log = self.folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(self.command("run"), stderr=log, cwd=ROOT)
        until(lambda: "listening to the events" in self.log.read_text(), 30, "the bot listens")
        return self

    def __exit__(self, *exception: object) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def recorded(self, *events: dict) -> str:
        path = self.folder / "events.jsonl"
        path.write_text("".join(json.dumps(event) + "\n" for event in events))
        return str(path)


def first_recorded(zuul: Zuul, change: Change) -> dict:
    """The first recorded event of a Zuul 14.3, moved to the Zuul and the change that are here."""
    line = RECORDED.read_text().splitlines()[0]
    event = json.loads(line.replace("http://127.0.0.1:9000", zuul.url))
    event["change"].update(number=change.number, project=change.project)
    event["patchSet"]["number"] = change.patchset
    return event


def serve_builds(zuul: Zuul, event: dict, counters: bytes) -> None:
    """The builds that an event names: tempest-full has counters in its subunit stream, the others none."""
    from counterbot.core.events import Recognition, recognise

    report = recognise(event, Recognition(frozenset({"zuul"})))
    for link in report.builds:
        document = json.loads(counters) if link.job == "tempest-full" else None
        stream = story.stream(document and {name: group for name, group in document.items() if name != "__meta__"})
        zuul.add_build(link.uuid, link.job, {"testrepository.subunit": stream, "job-output.txt": b"x\n"},
                       change=report.patchset.change, result="FAILURE", voting=not link.job.endswith("-nv"))


