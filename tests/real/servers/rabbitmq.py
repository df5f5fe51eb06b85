"""RabbitMQ with its management API, and what the tests do to it. Asserts nothing about counterbot."""

from __future__ import annotations

import base64
import http.client
import json
import os
import subprocess
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .needs import program
from .process import HOST, Process, Server, free_ports, listens, until

CONF = """\
listeners.tcp.1 = {host}:{amqp}
management.tcp.ip = {host}
management.tcp.port = {http}
log.file.level = warning
{more}
"""
EACH_SECOND = """\
management.sample_retention_policies.global.minute = 1
management.sample_retention_policies.basic.minute = 1
management.sample_retention_policies.detailed.minute = 1
collect_statistics_interval = 1000
"""
"""Messages are told of after a second, and a node's process too, instead of five."""

LOOPBACK = "-kernel inet_dist_use_interface {127,0,0,1}"


class RabbitMQ(Server):
    """A broker with the user guest. Raises Missing where rabbitmq-server is not installed.

    ``more`` is added to its configuration. It starts in about eight seconds, and runs as whoever runs the tests,
    with an epmd of its own.
    """

    def __init__(self, folder: Path, more: str = "") -> None:
        self.folder = folder.absolute()
        self.amqp_port, self.port, epmd, dist = free_ports(4)
        self.url = f"http://{HOST}:{self.port}"
        # The wrapper in sbin wants to be root or rabbitmq; what it wraps is beside it and takes anybody.
        self._scripts = Path(program("rabbitmq-server")).resolve().parent
        self._env = self._environment(epmd, dist)
        (self.folder / "plugins").write_text("[rabbitmq_management].\n")
        (self.folder / "rabbitmq.conf").write_text(
            CONF.format(host=HOST, amqp=self.amqp_port, http=self.port, more=more))
        self._epmd = Process([program("epmd"), "-port", str(epmd), "-address", HOST], self.folder / "epmd.log",
                             self._env)
        self._epmd_port = epmd
        self._published: Counter[tuple[str, str, str]] = Counter()
        self._bound: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        super().__init__(Process([self._scripts / "rabbitmq-server"], self.folder / "rabbitmq.log", self._env))

    def prepare(self) -> None:
        self._epmd.start()
        self._epmd.ready(lambda: listens(self._epmd_port), 10)

    def start(self) -> None:
        self._published.clear()  # a broker keeps no counts
        super().start()

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._epmd.stop(5)

    def answers(self) -> bool:
        """Whether the management API answers, with the broker behind it."""
        try:
            return self.api("GET", "/api/overview?columns=node") != {}
        except (OSError, http.client.HTTPException, AssertionError):
            return False

    def ctl(self, *words: str) -> None:
        """``rabbitmqctl``, as on the broker's own machine; takes a second."""
        subprocess.run([self._scripts / "rabbitmqctl", "-n", self._env["RABBITMQ_NODENAME"], *words],
                       env=self._env, check=True, capture_output=True, stdin=subprocess.DEVNULL)

    # Through the management API

    def api(self, method: str, path: str, body: object = None, times: int = 1) -> Any:
        """The (last) answer's JSON; None where there is none. Raises AssertionError for a refusal."""
        line = http.client.HTTPConnection(HOST, self.port, timeout=30)
        try:
            for _ in range(times):
                line.request(method, path, None if body is None else json.dumps(body), {
                    "Authorization": "Basic " + base64.b64encode(b"guest:guest").decode(),
                    "Content-Type": "application/json"})
                answer = line.getresponse()
                text = answer.read()
                assert answer.status < 300, f"{method} {path}: {answer.status} {text!r}"
            return json.loads(text) if text else None
        finally:
            line.close()

    def vhost(self, name: str) -> None:
        self.api("PUT", f"/api/vhosts/{quote(name, '')}")

    def user(self, name: str, password: str, tags: str, vhost: str = "/") -> None:
        """Somebody with all rights in one virtual host and with these tags."""
        self.api("PUT", f"/api/users/{name}", {"password": password, "tags": tags})
        self.api("PUT", f"/api/permissions/{quote(vhost, '')}/{name}", {"configure": ".*", "write": ".*", "read": ".*"})

    def queue(self, name: str, vhost: str = "/") -> None:
        self.api("PUT", f"/api/queues/{quote(vhost, '')}/{quote(name, '')}", {"durable": False})

    def delete_vhost(self, name: str) -> None:
        self.api("DELETE", f"/api/vhosts/{quote(name, '')}")
        for each in [each for each in self._published if each[1] == name]:
            del self._published[each]

    def delete(self, what: str, name: str, vhost: str = "/") -> None:
        """``what`` is ``queues`` or ``exchanges``."""
        self.api("DELETE", f"/api/{what}/{quote(vhost, '')}/{quote(name, '')}")
        self._published.pop((what, vhost, name), None)

    def exchange(self, name: str, kind: str = "fanout", vhost: str = "/") -> None:
        self.api("PUT", f"/api/exchanges/{quote(vhost, '')}/{quote(name, '')}", {"type": kind, "durable": False})

    def bind(self, exchange: str, queue: str, vhost: str = "/") -> None:
        self.api("POST", f"/api/bindings/{quote(vhost, '')}/e/{quote(exchange, '')}/q/{quote(queue, '')}", {})
        self._bound[vhost, exchange].add(queue)

    def publish(self, count: int, key: str, exchange: str = "amq.default", vhost: str = "/") -> None:
        """So many messages; to the queue named ``key``, where no exchange is given."""
        message = {"routing_key": key, "payload": "x", "payload_encoding": "string", "properties": {}}
        self.api("POST", f"/api/exchanges/{quote(vhost, '')}/{quote(exchange, '')}/publish", message, count)
        default = exchange == "amq.default"
        for queue in {key} if default else self._bound[vhost, exchange]:
            self._published["queues", vhost, queue] += count
        self._published["exchanges", vhost, "" if default else exchange] += count
        self._published["vhosts", vhost, vhost] += count

    def wait_until_told(self) -> None:
        """Until the broker's statistics have all that was published: on a loaded machine they come late."""
        until(lambda: self._told() == self._published, 60, "the broker tells of all messages that were published")

    def _told(self) -> Counter[tuple[str, str, str]]:
        return Counter({
            (what, row.get("vhost", row["name"]), row["name"]): count
            for what, member in (("queues", "publish"), ("exchanges", "publish_in"), ("vhosts", "publish"))
            for row in self.api("GET", f"/api/{what}")
            if (count := (row.get("message_stats") or {}).get(member))})

    def _environment(self, epmd: int, dist: int) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin",
            "HOME": str(self.folder),  # a cookie of its own, so that no other node is reached
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(epmd), "ERL_EPMD_ADDRESS": HOST,
            "RABBITMQ_NODENAME": f"counterbot{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(dist),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "none.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "db"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(self.folder / "config"),
            "RABBITMQ_CTL_ERL_ARGS": LOOPBACK,
            # Input is "allowed", so that the script becomes the broker: its pid can be paused and killed.
            "RABBITMQ_ALLOW_INPUT": "true",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"-noinput {LOOPBACK}",
        }
