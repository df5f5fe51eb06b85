"""docs/operator/index.rst, from nothing to a comment, on loopback servers."""

import os
import signal
import sys
from pathlib import Path

import pytest

from counterbot.demo import story
from counterbot.demo.irc import IrcServer
from counterbot.demo.sshd import make_key
from counterbot.demo.zuul import Zuul
from counterbot.files.config import Config, load_config
from tests.clock import eventually
from tests.gerrit_server import Gerrit
from tests.operator_page import ROOT, Reader, follow, tool

STAND_INS = ("chown", "python3", "runuser", "ssh", "ssh-keygen", "ssh-keyscan", "systemctl", "systemd-sysusers",
             "systemd-tmpfiles")
CHANGE = story.Change(1001, "Keep every row", (story.Job("tempest-full", {"process": {"mysqld": 3_000_000_000}}),))
IRC = """
irc: {{host: {irc.host}, port: {irc.port}, tls: false, nick: counterbot, channels: {{"#qa": {{}}}}}}
"""


@pytest.fixture
def machine(tmp_path):
    """A machine with OpenSSH, systemd and an administrator of Gerrit, and nothing of the bot's; the bot is ended."""
    machine = tmp_path / "machine"
    for folder in ("etc/systemd/system", "opt", "root", "usr/local/bin", "var/lib"):
        (machine / folder).mkdir(parents=True)
    for name in STAND_INS:
        tool(tmp_path / "tools", name,
             f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m tests.standins {name} "$@"\n')
    (tmp_path / "clone").mkdir()
    for name in ("docs", "queries"):
        (tmp_path / "clone" / name).symlink_to(ROOT / name)
    yield machine
    if (machine / "service.pid").exists():
        os.kill(int((machine / "service.pid").read_text()), signal.SIGTERM)
        eventually(lambda: "stopped" in (machine / "service.log").read_text())


def test_the_page_leads_from_nothing_to_a_comment(tmp_path, machine):
    with Gerrit({make_key(machine / "root/id"): "admin"}) as gerrit, Zuul() as zuul, IrcServer() as irc:
        story.prepare(gerrit, zuul, (CHANGE,))
        (machine / "root/known_hosts").write_text(f"[{gerrit.host}]:{gerrit.port} {gerrit.host_key}\n")
        names = {"-p 29418": f"-p {gerrit.port}", "# port: 29418": f"port: {gerrit.port}",
                 "review.example.org": gerrit.host, "https://zuul.example.org": zuul.url,
                 "https://storage.example.org/": zuul.logs}
        reader = Reader(machine, tmp_path / "clone", tmp_path / "tools", names, IRC.format(irc=irc))

        known = []

        def report(_):
            known[:] = eventually(lambda: [each for each in gerrit._listening() if each not in known])
            gerrit.emit(story.event(CHANGE, zuul))

        outputs = follow(reader, report, lambda: gerrit.messages(1001))
        eventually(lambda: irc.said("#qa"))
    [comment] = gerrit.messages(1001)
    assert comment.username == "counterbot"
    assert "process.mysqld" in comment.text
    assert "health       good" in list(outputs.values())[-1]
    config = load_config(machine / "etc/counterbot/config.yaml")
    assert isinstance(config, Config)
    assert Path(config.gerrit.key_file).stat().st_mode & 0o777 == 0o600
    assert config.database == f"sqlite:///{machine}/var/lib/counterbot/counterbot.db"
    assert Path(config.database.removeprefix("sqlite:///")).exists()
    assert (machine / "usr/local/share/man/man1/counterbot.1").read_text().startswith(".TH COUNTERBOT 1")
