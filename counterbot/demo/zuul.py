"""A Zuul on loopback: its REST API and a log server, which answer as Zuul 14.3 and a Swift log store do."""

from __future__ import annotations

import gzip
import json
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Answer:
    """What a path answers."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def blocks(self) -> Iterator[bytes]:
        """The body as it is sent; the connection ends where that is less than was announced."""
        yield self.body


_NOT_FOUND = Answer(b"<!DOCTYPE html>\n<html><body><h2>404 Not Found</h2><p>Build not found</p></body></html>\n", 404,
                    {"Content-Type": "text/html;charset=utf-8"})
_FIELDS = {"job_name", "project", "pipeline", "branch", "change", "patchset", "ref", "uuid", "result"}
_FILTERS = {"build": {*_FIELDS, "voting", "final"}, "buildset": _FIELDS - {"job_name"}}
"""What the lists can be asked for, but for numbers; Zuul knows some more."""

_INFO = Answer(b'{"info": {"capabilities": {"job_history": true}, "rest_api_url": null, "stats": {"url": null}}}')


class Zuul:
    """The server; a context manager. ``answers`` are by path; ``requests`` lists the paths that were asked for.

    ``rows`` are those of its lists, by ``build`` and ``buildset`` and then by uuid.
    """

    tenant = "openstack"

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.rows: dict[str, dict[str, Mapping[str, Any]]] = {"build": {}, "buildset": {}}
        self.requests: list[str] = []
        self._numbers = {"build": count(1), "buildset": count(1)}
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
                self.serve_log(root + "zuul-manifest.json", json.dumps({"tree": self.tree(files)}).encode())
                made.append({"name": "Zuul Manifest", "url": root + "zuul-manifest.json",
                             "metadata": {"type": "zuul_manifest"}})
        ref = {"project": project, "branch": "master", "change": change, "patchset": "1",
               "ref": f"refs/changes/{change % 100:02}/{change}/1", "oldrev": None, "newrev": None, "ref_url": None}
        row = {"_id": next(self._numbers["build"]), "uuid": uuid, "job_name": job, "result": result, "held": False,
               "start_time": "2026-11-21T02:07:44", "end_time": result and "2026-11-21T02:09:52",
               "duration": 128.0, "voting": voting, "log_url": root if files is not None and result else None,
               "nodeset": "", "error_detail": None, "final": True, "artifacts": [*made, *artifacts],
               "provides": [], "pipeline": "check", "ref": ref}
        self.serve_row(row)
        return row

    def add_buildset(self, uuid: str, builds: Iterable[Mapping[str, Any]], *, result: str | None = None,
                     pipeline: str = "check", refs: list[dict[str, Any]] | None = None) -> dict[str, Any]:
        """Put builds that were added into a buildset; their rows then name it, and all its changes. Returns its row."""
        builds = list(builds)
        if refs is None:
            refs = list({json.dumps(row["ref"]): row["ref"] for row in builds if "ref" in row}.values())
        row = {"_id": next(self._numbers["buildset"]), "uuid": uuid, "result": result, "message": None,
               "pipeline": pipeline, "event_id": uuid, "event_timestamp": "2026-11-21T02:07:43",
               "first_build_start_time": "2026-11-21T02:07:44",
               "last_build_end_time": result and "2026-11-21T02:09:52", "refs": refs, "builds": builds}
        self.serve_row(row, "buildset")
        for build in builds:
            self.serve_row({**build, "pipeline": pipeline, "buildset": {"uuid": uuid, "refs": refs}})
        return row

    def end_buildset(self, uuid: str, result: str) -> None:
        """It has ended."""
        ended = {"result": result, "last_build_end_time": "2026-11-21T02:09:52"}
        self.serve_row({**self.rows["buildset"][uuid], **ended}, "buildset")

    def tree(self, files: Mapping[str, bytes]) -> list[dict[str, Any]]:
        """The manifest's nodes: files, and the folders of their paths."""
        nodes: list[dict[str, Any]] = []
        for path, content in sorted(files.items()):
            *folders, name = path.split("/")
            level = nodes
            for folder in folders:
                node = next((node for node in level if node["name"] == folder and "children" in node), None)
                if node is None:
                    node = {"name": folder, "mimetype": "application/directory", "encoding": None, "children": []}
                    level.append(node)
                level = node["children"]
            level.append({"name": name, "mimetype": "text/plain", "encoding": None, "last_modified": 1795226871,
                          "size": len(content)})
        return nodes

    def serve_row(self, row: Mapping[str, Any], kind: str = "build") -> None:
        """Answer with this row for its build, or buildset."""
        self.rows[kind][row["uuid"]] = row
        self.answers[f"/api/tenant/{self.tenant}/{kind}/{row['uuid']}"] = _as_json(row)

    def listed(self, path: str) -> Answer | None:
        """What a path of a list answers; None for others. A filter that Zuul does not have is not found either."""
        url = urlsplit(path)
        kind = url.path.removeprefix(f"/api/tenant/{self.tenant}/").removesuffix("s")
        if url.path != f"/api/tenant/{self.tenant}/{kind}s" or kind not in self.rows:
            return None
        asked = parse_qs(url.query)
        if asked.keys() - _FILTERS[kind] - {"complete", "idx_min", "idx_max", "limit", "skip"}:
            return _NOT_FOUND
        rows = sorted((row for row in self.rows[kind].values() if _fits(row, asked)), key=lambda row: -row["_id"])
        skip, limit = int(asked.get("skip", ["0"])[0]), int(asked.get("limit", ["50"])[0])
        return _as_json([_short(row) for row in rows[skip : skip + limit]])

    def serve_log(self, url: str, content: bytes) -> None:
        """Store a log as Swift does: text packed under its plain name, ``.gz`` as it is."""
        packed = Answer(gzip.compress(content, mtime=0), headers={"Content-Encoding": "gzip"})
        self.answers[url.removeprefix(self.url)] = Answer(content) if url.endswith(".gz") else packed

    def forget(self, url: str) -> Answer:
        """Take a file away, and return its answer, to be put back later."""
        return self.answers.pop(url.removeprefix(self.url))


def _as_json(content: object) -> Answer:
    return Answer(json.dumps(content).encode(), headers={"Content-Type": "application/json"})


def _fits(row: Mapping[str, Any], asked: Mapping[str, list[str]]) -> bool:
    """Whether a list that was asked for so has a row. Of several refs any may fit."""
    least, most = (int(asked.get(name, ["0"])[0]) for name in ("idx_min", "idx_max"))
    if row["_id"] < least or (most and row["_id"] > most):
        return False
    if "complete" in asked and (asked["complete"][0].lower() == "true") != (row["result"] is not None):
        return False
    refs = row.get("refs") or [row.get("ref", {})]
    return all(any(_shown({**row, **ref}.get(name)) in asked[name] for ref in refs)
               for name in _FILTERS["build"] & asked.keys())


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _short(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as the lists have it: a build's without the changes of its buildset, a buildset's without its builds."""
    short = {name: value for name, value in row.items() if name not in ("builds", "events")}
    return {**short, "buildset": {"uuid": row["buildset"]["uuid"]}} if "buildset" in row else short


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # a bot under load opens many connections at once

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client may go away in the middle of a body."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def _handler(zuul: Zuul) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # which keeps connections open, as real servers do
        disable_nagle_algorithm = True  # the body, written after the headers, would wait for their acknowledgement

        def do_GET(self) -> None:
            zuul.requests.append(self.path)
            usual = _INFO if self.path == "/api/info" else _NOT_FOUND
            answer = zuul.answers.get(self.path) or zuul.listed(self.path) or usual
            self.send_response(answer.status)
            headers = {"Content-Type": "application/octet-stream", "Content-Length": str(len(answer.body))}
            for name, value in (headers | answer.headers).items():
                self.send_header(name, value)
            self.end_headers()
            if sum(map(self.wfile.write, answer.blocks())) < len(answer.body):
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    return Handler
