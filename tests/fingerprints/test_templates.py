"""A build's log, reduced: what templates tell of a phrase is what a search in the files would."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterbot.core.lines import Reduction, Template
from counterbot.core.model import Build
from counterbot.fingerprints.engines import Re2
from counterbot.fingerprints.fields import of_build
from counterbot.fingerprints.query import parse
from counterbot.fingerprints.scan import Scanner
from counterbot.fingerprints.templates.mask import runs
from counterbot.fingerprints.templates.reading import is_console, label, moment, split, wanted
from counterbot.fingerprints.templates.reduce import PIECES, WORDS, Reducer

from ..memory import peak_below

BUILD = of_build(Build("4bb2b5c0ae7f4c4f9f5d8f5a36d4f5c1", "tempest-full", "FAILURE", True, "openstack/nova", "master",
                       "gate", "https://logs.example/1/"))
CONSOLE, CPU, SYSLOG = "job-output.txt", "controller/logs/screen-n-cpu.txt", "controller/logs/syslog.txt"
FILES = (CONSOLE, "controller/logs/devstacklog.txt", CPU, SYSLOG, "controller/logs/screen-etcd.txt",
         "compute1/logs/screen-q-agt.txt", "controller/logs/tempest_log.txt", "controller/logs/libvirt/libvirtd.txt",
         "controller/logs/apache/horizon_error.txt", "controller/logs/screen-s-object.txt")
UUID, OTHER = "4be0643f-1d98-573b-97cd-ca98a65347dd", "7ce0643f-1d98-573b-97cd-ca98a65347dd"


def reduced(files: Mapping[str, str], failed: bool = True) -> Reduction:
    reducer = Reducer(failed)
    for path in sorted(files, key=lambda path: not is_console(path)):
        reducer.take(path, [files[path].encode()])
    return reducer.reduction()


def texts(reduction: Reduction, file: str | None = None) -> list[str]:
    """The templates, in the order in which they were first seen."""
    order = sorted(reduction.lines.numbers, key=reduction.lines.numbers.__getitem__)
    return [text_of(reduction.templates[key]) for key in order if file in (None, reduction.templates[key].file)]


def text_of(template: Template) -> str:
    return " ".join(word or "*" for word in template.words)


def service(second: int, text: str, level: str = "ERROR") -> str:
    return (f"Nov 21 02:10:{second:02}.123456 np0038 devstack@n-cpu.service[411]: {level} nova.compute.manager "
            f"[None req-{OTHER} demo demo] {text}\n")


def console(second: int, text: str, clock: str = "02:10") -> str:
    return f"2026-11-21 {clock}:{second:02}.101337 | controller | {text}\n"


# Lines.


@pytest.mark.parametrize(("line", "level", "module", "message"), [
    ("2026-11-21 02:07:44.101337 | controller | + lib/nova:init:1", "", "", "+ lib/nova:init:1"),
    ("2026-11-21 02:07:44.101337 | TASK [nova : init]", "", "", "TASK [nova : init]"),
    (service(1, f"[instance: {UUID}] Boom").rstrip("\n"), "ERROR", "nova.compute.manager", "Boom"),
    (service(1, '  File "/opt/x.py", line 3').rstrip("\n"), "ERROR", "nova.compute.manager",
     '  File "/opt/x.py", line 3'),
    (f"2026-11-21 02:10:11.123 98512 WARNING nova.x [req-{UUID} a b] Slow", "WARNING", "nova.x", "Slow"),
    ("2026-11-21 02:10:11.123 98512 INFO nova.x [-] Up", "INFO", "nova.x", "Up"),
    (f"2026-11-21 02:10:11.123 98512 INFO nova.x [-] [instance: {UUID}] Up", "INFO", "nova.x", "Up"),
    ("Nov  1 02:10:11 np0038 systemd[1]: Started Session 4 of user stack.", "", "",
     "Started Session 4 of user stack."),
    ("Nov 21 02:10:11 np0038 devstack@etcd.service[7]: ready to serve", "", "", "ready to serve"),
    ("Traceback (most recent call last):", "", "", "Traceback (most recent call last):"),
])
def test_a_line_is_split(line: str, level: str, module: str, message: str) -> None:
    said = split(line)
    assert (said.level, said.module, said.message) == (level, module, message)


@pytest.mark.parametrize(("line", "level", "message"), [
    ("E1121 01:38:04.036125   45647 kubelet.go:218] Node is gone", "ERROR", "kubelet.go:218] Node is gone"),
    ("2026-11-21 01:38:04,036 WARN  [main] org.x.Y - Slow", "WARNING", "[main] org.x.Y - Slow"),
    ("2026-11-21 01:38:04,036 - FATAL [main] org.x.Y - Gone", "CRITICAL", "[main] org.x.Y - Gone"),
])
def test_a_line_of_other_services_is_split(line: str, level: str, message: str) -> None:
    said = split(line, "controller/logs/containers/node.log")
    assert (said.level, said.message) == (level, message)


@pytest.mark.parametrize(("line", "seconds"), [
    (service(7, "x"), 7807), (console(7, "x"), 7807), ("W1121 02:10:07.1  9 x.go:1] x", 7807),
    ("  File", None), ("", None), (console(7, "x", "42:07"), None)])
def test_a_lines_time(line: str, seconds: int | None) -> None:
    assert moment(line.encode()) == seconds


@pytest.mark.parametrize(("path", "expected"), [
    ("controller/logs/screen-n-cpu.txt", "logs/screen-n-cpu.txt"), ("compute1/logs/a/b.txt", "logs/a/b.txt"),
    ("job-output.txt", "job-output.txt"), ("logs/a.txt", "logs/a.txt")])
def test_nodes_share_a_file(path: str, expected: str) -> None:
    assert label(path) == expected


@pytest.mark.parametrize(("path", "expected"), [
    ("job-output.txt", True), ("controller/logs/screen-n-cpu.txt", True), ("controller/logs/devstacklog.txt", True),
    ("controller/logs/mysql/error_log.txt", True), ("logs/rabbitmq/rabbit.log", True),
    ("controller/logs/worlddump-2026-11-21.txt", True), ("controller/logs/grenade.sh_log.txt", True),
    ("controller/logs/screen-dstat.txt", False), ("controller/logs/screen-peakmem_tracker.txt", False),
    ("controller/logs/dstat-csv_log.txt", False), ("controller/logs/etc/nova/nova_conf.txt", False),
    ("controller/logs/local_conf.txt", False), ("controller/logs/pip3-freeze.txt", False),
    ("controller/logs/tempest_conf.txt", False), ("controller/logs/performance.json", False),
    ("job-output.json", False), ("zuul-info/inventory.yaml", False), ("controller/logs/testrepository.subunit", False),
    ("testr_results.html", False), ("controller/logs/devstack.journal.xz", False),
])
def test_logs_of_lines_are_read(path: str, expected: bool) -> None:
    assert wanted(path) is expected


# Templates.


def test_a_kind_of_line_is_kept_once() -> None:
    found = reduced({CPU: service(1, f"Port {UUID} failed") + service(2, "no", "DEBUG") + "  at all\n"
                     + service(3, f"Port {OTHER} failed") + service(4, "Loaded 24 backends", "INFO")})
    assert texts(found) == ["port * failed", "loaded * backends"]
    first, second = (found.templates[key] for key in sorted(found.lines.keys, key=found.lines.numbers.__getitem__))
    assert (first.file, first.level, second.level) == ("logs/screen-n-cpu.txt", "ERROR", "INFO")
    assert first.text == service(1, f"Port {UUID} failed").rstrip("\n")
    assert found.lines.numbers == {first.key: 1, second.key: 5}
    assert all(0 <= key < 2 ** 63 for key in found.lines.keys)


@pytest.mark.parametrize(("path", "line", "expected"), [
    (SYSLOG, "Nov 21 02:10:11 np0038 cron[7]: one\rtwo\n", ["one", "two"]),
    (CPU, "+ sudo mkdir x\n" + service(1, "boom"), ["boom"]),
    ("controller/logs/libvirt/libvirtd.txt", "2026-11-21 02:10:11.123+0000: 47: error : virNet:12 : gone\n",
     ["virnet * gone"]),
])
def test_lines_are_those_of_the_old_index(path: str, line: str, expected: list[str]) -> None:
    assert texts(reduced({path: line})) == expected


def test_two_nodes_files_are_one_and_of_a_line_it_is_known_whose_it_is() -> None:
    found = reduced({CPU: service(1, "boom"), CPU.replace("controller", "compute1"): service(2, "boom")})
    [key] = found.lines.keys
    assert (found.templates[key].file, found.lines.paths) == ("logs/screen-n-cpu.txt", {key: CPU})


@pytest.mark.parametrize(("text", "body"), [
    ('  File "/opt/stack/nova.py", line 3, in boot', True), ("    return call()", True),
    ("{3} tempest.a.test_b", True), ("Traceback (most recent call last):", True),
    ("tempest.a.B.test_c[id-7] [1.5s] ... FAILED", True),
    ("Captured traceback:", True), ("NovaException: boom", False), ("E: Failed to fetch", False),
])
def test_what_frames_a_message(text: str, body: bool) -> None:
    found = reduced({CONSOLE: console(1, text), CPU: service(1, text)})
    assert [each.body for each in found.templates.values()] == [body] * 2


def test_a_long_line_is_cut_into_pieces_that_overlap() -> None:
    words = [f"{a}{b}{c}" for a in "abcdefgh" for b in "xyzuvwst" for c in "klmnopqr"]
    found = reduced({CPU: service(1, " ".join(words[:120]))})
    assert sorted(len(each.words) for each in found.templates.values()) == [44, WORDS, WORDS]
    assert all(each.words[0] in each.text for each in found.templates.values())
    for start in range(110):
        assert any(holds(each, words[start:start + 10]) for each in found.templates.values())
    assert len(reduced({CPU: service(1, " ".join(words))}).lines.keys) == PIECES


def test_a_passing_builds_lines_have_no_story() -> None:
    found = reduced({CONSOLE: console(5, "a.test_b [9.0s] ... FAILED"), CPU: service(1, "boom")}, failed=False)
    assert len(found.lines.keys) == 2
    assert (found.lines.near, found.lines.numbers, found.lines.share) == (frozenset(), {}, None)


# The failed tests.


def test_lines_near_a_failed_test_and_linked_with_it() -> None:
    job = (console(0, "begins") + console(20, "{1} tempest.a.B.test_c [10.5s] ... FAILED")
           + console(30, "Captured log:")
           + console(30, f"  Request (B:test_c): 500 POST /servers req-{UUID}")
           + console(30, '  File "/opt/stack/tempest/tempest/a.py", line 7, in test_c') + console(31, "Ran: 3 tests")
           + console(40, f"and {OTHER}"))
    found = reduced({CONSOLE: job, CPU: service(4, "early") + service(8, "near") + service(20, f"linked {UUID}")
                     + service(22, "just", "WARNING") + service(23, f"late {UUID}", "INFO") + service(24, "later")})
    near, linked = ({text_of(found.templates[key]) for key in keys} for keys in (found.lines.near, found.lines.linked))
    assert near == {"near", "linked *", "just", "* tempest.a.b.test_c * failed"}
    assert linked == {"linked *"}
    assert [(line.at, line.file, line.number) for line in found.lines.story] == [(7820, CPU, 3)]
    assert found.lines.share == pytest.approx(14.5 / 40)
    assert found.lines.sources == ("/opt/stack/tempest/tempest/a.py",)


def test_a_line_without_a_time_was_said_when_the_one_before_it_was() -> None:
    lines = "before\n" + service(4, "early") + "its cause\n" + service(8, "late") + "its reason\n" + "in vain\n" * 120
    job = console(0, "begins") + console(10, "{1} tempest.a.B.test_c [1.0s] ... FAILED")
    found = reduced({CONSOLE: job, CPU: lines + "much later\n"})
    near = {text_of(found.templates[key]) for key in found.lines.near}
    assert near == {"late", "its reason", "in vain", "* tempest.a.b.test_c * failed"}


def test_a_window_lies_over_midnight() -> None:
    job = console(50, "begins", "23:58") + console(10, "a.B.test_c [60.0s] ... FAILED", "00:00") + console(
        30, "Captured log:", "00:00") + console(30, UUID, "00:00")
    lines = service(58, f"one {UUID}").replace("02:10", "23:59") + service(1, f"two {UUID}").replace("02:10", "00:00")
    found = reduced({CONSOLE: job, CPU: lines + service(1, "far").replace("02:10", "12:00")})
    assert {text_of(found.templates[key]) for key in found.lines.near} >= {"one *", "two *"}
    assert "far" not in {text_of(found.templates[key]) for key in found.lines.near}
    assert [line.number for line in found.lines.story] == [1, 2]
    assert found.lines.share == pytest.approx(64 / 100)


def test_where_no_test_failed_nothing_is_near() -> None:
    found = reduced({CONSOLE: console(1, "TASK [run]") + console(9, "ERROR: timed out"), CPU: service(3, "boom")})
    assert (found.lines.near, found.lines.share) == (frozenset(), None)


def test_a_story_is_masked() -> None:
    found = reduced({CONSOLE: console(1, f"Captured {UUID}"), CPU: service(3, f"boom {UUID} password=secret")})
    assert found.lines.story[0].text.endswith("password=***")


@pytest.mark.parametrize(("line", "words", "shown"), [
    ("login with password=correcthorse failed", "login with password * failed", "login with password=*** failed"),
    ("fetch https://zuul:correcthorse@git.example/nova now", "fetch https * git.example nova now",
     "fetch https://zuul:***@git.example/nova now"),
    (f"{'many more words ' * 30}--password correcthorse ended", "* ended", "--password *** ended"),
])
def test_a_credential_is_no_word_and_is_not_shown(line: str, words: str, shown: str) -> None:
    found = reduced({CPU: service(3, line)}).templates.values()
    assert "correcthorse" not in str(found)
    assert any(text_of(each).endswith(words) for each in found)
    assert any(each.text.endswith(shown) for each in found)


# What others wrote.


def said(number: int, words: int = 4) -> str:
    """A text like no other's."""
    return " ".join(f"w{letter}" for letter in f"{number:0{words}d}".translate(LETTERS))


LETTERS = str.maketrans("0123456789", "abcdefghij")


def test_a_log_without_end_takes_no_more_than_the_caps() -> None:
    distinct = (service(1, f"{said(each)} {'word ' * 20}").encode() for each in range(5000))
    reducer = Reducer(failed=True, most=1000)
    with peak_below(8 << 20):
        reducer.take(CPU, distinct)
        found = reducer.reduction()
    assert (len(found.lines.keys), len(found.templates), found.lines.left_out) == (1000, 1000, 1000)


def test_long_lines_take_no_more_than_the_room() -> None:
    distinct = (service(1, " ".join(said(each * 9 + at) for at in range(9))).encode() for each in range(1000))
    reducer = Reducer(failed=True, room=1 << 20)
    with peak_below(8 << 20):
        reducer.take(CPU, distinct)
        found = reducer.reduction()
    assert 100 < len(found.lines.keys) < 1000
    assert len(found.lines.keys) + found.lines.left_out == 1000


@pytest.mark.parametrize("block", [
    service(1, "the same").encode() * 1000, b"x" * 1_000_000, b"ab cd1 " * 150_000, b"\n" * 200_000,
    b"a\n" * 9000 + b"\0" * 1_000_000, b"\ra" * 100_000, service(1, "a-" * 40_000).encode() * 9,
    service(1, "'".join("a1.b" for _ in range(2000))).encode() * 9, service(1, "f:" * 4000).encode() * 9,
    service(1, '{"a":[1,"b"]},' * 600).encode() * 9])
def test_odd_logs_take_little_memory_and_time(block: bytes) -> None:
    began = time.process_time()
    reducer = Reducer(failed=True)
    with peak_below(8 << 20):
        reducer.take(CPU, [block] * 3)
    assert len(reducer.reduction().lines.keys) <= 2 * PIECES
    assert time.process_time() - began < 20


def test_many_failed_tests_take_little_time() -> None:
    began = time.process_time()
    reduced({CONSOLE: console(1, f"{UUID} [99999.5s] ... FAILED") * 50_000})
    assert time.process_time() - began < 20


def test_a_binary_file_is_not_read() -> None:
    found = reduced({CPU: service(1, "a\0b")})
    assert (list(found.lines.keys), found.lines.unread) == ([], {CPU: "a binary file"})


def test_lines_before_a_break_are_kept() -> None:
    def broken() -> Iterator[bytes]:
        yield (console(0, "begins") + console(5, "a.B.test_c [2.0s] ... FAILED") * 300).encode()
        raise ConnectionError

    reducer = Reducer(failed=True)
    with pytest.raises(ConnectionError):
        reducer.take(CONSOLE, broken())
    reducer.unread(CONSOLE, "no answer")
    lines = reducer.reduction().lines
    assert (len(lines.near), lines.share, lines.unread) == (1, 1.0, {CONSOLE: "no answer"})


def test_threads_share_a_reducer() -> None:
    reducer = Reducer(failed=True)
    paths = [f"node{each}/logs/screen-n-cpu.txt" for each in range(8)]
    log = "".join(service(1, said(each)) for each in range(500)).encode()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda path: reducer.take(path, [log]), paths))
    assert len(reducer.reduction().lines.keys) == 500


# What a query finds.


def holds(template: Template, phrase: Sequence[str]) -> bool:
    return any(list(run[at:at + len(phrase)]) == list(phrase)
               for run in runs(template.words) for at in range(len(run)))


def hits(path: str, data: bytes, phrases: Iterable[Sequence[str]]) -> set[tuple[str, ...]]:
    """Those of the phrases that are in the raw file."""
    queries = {json.dumps(phrase): f'message:"{" ".join(phrase)}" AND tags:"{path.rpartition("/")[2]}"'
               for phrase in phrases}
    scanner = Scanner({rule: parse(query) for rule, query in queries.items()}, Re2)
    return {tuple(json.loads(hit.rule)) for hit in scanner.scan(BUILD, path, [data]).hits}


CONTINUED = ("", "", "  ", "+ ", "<pre>")
CONSOLES = ("2026-11-21 02:07:44.101337 | controller | ", "2026-11-21 02:07:44.101337 | ")
PLAIN = tuple(f"2026-11-21 02:10:11.123 98512 {level} nova.x {context}" for level in ("DEBUG", "INFO", "ERROR")
              for context in ("", f"[req-{UUID} demo] "))
JOURNAL = (
    *(f"Nov 21 02:10:11.123456 np0038 devstack@n-cpu.service[411]: {level} nova.compute.manager {context}"
      for level in ("DEBUG", "INFO", "ERROR") for context in ("", f"[None req-{UUID} demo demo] ",
                                                             "[-] ", f"[None None] [instance: {UUID}] ")),
    "Nov 21 02:10:11 np0038 systemd[1]: ", "Nov 21 02:10:11 np0038 kernel: [12.5] ",
    "Nov 21 02:10:11 np0038 neutron[12]: DEBUG ", "2026-11-21 02:10:11.123+0000: 4711: debug : vir:12 : ",
    "2026-11-21 02:10:11.123+0000: 4711: error : vir:12 : ", "[Sat Nov 21 02:10:11 2026] [error] ",
    '10.0.0.1 - - [21/Nov/2026:02:10:11 +0000] "GET /a HTTP/1.1" 200 7 "-" "-" ')
WORDS_SAID = ("alpha", "beta", "gamma", "état", "it's", "module.name")
VARYING = (UUID, "12.5", "10.0.0.1", "/tmp/x", "fa:16:3e:aa:bb:cc", "404")
BETWEEN = (" ", "  ", " - ", "=", "\x1b[1m ", ": ", "]: ", " end\rbegin ", " end\x0bbegin ", " end\u2028begin ")


def lines(heads: Sequence[str], *words: str) -> st.SearchStrategy[list[str]]:
    """Each begins and ends with a word that no phrase has: of one over two lines of a record templates do not tell."""
    said = st.lists(st.sampled_from((*WORDS_SAID, *VARYING, *words)), max_size=8)
    return st.lists(st.tuples(st.sampled_from((*heads, *CONTINUED)), said, st.sampled_from(BETWEEN)).map(
        lambda each: f"{each[0]}begin {each[2].join(each[1])} end"), max_size=8)


LOGS = st.one_of(
    st.tuples(st.sampled_from(FILES[:2]), lines((*CONSOLES, *PLAIN, *JOURNAL), "ERROR", "DEBUG")),
    st.tuples(st.sampled_from(FILES[2:]), lines(JOURNAL, "ERROR", "DEBUG")),
    st.tuples(st.sampled_from(FILES[2:]), lines(PLAIN).map(lambda found: [f"{PLAIN[2]}begin", *found])))
PHRASES = st.lists(st.lists(st.sampled_from(WORDS_SAID), min_size=1, max_size=3).map(tuple),
                   min_size=1, max_size=8, unique=True)
ENDS = st.sampled_from(("\n", "\r\n"))


@settings(deadline=None, max_examples=300)
@given(LOGS, ENDS, PHRASES)
def test_templates_tell_of_a_phrase_what_the_file_would(log, end, phrases):
    path, data = log[0], end.join(log[1])
    templates = reduced({path: data}).templates.values()
    told = {phrase for phrase in phrases if any(holds(each, phrase) for each in templates)}
    assert told == hits(path, data.encode(), phrases)


REAL = {
    CONSOLE: "".join(console(at, text) for at, text in enumerate((
        "E: Failed to fetch http://mirror.example.org/ubuntu/pool/a_1.2_amd64.deb  503  Backend is not reachable",
        "{1} tempest.api.compute.servers.test_list.ServersTest.test_list_limit[id-7,smoke] [2.5s] ... FAILED",
        f"Details: (ServersTest:test_list) Server {UUID} failed to reach ACTIVE status within 196 s, état: 'BUILD'"))),
    CPU: "".join(service(at, text) for at, text in enumerate((
        f"[instance: {UUID}] Failed to build and run instance: nova.exception.PortBindingFailed: Binding failed for "
        f"port {OTHER}, please check neutron logs for more information.", "Traceback (most recent call last):",
        '  File "/opt/stack/nova/nova/virt/libvirt/driver.py", line 4123, in _do_spawn',
        'HTTP 404: "GET /v2.0/ports/7" of tempest-Ports-12345 returned code 404 len=12'))),
    SYSLOG: "Nov 21 02:10:11 np0038 kernel: [ 12.5] Out of memory: Killed process 4711 (mysqld) total-vm:5kB, x-x\n",
}


@pytest.mark.parametrize("path", REAL)
def test_every_phrase_of_a_template_is_found_in_the_file(path: str) -> None:
    phrases = {run[at:at + length] for each in reduced({path: REAL[path]}).templates.values()
               for run in runs(each.words) for length in range(3, 11) for at in range(len(run) - length + 1)}
    assert len(phrases) > 3
    assert hits(path, REAL[path].encode(), phrases) == phrases
