"""Logs such as a DevStack job with Tempest leaves, in their real proportions. Must not know what is looked for."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

SIZES: Mapping[str, int] = {
    "job-output.txt": 22, "controller/logs/devstacklog.txt": 6, "controller/logs/tempest_log.txt": 16,
    "controller/logs/syslog.txt": 8, "controller/logs/screen-n-api.txt": 31, "controller/logs/screen-n-cpu.txt": 24,
    "controller/logs/screen-n-sch.txt": 5, "controller/logs/screen-n-super-cond.txt": 6,
    "controller/logs/screen-q-svc.txt": 34, "controller/logs/screen-q-agt.txt": 7,
    "controller/logs/screen-c-api.txt": 12, "controller/logs/screen-c-vol.txt": 8,
    "controller/logs/screen-g-api.txt": 7, "controller/logs/screen-keystone.txt": 12,
    "controller/logs/screen-placement-api.txt": 4, "controller/logs/screen-dstat.txt": 1,
}
"""MB of each file: 203 in all."""

MODULES = ("nova.compute.manager", "nova.virt.libvirt.driver", "oslo_concurrency.lockutils", "nova.network.neutron",
           "neutron.plugins.ml2.managers", "neutron.db.provisioning_blocks", "oslo_messaging._drivers.amqpdriver",
           "cinder.volume.manager", "keystone.server.flask.request_processing", "glance.api.v2.images",
           "oslo_service.periodic_task", "placement.requestlog", "nova.scheduler.manager", "oslo_db.api")
DEBUGS = (
    'Acquiring lock "{a}" by "{m}.refresh"', 'Lock "{a}" "released" by "{m}.refresh" :: held 0.0{n}s',
    "Running periodic task ComputeManager._poll_volume_usage {{(pid=8{n}) run_periodic_tasks /opt/stack/{m}.py:210}}",
    "CALL msg_id: {b} exchange 'nova' topic 'conductor' {{(pid=8{n}) _send /opt/stack/amqpdriver.py:689}}",
    "GET call to network for https://10.0.0.1:9696/networking/v2.0/ports?device_id={u} used request id req-{u}",
    "Provisioning complete for port {u} triggered by entity L2.", "Matched request spec {u} in flavor extra_specs",
    "Instance {u} network_info: [{{'id': '{u}', 'address': 'fa:16:3e:{n}:17:09', 'type': 'ovs', 'active': True}}]",
    "Restarting the transaction in {m}, attempt {n} of 10", "Authenticating user token /v3/auth/tokens {b}")
INFOS = (
    "[instance: {u}] VM Started (Lifecycle Event)", "[instance: {u}] Took {n}.{n} seconds to spawn the instance",
    '10.0.0.1 "GET /v2.1/servers/{u}" status: 200 len: 18{n} microversion: 2.1 time: 0.{n}', "Created volume {u}",
    "Port {u} is now ACTIVE, host node, segment {n}", "Deleting image {u} from the store", "Loaded 24 backends for {m}")
WARNINGS = (
    "Instance {u} is not in the cell cache, retrying", "Timed out after {n} seconds, the port {u} was not ready",
    "Request failed with status 404: could not find {u}", "Failed to reach the endpoint, connection refused")
TRACEBACK = (
    "Traceback (most recent call last):", '  File "/opt/stack/{m}.py", line 4{n}, in _process',
    "    return self._call(context, instance, error=True)", "{m}.NotFound: Resource {u} could not be found.")
CONSOLES = (
    "tempest.api.compute.servers.test_{a}.ServersTest.test_list [{n}.{n}s] ... ok", "ERROR: {a} exited {n}",
    "+ lib/{a}:init:{n} :   sudo mkdir", "ok: [controller]", "changed: [controller] => (item={a})",
    "Collecting oslo.{a}=={n}.{n} (from -c /opt/stack/requirements/upper-constraints.txt (line {n}))",
    "  Downloading https://mirror.example/wheel/{b}.whl ({n} kB)", "Setting up lib{a} ({n}.{n}-1) ...",
    "Get:{n} http://mirror.example/ubuntu noble {a} [{n} B]")
SYSTEM = (
    "systemd[1]: Started Session {n} of user stack.", "kernel: [{n}.{n}] device tap{a} up",
    "dnsmasq-dhcp[9{n}]: DHCPACK(tap{a}) 10.1.0.{n} fa:16:3e:{n}",
    "sudo[8{n}]: stack : PWD=/opt/stack ; USER=root ; COMMAND=/bin/ovs-vsctl {a}")
REQUESTS = "None req-{u} tempest-ServersTest-{n} tempest-project", "None req-{b} demo"

Line = Callable[["Chance"], Sequence[str]]


class Chance:
    """What is filled in: names, numbers and identifiers from a small stock, since making them is slow."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        self._uuids = [f"{self.random.getrandbits(32):08x}-{self.random.getrandbits(48):012x}" for _ in range(997)]
        self.second = 0.0

    def filled(self, texts: Sequence[str]) -> str:
        """One of the texts."""
        chosen = self.random.random
        name = self._uuids[int(chosen() * 997)]
        uuid, message = self.ids(name)
        return texts[int(chosen() * len(texts))].format(
            u=uuid, b=message, n=int(chosen() * 90) + 10, a=name[:8], m=MODULES[int(chosen() * len(MODULES))])

    def ids(self, stock: str) -> tuple[str, str]:
        """Of a server, and of a message."""
        return stock, stock[::-1]

    def time(self) -> str:
        """Of the next line."""
        self.second += self.random.random() / 40
        whole = int(self.second)
        return f"{2 + whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{int(self.second * 1e6) % 1_000_000:06}"


def service(chance: Chance) -> Sequence[str]:
    """A line of a service's journal, or a traceback: 66 % are DEBUG."""
    kind = chance.random.random()
    level, texts = (("DEBUG", DEBUGS) if kind < 0.66 else ("INFO", INFOS) if kind < 0.985 else
                    ("WARNING", WARNINGS) if kind < 0.995 else ("ERROR", TRACEBACK))
    module = MODULES[int(chance.random.random() * len(MODULES))]
    head = (f"Nov 21 {chance.time()} node devstack@service.service[91{chance.random.randrange(100, 999)}]: {level} "
            f"{module} [{chance.filled(REQUESTS)}] ")
    if level == "ERROR":
        return [head + line.format(m=module, n=17, u="11") for line in texts]
    return [head + chance.filled(texts)]


def tempest(chance: Chance) -> Sequence[str]:
    return [f"2026-11-21 {chance.time()} 91117 {'DEBUG' if chance.random.random() < 0.5 else 'INFO'} "
            f"tempest.lib.common.rest_client [{chance.filled(INFOS)}] {chance.filled(DEBUGS)}"]


def console(chance: Chance) -> Sequence[str]:
    return [f"2026-11-21 {chance.time()} | controller | {chance.filled(CONSOLES)}"]


def system(chance: Chance) -> Sequence[str]:
    return [f"Nov 21 {chance.time()} node {chance.filled(SYSTEM)}"]


def dstat(chance: Chance) -> Sequence[str]:
    return [f"21-11 {chance.time()[:8]}|{chance.filled(('{n}  {n}  {n}   0   0|{n}k {n}k|   0     0 |{n}M',))}"]


KINDS: Mapping[str, Line] = {"job-output.txt": console, "devstacklog.txt": console, "tempest_log.txt": tempest,
                             "syslog.txt": system, "screen-dstat.txt": dstat}


class Fresh(Chance):
    """Names come again, but ids of servers, requests and messages do not."""

    def ids(self, stock: str) -> tuple[str, str]:  # noqa: ARG002
        """New ones."""
        digits = f"{self.random.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}", digits


def write(folder: Path, planted: Mapping[str, Sequence[str]], scale: float = 1.0,
          chances: type[Chance] = Chance) -> int:
    """Write all files, with the planted texts each in a line of its own in the middle; returns the bytes."""
    total = 0
    for path, size in SIZES.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        kind = KINDS.get(file.name, service)
        chance, extra = chances(path), planted.get(path, ())
        with file.open("w") as out:
            for at in range(len(extra) + 1):
                out.writelines(_lines(chance, kind, int(size * scale * 1_000_000) // (len(extra) + 1)))
                if at < len(extra):
                    out.write(planted_line(path, extra[at]))
        total += file.stat().st_size
    return total


def _lines(chance: Chance, kind: Line, size: int) -> Iterator[str]:
    written = 0
    while written < size:
        for line in kind(chance):
            written += len(line) + 1
            yield line + "\n"


def planted_line(path: str, text: str) -> str:
    """A line that looks like its file's others, at level ERROR where they have one, with this text."""
    kind = KINDS.get(path.rpartition("/")[2], service)
    if kind is console:
        return f"2026-11-21 02:07:44.101234 | controller | {text}\n"
    if kind is tempest:
        return f"2026-11-21 02:07:44.101 91117 ERROR tempest.lib.common.rest_client [-] {text}\n"
    if kind is system:
        return f"Nov 21 02:07:44.101234 node ironic-conductor[411]: {text}\n"
    return f"Nov 21 02:07:44.101234 node devstack@service.service[91117]: ERROR nova.compute.manager [-] {text}\n"
