"""A Gerrit site in a folder and the daemon that serves it. Makes no account, project or change."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from .needs import VERSION, jar_paths, java, program
from .process import HOST, Process, Server, free_ports

CONFIG = """\
[gerrit]
    basePath = git
    canonicalWebUrl = {url}/
[auth]
    type = DEVELOPMENT_BECOME_ANY_ACCOUNT
[sshd]
    listenAddress = {host}:{ssh_port}
[httpd]
    listenUrl = {url}/
[sendemail]
    enable = false
"""


class Site(Server):
    """Where Gerrit listens, and the process behind it."""

    ready_seconds = 120

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.ssh_port, self.http_port = free_ports(2)
        self.url = f"http://{HOST}:{self.http_port}"
        self._env = {**os.environ, "XDG_CONFIG_HOME": str(self.folder)}  # or JGit writes into the home folder
        self._log_before = 0
        super().__init__(Process(self._command("Daemon", "--console-log"), self.folder / "daemon.log", self._env))

    def prepare(self) -> None:
        """Let Init make the site around our configuration. Raises AssertionError with its output."""
        etc = self.folder / "site/etc"
        etc.mkdir(parents=True)
        (etc / "gerrit.config").write_text(CONFIG.format(url=self.url, host=HOST, ssh_port=self.ssh_port))
        self._name_version()
        init = self._command("Init", "--batch", "--dev", "--no-auto-start")
        done = subprocess.run(init, text=True, capture_output=True, env=self._env, timeout=self.ready_seconds)
        assert done.returncode == 0, f"Gerrit's Init failed:\n{done.stdout}\n{done.stderr}"

    def start(self) -> None:
        log = self.process.log
        self._log_before = log.stat().st_size if log.exists() else 0
        super().start()

    def answers(self) -> bool:
        """Whether it says that it is ready."""
        return f"Gerrit Code Review {VERSION} ready".encode() in self.process.log.read_bytes()[self._log_before:]

    def host_key(self) -> str:
        """The host key that clients see, ``ssh-ed25519 AAAA…``."""
        return " ".join((self.folder / "site/etc/ssh_host_ed25519_key.pub").read_text().split()[:2])

    def _name_version(self) -> None:
        """Without a war's manifest Gerrit calls itself "(dev)", which clients such as Zuul cannot read."""
        name = self.folder / "version/com/google/gerrit/common/Version"
        name.parent.mkdir(parents=True)
        name.write_text(f"v{VERSION}")

    def _command(self, name: str, *options: str) -> list[str | Path]:
        paths = ":".join(map(str, [self.folder / "version", *jar_paths()]))
        return [
            program("setpriv"), "--pdeathsig", "TERM",  # not even a killed test run leaves half a gigabyte behind
            java(), "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "--enable-native-access=ALL-UNNAMED",
            "-cp", paths, Path(__file__).with_name("Launch.java"), name, *options, "-d", self.folder / "site",
        ]  # fmt: skip
