"""DevStack's plugin, sourced as stack.sh sources it, against a MariaDB and a RabbitMQ. There is no DevStack here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .servers.mariadb import MariaDB
from .servers.rabbitmq import RabbitMQ
from .source import copy_source

ROOT = Path(__file__).parents[2]
PASSWORD = "50% 'quoted'"

STACK = """\
set -o errexit
set -o xtrace
function is_service_enabled { [[ " $SERVICES " == *" $1 "* ]]; }
source "$DEST/counterbot/devstack/settings"
source "$DEST/counterbot/devstack/plugin.sh" "$@"
echo "stack.sh goes on"
"""
"""What stack.sh has when it sources a plugin."""

SUDO = """\
#!/bin/sh
program=$1
shift
HOME=$COOKIE_HOME exec "$SCRIPTS/$program" "$@"
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    with RabbitMQ(tmp_path_factory.mktemp("rabbitmq"), "collect_statistics_interval = 200") as server:
        server.user("stackrabbit", PASSWORD, "")
        yield server


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    with MariaDB(tmp_path_factory.mktemp("mariadb")) as server:
        yield server


@pytest.fixture(scope="module")
def dest(tmp_path_factory: pytest.TempPathFactory, database: MariaDB) -> Path:
    """DevStack's folder, with the clone that enable_plugin makes, and the home of its user."""
    folder = tmp_path_factory.mktemp("dest")
    clone = copy_source(folder / "counterbot")
    shutil.copytree(ROOT / "devstack", clone / "devstack")
    (folder / ".my.cnf").write_text(f"[client]\nuser=root\nsocket={database.socket}\n")
    (folder / "sudo").write_text(SUDO)
    (folder / "sudo").chmod(0o755)
    return folder


def stack(dest: Path, broker: RabbitMQ, *phase: str, services: str = "mysql rabbit", **more: str) -> str:
    """The plugin in a phase, with more variables. Raises CalledProcessError where it ends stack.sh."""
    return subprocess.run(
        ["bash", "-c", STACK, "stack.sh", *phase], check=True, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
        env=broker._env | {
            "PATH": f"{dest}:{os.environ['PATH']}", "HOME": str(dest), "DEST": str(dest), "SERVICES": services,
            "SCRIPTS": str(broker._scripts), "COOKIE_HOME": str(broker.folder),
            "RABBIT_USERID": "stackrabbit", "RABBIT_PASSWORD": PASSWORD,
            "OS_QA_RABBITMQ_API": broker.url} | more).stdout


def told(out: str) -> list[str]:
    """What the plugin itself says went wrong."""
    return [line for line in out.splitlines() if "could" in line and line.startswith(("counterbot", "RabbitMQ", "not"))]


def test_it_reads_the_counters_when_devstack_is_up(dest, broker):
    out = stack(dest, broker, "stack", "test-config")
    found = dest / "counterbot-data"
    before = json.loads((found / "before.json").read_text())
    assert before["mysql"]["Queries"] > 0
    assert before["queues"] == {}
    assert set(before["__meta__"].get("failures", {})) <= {"systemd"}, out  # a container has none
    assert out.endswith("stack.sh goes on\n")
    assert PASSWORD not in out
    assert (found / "rabbitmq-password").stat().st_mode & 0o777 == 0o600
    broker.queue("reply_0123456789abcdef")
    broker.publish(3, "reply_0123456789abcdef")
    broker.wait_until_told()
    command = "venv/bin/counterbot collect --settings settings.yaml --delta before.json --output counters.json"
    assert command in (ROOT / "docs/in-a-job.rst").read_text()
    subprocess.run(command.split(), cwd=found, capture_output=True, timeout=60, env={
        "HOME": str(dest), "OS_QA_RABBITMQ_API": broker.url})
    assert json.loads((found / "counters.json").read_text())["queues"] == {"reply_publish": 3}


def test_it_takes_no_part_in_other_phases(dest, broker):
    assert stack(dest, broker, "stack", "install").count("counterbot-data") == 1  # the trace of its settings


def test_what_goes_wrong_does_not_end_devstack(dest, broker, tmp_path):
    (dest / "sudo").write_text("#!/bin/sh\n[ \"$1\" != rabbitmq-plugins ]\n")
    found = dest / "counterbot-data"
    left = [found / name for name in ("before.json", "counters.json")]
    shutil.rmtree(found, ignore_errors=True)
    (found / "settings.yaml").mkdir(parents=True)
    for path in left:
        path.write_text('{"mysql": {"Queries": 1}}')
    os.rename(dest / "counterbot/setup.py", tmp_path / "setup.py")
    try:
        out = stack(dest, broker, "stack", "test-config")
    finally:
        os.rename(tmp_path / "setup.py", dest / "counterbot/setup.py")
        (dest / "sudo").write_text(SUDO)
        shutil.rmtree(found)
    assert told(out) == [
        "counterbot could not be installed",
        "counterbot's settings could not be written",
        "RabbitMQ's management plugin could not be enabled",
        "not all counters could be read before the tests",
    ]
    assert not any(path.exists() for path in left)  # an earlier stack.sh's
    assert out.endswith("stack.sh goes on\n")


@pytest.mark.parametrize("missing", ["settings.yaml", "rabbitmq-password"])
def test_half_of_the_settings_is_none(dest, broker, missing):
    """The one file is written, the other cannot be."""
    found = dest / "counterbot-data"
    (found / missing).mkdir(parents=True)
    try:
        out = stack(dest, broker, "stack", "test-config")
    finally:
        shutil.rmtree(found)
    assert told(out) == [
        "counterbot's settings could not be written",
        "not all counters could be read before the tests",
    ]
    assert out.endswith("stack.sh goes on\n")


def test_a_folder_that_cannot_be_made_does_not_end_devstack(dest, broker):
    out = stack(dest, broker, "stack", "test-config", COUNTERBOT_DIR="/proc/nope")
    assert told(out) == [
        "counterbot could not be installed",
        "counterbot's settings could not be written",
        "not all counters could be read before the tests",
    ]
    assert out.endswith("stack.sh goes on\n")


def test_without_services_it_asks_for_none(dest, broker):
    stack(dest, broker, "stack", "test-config", services="")
    settings = (dest / "counterbot-data/settings.yaml").read_text()
    assert "mysql" not in settings
    assert "rabbitmq" not in settings


def test_clean_leaves_nothing(dest, broker):
    stack(dest, broker, "clean")
    assert not (dest / "counterbot-data").exists()
