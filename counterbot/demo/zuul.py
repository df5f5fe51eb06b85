"""A Zuul on loopback: its REST API and a log server, which answer as Zuul 14.3 and a Swift log store do."""

from __future__ import annotations

import gzip
import json
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_NOT_FOUND = b"<!DOCTYPE html>\n<html><body><h2>404 Not Found</h2><p>Build not found</p></body></html>\n"


@dataclass
class Answer:
    """What a path answers. ``pause`` is seconds between single bytes; ``cut`` ends the connection after so many."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0
    cut: int | None = None


class Zuul:
    """The server; a context manager. ``answers`` are by path; ``requests`` lists the paths that were asked for.

    ``packed``: text is stored gzipped under its plain name. ``flat``: a build's row has the fields of its ref, as up to
    Zuul 9.
    """

    tenant = "openstack"

    def __init__(self) -> None:
        self.packed, self.flat = True, False
        self.answers: dict[str, Answer] = {}
        self.requests: list[str] = []
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.logs = f"{self.url}/logs/"

    def __enter__(self) -> Zuul:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="zuul", daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def page(self, uuid: str) -> str:
        """The URL of a build's page, as it stands in Zuul's comment."""
        return f"{self.url}/t/{self.tenant}/build/{uuid}"

    def add_build(self, uuid: str, job: str, files: Mapping[str, bytes] | None = None, *,
                  result: str | None = "SUCCESS", voting: bool = True,
                  artifacts: tuple[dict[str, Any], ...] = (), manifest: bool = True,
                  project: str = "openstack/nova", change: int = 1) -> dict[str, Any]:
        """Add a build with its log files; without ``files`` it has no logs. Returns its API row."""
        root = f"{self.logs}{uuid[:3]}/{uuid}/"
        made = []
        if files is not None:
            for path, content in files.items():
                self.serve_log(root + path, content)
            if manifest:
                self.serve_log(root + "zuul-manifest.json", json.dumps(_manifest(files)).encode())
                made.append({"name": "Zuul Manifest", "url": root + "zuul-manifest.json",
                             "metadata": {"type": "zuul_manifest"}})
        ref = {"project": project, "branch": "master", "change": change, "patchset": "1",
               "ref": f"refs/changes/{change % 100:02}/{change}/1", "oldrev": None, "newrev": None, "ref_url": None}
        row = {"_id": len(self.answers), "uuid": uuid, "job_name": job, "result": result, "held": False,
               "start_time": "2026-11-21T02:07:44", "end_time": result and "2026-11-21T02:09:52",
               "duration": 128.0, "voting": voting, "log_url": root if files is not None and result else None,
               "nodeset": "", "error_detail": None, "final": True, "artifacts": [*made, *artifacts],
               "provides": [], "pipeline": "check", **(ref if self.flat else {"ref": ref})}
        self.serve_row(row)
        return row

    def add_buildset(self, uuid: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Put builds that were added into a buildset; their rows then name it, and all its changes."""
        rows = list(rows)
        refs = [] if self.flat else list({json.dumps(row["ref"]): row["ref"] for row in rows}.values())
        self.serve_row({"uuid": uuid, "result": None, "refs": refs, "builds": rows}, "buildset")
        for row in rows:
            self.serve_row({**row, "buildset": {"uuid": uuid, "refs": refs}})

    def serve_row(self, row: Mapping[str, Any], kind: str = "build") -> None:
        """Answer with this row for its build, or buildset."""
        body = json.dumps(row).encode()
        self.answers[f"/api/tenant/{self.tenant}/{kind}/{row['uuid']}"] = \
            Answer(body, headers={"Content-Type": "application/json"})

    def row(self, uuid: str) -> dict[str, Any]:
        """A build's API row, as it is served."""
        row: dict[str, Any] = json.loads(self.answers[f"/api/tenant/{self.tenant}/build/{uuid}"].body)
        return row

    def serve_log(self, url: str, content: bytes) -> None:
        """Store a log as Swift does: text packed under its plain name, ``.gz`` as it is."""
        if self.packed and not url.endswith(".gz"):
            answer = Answer(gzip.compress(content, mtime=0), headers={"Content-Encoding": "gzip"})
        else:
            answer = Answer(content)
        self.answers[url.removeprefix(self.url)] = answer

    def forget(self, url: str) -> Answer:
        """Take a file away, and return its answer, to be put back later."""
        return self.answers.pop(url.removeprefix(self.url))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # a bot under load opens many connections at once

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client may go away in the middle of a body."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def _manifest(files: Mapping[str, bytes]) -> dict[str, Any]:
    tree: list[dict[str, Any]] = []
    for path, content in sorted(files.items()):
        *folders, name = path.split("/")
        level = tree
        for folder in folders:
            node = next((node for node in level if node["name"] == folder and "children" in node), None)
            if node is None:
                node = {"name": folder, "mimetype": "application/directory", "encoding": None, "children": []}
                level.append(node)
            level = node["children"]
        level.append({"name": name, "mimetype": "text/plain", "encoding": None, "last_modified": 1795226871,
                      "size": len(content)})
    return {"tree": tree, "index_links": False}


def _handler(zuul: Zuul) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # which keeps connections open, as real servers do
        disable_nagle_algorithm = True  # the body, written after the headers, would wait for their acknowledgement

        def do_GET(self) -> None:
            zuul.requests.append(self.path)
            answer = zuul.answers.get(self.path) or Answer(_NOT_FOUND, 404, {"Content-Type": "text/html;charset=utf-8"})
            self.send_response(answer.status)
            headers = {"Content-Type": "application/octet-stream", "Content-Length": str(len(answer.body))}
            for name, value in (headers | answer.headers).items():
                self.send_header(name, value)
            self.end_headers()
            self._send(answer)

        def _send(self, answer: Answer) -> None:
            body = answer.body if answer.cut is None else answer.body[: answer.cut]
            if answer.pause:
                for at in range(len(body)):
                    self.wfile.write(body[at:at + 1])
                    self.wfile.flush()
                    time.sleep(answer.pause)
            else:
                self.wfile.write(body)
            if answer.cut is not None:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    return Handler
