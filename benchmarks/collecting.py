"""What collecting costs on a test node: ``counterbot collect`` beside os-collect-counters of os-performance-tools.

Both are processes, each installed in an environment of its own, against the same MariaDB and RabbitMQ; the
wait for RabbitMQ's statistics is set to 0, as the old tool has none. Given are medians of wall time, what the broker
spent (CPU time of its process), and the largest memory of ours. The old tool needs help to run on today's Python:
python-subunit and six, which it does not ask for, and base64.encodestring, which is gone. Linux only, for /proc.
Needs MariaDB and RabbitMQ installed; pip installs the rest. Prints what docs/figures.rst has of it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from printed import machine, show, table  # noqa: E402

from tests.real.servers.mariadb import MariaDB  # noqa: E402
from tests.real.servers.rabbitmq import RabbitMQ  # noqa: E402

OLD = "os-performance-tools==0.1.0", "python-subunit", "six"
HELP = "import base64\nbase64.encodestring = base64.encodebytes\n"
"""As sitecustomize.py: what Python 3.9 took away."""

GOALS = {5: 1.0, 2_000: 0.4, 10_000: 0.3}
GOALS_IN_TURN = {5: 1.0, 2_000: 0.5, 10_000: 0.5}
"""Queues, and how long we may take, in times of the old tool."""

MEMORY = 60.0
ROUNDS = 11
SETTLE = 6.0
"""Seconds until the broker shows what was published; both sides then find the same."""


@dataclass(frozen=True)
class Run:
    """One process: seconds of wall time, seconds of CPU that the broker spent meanwhile, and MB at most."""

    wall: float
    broker: float
    memory: float


def environment(folder: Path, packages: Sequence[str]) -> Path:
    """A virtual environment with these packages; its programs' folder."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run([folder / "bin/pip", "install", "-q", *packages], check=True)
    return folder / "bin"


def cpu(pid: int) -> float:
    """Seconds of CPU time that a process has used, without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(command: Sequence[str | Path], settings: Mapping[str, str], broker: int) -> Run:
    """Raises CalledProcessError where it does not end well."""
    spent, before = cpu(broker), time.perf_counter()
    process = subprocess.Popen(command, env=settings, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - before
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(map(str, command)))
    return Run(wall, cpu(broker) - spent, used.ru_maxrss * 1024 / 1e6)


def commands(folder: Path, port: int, api: int) -> dict[str, tuple[list[str | Path], dict[str, str]]]:
    """Each side's command and environment; MariaDB listens on ``port``, RabbitMQ's management on ``api``."""
    home, mended = folder / "home", folder / "mended"
    home.mkdir()
    mended.mkdir()
    (mended / "sitecustomize.py").write_text(HELP)
    # The old tool hands on what stands there, text as it is: a port it could only give by this detour.
    (home / "server.cnf").write_text(f"[client]\nhost = 127.0.0.1\nport = {port}\nuser = root\n")
    (home / ".my.cnf").write_text(f"[client]\nread_default_file = {home}/server.cnf\n")
    plain = {"HOME": str(home), "PATH": os.environ["PATH"], "OS_QA_RABBITMQ_API": f"127.0.0.1:{api}"}
    ours = environment(folder / "ours", [str(ROOT)])
    old = environment(folder / "old", OLD)
    return {
        "ours": ([ours / "counterbot", "collect", "--subunit", "--collector=mysql", "--collector=rabbitmq",
                  f"--set=mysql.defaults_file={home}/server.cnf", "--set=rabbitmq.settle=0"], plain),
        "old": ([old / "os-collect-counters", "--subunit"], {**plain, "PYTHONPATH": str(mended)}),
    }


def queues(rabbitmq: RabbitMQ, have: int, want: int) -> None:
    """More queues, as an OpenStack installation names them, each with a message."""
    names = [f"{('reply', 'scheduler_fanout')[number % 2]}_{number:032x}" for number in range(have, want)]
    rabbitmq.api("POST", "/api/definitions", {"queues": [
        {"name": name, "vhost": "/", "durable": False, "auto_delete": False, "arguments": {}} for name in names]})
    for name in names:
        rabbitmq.publish(1, name)
    time.sleep(SETTLE)


def measured(sides: Mapping[str, tuple[list[str | Path], dict[str, str]]], broker: int) -> dict[str, list[Run]]:
    """One side after the other: the broker keeps answers for a while, and in turn each would pay for the other's."""
    runs = {name: [run(command, settings, broker) for _ in range(1 + ROUNDS)]
            for name, (command, settings) in sides.items()}
    return {name: each[1:] for name, each in runs.items()}  # the first one found no cache warm


def in_turn(sides: Mapping[str, tuple[list[str | Path], dict[str, str]]], broker: int) -> float:
    """Our wall time as a part of the other's where the tools take turns; the first of one round is the second of the
    next, so that both find what the broker keeps equally often."""
    walls: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(2 * ROUNDS):
        for name in list(sides)[:: (1, -1)[number % 2]]:
            walls[name].append(run(*sides[name], broker).wall)
    return median(walls["ours"]) / median(walls["old"])


def row(count: int, runs: Mapping[str, Sequence[Run]], turns: float) -> list[str]:
    wall = {name: median(run.wall for run in each) for name, each in runs.items()}
    broker = {name: median(run.broker for run in each) for name, each in runs.items()}
    memory = max(run.memory for run in runs["ours"])
    return [f"{count:,}", f"{wall['ours'] * 1000:.0f} ms", f"{wall['old'] * 1000:.0f} ms",
            held(wall["ours"] / wall["old"], GOALS[count]), held(turns, GOALS_IN_TURN[count]),
            f"{broker['ours'] * 1000:.0f} ms", f"{broker['old'] * 1000:.0f} ms",
            f"{memory:.0f} MB ({'met' if memory <= MEMORY else 'missed'})"]


def held(ratio: float, goal: float) -> str:
    return f"{ratio:.2f} (≤ {goal:g} {'met' if ratio <= goal else 'missed'})"


def report(counts: Sequence[int]) -> Iterator[list[str]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="counterbot-bench-")))
        folder.chmod(0o755)  # servers that do not run as root reach theirs
        for name in ("mariadb", "rabbitmq"):
            (folder / name).mkdir()
        mariadb = stack.enter_context(MariaDB(folder / "mariadb"))
        rabbitmq = stack.enter_context(RabbitMQ(folder / "rabbitmq"))
        sides = commands(folder, mariadb.port, rabbitmq.port)
        have = 0
        for count in counts:
            queues(rabbitmq, have, count)
            have = count
            yield row(count, measured(sides, rabbitmq.pid), in_turn(sides, rabbitmq.pid))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--queues", type=int, choices=list(GOALS), default=max(GOALS), help="at most so many queues")
    most = parser.parse_args().queues
    body = list(report([count for count in GOALS if count <= most]))
    show(f"{machine()} Medians of {ROUNDS} runs.",
         table(["queues", "collect", "os-collect-counters", "ratio", "in turn", "broker: collect", "broker: the old",
                "memory"], body))


if __name__ == "__main__":
    main()
