"""Cuts a log file's bytes into the records that the old index made of them, only where somebody looks.

The rules are those of logstash-filters' ``openstack-filters.conf``, behind os-loganalyze's ``?level=INFO``.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter

from . import fields as names
from .nodes import MESSAGE, Fields, Value
from .words import words

LINE = 64 << 10
"""Bytes of a line that are looked at."""

RECORD, LINES = 1 << 20, 2000
"""Bytes and lines of a record; what goes on behind them is a record of its own."""

FAILED, JOINED = "_grokparsefailure", "multiline"
"""Tags that logstash gave to a record that does not look as its file's do, and to one of several lines."""

RECORD_TAGS = "tags of the record"
"""Stands for ``tags`` where a query asks for one of those two, which a file does not have."""

_HOUR, _MINUTE, _SECOND = rb"(?:2[0-3]|[01]?[0-9])", rb"[0-5][0-9]", rb"(?:[0-5]?[0-9]|60)(?:[:.,][0-9]+)?"
_DAY = rb"(?:0[1-9]|[12][0-9]|3[01]|[1-9])"
_MONTH = (rb"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:tember)?"
          rb"|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)")
_TIME = rb"%b:%b:%b(?![0-9])" % (_HOUR, _MINUTE, _SECOND)
_ISO = rb"(?:[0-9]{2}){1,2}-(?:0?[1-9]|1[0-2])-%b[T ]%b:?%b(?::?%b)?(?:Z|[+-]%b(?::?%b)?)?" % (
    _DAY, _HOUR, _MINUTE, _SECOND, _HOUR, _MINUTE)
_SYSLOG = rb"%b +%b %b" % (_MONTH, _DAY, _TIME)
_STAMP = rb"(?:%b|%b)" % (_ISO, _SYSLOG)
_NUMBER = rb"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
_LEVEL = rb"(?P<loglevel>AUDIT|CRITICAL|DEBUG|INFO|TRACE|WARNING|ERROR)"
_ANY_LEVEL = (rb"(?P<loglevel>[Aa]lert|ALERT|[Tt]race|TRACE|[Dd]ebug|DEBUG|[Nn]otice|NOTICE|[Ii]nfo|INFO"
              rb"|[Ww]arn(?:ing)?|WARN(?:ING)?|[Ee]rr(?:or)?|ERR(?:OR)?|[Cc]rit(?:ical)?|CRIT(?:ICAL)?|[Ff]atal|FATAL"
              rb"|[Ss]evere|SEVERE|EMERG(?:ENCY)?|[Ee]merg(?:ency)?)")

# \s*(?!\s) takes all blanks or none, so that no run of blanks is tried again from each of them.
_CONSOLE_HEAD = re.compile(rb"%b \| (?P<message>.*)" % _ISO, re.DOTALL)
_OSLO_HEAD = re.compile(
    rb"%b\s*(?!\s)(?:(?P<syslog_program>.*?)(?:\[(?P<syslog_pid>[1-9][0-9]*)\])?:\s*(?!\s)|(?P<pid>%b)\s*(?!\s))?"
    rb"%b \[?\b(?P<module>\S+)\b\]?\s*(?P<message>.*)" % (_STAMP, _NUMBER, _LEVEL), re.DOTALL)
_OSLO_LATER = re.compile(rb"^%b\s+(?P<pid>%b)\s*(?!\s)%b \[?\b(?P<module>\S+)\b\]?\s*(?P<message>.*)"
                         % (_STAMP, _NUMBER, _LEVEL), re.DOTALL | re.MULTILINE)
_SYSLOG_HEAD = re.compile(
    rb"%b\s*(?P<syslog_host>\b[0-9A-Za-z][0-9A-Za-z-]{0,62}(?:\.[0-9A-Za-z][0-9A-Za-z-]{0,62})*(?:\.|\b))?\s*(?!\s)"
    rb"(?P<syslog_program>.*?)(?:\[(?P<syslog_pid>[1-9][0-9]*)\])?:? (?P<message>.*)" % _SYSLOG, re.DOTALL)
_LIBVIRT_HEAD = re.compile(rb"%b:\s*(?P<pid>%b):\s*%b\s*:\s*(?P<message>.*)" % (_ISO, _NUMBER, _ANY_LEVEL), re.DOTALL)
_APACHE_ERROR_HEAD = re.compile(
    rb"\[(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]* %b %b %b [0-9]{2,4}\s*(?:[PMCE][SD]T|UTC)?\]\s*\[%b\]\s*(?P<message>.*)"
    % (_MONTH, _DAY, _TIME, _ANY_LEVEL), re.DOTALL)
_APACHE_HEAD = re.compile(
    rb"(?<!\S)\S+ \S+ \S+ \[[^\]]{20,40}\] \"(?P<verb>\w+) (?P<request>\S+)(?: HTTP/[0-9.]+)?\" (?P<response>[0-9]+)"
    rb" (?:[0-9]+|-) \"[^\"]*\" \"[^\"]*\"")

_CONSOLE_START = re.compile(rb"%b \|" % _ISO)
_OSLO_START = re.compile(rb"%b (?!\s*%b\s*(?:TRACE|ERROR))" % (_STAMP, _NUMBER))
ENDS = re.compile(rb"\r(?!\n)|[\v\f\x1c-\x1e]|\xc2\x85|\xe2\x80[\xa8\xa9]")
"""What ended a line in the old index, beside a line feed."""
_AT_END = re.compile(rb"(?:\r?\n|%b)\Z" % ENDS.pattern)
_SHELL_TRACE, _FRAME = re.compile(rb"\+ "), re.compile(rb"</?pre>(?:\Z|\r?\n|%b)" % ENDS.pattern)

# os-loganalyze's: of these files the lines below INFO were gone. tempest_log.txt is what tempest.txt is called today.
_LEVELLED = re.compile(
    r"(?:screen-)?(?:n-|c-|g-|h-|ir-|ironic-|m-|o-|df-|placement-api|q-|neutron-|ceil|key|sah|des|tr|sl)"
    r"|devstack@|(?:keystone|tempest(?:_log)?)\.txt|syslog")
_OWN_LEVEL = re.compile(
    rb"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?(?: [0-9]+)? "
    rb"(?P<oslo>DEBUG|INFO|WARNING|ERROR|TRACE|AUDIT|CRITICAL)"
    rb"|\w+ +[0-9]+ +[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)? (?:"
    rb"\S+ \S+\[[0-9]+\]: (?P<journal>DEBUG|INFO|WARNING|ERROR|TRACE|AUDIT|CRITICAL)?"
    rb"|(?P<syslog>[\w-]+ [^\[\s]+:))")
COLOUR = re.compile(rb"\x1b\[[0-9;]*[A-Za-z]")
"""A terminal's colours, of which words would be made."""

DEBUG = b"DEBUG"


@dataclass(frozen=True)
class Layout:
    """How a file's records look. ``starts``: what a record's first line looks like (None: each line is a record).
    ``head``: what gives the record's fields and message (None: there is only text). ``later``: the same, for a line
    that was joined. ``dropped``: which lines were not indexed. ``levelled``: DEBUG lines were gone before lines were
    joined."""

    starts: re.Pattern[bytes] | None = None
    head: re.Pattern[bytes] | None = None
    later: re.Pattern[bytes] | None = None
    dropped: re.Pattern[bytes] | None = None
    levelled: bool = False

    @property
    def fields(self) -> frozenset[str]:
        """What a record may have."""
        return frozenset({MESSAGE, RECORD_TAGS, *(self.head.groupindex if self.head else ())})

    def matched(self, text: bytes) -> re.Match[bytes] | None:
        """The head that is found in a record."""
        if self.starts is None:
            return self.head.search(text) if self.head else None
        return (self.head and self.head.match(text)) or (self.later and self.later.search(text))

    @property
    def rewrites(self) -> bool:
        """A record's message is put together anew, so that words side by side in it are not so in the file."""
        return self.head is _APACHE_HEAD


ANY_RECORD: frozenset[str] = frozenset().union(*(Layout(head=head).fields for head in (
    _CONSOLE_HEAD, _OSLO_HEAD, _SYSLOG_HEAD, _LIBVIRT_HEAD, _APACHE_ERROR_HEAD, _APACHE_HEAD)))
"""All fields that differ from record to record."""


def layout_of(path: str, file: Fields) -> Layout:
    """The layout of a log file, by its path and tags."""
    tags = file.get(names.TAGS, ())
    levelled = _LEVELLED.match(path.rpartition("/")[2]) is not None
    dropped = _SHELL_TRACE if names.SCREEN in tags else None
    if names.CONSOLE in tags:
        return Layout(_CONSOLE_START, _CONSOLE_HEAD, dropped=_FRAME, levelled=levelled)
    if names.OSLO in tags:
        return Layout(_OSLO_START, _OSLO_HEAD, _OSLO_LATER, dropped, levelled)
    for tag, head in ((names.APACHE_COMBINED, _APACHE_HEAD), (names.APACHE_ERROR, _APACHE_ERROR_HEAD),
                      (names.LIBVIRT, _LIBVIRT_HEAD), (names.SYSLOG, _SYSLOG_HEAD)):
        if tag in tags:
            return Layout(head=head, dropped=dropped, levelled=levelled)
    return Layout()


def own_level(data: bytes, start: int = 0) -> bytes:
    """What a line that begins there says of its level, as os-loganalyze read it."""
    match = _OWN_LEVEL.match(data, start)
    if not match:
        return b""
    return match["oslo"] or match["journal"] or (b"INFO" if match["syslog"] else b"")


@dataclass
class Record:
    """``at``: where its first line begins among the bytes given. ``text`` is its message."""

    at: int
    first: bytes
    fields: Fields
    text: bytes = field(repr=False)

    @cached_property
    def words(self) -> Sequence[str]:
        """Of its message."""
        return words(self.text.decode(errors="replace"))


class Records:
    """The records of a piece of a file, ``data[:end]``, that begins where a record does and ends where a line does.

    ``level`` is that of the lines before it. Made on the way through: ask for offsets in their order.
    """

    def __init__(self, data: bytes, end: int, layout: Layout, level: bytes = b"") -> None:
        self.cut_line = self.cut_record = False
        self._data = data
        self._end = end
        self._layout = layout
        self._levelled = layout.levelled and (level == DEBUG or DEBUG in data)
        """Whether any line here was taken out by its level."""
        self._known = [(0, level)]
        """Where records begin, or lines that are not looked at before them, and the level of the lines before."""
        self._next, self._level = self._known[0]
        """The same, of what is read next."""
        self._spans: list[tuple[int, int]] = []
        """The lines of the last record."""
        self._last: Record | None = None

    def at(self, offset: int) -> Record | None:
        """The record that holds the byte at an offset; None where the old index did not have that line."""
        if offset >= self._next:
            start = self._line_start(offset)
            if self._own_level(start) == DEBUG:
                return None
            self._skip_to(start)
            while offset >= self._next:
                self._read()
            self._last = self._made()
        before = bisect_right(self._spans, offset, key=itemgetter(0)) - 1
        return self._last if before >= 0 and offset < self._spans[before][1] else None

    def __iter__(self) -> Iterator[Record]:
        while self._next < self._end:
            self._read()
            record = self._made()
            if record:
                yield record

    def last(self) -> tuple[int, bytes]:
        """Where the last record begins, which may go on behind the data, and the level of the lines before it. Ask
        before all others."""
        if self._layout.starts is None and not self._levelled:
            return self._end, b""
        self._skip_to(self._line_start(self._end - 1))
        while self._next < self._end:
            self._known.append((self._next, self._level))
            self._read()
        found = self._known[-1] if self._spans else (self._end, self._level)
        self._next, self._level = self._known[0]
        return found

    def _skip_to(self, start: int) -> None:
        """Skip to the last record at or before a line of which it is known without reading what is before it."""
        known = max(self._known[bisect_right(self._known, start, key=itemgetter(0)) - 1], (self._next, self._level))
        for _ in range(LINES):
            if start <= known[0] or self._begins_surely(start):
                break
            start = self._line_start(start - 1)
        else:
            start = 0
        self._next, self._level = max(known, (start, b""))

    def _begins_surely(self, start: int) -> bool:
        if self._levelled and self._own_level(start) in (b"", DEBUG):
            return False
        end = self._line_end(start)
        return self._begins(start, end) and not self._drops(start, end)

    def _read(self) -> None:
        """Read one record's lines, up to where the next one begins."""
        spans: list[tuple[int, int]] = []
        at, level = self._next, self._level
        while at < self._end:
            end = self._line_end(at)
            own = self._own_level(at) or level
            if spans and (at - spans[0][0] >= RECORD or len(spans) >= LINES):
                self.cut_record = True
                break
            if not (self._levelled and own == DEBUG) and not self._drops(at, end):
                if spans and self._begins(at, end):
                    break
                spans.append((at, end))
            at, level = end, own
        self._next, self._level, self._spans = at, level, spans

    def _made(self) -> Record | None:
        if not self._spans:
            return None
        lines = [self._line(*span) for span in self._spans]
        self.cut_line = self.cut_line or any(end - start > LINE + 2 for start, end in self._spans)
        text = b"\n".join(lines)
        match = self._layout.matched(text)
        found = {name: value for name, value in match.groupdict().items() if value is not None} if match else {}
        if found.get("loglevel") == DEBUG:
            return None
        message = text if not found else b" ".join(found.values()) if self._layout.rewrites else found.pop("message")
        tags: tuple[Value, ...] = (JOINED,) if len(lines) > 1 else ()
        if self._layout.head and not match:
            tags += (FAILED,)
        known = {name: (value.decode(errors="replace"),) for name, value in found.items()}
        return Record(self._spans[0][0], lines[0], {**known, RECORD_TAGS: tags}, message)

    def _begins(self, start: int, end: int) -> bool:
        return self._layout.starts is None or self._layout.starts.match(self._data, start, end) is not None

    def _drops(self, start: int, end: int) -> bool:
        return self._layout.dropped is not None and self._layout.dropped.match(self._data, start, end) is not None

    def _own_level(self, start: int) -> bytes:
        """What a line says of its level, in a file of which lines were taken out by it."""
        return own_level(self._data, start) if self._levelled else b""

    def _line(self, start: int, end: int) -> bytes:
        return _AT_END.sub(b"", self._data[start:min(end, start + LINE)])

    def _line_start(self, offset: int) -> int:
        start = self._data.rfind(b"\n", 0, offset) + 1
        for match in ENDS.finditer(self._data, start, offset + 1):
            if match.end() <= offset:
                start = match.end()
        return start

    def _line_end(self, start: int) -> int:
        end = self._data.find(b"\n", start, self._end) + 1 or self._end
        match = ENDS.search(self._data, start, end)
        return match.end() if match else end
