"""The subunit reader against python-subunit, against damage and against malice."""

from __future__ import annotations

import io
from collections import Counter as Tally
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from subunit import ByteStreamToStreamResult
from subunit.v2 import StreamResultToBytes

from counterbot.core.model import Unreadable
from counterbot.core.subunit import attachments
from counterbot.core.subunit.attachments import Attachment, documents, listing
from counterbot.core.subunit.packets import SLACK, Packets
from counterbot.core.subunit.wire import LONGEST
from tests import streams
from tests.fuzz import random_damage
from tests.memory import peak_below
from tests.streams import DOC, NAME, OTHER, SOME, TESTS, changed, chunks, counters, packet, text

SAMPLES = sorted((Path(__file__).parents[1] / "samples/subunit").glob("*.subunit"))
ODD = {name: (stream, expected) for name, stream, expected in streams.odd_streams()}


def in_blocks(data: bytes, size: int):
    return (data[at : at + size] for at in range(0, len(data), size))


def found(data: bytes, told=None) -> list[bytes] | None:
    """The documents, or None where they are unreadable."""
    try:
        return documents([data], NAME, tell=lambda damage: told is None or told.append(str(damage)))
    except Unreadable:
        return None


class Oracle:
    """Assembles what python-subunit reads, by route code, test id and name."""

    def __init__(self, data: bytes):
        self.open, self.done = {}, []
        ByteStreamToStreamResult(io.BytesIO(data), non_subunit_name="noise").run(self)
        self.done += self.open.items()

    def status(self, file_name=None, test_id=None, file_bytes=None, mime_type=None, eof=False, route_code=None, **rest):
        key = (route_code, test_id, file_name)
        if file_name in (None, "noise"):
            return
        mime, content = self.open.get(key, (None, b""))
        self.open[key] = (mime or mime_type, content + bytes(file_bytes))
        if eof:
            self.done.append((key, self.open.pop(key)))

    def listing(self):
        return [
            Attachment(test_id, name, mime, len(content), sha256(content).hexdigest())
            for (_, test_id, name), (mime, content) in self.done
        ]


# Whole streams


@pytest.mark.parametrize("size", [1, 7, 1000, 1 << 18])
@pytest.mark.parametrize("name", ODD)
def test_odd_streams(name, size):
    stream, expected = ODD[name]
    if expected is None:
        with pytest.raises(Unreadable):
            documents(in_blocks(stream, size), NAME)
    else:
        assert documents(in_blocks(stream, size), NAME) == expected


def test_there_are_thirty_one_odd_streams():
    assert len(ODD) == 31


@pytest.mark.parametrize("name", ODD)
def test_the_list_of_an_odd_stream_has_no_shortened_attachment(name):
    stream, _ = ODD[name]
    sizes = set()
    try:
        for attachment in listing([stream]):
            if attachment.test_id is None:
                sizes.add(attachment.size)
    except Unreadable:
        assert name == "version 1 text"
    assert sizes <= {len(DOC), len(OTHER), len(DOC + OTHER)}


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_real_streams_as_python_subunit_lists_them(path):
    data, told = path.read_bytes(), []
    assert list(listing(in_blocks(data, 5000), tell=told.append)) == Oracle(data).listing()
    assert told == []


names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=70)
few_names = st.sampled_from(["log", "counters.json", "b\xb3", ""]) | names
written = st.fixed_dictionaries(
    {
        "test_id": st.none() | st.sampled_from(["a", "b.c"]) | names,
        "test_status": st.sampled_from([None, "exists", "inprogress", "success", "fail"]),
        "test_tags": st.none() | st.sets(names, max_size=3),
        "runnable": st.booleans(),
        "file_name": st.none() | few_names,
        "file_bytes": st.binary(max_size=100) | st.sampled_from([b"", bytes(20000), counters()]),
        "eof": st.booleans(),
        "mime_type": st.none() | st.sampled_from(["text/plain", "application/json"]),
        "route_code": st.none() | st.sampled_from(["0", "0/1"]),
    }
)


def as_written(events) -> bytes:
    out = io.BytesIO()
    writer = StreamResultToBytes(out)
    for event in events:
        writer.status(**event)
    return out.getvalue()


@settings(max_examples=60, deadline=None)
@given(st.lists(written, max_size=12), st.sampled_from([5, 64, 1 << 18]))
def test_reads_what_python_subunit_writes_as_python_subunit_does(events, size):
    data, told = as_written(events), []
    expected = Oracle(data).listing()
    assert list(listing(in_blocks(data, size), tell=told.append)) == expected
    ours = [sha256(content).hexdigest() for content in documents(in_blocks(data, size), NAME, tell=told.append)]
    assert ours == [item.sha256 for item in expected if (item.test_id, item.name) == (None, NAME)]
    assert told == []


@pytest.mark.parametrize("length", [4, 30, 60, 16378, 16379, 70_000, 4_194_200])
def test_packets_of_every_width_of_length(length):
    content = bytes(length)
    assert documents(in_blocks(SOME + counters(content), 1 << 18), NAME) == [content]


def test_mime_may_come_late_and_the_first_counts():
    parts = [packet(b"1", name="n"), packet(b"2", name="n", mime="a/b"), packet(b"3", name="n", mime="c/d")]
    assert list(listing(parts)) == [Attachment(None, "n", "a/b", 3, sha256(b"123").hexdigest())]


@pytest.mark.parametrize(
    ("stream", "why"),
    [(streams.V1, "subunit-1to2"), (b"<html>no logs</html>", "no whole packet"), (bytes(5000), "no whole packet")],
)
def test_what_is_no_version_2_stream_is_refused(stream, why):
    for read in (lambda: documents([stream], NAME), lambda: list(listing([stream]))):
        with pytest.raises(Unreadable, match=why):
            read()


def test_too_much_content_is_refused():
    parts = [counters(bytes(600)), counters(bytes(600))]
    assert documents(parts, NAME, limit=1200) == [bytes(1200)]
    with pytest.raises(Unreadable, match=r"counters\.json: more than 1,199 bytes"):
        documents(parts, NAME, limit=1199)


# Damage that is known to be elsewhere


def test_damage_elsewhere_is_told_with_its_place():
    told = []
    assert found(TESTS[0] + changed(TESTS[1], 60) + counters(), told) == [DOC]
    assert told == [f"damage at byte {len(TESTS[0])}: a packet's checksum does not match"]


def test_a_damaged_packet_of_a_test_costs_no_counters():
    start, end = TESTS[1].index(b"2026"), TESTS[1].rindex(b"servers\n")
    for at in (*range(20, 60), *range(start, end, 19), end + 9, len(TESTS[1]) - 1):
        told = []
        assert found(TESTS[0] + changed(TESTS[1], at) + counters(), told) == [DOC], at
        assert len(told) == 1


LINES = b"make: Entering directory 'tempest'\n", b"\n", "petición\n".encode(), b"two\nlines\n"


@pytest.mark.parametrize("line", LINES)
def test_a_line_in_the_middle_of_a_tests_packet_costs_no_counters(line):
    before, after = small_test(0), chunks(DOC, 400)
    for at in range(len(before)):
        told = []
        broken = before[:at] + line + before[at:]
        assert found(b"a line\n" + broken + b"".join(after), told) == [DOC], at
        assert found(after[0] + broken + b"".join(after[1:])) == [DOC], at
        assert all(damage.endswith("text inside a packet") for damage in told)


@pytest.mark.parametrize("at", range(50, len(TESTS[4]), 499))
def test_a_line_in_a_long_packet_costs_no_counters(at):
    assert found(SOME + TESTS[4][:at] + LINES[0] + TESTS[4][at:] + counters()) == [DOC]


def test_a_line_in_the_middle_of_the_counters_makes_them_unreadable():
    assert found(SOME + counters()[:60] + LINES[0] + counters()[60:] + TESTS[0]) is None


def test_counters_appended_to_a_cut_stream_are_read():
    for cut in range(1, len(TESTS[4]), 7):
        for end in (b"", b"\n"):
            assert found(SOME[:-cut] + end + counters()) == [DOC], cut


@pytest.mark.parametrize("rubbish", [b"\xb3\x29\x01\x00", bytes(10), b"\xb3\x28\x80\x88\xc0\x00\x00\x00"])
def test_what_is_too_short_for_a_file_is_passed_over(rubbish):
    told = []
    assert found(SOME + rubbish + counters(), told) == [DOC]
    assert len(told) == 1


# Damage that makes the file unreadable


def test_the_reason_names_the_file_and_the_place():
    with pytest.raises(Unreadable) as error:
        documents([SOME, changed(counters(), 40)], NAME)
    assert str(error.value) == f"{NAME}: damage at byte {len(SOME)}: a packet's checksum does not match"


@pytest.mark.parametrize(
    "stream",
    [
        SOME + bytes(500) + TESTS[0] + counters(),
        bytes(500) + SOME + counters(),
        SOME + TESTS[0][:500] + bytes(20) + b"\n" + TESTS[0][500:] + counters(),
        TESTS[0] + TESTS[1][200:] + counters(),
        TESTS[0][:-400] + TESTS[1][600:] + counters(),
        counters(eof=True) + TESTS[0] + b"\xff" * 300 + TESTS[1],
        SOME + counters(b"x", name="else")[:-9] + counters(),
    ],
)
def test_where_bytes_are_lost_that_may_have_been_the_file_it_is_unreadable(stream):
    with pytest.raises(Unreadable, match=r"^counters\.json: damage at byte \d+: "):
        documents([stream], NAME)


BAD_TEST = changed(TESTS[1], len(TESTS[1]) // 2)


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        (chunks(DOC, 400)[0] + BAD_TEST + b"".join(chunks(DOC, 400)[1:]), "between its packets"),
        (BAD_TEST + counters(mime=None), "its first packet has no mime type"),
        (changed(packet(b"", name="log", test_id="t.counters.jsOn", eof=True), -1) + counters(), "half its name"),
        (SOME[:-30] + counters() + SOME[:-30], "between a cut and more damage"),
        (SOME[:-30] + counters() + b"the rest of a log\n" + SOME, "between a cut and text"),
        (SOME[:-30] + b"".join(chunks(DOC, 400)), "in several packets behind a cut"),
        (counters() + SOME[:-1], "without an end where the stream is cut"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_damage_of_a_test_makes_the_file_unreadable(stream, why):
    assert found(stream) is None, why


def test_damage_of_a_test_behind_the_file_costs_nothing():
    assert found(counters() + BAD_TEST + SOME) == [DOC]
    assert found(counters(eof=True) + SOME[:-1]) == [DOC]


@pytest.mark.parametrize("damaged", [b"\rcounTers.json", b"\rcounters.jso", b"\x15counters.json", b"\0\0ounters.json"])
def test_a_file_whose_name_is_damaged_is_there_and_unreadable(damaged):
    whole = counters(eof=True).replace(b"\rcounters.json", damaged)
    assert found(SOME + whole + SOME) is None
    assert found(SOME + b"a line\n" + whole + b"a line\n" + SOME) is None


def test_text_may_say_the_files_name_but_not_as_a_packet_does():
    assert found(SOME + counters() + b"ZZZZZ\rcounters.json@A more of it, and a line's end\n" + SOME) is None
    assert found(SOME + counters() + b"a line that says counters.json\n" + SOME) == [DOC]


@pytest.mark.parametrize("at", range(20))
def test_a_packet_in_a_log_whose_header_is_damaged_is_none_of_the_stream(at):
    decoy = packet(b"some lines\n" + counters(OTHER, eof=True) + b"of a log", name="log", test_id="t.z", eof=True)
    for bits in range(1, 256):
        damaged = SOME + changed(decoy, at, bits)
        assert found(damaged + counters()) in ([DOC], None), bits
        assert found(damaged) in ([], None), bits


def test_a_cut_log_gives_no_packet_that_is_inside_it():
    assert found(SOME + packet(counters(OTHER) + b"more", name="log", test_id="t.z")[:-7]) is None


def test_a_cut_never_shortens_an_attachment():
    first, *others = chunks(DOC, 400)
    for stream in (SOME + counters(), counters(eof=True) + TESTS[0], SOME + first + TESTS[0] + b"".join(others)):
        for end in (*range(0, len(SOME), 23), *range(len(SOME), len(stream), 3)):
            if stream[end : end + 1] != b"\xb3":  # where a packet ends, nothing tells that others are missing
                assert found(stream[:end]) in ([], [DOC], None), end


def small_test(n: int, **fields) -> bytes:
    log = packet(b"log\n" * 20, name="log", test_id=f"t.{n}", mime="text/plain", eof=True, **fields)
    return packet(test_id=f"t.{n}", status=2, **fields) + log + packet(test_id=f"t.{n}", status=3, tags=["w"], **fields)


SMALL = b'{"mysql":{"Queries":12345,"Com_select":7}}'


def three(eof: bool = True, later: str | None = None, **fields) -> list[bytes]:
    pieces = (SMALL[:14], SMALL[14:28], SMALL[28:])
    return [counters(piece, eof=eof and n == 2, mime=later if n else "a/b", **fields) for n, piece in enumerate(pieces)]


SMALL_STREAMS = {
    "one packet": small_test(1) + small_test(2) + counters(SMALL, eof=True),
    "one packet, first": counters(SMALL) + small_test(1),
    "chunks": small_test(1) + b"".join(three()) + small_test(2),
    "chunks without eof": small_test(1) + b"".join(three(eof=False)) + small_test(2),
    "chunks, each with a mime type": small_test(1) + b"".join(three(later="a/b")) + small_test(2),
    "chunks, woven": streams.woven([small_test(n) for n in range(3)], three()),
    "chunks with a route and times": small_test(1, route="0") + b"".join(three(route="0", stamp=1795000000)),
    "one packet in text": b"a line\n" + small_test(1) + b"another\n" + counters(SMALL, eof=True) + b"end\n",
}
TELLING = (0x00, 0x0A, 0x15, 0x20, 0x29, 0x40, 0x80, 0xB3)
"""Values that may pass for good flags, lengths and signatures."""


def with_one_byte_changed(stream: bytes):
    """Each byte gone, and at each place one of the telling values put before it, and some put over it."""
    for at, byte in enumerate(stream):
        value = TELLING[at % len(TELLING)]
        yield stream[:at] + stream[at + 1 :]
        yield stream[:at] + bytes([value]) + stream[at:]
        for other in {value, byte ^ 1, byte ^ 8} - {byte}:
            yield stream[:at] + bytes([other]) + stream[at + 1 :]


@pytest.mark.parametrize("layout", SMALL_STREAMS)
def test_one_byte_never_makes_other_counters(layout):
    stream = SMALL_STREAMS[layout]
    assert found(stream) == [SMALL]
    whole = set(listing([stream]))
    for number, damaged in enumerate(with_one_byte_changed(stream)):
        assert found(damaged) in ([SMALL], None), damaged
        assert number % 3 or set(listing([damaged])) <= whole, damaged


def test_one_byte_in_a_stream_without_counters_makes_none():
    assert {str(found(damaged)) for damaged in with_one_byte_changed(small_test(1) + small_test(2))} == {"[]", "None"}


def test_random_damage_never_makes_other_counters():
    """Of 60,000 two do (bytes missing from the middle of a packet to that of another): tests/fuzz/random_damage.py."""
    results = Tally()
    for seed, kinds, damaged, good, contents in random_damage.cases(range(3_000)):
        result = random_damage.outcome(attachments, damaged, contents)
        assert result != "wrong", f"seed {seed}: {kinds}"
        results[result] += 1
        if seed % 4 == 0:
            assert not random_damage.listed(damaged) - random_damage.listed(good), f"seed {seed}: {kinds}"
    assert results["all"] > 400


def test_a_damaged_attachment_is_left_out_of_the_list_and_that_is_told():
    told = []
    listed = [attachment.name for attachment in listing([TESTS[0], changed(counters(), 40)], tell=told.append)]
    assert listed == ["pythonlogging:''", "stdout"]
    told.clear()
    stream = [counters(), TESTS[0], bytes(90), counters(), *TESTS[1:3]]
    listed = [attachment.name for attachment in listing(stream, tell=told.append)]
    assert listed == ["pythonlogging:''", "stdout"] * 3
    place = f"damage at byte {len(counters() + TESTS[0])}: bytes that are neither packets nor text"
    assert list(map(str, told)) == [place, place + "; attachments left out: 1"]


def test_a_name_that_cannot_be_is_told():
    told = []
    assert list(listing([packet(b"x", name="a\0b"), packet(b"x", name=b"\xff"), *TESTS[:1]], tell=told.append)) != []
    assert [damage.what for damage in told[:2]] == ["a string in a packet is not UTF-8, or has a zero byte"] * 2


# Malice


def false_headers(count: int, claimed: int) -> bytes:
    """Packet starts of a file whose fields fill the claimed length exactly, each with a wrong checksum."""
    head = b"\xb3\x28\x40" + three_octets(claimed) + text("t") + text("f")
    return (head + three_octets(claimed - len(head) - 3 - 4)) * count


def three_octets(value: int) -> bytes:
    return (value | 0x800000).to_bytes(3, "big")


@pytest.mark.parametrize("claimed", [100, 5000, 1_000_000, 4_000_000])
@pytest.mark.parametrize("before", [b"", b"text "])
def test_false_headers_cost_bounded_work(claimed, before):
    stream = before + false_headers(20_000, claimed) + bytes(claimed) + b"\n" + counters()
    packets = Packets(in_blocks(stream, 1 << 18))
    with suppress(Unreadable):
        list(packets)
    assert 0 < packets.spent <= len(stream) + SLACK + LONGEST


def test_where_false_headers_cost_too_much_the_stream_is_refused():
    with pytest.raises(Unreadable, match="too many false packet starts"):
        documents([b"text\n", false_headers(100, 1_000_000), bytes(1_000_000), counters()], NAME)


def test_where_packets_hide_behind_half_a_character_the_stream_is_refused():
    """To search text for each of them would take 1 MB of reading."""
    gaps = Packets([(bytes(11) + b"\xc3" + packet(test_id="t", status=1)) * 50_000])
    read = []
    with pytest.raises(Unreadable, match="too many false packet starts"):
        read.extend(gaps)
    assert len(read) < 200


def test_damage_in_every_small_packet_is_refused():
    small = packet(test_id="t", status=1)
    broken = (small[:-1] + bytes([small[-1] ^ 1])) + small
    with pytest.raises(Unreadable, match="too many false packet starts"):
        documents([broken * 20_000 + counters()], NAME)


@pytest.mark.parametrize("size", [1, 7, 1 << 18])
def test_more_packets_than_so_many_are_refused(size):
    ten = b"text\n".join([packet(), packet(test_id="t", status=3), packet(b"", name="x", eof=True)] * 3 + [packet()])
    assert len(list(Packets(in_blocks(ten, size), limit=10))) == 10
    with pytest.raises(Unreadable, match="more than 9 packets"):
        list(Packets(in_blocks(ten, size), limit=9))


@pytest.mark.parametrize("piece", [b"text ", b"\xb3", bytes(1000), LINES[0], changed(TESTS[0], 99), TESTS[0]])
def test_memory_does_not_grow_with_the_stream(piece):
    block = piece * (300_000 // len(piece))
    with peak_below(12 << 20), suppress(Unreadable):
        list(listing(block for _ in range(40)))


# Text


SPANISH = "la petición terminó con estado 200, falló el intento\n"
POLISH = "rozmiar 12 m³ na wózek: spróbuj\n"
RUSSIAN = "сервер не смог открыть каталог г для записи\n"
EMOJI = "\U000133b3 \u20b3 \u0cb3o\n"
"""In UTF-8 all of them have the byte 0xB3 that a packet begins with, within a character."""


@pytest.mark.parametrize("line", [SPANISH, POLISH, RUSSIAN, EMOJI])
@pytest.mark.parametrize("size", [5, 1 << 18])
def test_text_in_any_language_is_no_damage(line, size):
    printed, told = line.encode() * 2000, []
    stream = SOME + printed + TESTS[0] + printed + counters()
    assert b"\xb3" in line.encode()
    assert documents(in_blocks(stream, size), NAME, tell=told.append) == [DOC]
    assert list(listing(in_blocks(stream, size), tell=told.append)) == Oracle(SOME + TESTS[0] + counters()).listing()
    assert told == []


@pytest.mark.parametrize("printed", [b".", b"...", SPANISH.encode() + b"12 %"])
@pytest.mark.parametrize("size", [5, 1 << 18])
def test_text_need_not_end_its_line(printed, size):
    tests = [packet(test_id=f"t.{number}", status=status) for number in range(300) for status in (2, 3)]
    stream, told = b"".join(printed + test for test in tests) + counters(), []
    assert documents(in_blocks(stream, size), NAME, tell=told.append) == [DOC]
    assert [item.size for item in listing(in_blocks(stream, size), tell=told.append)] == [len(DOC)]
    assert told == []


def test_text_is_passed_over_however_long_it_is():
    told = []
    for printed in (b"x" * 3_000_000 + b"\n", (b"\xe9" * 60 + b"\n") * 40_000):
        assert documents(in_blocks(printed + counters(), 70_000), NAME, tell=told.append) == [DOC]
    assert found(SOME + b"a line\n\xb3y another\n" + counters() + b"\xb3y too\n", told) == [DOC]
    assert told == []
