"""Gerrit's events-log plugin on loopback, as its EventsRestApiServlet, SQLQueryMaker and SQLStore do it."""

import base64
import json
import threading
import time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote_plus
from zoneinfo import ZoneInfo

PATH = "/a/plugins/events-log/events/"


class EventsLogServer:
    """A context manager. ``events`` are those that it stores; ``hidden`` ones are left out of an answer after that was
    cut to ``limit``. ``answer`` is sent instead, where there is one: a status, a body, and a redirect's aim.
    """

    def __init__(self, password="s3cret", now=time.time):
        self.events, self.limit, self.hidden = [], 5000, lambda event: False
        self.zone, self.answer, self.queries = timezone.utc, None, []
        self._now = now
        self._login = "Basic " + base64.b64encode(f"counterbot:{password}".encode()).decode()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exception):
        self._server.shutdown()
        self._server.server_close()

    def set_zone(self, name):
        self.zone = ZoneInfo(name)

    def records(self, gerrit):
        """Store what a Gerrit emits from now on, whether or not anybody listens; the plugin writes keys as objects."""
        emit = gerrit.emit

        def store(event):
            self.events.append({**event, "project": {"name": event["project"]}, "changeKey": {"key": "I7"}})
            emit(event)

        gerrit.emit = store

    def answered(self, path, authorization):
        where, _, query = path.partition("?")
        self.queries.append(unquote_plus(query))
        if self.answer:
            return self.answer
        if where != PATH:
            return 404, b"Not Found"
        if authorization != self._login:
            return 401, b"Unauthorized"
        try:
            rows = self._rows(unquote_plus(query))
        except ValueError:
            return 400, b"Bad Request"
        return 200, b"".join(json.dumps(row).encode() + b"\n" for row in rows if not self.hidden(row))

    def _rows(self, query):
        rows = sorted(self.events, key=self._created)
        if not query:
            return rows[-self.limit:]
        first = datetime.strptime(query.removeprefix("t1="), "%Y-%m-%d %H:%M:%S")
        first, last = sorted([first, self._local(self._now())])
        return [row for row in rows if first <= self._created(row) <= last][:self.limit]

    def _created(self, event):
        return self._local(event["eventCreatedOn"])

    def _local(self, seconds):
        """As the database compares it: the server's time, and in the hour that comes twice nothing tells which."""
        return datetime.fromtimestamp(int(seconds), self.zone).replace(tzinfo=None, fold=0)


def _handler(server):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            status, body, *aim = server.answered(self.path, self.headers.get("Authorization"))
            self.send_response(status)
            for place in aim:
                self.send_header("Location", place)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler
