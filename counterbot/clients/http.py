"""How files are fetched: bounded in bytes and in time, and only from where the operator allowed.

The only maker of a ``requests.Session``. Follows no redirect out of the allowed prefixes, sends no
credentials (``trust_env=False``: requests would send those of ``.netrc`` to a log host), keeps no
cookies, and believes neither Content-Length nor Content-Encoding. Interprets no content.
"""

from __future__ import annotations

import copy
import datetime as dt
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from itertools import islice
from urllib.parse import urljoin, urlsplit
from weakref import WeakSet

import requests
import urllib3

from .. import __version__
from ..core import limits
from ..core.model import Truncated
from ..core.subunit.gunzip import unzipped_all
from ..core.text.inert import inert
from ..core.text.urls import place, place_pattern
from .wire import CONNECT_SECONDS, IDLE_SECONDS, Forbidden, Resolve, Wire

__all__ = ["Forbidden", "Http", "Late", "Unavailable", "Unfinished"]

BLOCK = 256 << 10
REDIRECTS = 5
RETRY_AFTER = 24 * 3600
AGENT = f"counterbot/{__version__}"
GONE = (404, 410)
STOPS = "broken off, since the bot stops"


class Unavailable(Exception):
    """Not to be had now; trying later may help. ``after`` is what the server asked for, in seconds."""

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


class Unfinished(Unavailable):
    """All that the server has came, and yet its end is missing: an upload under way, or one that was cut."""


class Late(Unavailable):
    """Its time was over before all of it was read; ``Http.waited`` tells how much of it the servers took."""


class _Session(requests.Session):
    """Leaves redirects alone. The base class reads their body whole, whatever its size, even if told not to follow."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: there are none."""


class Http:
    """Fetches from URLs that begin with one of ``prefixes``. Safe to share between threads.

    A prefix's host may begin with ``*.``, which is any one name.

    ``seconds`` is for one file in all, from the request to the last byte; looking up a host's name alone
    is left to the system's own patience. A host that a prefix gives by name must have public addresses
    unless ``private``; one that it gives as an address, or as ``localhost``, may be anywhere.
    ``ca_file`` (PEM) is trusted instead of certifi's authorities. Raises ValueError for a prefix that
    is no plain URL. ``waited`` are the seconds that servers were waited for, where one thread uses it.
    """

    def __init__(self, prefixes: Sequence[str], *, seconds: float = limits.DOWNLOAD_SECONDS, private: bool = False,
                 ca_file: str | None = None, resolve: Resolve = socket.getaddrinfo,
                 monotonic: Callable[[], float] = time.monotonic) -> None:
        self._prefixes = tuple(prefixes)
        self._places = tuple(place_pattern(prefix) for prefix in prefixes)
        self._seconds = seconds
        self._private = private
        self._verify = ca_file or True
        self._resolve = resolve
        self._monotonic = monotonic
        self._local = threading.local()
        self._sessions: WeakSet[requests.Session] = WeakSet()
        self._adding = threading.Lock()
        self._ends = math.inf
        self._begun = monotonic()
        self.waited = 0.0
        self._aborted = threading.Event()

    def within(self, seconds: float) -> Http:
        """The same, for files that must all be there in so many seconds from now."""
        bounded = copy.copy(self)
        bounded._begun = self._monotonic()
        bounded._ends = min(self._ends, bounded._begun + seconds)
        bounded._seconds = min(self._seconds, seconds)
        bounded.waited = 0.0
        return bounded

    @property
    def passed(self) -> float:
        """Seconds since it was made, some of which were ``waited``."""
        return self._monotonic() - self._begun

    def abort(self) -> None:
        """Break off what is under way, for good: whoever connects or waits for bytes gets Unavailable.

        Looking up a host's name alone comes to its end first.
        """
        self._aborted.set()
        for session in self._kept():
            session.get_adapter("http://").abort()

    def close(self) -> None:
        """Let go of the connections that are kept for more; those in use go when they are done."""
        for session in self._kept():
            session.close()

    def _kept(self) -> list[requests.Session]:
        with self._adding:
            return list(self._sessions)

    def allows(self, url: str) -> bool:
        """Whether a URL stands under one of the prefixes."""
        found = place(url)
        return found is not None and any(pattern.match(found) for pattern in self._places)

    @contextmanager
    def open(self, url: str, *, packed_limit: int, unpacked_limit: int) -> Iterator[Iterator[bytes] | None]:
        """A body's blocks without their gzip, read as they are taken; None where the server has no such thing.

        Raises Unavailable or Forbidden; taking blocks raises Unavailable, also for gzip data that ends
        too early, since its upload may not be over, or Unreadable for corrupt or too much data. All of it
        must be taken within the file's time.
        """
        ends = min(self._ends, self._monotonic() + self._seconds)
        response = self._final(url, ends)
        try:
            yield None if response.status_code in GONE else \
                _unpacked(self._blocks(response, ends), packed_limit, unpacked_limit,
                          partial(self._go_on, response.url, ends))
        finally:
            response.close()

    def fetch(self, url: str, limit: int) -> bytes | None:
        """A whole small body without its gzip; None where the server has no such thing.

        Raises Unavailable, Forbidden, or Unreadable where there are more than ``limit`` bytes.
        """
        with self.open(url, packed_limit=limit, unpacked_limit=limit) as blocks:
            return None if blocks is None else b"".join(blocks)

    def _final(self, url: str, ends: float) -> requests.Response:
        """The answer at the end of all redirects: 200, 404 or 410."""
        for _ in range(1 + REDIRECTS):
            if not self.allows(url):
                raise Forbidden(f"{inert(url, 200)} is not under {' or '.join(self._prefixes)}")
            response = self._get(url, ends)
            if response.status_code == 200:
                return response
            self._finish(response, ends)
            if not response.is_redirect:
                return _checked(response)
            url = _led_to(url, response.headers["Location"])
        raise Unavailable(f"more than {REDIRECTS} redirects")

    def _get(self, url: str, ends: float) -> requests.Response:
        self._go_on(url, ends)
        try:
            with self._waiting():
                return self._session(ends).get(url, stream=True, allow_redirects=False,
                                               timeout=(CONNECT_SECONDS, IDLE_SECONDS))
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise self._unavailable(error, url, ends) from error

    def _session(self, ends: float) -> requests.Session:
        """One a thread: requests does not promise that a session can be shared."""
        session = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = _Session()
            self._local.wire = Wire(private=self._private, resolve=self._resolve, monotonic=self._monotonic,
                                    aborted=self._aborted)
            session.trust_env = False
            session.verify = self._verify
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
            session.headers.update({"User-Agent": AGENT, "Accept-Encoding": "gzip"})
            session.mount("http://", self._local.wire)
            session.mount("https://", self._local.wire)
            with self._adding:
                self._sessions.add(session)
        self._local.wire.ends = ends
        return session

    def _blocks(self, response: requests.Response, ends: float) -> Iterator[bytes]:
        """Bytes as they are sent, not decoded. ``read1`` comes back with what is there, and raises where
        less came than was announced, in Content-Length or by the last chunk."""
        while True:
            try:
                with self._waiting():
                    block = response.raw.read1(BLOCK, decode_content=False)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise self._unavailable(error, response.url, ends) from error
            if not block:
                return
            yield block

    def _finish(self, response: requests.Response, ends: float) -> None:
        """Read what a refusal says, where that is little: its connection can then be used again."""
        with suppress(Unavailable):
            for _ in islice(self._blocks(response, ends), 4):
                pass
        response.close()

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        since = self._monotonic()
        try:
            yield
        finally:
            self.waited += self._monotonic() - since

    def _go_on(self, url: str, ends: float) -> None:
        """Raise Unavailable where there is no more time: little that was sent may unpack to much, and take long."""
        if self._aborted.is_set():
            raise Unavailable(STOPS)
        if self._monotonic() >= ends:
            raise self._late(url)

    def _unavailable(self, error: Exception, url: str, ends: float) -> Unavailable:
        if self._monotonic() >= ends:
            return self._late(url)
        return Unavailable(STOPS if self._aborted.is_set() else f"{urlsplit(url).netloc}: {_reason(error)}")

    def _late(self, url: str) -> Late:
        return Late(f"{urlsplit(url).netloc}: not done in {self._seconds:g} s")


def _led_to(url: str, location: str) -> str:
    """Where a redirect leads. What is no URL stays as it is: it stands under no prefix."""
    try:
        return urljoin(url, location)
    except ValueError:
        return location


def _unpacked(blocks: Iterator[bytes], packed_limit: int, unpacked_limit: int,
              check: Callable[[], None]) -> Iterator[bytes]:
    """Packed by the store, and once more by its name, perhaps: believe the bytes, not the headers."""
    try:
        yield from unzipped_all(blocks, packed_limit=packed_limit, unpacked_limit=unpacked_limit, check=check)
    except Truncated as error:
        raise Unfinished(str(error)) from error


def _checked(response: requests.Response) -> requests.Response:
    if response.status_code in GONE:
        return response
    raise Unavailable(f"{response.status_code} from {urlsplit(response.url).netloc}",
                      _retry_after(response.headers.get("Retry-After", "")))


def _retry_after(value: str) -> float | None:
    """Seconds, from seconds or a date, which is UTC where it names no zone (RFC 9110, 5.6.7); at most a day."""
    value = value.strip()  # RFC 9110, 5.5: white space around is none of the value
    try:
        seconds = float(value) if value.isdigit() else _utc(parsedate_to_datetime(value)).timestamp() - time.time()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(0.0, seconds), RETRY_AFTER)


def _utc(date: dt.datetime) -> dt.datetime:
    return date if date.tzinfo else date.replace(tzinfo=dt.timezone.utc)


def _reason(error: Exception) -> str:
    """The innermost reason, in one line and without addresses of objects."""
    while (inner := error.__cause__ or error.__context__ or getattr(error, "reason", None)) and \
            isinstance(inner, Exception):
        error = inner
    return inert(str(error), 200) or type(error).__name__
