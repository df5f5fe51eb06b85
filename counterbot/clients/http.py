"""How files are fetched: bounded in bytes and in time, and only from where the operator allowed.

The only maker of a ``requests.Session``. Follows no redirect out of the allowed prefixes, sends no
credentials (``trust_env=False``: requests would send those of ``.netrc`` to a log host), and never
believes a Content-Length. Interprets no content.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from .. import __version__
from ..core import limits
from ..core.model import Unreadable

BLOCK = 256 << 10
CONNECT_SECONDS = 10
REDIRECTS = 5
AGENT = f"counterbot/{__version__}"


class Unavailable(Exception):
    """Not to be had now; trying later may help. ``after`` is what the server asked for, in seconds."""

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


class Forbidden(Exception):
    """A URL that the configuration does not allow; trying again will not help."""


@dataclass(frozen=True)
class Body:
    """What a server sends for a URL: its status (200, 404 or 410) and its bytes, as they come."""

    status: int
    blocks: Iterator[bytes]


class Http:
    """Fetches from URLs that begin with one of ``prefixes``. Safe to share between threads."""

    def __init__(self, prefixes: Sequence[str], *, seconds: float = limits.DOWNLOAD_SECONDS,
                 monotonic: Callable[[], float] = time.monotonic) -> None:
        self._prefixes = tuple(prefixes)
        self._seconds = seconds
        self._monotonic = monotonic
        self._local = threading.local()

    def allows(self, url: str) -> bool:
        """Whether a URL may be fetched. Dots in its path are refused, since servers resolve them."""
        parts = urlsplit(url).path.split("/")
        return any(url.startswith(prefix) for prefix in self._prefixes) and not {".", ".."} & set(parts)

    @contextmanager
    def open(self, url: str) -> Iterator[Body]:
        """A response whose body has not been read. Raises Unavailable or Forbidden."""
        deadline = self._monotonic() + self._seconds
        response = self._final(url, deadline)
        try:
            yield Body(response.status_code, self._blocks(response, deadline))
        finally:
            response.close()

    def fetch(self, url: str, limit: int) -> bytes | None:
        """A whole small body; None where the server has no such thing.

        Raises Unavailable, Forbidden, or Unreadable where there are more than ``limit`` bytes.
        """
        with self.open(url) as body:
            if body.status != 200:
                return None
            data = bytearray()
            for block in body.blocks:
                data += block
                if len(data) > limit:
                    raise Unreadable(f"more than the {limit:,} bytes that are read")
            return bytes(data)

    def _final(self, url: str, deadline: float) -> requests.Response:
        for _ in range(REDIRECTS):
            if not self.allows(url):
                raise Forbidden(f"{url[:200]} is not under {' or '.join(self._prefixes)}")
            response = self._get(url, deadline)
            if not response.is_redirect:
                return _checked(response)
            response.close()
            url = urljoin(url, response.headers["Location"])
        raise Unavailable(f"more than {REDIRECTS} redirects")

    def _get(self, url: str, deadline: float) -> requests.Response:
        left = max(0.1, deadline - self._monotonic())
        try:
            return self._session().get(url, stream=True, allow_redirects=False,
                                       timeout=(min(CONNECT_SECONDS, left), min(30, left)))
        except requests.RequestException as error:
            raise Unavailable(f"{urlsplit(url).netloc}: {_reason(error)}") from error

    def _session(self) -> requests.Session:
        """One a thread: requests does not promise that a session can be shared."""
        session = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.trust_env = False
            session.headers.update({"User-Agent": AGENT, "Accept-Encoding": "gzip"})
        return session

    def _blocks(self, response: requests.Response, deadline: float) -> Iterator[bytes]:
        """Bytes as they are sent, not decoded. ``read1`` comes back with what is there, so that a
        server that trickles cannot hold us beyond the deadline, as ``iter_content`` would."""
        expected, seen = response.headers.get("Content-Length"), 0
        while True:
            if self._monotonic() > deadline:
                raise Unavailable(f"not complete after {self._seconds:.0f} s")
            try:
                block = response.raw.read1(BLOCK, decode_content=False)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise Unavailable(_reason(error)) from error
            if not block:
                break
            seen += len(block)
            yield block
        if expected and expected.isdigit() and seen < int(expected):
            raise Unavailable(f"{seen:,} of {expected} bytes came")


def _checked(response: requests.Response) -> requests.Response:
    if response.status_code in (200, 404, 410):
        return response
    response.close()
    host = urlsplit(response.url).netloc
    raise Unavailable(f"{response.status_code} {response.reason} from {host}", _retry_after(response))


def _retry_after(response: requests.Response) -> float | None:
    value = response.headers.get("Retry-After", "")
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _reason(error: Exception) -> str:
    """The innermost reason, in one line and without addresses of objects."""
    while (inner := error.__cause__ or error.__context__ or getattr(error, "reason", None)) and \
            isinstance(inner, Exception):
        error = inner
    return " ".join(str(error).split())[:200] or type(error).__name__
