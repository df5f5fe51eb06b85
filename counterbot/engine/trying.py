"""Tries rules on the logs of one build, from its page or in a folder: where they match, and why others do not.

Posts nothing and keeps nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..builds.counters import CountersReader
from ..builds.failure import inventory_of, look
from ..builds.folder import Folder
from ..builds.inventory import INVENTORY
from ..builds.logs import Logs
from ..builds.sweep import USUAL, Files
from ..clients.http import Forbidden, Http, Unavailable
from ..clients.zuul import Zuul
from ..core.model import Build, BuildFacts, BuildLink, Counters, Hit, Reading, Unreadable
from ..core.rules import Rule, misfits
from ..core.text.names import few
from ..fingerprints.doubts import RECORD
from ..fingerprints.fields import FACTS, FILENAME, LOG_URL, TAGS, is_counter, of_build
from ..fingerprints.matching import folded
from ..fingerprints.nodes import Clauses, Exact, Fields, Node
from ..fingerprints.query import Query, fields_of
from ..fingerprints.scan import BINARY, Scanned, Scanner

PAGE = re.compile(r"(?P<root>https?://[^?#]+?/)(?:t/[^/?#]+/)?build/(?P<uuid>[0-9a-f]{32})/?")
NOT_OF_BUILD = frozenset({*RECORD, TAGS, FILENAME, LOG_URL})
"""Fields that differ from file to file, or within one."""

ALL_PASSED = "the query matches, but none of its test_ids failed in this build"


@dataclass(frozen=True)
class Tried:
    """``hits`` are by rule and file. ``why_not`` tells of each rule without a hit why it has none.

    ``unread`` gives the files that could have mattered and were not read whole, ``notes`` what else is to be told of a
    file or a rule.
    """

    hits: tuple[Hit, ...]
    why_not: Mapping[str, str]
    unread: Mapping[str, str]
    notes: Mapping[str, str]


@dataclass(frozen=True)
class Logged:
    """A build's files, and what is known of the build. ``unread``: why its inventory could not be read.

    ``tests_known``: whether the files tell which tests failed. A folder without a subunit stream may be a part of what
    the build left.
    """

    files: Files
    fields: Fields
    unread: Mapping[str, str]
    tests_known: bool = True


def in_folder(path: str, facts: Mapping[str, str]) -> Logged:
    """A folder laid out as under a build's log root; the build failed, and votes unless its inventory says otherwise.

    ``facts`` win over the inventory; a counter is one of them. Raises Unreadable where it is no folder.
    """
    if Path(path).is_file():
        raise Unreadable("a file; give the folder that is the build's log root, or a part of it")
    if not path or not Path(path).is_dir():
        raise Unreadable("no such folder")
    files = Folder(Path(path))
    inventory, unread = _inventory(files)
    build = Build("", "", "FAILURE", True, "", "", None, None)
    tests_known = any(name.endswith(".subunit") for name in files.paths)
    return Logged(files, _fields(build, inventory, facts), unread, tests_known)


def of_page(url: str, facts: Mapping[str, str], with_counters: bool) -> Logged:
    """The same of a build by its page: what the bot knows of it, and ``facts``, which win.

    Raises as ``Http.fetch`` does, and Unreadable where there are no logs.
    """
    page = PAGE.fullmatch(url)
    if page is None:
        raise Unreadable("this is no build page, as in https://zuul.example.org/t/TENANT/build/UUID")
    build = Zuul(Http([page["root"]], private=True), page["root"]).build(BuildLink("", url, page["uuid"]))
    if build is None:
        raise Unreadable("Zuul does not know this build")
    if build.log_url is None:
        raise Unreadable(f"this build of {build.job} has no logs; " + (
            f"its result is {build.result}" if build.result else "it is still running"))
    try:
        http = Http([page["root"], build.log_url], private=True)
    except ValueError as error:
        raise Unreadable(f"the URL of its logs: {error}") from None
    files = Logs(http, build, USUAL, awaits=False)
    files.list_files()
    reading = CountersReader(http).read(build, awaits=False) if with_counters else None
    inventory, unread = _inventory(files)
    of_row = of_build(build)
    beside = {field: value for field, value in inventory.items() if field not in of_row}
    counters = reading.counters if isinstance(reading, Reading) else None
    return Logged(files, _fields(build, beside, facts, counters), unread)


def _inventory(files: Files) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """What the build's inventory tells, and why it could not be read."""
    try:
        return inventory_of(files), {}
    except (Forbidden, Unavailable, Unreadable) as error:
        return {}, {INVENTORY: str(error)}


def _fields(build: Build, inventory: Mapping[str, str], facts: Mapping[str, str],
            counters: Counters | None = None) -> Fields:
    told = {name: float(value) for name, value in facts.items() if is_counter(name)}
    known = {**inventory, **{name: value for name, value in facts.items() if name not in told}}
    return of_build(build, known, Counters({**(counters.values if counters else {}), **told}))


def tried(rules: Iterable[Rule], queries: Mapping[str, Query], logged: Logged,
          tell: Callable[[str], object]) -> Tried:
    """What the rules' queries find in these logs. ``tell`` is told of each file that is looked into."""
    facts = _build_facts(logged.fields)
    rules = [rule for rule in rules if rule.name in queries]
    unfit = {rule.name: why for rule in rules if (why := ", ".join(misfits(rule.where, facts)))}
    fitting = {name: query for name, query in queries.items() if name not in unfit}
    asked = {rule.name: rule.fingerprint.test_ids for rule in rules
             if rule.name in fitting and rule.fingerprint and rule.fingerprint.test_ids}
    test_ids = asked if logged.tests_known else {}
    scanner = _Telling(fitting, tell)
    failure = look(logged.files, logged.fields, scanner, test_ids)
    found = {hit.rule for hit in failure.hits}
    wanted = {path: scanner.wanted(logged.fields, path) for path in logged.files.paths}
    why_not = {name: unfit.get(name) or (ALL_PASSED if name in scanner.found else _why_not(
        query, logged.fields, [path for path, names in wanted.items() if name in names]))
        for name, query in queries.items() if name not in found}
    unknown = scanner.fields - NOT_OF_BUILD - logged.fields.keys()
    unread = {**(logged.unread if unknown else {}), **{
        path: why for path, why in sorted(failure.unread.items())
        if fitting and _matters(path, wanted, bool(test_ids))}}
    unasked = {name: "its test_ids were not asked: there is no subunit stream"
               for name in asked if name in found and not logged.tests_known}
    return Tried(failure.hits, why_not, unread, {**unasked, **scanner.notes})


class _Telling(Scanner):
    """Keeps to itself what does not make a file unread, and tells which file it is in.

    ``found`` are the rules that match somewhere, whatever test failed.
    """

    def __init__(self, queries: Mapping[str, Query], tell: Callable[[str], object]) -> None:
        super().__init__(queries)
        self._tell = tell
        self.found: set[str] = set()
        self.notes: dict[str, str] = {}

    def scan(self, build: Fields, path: str, blocks: Iterable[bytes]) -> Scanned:
        self._tell(path)
        scanned = super().scan(build, path, blocks)
        self.found.update(hit.rule for hit in scanned.hits)
        if BINARY in scanned.remarks:
            return scanned
        if scanned.remarks:
            self.notes[path] = "; ".join(scanned.remarks)
        return replace(scanned, remarks=())


def _matters(path: str, wanted: Mapping[str, Collection[str]], asks_tests: bool) -> bool:
    """Whether a file that was not read could have held a match, or a failed test that a rule asks for."""
    return bool(wanted.get(path, True)) or (asks_tests and path.endswith(".subunit"))


def _build_facts(fields: Fields) -> BuildFacts:
    known = {key: str(fields[field][0]) for key, field in FACTS.items() if field in fields}
    return BuildFacts(**known, voting=fields.get("voting") != (0,))


def _why_not(query: Query, fields: Fields, looked_in: Sequence[str]) -> str:
    """Why a rule that applies to the build has no hit."""
    if looked_in:
        return f"nothing matches in {few(looked_in, 3)}"
    if folded(query.node, fields, NOT_OF_BUILD) is False:
        asked = sorted(fields_of(query.node) - NOT_OF_BUILD)
        voting = fields.get("voting") == (1,)  # what each query asks, and nearly each build does
        told = [_known(field, fields) for field in asked if field != "voting" or not voting]
        return f"the query does not fit this build: {', '.join(told) or 'voting is 1'}"
    asked = [leaf.value for leaf in _leaves(query.node) if isinstance(leaf, Exact) and leaf.field in (TAGS, FILENAME)]
    return "the logs have no file that the query asks for" + (f": {few(asked)}" if asked else "")


def _known(field: str, fields: Fields) -> str:
    values = fields.get(field)
    return f"{field} is {values[0]}" if values else f"{field} is not known, and --fact {field}=… tells it"


def _leaves(node: Node) -> Iterator[Node]:
    if isinstance(node, Clauses):
        for _, clause in node.clauses:
            yield from _leaves(clause)
    else:
        yield node
