"""The documents that the old index made of a log file: logstash's own configuration, followed line by line.

Slow and plain, on whole files. What Scanner finds is held against it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from counterbot.fingerprints.fields import of_file
from counterbot.fingerprints.matching import matches
from counterbot.fingerprints.nodes import Fields, Node
from counterbot.fingerprints.words import words

CONFIGURATION = (Path(__file__).parents[1] / "samples/logs/openstack-filters.conf").read_text()

MONTH = (r"\b(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|Jun(?:e)?|Jul(?:y)?|Aug(?:ust)?|Sep(?:tember)?|"
         r"Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b")
GROK = {
    "TIMESTAMP_ISO8601": r"%{YEAR}-%{MONTHNUM}-%{MONTHDAY}[T ]%{HOUR}:?%{MINUTE}(?::?%{SECOND})?%{ISO8601_TIMEZONE}?",
    "ISO8601_TIMEZONE": r"(?:Z|[+-]%{HOUR}(?::?%{MINUTE}))", "SYSLOGTIMESTAMP": r"%{MONTH} +%{MONTHDAY} %{TIME}",
    "TIME": r"(?!<[0-9])%{HOUR}:%{MINUTE}(?::%{SECOND})(?![0-9])", "YEAR": r"(?:\d\d){1,2}", "MONTH": MONTH,
    "MONTHNUM": r"(?:0?[1-9]|1[0-2])", "MONTHDAY": r"(?:(?:0[1-9])|(?:[12][0-9])|(?:3[01])|[1-9])",
    "HOUR": r"(?:2[0123]|[01]?[0-9])", "MINUTE": r"(?:[0-5][0-9])", "SECOND": r"(?:(?:[0-5]?[0-9]|60)(?:[:.,][0-9]+)?)",
    "DAY": r"(?:Mon(?:day)?|Tue(?:sday)?|Wed(?:nesday)?|Thu(?:rsday)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?)",
    "TZ": r"(?:[PMCE][SD]T|UTC)", "GREEDYDATA": r".*", "DATA": r".*?", "NOTSPACE": r"\S+", "SPACE": r"\s*",
    "NUMBER": r"(?<![0-9.+-])(?:[+-]?(?:(?:[0-9]+(?:\.[0-9]+)?)|(?:\.[0-9]+)))", "POSINT": r"\b(?:[1-9][0-9]*)\b",
    "SYSLOGHOST": r"\b(?:[0-9A-Za-z][0-9A-Za-z-]{0,62})(?:\.(?:[0-9A-Za-z][0-9A-Za-z-]{0,62}))*(?:\.?|\b)",
    "LOGLEVEL": r"(?:[Aa]lert|ALERT|[Tt]race|TRACE|[Dd]ebug|DEBUG|[Nn]otice|NOTICE|[Ii]nfo|INFO|[Ww]arn(?:ing)?|"
                r"WARN(?:ING)?|[Ee]rr(?:or)?|ERR(?:OR)?|[Cc]rit(?:ical)?|CRIT(?:ICAL)?|[Ff]atal|FATAL|[Ss]evere|SEVERE|"
                r"EMERG(?:ENCY)?|[Ee]merg(?:ency)?)",
    "COMBINEDAPACHELOG": r'\S+ \S+ \S+ \[(?P<timestamp>[^\]]*)\] "(?P<verb>\w+) (?P<request>\S+)(?: HTTP/[0-9.]+)?" '
                         r'(?P<response>[0-9]+) (?:[0-9]+|-) "[^"]*" "[^"]*"',
}


def expression(written: str) -> re.Pattern[str]:
    """What grok makes of a pattern: its names replaced, in Ruby's dialect."""
    text = re.sub(r"\(\?<(\w+)>", r"(?P<\1>", written.replace("(?m)", ""))
    while found := re.search(r"%\{(\w+)(?::(\w+))?\}", text):
        name = f"(?P<{found[2]}>"
        named = found[2] and name not in text  # a name may come twice in Ruby
        text = f"{text[:found.start()]}{name if named else '(?:'}{GROK[found[1]]}){text[found.end():]}"
    return re.compile(text, re.MULTILINE | (re.DOTALL if "(?m)" in written else 0))


MULTILINE = [expression(each) for each in re.findall(r'pattern => "(.*)"', CONFIGURATION)]
MATCH = [expression(each) for each in re.findall(r'match => \{ "message" => "(.*)" \}', CONFIGURATION)]


@dataclass
class Document:
    """What was indexed. ``line`` is that of the file's line feeds at which it begins."""

    line: int
    message: str
    tags: list[str]
    fields: dict[str, str] = field(default_factory=dict)

    def join(self, other: Document) -> None:
        self.message += "\n" + other.message
        if "multiline" not in self.tags:
            self.tags.append("multiline")


def documents(path: str, data: bytes) -> list[Document]:
    """All of a file."""
    tags = [str(tag) for tag in of_file(path)["tags"]]
    lines = [Document(number, text, list(tags)) for number, text in without_debug(path, old_lines(data))]
    if "screen" in tags:
        lines = [line for line in lines if not line.message.startswith("+ ")]
    if "console" in tags:
        lines = joined([line for line in lines if line.message not in ("<pre>", "</pre>")], negated(MULTILINE[0]))
        return parsed(lines, MATCH[0])
    if "oslofmt" in tags:
        return parsed(joined(joined(lines, negated(MULTILINE[1])), MULTILINE[2].match), MATCH[1])
    for tag, match in zip(("apachecombined", "apacheerror", "libvirt", "syslog"), MATCH[2:], strict=True):
        if tag in tags:
            return parsed(lines, match)
    return lines


def old_lines(data: bytes) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(re.findall("[^\n]*\n|[^\n]+", data.decode(errors="replace")), 1):
        for text in line.splitlines():
            yield number, re.sub("\x1b\\[[0-9;]*m", "", text)


def without_debug(path: str, lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """os-loganalyze's ``?level=INFO``; what comes before the first level is kept here."""
    name, level = path.rpartition("/")[2], "NONE"
    supported = re.match(
        r"(screen-)?(n-|c-|g-|h-|ir-|ironic-|m-|o-|df-|placement-api|q-|neutron-|ceil|key|sah|des|tr|sl)"
        r"|devstack@|(keystone|tempest(_log)?)\.txt|syslog", name)
    for number, line in lines:
        level = own_level(line) or level
        if not supported or level != "DEBUG":
            yield number, line


def own_level(line: str) -> str | None:
    levels, fraction = "(DEBUG|INFO|WARNING|ERROR|TRACE|AUDIT|CRITICAL)", r"((\.|,)\d+)?"
    date, syslog = rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d{fraction}", rf"\w+\s+\d+\s+\d\d:\d\d:\d\d{fraction}"
    if found := re.match(rf"{date}( \d+)? {levels}", line):
        return found[4]
    if found := re.match(rf"{syslog} \S+ \S+\[\d+\]: {levels}?", line):
        return found[3]
    if not re.match(date, line) and re.match(rf"{syslog} [\w-]+ [^\[\s]+:", line):
        return "INFO"
    return None


def negated(pattern: re.Pattern[str]) -> Callable[[str], object]:
    return lambda text: not pattern.match(text)


def joined(lines: list[Document], belongs_to_previous: Callable[[str], object]) -> list[Document]:
    found: list[Document] = []
    for line in lines:
        if found and belongs_to_previous(line.message):
            found[-1].join(line)
        else:
            found.append(line)
    return found


def parsed(found: list[Document], pattern: re.Pattern[str]) -> list[Document]:
    for document in found:
        match = pattern.search(document.message)
        if not match:
            document.tags.append("_grokparsefailure")
            continue
        document.fields = {name: value for name, value in match.groupdict().items() if value}
        document.message = document.fields.pop("logmessage", "") if "logmessage" in pattern.groupindex else " ".join(
            match[name] for name in ("verb", "request", "response"))
    return [document for document in found if document.fields.get("loglevel") != "DEBUG"]


def hits(asked: Mapping[str, Node], build: Fields, path: str, data: bytes) -> dict[str, tuple[int, int]]:
    """By query the line of the first document that matches, and how many do."""
    found: dict[str, tuple[int, int]] = {}
    for document in documents(path, data):
        known: Fields = {**build, "filename": (path,), "tags": tuple(document.tags),
                         **{name: (value,) for name, value in document.fields.items()}}
        message = words(document.message)
        for rule, node in asked.items():
            if matches(node, known, lambda message=message: message):
                line, count = found.get(rule, (document.line, 0))
                found[rule] = line, count + 1
    return found
