"""What Zuul's own record of a job shows: the Ansible task that failed, and the first line that tells of an error.

Bytes in, values out, in fixed memory: job-output.json holds all that tasks printed, and may have hundreds of megabytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..core.model import Unreadable
from ..core.text.excerpt import excerpt

JOB_OUTPUT_JSON = "job-output.json"


@dataclass(frozen=True)
class FailedTask:
    """``phase`` is that of the playbook. ``task`` and ``host`` are "" where Ansible itself did not end; then
    ``message`` says why, as in ``This playbook timed out.``"""

    phase: str = ""
    task: str = ""
    host: str = ""
    message: str = ""


def failed_task(blocks: Iterable[bytes]) -> FailedTask | None:
    """The task that made a job fail, of its job-output.json; None where none did.

    That is the last failed task in the first playbook that failed: tasks before it failed with ``ignore_errors``, or
    were rescued. What fails in clean-up is no failure to Zuul. The form is that of Zuul's callback ``zuul_json``: a
    list of playbooks with ``phase``, ``plays``, their ``tasks``, by ``hosts`` their results, and ``stats``. Raises
    Unreadable where it is none, or where it ends too early and what there is has no failure.
    """
    playbook = _Playbook()
    path: list[str | None] = []
    for token in _tokens(blocks):
        if not path and token.kind != "[":
            break
        if token.kind in "{[":
            path.append(token.key)
            if len(path) == PLAYBOOK:
                playbook = _Playbook()
        elif token.kind in "}]":
            path.pop()
            playbook.closed(len(path))
            if len(path) == PLAYBOOK - 1 and token.kind == "}" and playbook.failed:
                return playbook.failed
            if not path:
                return None
        else:
            playbook.value((*path, token.key)[PLAYBOOK:], token.text)
    raise Unreadable("it ends within a playbook" if path else "no list of playbooks, as Zuul writes it")


PLAYBOOK = 2
"""Brackets around a playbook's keys."""


class _Playbook:
    """A playbook as far as it was read."""

    def __init__(self) -> None:
        self._phase = self._message = self._name = ""
        self._hosts: list[str] = []
        self._tasks: list[tuple[str, str]] = []
        self._stats: set[str] = set()
        self._counted = False

    def value(self, path: tuple[str | None, ...], text: str) -> None:
        """A value in it, by the keys that lead to it; None for a place in a list."""
        match path:
            case ("phase",):
                self._phase = text
            case ("plays", None, "play", "name"):
                self._message = text
            case ("plays", None, "tasks", None, "task", "name"):
                self._name = text
            case ("plays", None, "tasks", None, "hosts", str(host), "failed" | "unreachable") if text == "true":
                if len(self._hosts) < KEPT:
                    self._hosts.append(host)
            case ("stats", str(host), count):
                self._counted = True
                failed = count in ("failures", "unreachable") and text.isdecimal() and text.strip("0")
                if failed and len(self._stats) < KEPT:
                    self._stats.add(host)

    def closed(self, depth: int) -> None:
        """An object or list at this depth has ended."""
        if depth == TASK:
            self._tasks += [(self._name, host) for host in dict.fromkeys(self._hosts)]
            self._name, self._hosts = "", []
            del self._tasks[:-KEPT]

    @property
    def failed(self) -> FailedTask | None:
        if self._phase == "cleanup":
            return None
        if not self._counted and not self._tasks:  # Zuul's own entry for a playbook without an end
            return FailedTask(self._phase, message=excerpt(self._message)) if self._message else None
        task, host = next((each for each in reversed(self._tasks) if each[1] in self._stats), ("", ""))
        return FailedTask(excerpt(self._phase), excerpt(task), excerpt(host)) if self._stats else None


TASK = 5
"""Brackets around a task: of the file, its playbook, the plays, its play and the tasks."""
KEPT = 100
"""Failed tasks, and hosts, that are remembered until the playbook's statistics tell whether they count."""


@dataclass(frozen=True)
class _Token:
    """A bracket, or ``"`` for a value. ``key`` is that of the object it stands in; None in a list."""

    kind: str
    key: str | None
    text: str = ""


TOKEN = re.compile(rb"""[\s,:]*(?:"([^"\\]*(?=["\\])(?:\\.[^"\\]*)*)"(?:(\s*:)|(?=\s*[,\]}]))"""
                   rb"""|([\[\]{}])|([^\s\[\]{},:"]+)(?=[\s\[\]{},]))""", re.DOTALL)
"""A text whose end has not come is given up without a look at each of its characters once more."""

DEPTH = 1_000
"""Brackets in one another: a module's result that was nested deeper could not have been written."""
WHOLE = 1 << 14
"""Bytes of a text, in a file that goes on, that are kept: what tasks print need not be."""


def _tokens(blocks: Iterable[bytes]) -> Iterator[_Token]:
    """The brackets and values of a JSON text, whose commas are not checked."""
    key: str | None = None
    objects: list[bool] = []
    for found in _lexed(blocks):
        text, colon, bracket, word = found.groups()
        if text is not None and colon and objects and objects[-1]:
            key = _decoded(text)
            continue
        at = key if objects and objects[-1] else None
        if bracket:
            kind = bracket.decode()
            if kind in "{[":
                objects.append(kind == "{")
                if len(objects) > DEPTH:
                    raise Unreadable(f"more than {DEPTH:,} brackets in one another")
            elif not objects or objects.pop() != (kind == "}"):
                raise Unreadable("not JSON: its brackets do not match")
            yield _Token(kind, at)
        else:
            yield _Token('"', at, _decoded(text if text is not None else word))


def _lexed(blocks: Iterable[bytes]) -> Iterator[re.Match[bytes]]:
    rest = b""
    for block in blocks:
        data, end = rest + block, 0
        for found in iter(TOKEN.scanner(data).match, None):  # type: ignore[attr-defined]  # one behind the other
            yield found
            end = found.end()
        rest = _shortened(data[end:])


def _shortened(rest: bytes) -> bytes:
    """What is left of a block, without the most of a text that has not ended."""
    rest = rest.lstrip(b" \t\r\n,:")
    if len(rest) <= WHOLE or not rest.startswith(b'"'):
        return rest[:WHOLE]
    escapes = len(rest) - len(rest.rstrip(b"\\"))
    return rest[:WHOLE].rstrip(b"\\") + b"\\" * (escapes % 2)


def _decoded(text: bytes) -> str:
    """Of names and words, which have no escapes worth the time, but for quotes."""
    return text[:WHOLE].decode("utf-8", "replace").replace('\\"', '"')


HEADER = re.compile(rb"[0-9-]{10} [0-9:.]{8,15} \| (?:[\w.-]+ \| ?)?")
"""Zuul's time, and the node whose line it is."""

TELLING = re.compile(
    rb"(?:\b|\x1b\[[0-9;]*m)(?:fatal: \S|FAILED!|ERROR:? \S|[Ee]rror: \S|Timed out\b|MODULE FAILURE\b|UNREACHABLE!)"
    rb"|^E: |\.\.\. FAILED\b")
"""What people search a job's output for."""
WORDS = (b"fatal: ", b"FAILED", b"ERROR", b"rror: ", b"Timed out", b"MODULE FAILURE", b"UNREACHABLE!", b"| E: ")
"""One of them is in each such line: to look for text is thirty times as fast as for the pattern."""
NO_ERROR = re.compile(rb"^\+|\bignor|^(?:ok|changed|skipping):|^\[?(?:WARN|INFO|DEBUG)", re.IGNORECASE)
"""A shell that shows its commands, an error that the job passes over, and a result of a task that went well."""
TRACEBACK = b"Traceback (most recent call last):"
CANDIDATE = re.compile(b"|".join(map(re.escape, (*WORDS, TRACEBACK))))
EXCEPTION = re.compile(rb"[A-Za-z_][\w.]*(?:: |:?$)")

LINE = 64 << 10
"""Bytes of a line that are looked at."""


@dataclass
class FirstError:
    """Looks for the first line of a job's output that tells of an error, as its blocks pass by; ``line`` is it, or "".

    A traceback's is its last line, the first behind it that is not indented.
    """

    line: str = ""
    _rest: bytes = field(default=b"", repr=False)
    _indent: int | None = None

    def passing(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """The same blocks, looked at."""
        for block in blocks:
            if not self.line:
                self._feed(block)
            yield block
        if not self.line:
            self._look(self._rest)

    def _feed(self, block: bytes) -> None:
        data = self._rest + block
        at, end = 0, data.rfind(b"\n") + 1
        self._rest = data[end:][:LINE]
        if self._indent is None and not any(word in data for word in (*WORDS, TRACEBACK)):
            return
        while at < end and not self.line:
            if self._indent is None:
                found = CANDIDATE.search(data, at, end)
                if found is None:
                    return
                at = data.rfind(b"\n", 0, found.start()) + 1
            stop = data.index(b"\n", at)
            self._look(data[at:stop])
            at = stop + 1

    def _look(self, line: bytes) -> None:
        text = HEADER.sub(b"", line[:LINE], count=1).rstrip()
        said = text.lstrip()
        if TRACEBACK in text:
            self._indent = text.index(TRACEBACK)
        elif self._indent is not None and len(text) - len(said) > self._indent:
            return
        elif (TELLING.search(said) and not NO_ERROR.search(said)) or (
                self._indent is not None and EXCEPTION.match(said)):
            self.line = excerpt(said.decode("utf-8", "replace"))
