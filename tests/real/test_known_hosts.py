"""OpenSSH's own client reads known_hosts as the bot does."""

from __future__ import annotations

import subprocess

import pytest

from counterbot.clients.ssh import HostKeyRefused, Server, connect
from counterbot.demo.sshd import SshServer, make_key
from tests.edges.test_known_hosts import CASES, written


@pytest.fixture(scope="module")
def sshd(tmp_path_factory):
    key = tmp_path_factory.mktemp("key") / "id"
    server = SshServer({make_key(key): "bot"}, lambda *_: 0)
    server.key_file = str(key)
    yield server
    server.close()


@pytest.mark.parametrize("case", CASES)
def test_openssh_agrees(tmp_path, sshd, case):
    file = tmp_path / "known_hosts"
    file.write_bytes(written(case, sshd.host, sshd.port, sshd.host_key) + b"\n")
    options = {"UserKnownHostsFile": file, "GlobalKnownHostsFile": "/dev/null", "StrictHostKeyChecking": "yes",
               "BatchMode": "yes", "IdentitiesOnly": "yes", "UpdateHostKeys": "no"}
    asked = subprocess.run(
        ["ssh", "-F", "/dev/null", *(f"-o{name}={value}" for name, value in options.items()),
         "-i", sshd.key_file, "-p", str(sshd.port), f"bot@{sshd.host}", "true"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60)
    assert asked.returncode in (0, 255), asked.stderr
    assert (asked.returncode == 0) == CASES[case][1] == accepted(sshd, file), asked.stderr


def accepted(sshd, file) -> bool:
    try:
        connect(Server(sshd.host, sshd.port, "bot", sshd.key_file, known_hosts=str(file))).close()
    except HostKeyRefused:
        return False
    return True
