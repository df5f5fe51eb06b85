from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterbot.core.model import Build, Hit
from counterbot.fingerprints.engines import Engine, Hyperscan, Re2, hyperscan
from counterbot.fingerprints.fields import of_build, of_file
from counterbot.fingerprints.matching import folded
from counterbot.fingerprints.query import BadQuery, Query, parse, with_voting
from counterbot.fingerprints.records import ANY_RECORD
from counterbot.fingerprints.scan import COMMON, UNAIDED, Scanned, Scanner

from ..memory import peak_below
from . import old_index

CPU, CONSOLE, SYSLOG = "controller/logs/screen-n-cpu.txt", "job-output.txt", "controller/logs/syslog.txt"
BUILD = of_build(Build("4bb2b5c0ae7f4c4f9f5d8f5a36d4f5c1", "tempest-full", "FAILURE", True, "openstack/nova", "master",
                       "gate", "https://logs.example/1/"))
ENGINES = (Hyperscan, Re2) if hyperscan else (Re2,)  # there is not a wheel for each machine
BEST = ENGINES[0]
SERVICE = "Nov 21 02:10:11.123456 node nova-compute[411]: {} nova.compute.manager [None req-1] "
ERROR, DEBUG = SERVICE.format("ERROR"), SERVICE.format("DEBUG")
JOB = "2026-11-21 02:07:44.101 | controller | "


def scanner(engine: type[Engine] = BEST, **queries: str) -> Scanner:
    return Scanner({rule: with_voting(parse(query)) for rule, query in queries.items()}, engine)


def found(scanned: Scanned) -> dict[str, tuple[int, int]]:
    return {hit.rule: (hit.line, hit.hits) for hit in scanned.hits}


def blocks_of(data: bytes, size: int) -> Iterable[bytes]:
    return (data[at:at + size] for at in range(0, len(data), size))


def test_a_hit_is_the_first_line_of_the_first_record_and_how_many_there_are() -> None:
    log = f"{DEBUG}no route\n{ERROR}Timed out\n{ERROR}no\n  route to host, password=secret\n{ERROR}No Route\n"
    scanned = scanner(bug='message:"no route" AND tags:"screen-n-cpu.txt"').scan(BUILD, CPU, [log.encode()])
    assert scanned == Scanned((Hit("bug", CPU, 3, f"{ERROR}no", 2),))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("text", "query"), [
    ("alpha:___ BETA", '"alpha beta"'), ("a\N{CJK UNIFIED IDEOGRAPH-6F22}b", '"b"'),
    ("x" * 300 + " end", f'"{"x" * 300} end"'), ("caf\udce9 au lait", '"caf au lait"'),
    ("\x1b[01;31malpha\x1b[00m \x1b[1mbeta", '"alpha beta"'), ("its alpha\xadbeta", '"alpha\xadbeta"'),
    (" ".join(f"word{n}" for n in range(40)), '"' + " ".join(f"word{n}" for n in range(40)) + '"'),
])
def test_whatever_the_analyser_makes_of_a_line_is_found(engine: type[Engine], text: str, query: str) -> None:
    data = f"{JOB}{text}\n".encode(errors="surrogateescape")
    assert found(scanner(engine, bug=f"message:{query}").scan(BUILD, CONSOLE, [data])) == {"bug": (1, 1)}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_match_is_found_behind_one_that_overlaps_it_in_the_record_before(engine: type[Engine]) -> None:
    data = f"{JOB}go\n{JOB}go go\n".replace(JOB, "2026-11-21 02:07:44.101 | ").encode()
    assert found(scanner(engine, bug='message:"go go"').scan(BUILD, CONSOLE, [data])) == {"bug": (2, 1)}
    assert found(scanner(engine, bug='message:"go go"').scan(BUILD, SYSLOG, [b"go\ngo go\n"])) == {"bug": (2, 1)}


# What is read, and for which rules.


@pytest.mark.parametrize(("query", "path", "wanted"), [
    ('message:a AND tags:"screen-n-cpu.txt"', CPU, True),
    ('message:a AND tags:"screen-n-cpu.txt"', CONSOLE, False),
    ("message:a AND tags:console", CONSOLE, True),
    ("message:a", CONSOLE, True),
    ("message:a", "controller/logs/mysql/error_log.txt", False),
    ("message:a", "job-output.json", False),
    ("message:a AND NOT tags:console", "controller/logs/mysql/error_log.txt", False),
    ('message:a AND tags:"error_log.txt"', "controller/logs/mysql/error_log.txt", True),
    ('message:a AND filename:"controller/logs/mysql/error_log.txt"', "controller/logs/mysql/error_log.txt", True),
    ("message:a AND filename:*mysql*", "controller/logs/mysql/error_log.txt", True),
    ("message:a AND filename:*mysql*", "controller/logs/rabbitmq/rabbit_log.txt", False),
    ('message:a AND build_name:"tempest-full"', CONSOLE, True),
    ('message:a AND build_name:"grenade"', CONSOLE, False),
    ("message:a AND loglevel:ERROR", CPU, True),
    ("message:a AND loglevel:ERROR", CONSOLE, False),
    ('message:a AND log_url:"https://logs.example/1/job-output.txt"', CONSOLE, True),
    ("message:a AND node_provider:rax", CONSOLE, False),
    ("message:a AND mysql.Queries:>1200000", CONSOLE, True),
    ("message:a AND mysql.Queries:>1300000", CONSOLE, False),
])
def test_only_files_that_a_rule_could_match_are_wanted(query: str, path: str, wanted: bool) -> None:
    build = {**BUILD, "mysql.Queries": (1250000,)}
    made = scanner(bug=query)
    assert bool(made.wanted(build, path)) is wanted
    assert bool(made.scan(build, path, [f"{ERROR}a\n".encode()]).hits) is wanted


def test_what_queries_ask_is_known() -> None:
    asked = scanner(one='message:a AND tags:"multiline"', two="module:x AND node_provider:rax").fields
    assert asked == {"message", "tags", "module", "node_provider", "voting"}


def test_a_build_that_does_not_vote_is_not_looked_at() -> None:
    assert not scanner(bug="message:a").wanted({**BUILD, "voting": (0,)}, CONSOLE)


def test_lines_are_counted_far_behind() -> None:
    made = scanner(one="message:alpha", two="message:beta")
    data = [f"{JOB}x\n".encode() * 20_000] * 20 + [
        f"{JOB}alpha\n".encode(), f"{JOB}\n".encode() * 27, JOB.encode(), b"beta"]
    assert found(made.scan(BUILD, CONSOLE, data)) == {"one": (400_001, 1), "two": (400_029, 1)}


def test_threads_share_a_scanner() -> None:
    made = scanner(**QUERIES)
    data = b"".join(f"{ERROR}alpha beta {number}\n".encode() for number in range(500))
    with ThreadPoolExecutor(4) as pool:
        every = list(pool.map(lambda _: found(made.scan(BUILD, CPU, blocks_of(data, 5000))), range(12)))
    assert every == [every[0]] * 12
    assert every[0]["phrase"] == (1, 500)


# What others may write.

ODD = {
    "a line of 50 MB": [b"x" * (1 << 20)] * 50,
    "a word of 5 MB": [ERROR.encode() + b"x" * (5 << 20) + b" alpha\n"],
    "a million empty lines": [b"\n" * (1 << 20)],
    "only DEBUG": [f"{DEBUG}alpha beta\n".encode() * 20_000],
    "a word that repeats": [f"{ERROR}{'alpha ' * 100_000}\n".encode()],
    "blanks": [f"{ERROR}alpha{' ' * (1 << 20)}beta\n2026-11-21 02:07:44.1{' ' * 70_000}\n".encode()],
    "a record of 100,000 lines": [b"  at alpha\n" * 100_000],
    "heads that are none": [b"2026-11-21 02:07:44.101 411 ERROR [-]\n" * 20_000],
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("odd", ODD)
def test_no_input_takes_long(engine: type[Engine], odd: str) -> None:
    made = small_scanner(engine, 256 << 10)
    begin = time.process_time()
    made.scan(BUILD, CPU, ODD[odd])
    assert time.process_time() - begin < 30  # seconds; of which it takes two


@pytest.mark.parametrize("odd", ["a line of 50 MB", "a word of 5 MB", "a word that repeats"])
def test_no_input_takes_much_memory(odd: str) -> None:
    made = small_scanner(BEST, 256 << 10)
    made.scan(BUILD, CPU, [f"{ERROR}alpha\n".encode()])  # compiled before
    data = b"".join(ODD[odd])
    with peak_below(20 << 20):
        made.scan(BUILD, CPU, blocks_of(data, 1 << 20))


def test_a_binary_file_is_said_to_be_one() -> None:
    scanned = scanner(bug="message:alpha").scan(BUILD, CONSOLE, iter([b"alpha", b" \0", b"\n" * 10_000]))
    assert scanned == Scanned(remarks=("a binary file",))


def test_a_nul_far_behind_is_none_of_a_binary_file() -> None:
    data = f"{JOB}\n".encode() * 400 + f"{JOB}alpha\0beta\n".encode()
    assert found(scanner(bug='message:"alpha beta"').scan(BUILD, CONSOLE, [data])) == {"bug": (401, 1)}


def test_of_a_long_line_the_beginning_counts() -> None:
    made = scanner(begins="message:alpha", ends="message:omega", next="message:next")
    data = f"{JOB}alpha {'x ' * 40_000}omega\n{JOB}next\n".encode()
    for size in (1000, 70_000, 1 << 20):
        scanned = made.scan(BUILD, CONSOLE, blocks_of(data, size))
        assert found(scanned) == {"begins": (1, 1), "next": (2, 1)}
        assert scanned.remarks == ("lines longer than 64 KB were matched by their beginning",)


def test_a_long_record_is_matched_in_pieces() -> None:
    made = scanner(both="message:alpha AND message:beta", one="message:beta")
    data = f"{ERROR}alpha\n".encode() + b"  at beta\n" * 45_000 + f"{ERROR}beta\n".encode()
    for size in (10_000, 1 << 20):
        scanned = made.scan(BUILD, CPU, blocks_of(data, size))
        assert found(scanned) == {"both": (1, 1), "one": (1, 24)}
        assert scanned.remarks == ("records longer than 1024 KB or 2,000 lines were matched in pieces",)


@pytest.mark.parametrize(("query", "most"), [("message:alpha", COMMON), ("message:al*", UNAIDED)])
def test_a_query_that_is_too_common_is_told(query: str, most: int) -> None:
    data = f"{JOB}alpha\n".encode() * (COMMON + 5)
    scanned = scanner(bug=query).scan(BUILD, CONSOLE, [data])
    assert found(scanned) == {"bug": (1, most)}
    assert scanned.remarks == (
        f"bug is too common: after {most:,} records that may match, no further ones were read",)


# Against the old index.

PATHS = (CPU, CONSOLE, SYSLOG, "logs/screen-cat.txt", "controller/logs/tempest_log.txt", "logs/screen-s-object.txt",
         "logs/libvirtd.txt", "logs/apache/horizon_error.txt", "logs/dsvm-functional-index.txt", "logs/tempest.txt")
QUERIES = {
    "phrase": 'message:"alpha beta"', "word": "message:gamma", "both": 'message:"alpha" AND message:"delta"',
    "either": 'message:"alpha gamma" OR message:"beta delta"', "not": 'message:beta AND NOT message:"gamma delta"',
    "level": 'loglevel:"ERROR" AND message:"beta"', "module": 'module:"nova.compute" AND NOT message:gamma',
    "program": 'syslog_program:"proxy-server" AND message:alpha', "pid": "pid:411", "joined": 'tags:"multiline"',
    "failed": 'tags:"_grokparsefailure" AND message:delta', "wild": "message:al*",
    "no": "NOT message:alpha AND message:*e*", "console": 'message:"beta gamma" AND tags:console',
    "file": "message:alpha AND filename:logs*", "get": 'message:"alpha 404"',
}
ASKED = {rule: with_voting(parse(query)) for rule, query in QUERIES.items()}
HEADS = (
    "2026-11-21 02:07:44.101 | ", JOB, "2026-11-21 02:07:44.101 411 ERROR nova.compute ",
    "2026-11-21 02:07:44,101 411 TRACE nova.api [-] ", "2026-11-21 02:07:44.101 411 DEBUG nova.compute ",
    "2026-11-21 02:07:44.101 412 INFO nova.api ", "2026-11-21 02:07:44.101 WARNING [nova.api] ",
    "2026-11-21 02:07:44.101 ", ERROR, DEBUG,
    SERVICE.format("INFO"), "Nov 21 02:10:11.1 node uwsgi[4]: [pid: 1] ", "Nov  1 02:10:11 node kernel: ",
    "Nov 21 02:10:11 node proxy-server: ", "Nov 21 02:10:11 411 ERROR nova.compute ", "+ ", "<pre>", "    ", "",
    "2026-11-21 02:07:44.101+0000: 411: error : virThing: ", "[Sat Nov 21 02:07:44 2026] [error] ",
    '10.0.0.1 - - [21/Nov/2026:02:07:44 +0000] "GET /alpha HTTP/1.1" 404 - "-" "beta gamma" ',
)
SEPARATORS = (" ", "  ", ".", "-", "_", " ___ ", "\x1b[01;31m ", "/", "é", ", ", "|", ": ")
ENDS = ("\n",) * 8 + ("\r\n", "\r", "\f", "\u2028", "\n\n")

texts = st.lists(st.tuples(st.sampled_from(("alpha", "BETA", "Gamma", "delta", "alphabet", "ERROR")),
                           st.sampled_from(SEPARATORS)), max_size=4).map(lambda parts: "".join(map("".join, parts)))
logs = st.lists(st.sampled_from(HEADS), min_size=1, max_size=4).flatmap(lambda heads: st.lists(
    st.tuples(st.sampled_from(heads), texts, st.sampled_from(ENDS)).map("".join), max_size=25)
).map("".join).map(str.encode)


@cache
def small_scanner(engine: type[Engine], window: int) -> Scanner:
    """One that looks at few bytes at once."""
    def make(phrases: Sequence[tuple[str, ...]]) -> Engine:
        made = engine(phrases)
        made.block = window
        return made
    return Scanner(ASKED, make)


@given(st.sampled_from(PATHS), logs, st.sampled_from(ENGINES), st.sampled_from((16, 100, 400)), st.integers(1, 300))
@settings(max_examples=300, deadline=None)
def test_the_hits_are_those_of_the_old_index(
        path: str, data: bytes, engine: type[Engine], window: int, block: int) -> None:
    scanned = small_scanner(engine, window).scan(BUILD, path, blocks_of(data, block))
    assert found(scanned) == old_index.hits({rule: query.node for rule, query in ASKED.items()}, BUILD, path, data)


def test_what_goes_on_from_a_debug_line_far_before_is_dropped_too() -> None:
    data = f"{DEBUG}\n".encode() + b"  alpha beta\n" * 100 + f"{ERROR}alpha beta\n".encode()
    assert found(small_scanner(BEST, 16).scan(BUILD, CPU, blocks_of(data, 100)))["phrase"] == (102, 1)


REAL = [each["query"] for each in json.loads(
    (Path(__file__).parents[1] / "samples/elastic-recheck/queries.json").read_text())]


@cache
def real() -> Mapping[str, Query]:
    return {str(number): with_voting(query) for number, text in enumerate(REAL) if (query := read(text))}


def read(text: str) -> Query | None:
    try:
        return parse(text)
    except BadQuery:
        return None


@pytest.mark.parametrize(("path", "head"), [
    (CONSOLE, JOB), (CPU, ERROR),
    ("logs/screen-n-cpu.txt", "2017-11-21 02:10:11.123 411 INFO nova.compute.manager [-] "),
])
def test_real_queries_find_what_was_made_for_them(path: str, head: str) -> None:
    data = "".join(f"{head}{text}\n" for query in REAL if read(query) for text in made_for(query)).encode()
    build = {**BUILD, "build_name": ("gate-tempest-dsvm-full",), "build_queue": ("check",)}
    asked = {rule: query.node for rule, query in real().items()
             if folded(query.node, {**build, **of_file(path)}, ANY_RECORD) is not False}
    expected = old_index.hits(asked, build, path, data)
    assert len(expected) > 80
    for engine in ENGINES:
        scanned = found(Scanner(real(), engine).scan(build, path, [data]))
        assert scanned == {rule: (line, min(hits, UNAIDED)) for rule, (line, hits) in expected.items()}


def made_for(query: str) -> Iterator[str]:
    """A record's text that holds all that a query asks of the message, and three that almost do."""
    texts = [re.sub(r"\\(.)", r"\1", text) for text in re.findall(r'message: *"((?:\\.|[^"\\])*)"', query)] or [query]
    whole = " | ".join(texts).replace("\n", " ")
    yield from (whole, whole.replace(" ", " - ").upper(), whole.rpartition(" ")[0], f"{texts[0]}x".replace("\n", " "))
