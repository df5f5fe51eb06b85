"""graphite-carbon, which keeps what statsd gives it in whisper files, and what stands in these.

Asserts nothing about counterbot.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path

from .needs import program
from .process import HOST, Process, Server, free_ports, listens

CONF = """\
[cache]
STORAGE_DIR = {folder}
LOCAL_DATA_DIR = {folder}/whisper
CONF_DIR = {folder}
PID_DIR = {folder}
USER =
LINE_RECEIVER_INTERFACE = {host}
LINE_RECEIVER_PORT = {line}
CACHE_QUERY_INTERFACE = {host}
CACHE_QUERY_PORT = {query}
PICKLE_RECEIVER_PORT = 0
ENABLE_UDP_LISTENER = False
ENABLE_TAGS = False
CARBON_METRIC_INTERVAL = 0
MAX_CREATES_PER_MINUTE = inf
MAX_UPDATES_PER_SECOND = inf
"""  # ENABLE_TAGS would ask a graphite-web

FINE, COARSE, HOUR = 10, 60, 3600
SCHEMAS = f"""\
[all]
pattern = .*
retentions = {FINE}s:1h,{COARSE}s:6h
"""

READ = """\
import json, os, struct, sys, whisper
folder, since = sys.argv[1], int(sys.argv[2])
found = {}
for where, _, names in os.walk(folder):
    for name in names:
        path = os.path.join(where, name)
        try:
            (start, end, step), values = whisper.fetch(path, since)
        except (whisper.CorruptWhisperFile, struct.error):
            continue  # carbon is just making it
        metric = os.path.relpath(path, folder)[:-len(".wsp")].replace(os.sep, ".")
        found[metric] = [[at, value] for at, value in zip(range(start, end, step), values) if value is not None]
json.dump(found, sys.stdout)
"""
DEBIANS = "/usr/bin/python3"
"""For whom whisper is installed; the tests' own Python may be another."""

Points = dict[int, float]


class Carbon(Server):
    """carbon-cache. Raises Missing where it is not installed.

    Keeps a value each 10 s for an hour and each minute for six. ``aggregation`` is the text of
    storage-aggregation.conf. It runs as whoever runs the tests.
    """

    def __init__(self, folder: Path, aggregation: str = "") -> None:
        self.folder = folder.absolute()
        self.port, query = free_ports(2)
        program("whisper-fetch")  # comes with the module
        config = self.folder / "carbon.conf"
        config.write_text(CONF.format(folder=self.folder, host=HOST, line=self.port, query=query))
        (self.folder / "storage-schemas.conf").write_text(SCHEMAS)
        (self.folder / "storage-aggregation.conf").write_text(aggregation)
        environment = {"PATH": os.defpath, "GRAPHITE_ROOT": str(self.folder)}
        super().__init__(Process([program("carbon-cache"), f"--config={config}", "--nodaemon", "start"],
                                 self.folder / "carbon.log", environment))

    def answers(self) -> bool:
        return listens(self.port)

    def send(self, points: Iterable[tuple[str, float, int]]) -> None:
        """Names, values and seconds since the epoch, by carbon's plaintext protocol. They are written soon after."""
        with socket.create_connection((HOST, self.port), timeout=10) as line:
            line.sendall("".join(f"{name} {value} {at}\n" for name, value, at in points).encode())

    def metrics(self, since: int) -> dict[str, Points]:
        """What is in the files: metric to points, from ``since`` on. Beyond an hour ago the coarse ones are read."""
        done = subprocess.run([DEBIANS, "-c", READ, self.folder / "whisper", str(since)], capture_output=True,
                              text=True, timeout=60, env={"PATH": os.defpath})
        assert done.returncode == 0, done.stderr
        return {name: dict(points) for name, points in json.loads(done.stdout).items()}
