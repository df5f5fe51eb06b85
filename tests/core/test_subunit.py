"""The subunit reader against python-subunit, against damage and against malice."""

from __future__ import annotations

import io
import zlib
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from subunit import ByteStreamToStreamResult
from subunit.v2 import StreamResultToBytes

from counterbot.core.model import Unreadable
from counterbot.core.subunit.attachments import Attachment, documents, listing
from counterbot.core.subunit.packets import SLACK, Packets
from counterbot.core.subunit.wire import FILE, LONGEST
from tests import streams
from tests.streams import DOC, NAME, OTHER, SOME, TESTS, changed, counters, packet, text

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


@settings(max_examples=300, deadline=None)
@given(st.lists(written, max_size=12), st.sampled_from([5, 64, 1 << 18]))
def test_lists_what_python_subunit_writes_as_python_subunit_does(events, size):
    data = as_written(events)
    told = []
    assert list(listing(in_blocks(data, size), tell=told.append)) == Oracle(data).listing()
    assert told == []


@pytest.mark.parametrize("length", [4, 30, 60, 16378, 16379, 70_000, 4_194_200])
def test_packets_of_every_width_of_length(length):
    content = bytes(length)
    assert documents(in_blocks(SOME + counters(content), 1 << 18), NAME) == [content]


def test_mime_may_come_late_and_the_first_counts():
    parts = [packet(b"1", name="n"), packet(b"2", name="n", mime="a/b"), packet(b"3", name="n", mime="c/d")]
    assert list(listing(parts)) == [Attachment(None, "n", "a/b", 3, sha256(b"123").hexdigest())]


def test_damage_elsewhere_is_told_with_its_place():
    told = []
    assert found(TESTS[0] + changed(TESTS[1], 60) + counters(), told) == [DOC]
    assert told == [f"damage at byte {len(TESTS[0])}: a packet's checksum does not match"]


def test_the_reason_names_the_file_and_the_place():
    with pytest.raises(Unreadable) as error:
        documents([SOME, changed(counters(), 40)], NAME)
    assert str(error.value) == f"{NAME}: damage at byte {len(SOME)}: a packet's checksum does not match"


def test_a_damaged_attachment_is_left_out_of_the_list_and_that_is_told():
    told = []
    names = [attachment.name for attachment in listing([TESTS[0], changed(counters(), 40)], tell=told.append)]
    assert names == ["pythonlogging:''", "stdout"]
    assert str(told[0]).endswith("does not match; attachments left out: 1")


@pytest.mark.parametrize(
    ("stream", "why"), [(streams.V1, "subunit-1to2"), (b"<html>no logs</html>", "no whole packet")]
)
def test_what_is_no_version_2_stream_is_refused(stream, why):
    for read in (lambda: documents([stream], NAME), lambda: list(listing([stream]))):
        with pytest.raises(Unreadable, match=why):
            read()


def test_too_much_content_is_refused():
    parts = [counters(bytes(600)), counters(bytes(600))]
    assert documents(parts, NAME, limit=1200) == [bytes(1200)]
    with pytest.raises(Unreadable, match="more than 1,199 bytes"):
        documents(parts, NAME, limit=1199)


def test_two_neighbouring_damaged_packets():
    damaged = changed(TESTS[1], 20) + changed(counters(b"x", name="else"), 20)
    assert found(TESTS[0] + damaged + counters()) == [DOC]


LAYOUTS = {
    "last": SOME + counters(),
    "first, with eof": counters(eof=True) + SOME,
    "in chunks": TESTS[0] + b"".join(streams.chunks(DOC, 250)) + TESTS[1],
    "with route": SOME + counters(route="0/1", eof=True),
    "woven": streams.woven(TESTS, streams.chunks(DOC, 300)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_changed_byte_never_shortens_an_attachment(layout):
    stream = LAYOUTS[layout]
    for at in range(len(stream)):
        for bits in (1, 0x80, 0xFF) if stream[at] < 32 or stream[at] > 126 else (at % 255 + 1,):
            assert found(changed(stream, at, bits)) in ([DOC], None), (at, bits)


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_changed_byte_in_the_tests_costs_no_attachment(place):
    for at in range(len(SOME)):
        damaged, told = changed(SOME, at, at % 255 + 1), []
        assert found(damaged + counters() if place == "before" else counters(eof=True) + damaged, told) == [DOC], at
        assert told, at


@pytest.mark.parametrize("layout", ["last", "first, with eof", "with route"])
def test_a_cut_never_shortens_an_attachment(layout):
    stream = LAYOUTS[layout]
    for end in range(len(stream)):
        assert found(stream[:end]) in ([], [DOC], None), end


def small_test(n: int, **fields) -> bytes:
    log = packet(b"log " * 20, name="log", test_id=f"t.{n}", mime="text/plain", eof=True, **fields)
    return packet(test_id=f"t.{n}", status=2, **fields) + log + packet(test_id=f"t.{n}", status=3, tags=["w"], **fields)


def three(eof: bool = True, **fields) -> list[bytes]:
    pieces = (SMALL[:14], SMALL[14:28], SMALL[28:])
    first = {"mime": "application/json", **fields}
    later = {"mime": None, **fields}
    return [counters(piece, eof=eof and n == 2, **(later if n else first)) for n, piece in enumerate(pieces)]


SMALL = b'{"mysql":{"Queries":12345,"Com_select":7}}'
SMALL_DECOY = packet(counters(b"{}", eof=True) + b"more", name="log", test_id="t.z", eof=True)
SMALL_STREAMS = {
    "one packet with eof, last": small_test(1) + small_test(2) + counters(SMALL, eof=True),
    "one packet, last": small_test(1) + counters(SMALL),
    "one packet, first": counters(SMALL) + small_test(1),
    "two packets, first": counters(SMALL[:20]) + counters(SMALL[20:]) + small_test(1),
    "chunks with eof": small_test(1) + b"".join(three()) + small_test(2),
    "chunks without eof": small_test(1) + b"".join(three(eof=False)) + small_test(2),
    "chunks, each with a mime type": small_test(1) + b"".join(three(eof=False, mime="a/b")) + small_test(2),
    "chunks first": b"".join(three()) + small_test(1),
    "chunks, woven": streams.woven([small_test(n) for n in range(3)], three()),
    "chunks with a route": small_test(1, route="0") + b"".join(three(route="0")) + small_test(2, route="0"),
    "chunks with a route, without eof": small_test(1, route="0") + b"".join(three(eof=False, route="0")),
    "chunks with times": small_test(1, stamp=1795000000) + b"".join(three(stamp=1795000000)) + small_test(2),
    "one packet in text": b"a line\n" + small_test(1) + b"another\n" + counters(SMALL, eof=True) + b"end\n",
    "chunks in text": b"a line\n" + b"another\n".join([small_test(1), *three(eof=False)]) + b"end\n",
    "behind a packet in a log": SMALL_DECOY + b"".join(three()) + small_test(1),
}
TELLING = (0x00, 0x0A, 0x0E, 0x15, 0x20, 0x24, 0x25, 0x28, 0x29, 0x2C, 0x3F, 0x40, 0x80, 0x9D, 0xB3, 0xC0)
"""Values that were once taken for good flags, lengths and signatures."""


def with_one_byte_changed(stream: bytes):
    """Each byte gone, and at each place the telling values and some others put over it and before it."""
    for at, byte in enumerate(stream):
        yield (at, "gone"), stream[:at] + stream[at + 1 :]
        for value in {*TELLING, *((at * 37 + n * 29) % 256 for n in range(5)), byte ^ 1, byte ^ 8, byte ^ 0x0C}:
            yield (at, "before", value), stream[:at] + bytes([value]) + stream[at:]
            if value != byte:
                yield (at, "over", value), stream[:at] + bytes([value]) + stream[at + 1 :]


@pytest.mark.parametrize("layout", SMALL_STREAMS)
def test_one_byte_never_makes_other_counters(layout):
    stream = SMALL_STREAMS[layout]
    assert found(stream) == [SMALL]
    for where, damaged in with_one_byte_changed(stream):
        assert found(damaged) in ([SMALL], None), where


@pytest.mark.parametrize("layout", [name for name in SMALL_STREAMS if "in a log" not in name])
def test_one_byte_never_has_other_counters_listed(layout):
    whole = sha256(SMALL).hexdigest()
    for number, (where, damaged) in enumerate(with_one_byte_changed(SMALL_STREAMS[layout])):
        if number % 5 == 0:
            listed = [item.sha256 for item in listing([damaged]) if (item.test_id, item.name) == (None, NAME)]
            assert listed in ([whole], []), where


@pytest.mark.parametrize("without", [b"", b"a line\n" + packet(SMALL, name="environment", eof=True)])
def test_one_byte_in_a_stream_without_counters_makes_hardly_any_unreadable(without):
    results = [found(without + damaged) for _, damaged in with_one_byte_changed(small_test(1) + small_test(2))]
    assert results.count([]) + results.count(None) == len(results)
    assert results.count(None) * 1000 < len(results)


def test_damage_in_a_log_of_chunks_costs_hardly_any_attachment_that_is_not_open():
    log = [packet(b"a line of a log\n" * 20, name="log", test_id="t.1", mime="text/plain", route="0") for _ in range(3)]
    before = b"".join(log) + small_test(2, route="0")
    results = [found(damaged + counters(SMALL)) for _, damaged in with_one_byte_changed(before)]
    assert results.count([SMALL]) + results.count(None) == len(results)
    assert results.count(None) * 1000 < len(results)  # where a test's tags reach over the counters, who can tell?


@pytest.mark.parametrize("at", range(20))
def test_a_packet_in_a_log_whose_header_is_damaged_is_none_of_the_stream(at):
    decoy = packet(counters(OTHER, eof=True), name="log", test_id="t.z", eof=True)
    for bits in range(1, 256):
        assert found(SOME + changed(decoy, at, bits) + counters()) in ([DOC], None), bits


TWO_BYTES_GONE = b"\0\0" + NAME.encode()[1:]


@pytest.mark.parametrize("place", ["in text", "between packets"])
@pytest.mark.parametrize("damaged", [b"\rcounTers.json", b"\rcounters.jso", b"\x15counters.json", TWO_BYTES_GONE])
def test_a_file_whose_name_is_damaged_is_there_and_unreadable(place, damaged):
    whole = counters(SMALL, eof=True).replace(b"\rcounters.json", damaged)
    around = b"a line\n" if place == "in text" else b""
    assert found(small_test(1) + around + whole + around + small_test(2)) is None


def test_a_file_whose_header_is_not_to_be_read_may_have_been_there():
    header = counters(SMALL)[:5] + b"\xff" * 40
    assert found(small_test(1) + header + small_test(2)) is None
    assert found(small_test(1) + header + small_test(2) + counters(SMALL, eof=True)) == [SMALL]


def test_what_is_left_of_a_first_chunk_may_be_short():
    stream = SMALL_STREAMS["chunks with eof"]
    for at in range(len(small_test(1)) - 60, len(small_test(1)) + 40):
        assert found(stream[:at] + stream[at + 60 :]) in ([SMALL], None), at


def test_a_flag_and_a_letter_of_the_name_make_no_packet_of_a_test():
    for number, chunk in enumerate(parts := three()):
        damaged = changed(changed(chunk, 1, 8), chunk.index(NAME.encode()) + 10)
        assert found(small_test(1) + b"".join([*parts[:number], damaged, *parts[number + 1 :]])) is None, number


def test_a_length_of_four_octets_is_damage():
    """Though its last three give the packet's length, and the checksum is right."""
    whole, told = packet(test_id="t.1", status=3), []
    body = whole[:3] + bytes([0xC0, 0, len(whole) + 2]) + whole[4:-4]
    assert found(small_test(1) + body + zlib.crc32(body).to_bytes(4, "big") + counters(SMALL), told) == [SMALL]
    assert [damage.split(":")[0] for damage in told] == [f"damage at byte {len(small_test(1))}"]


BURST_IN = SOME + b"".join(streams.chunks(DOC, 250)) + TESTS[0]


@settings(max_examples=500, deadline=None)
@given(st.integers(len(SOME) - 1500, len(BURST_IN) - len(TESTS[0])), st.binary(min_size=2, max_size=1000))
@example(len(SOME) - 15, bytes(30))
@example(len(SOME) + 280, b"ZZZZ")
@example(len(SOME), b"\x07\x07\x07\x07\x07     ")
def test_an_overwritten_piece_never_shortens_an_attachment(at, piece):
    assert found(BURST_IN[:at] + piece + BURST_IN[at + len(piece) :]) in ([DOC], None)


@pytest.mark.parametrize("blank", [b"\0", b"\xff"])
@pytest.mark.parametrize("layout", ["one", "chunks", "chunks that are documents"])
def test_a_piece_that_a_disk_lost_may_have_been_its_beginning(layout, blank):
    """Each chunk has a mime type, as testtools writes it, so that none looks like the second."""
    mime = {"name": NAME, "mime": "application/json"}
    parts = {"one": [packet(SMALL, **mime, eof=True)],
             "chunks": [packet(SMALL[:9], **mime), packet(SMALL[9:20], **mime), packet(SMALL[20:], **mime, eof=True)],
             "chunks that are documents": [packet(SMALL, **mime), packet(OTHER, **mime, eof=True)]}[layout]
    first, rest = len(parts[0]), b"".join(parts[1:])
    for at in range(len(SOME) - 40, len(SOME) + 1):
        damaged = SOME[:at] + blank * (len(SOME) - at + first) + rest + TESTS[0]
        assert found(damaged) is None, at
        assert [item for item in listing([damaged]) if item.name == NAME] == [], at


def test_a_piece_that_a_disk_lost_far_before_is_told_and_passed_over():
    told = []
    assert found(SOME + bytes(500) + TESTS[0] + counters(), told) == [DOC]
    assert len(told) == 1


def test_one_byte_never_has_a_shorter_attachment_of_a_test_listed():
    """Though each of its chunks has a mime type, so that the second looks like the first."""
    for route in (None, "0"):
        log = [packet(bytes([65 + part]) * 30, name="log", test_id="a.test", mime="text/plain", route=route,
                      eof=part == 2) for part in range(3)]
        stream = small_test(1) + b"".join(log) + small_test(2)
        whole = set(listing([stream]))
        for where, damaged in with_one_byte_changed(stream):
            if len(small_test(1)) <= where[0] < len(stream) - len(small_test(2)):
                assert {item for item in listing([damaged]) if item.name == "log"} <= whole, where


def test_a_file_that_may_have_begun_in_what_is_lost_is_unreadable():
    lost = b"\xb3" + b"\0\1" * 150 + b"\n"
    assert found(SOME + lost + counters()) == [DOC]
    assert found(SOME + lost + counters(mime=None)) is None


def test_a_chunk_whose_header_is_lost_is_no_text():
    assert found(SOME + counters() + b"ZZZZZ\rcounters.json@A more of it, and a line's end\n" + SOME) is None
    assert found(SOME + counters() + b"a line that says counters.json\n" + SOME) == [DOC]


def test_a_cut_where_the_attachment_is_hit_is_told_as_such():
    for end in range(len(SOME) + 6, len(SOME + counters())):
        assert found((SOME + counters())[:end]) is None, end


def test_a_file_without_end_is_in_doubt_where_the_stream_is_cut():
    assert found(counters() + SOME[:-1]) is None
    assert found(counters(eof=True) + SOME[:-1]) == [DOC]


def test_counters_appended_to_a_cut_stream_are_read():
    for cut in range(1, len(TESTS[4])):
        assert found(SOME[:-cut] + counters()) == [DOC], cut


def test_a_cut_log_gives_no_packet_that_is_inside_it():
    assert found(SOME + packet(counters(OTHER) + b"more", name="log", test_id="t.z")[:-7]) == []


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(0, len(SOME)), st.integers(1, 3000))
def test_a_hole_in_the_tests_costs_no_attachment(at, size):
    assert found(SOME[:at] + SOME[at + size :] + b"\n" + counters()) == [DOC]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
@example(b"\xb3\x29\x01\x00")
@example(b"\xb3\x28\x80\x88\xc0\x00\x00\x00")
def test_rubbish_is_passed_over(rubbish):
    assert found(SOME + rubbish + b"\n" + SOME) in ([], None)
    assert found(rubbish + b"\n" + SOME + counters(eof=True)) in ([DOC], None)


def false_headers(count: int, claimed: int) -> bytes:
    """Packet starts of a file whose fields fill the claimed length exactly, each with a wrong checksum."""
    head = b"\xb3\x28\x40" + three_octets(claimed) + text("t") + text("f")
    return (head + three_octets(claimed - len(head) - 3 - 4)) * count


def three_octets(value: int) -> bytes:
    return (value | 0x800000).to_bytes(3, "big")


@pytest.mark.parametrize("claimed", [100, 5000, 1_000_000, 4_000_000])
@pytest.mark.parametrize("before", [b"", b"\n", b"text "])
def test_false_headers_cost_bounded_work(claimed, before):
    stream = before + false_headers(60_000, claimed) + bytes(claimed) + b"\n" + counters()
    packets = Packets(in_blocks(stream, 1 << 18), FILE, NAME.encode())
    with suppress(Unreadable):
        list(packets)
    assert packets.spent <= len(stream) + SLACK + LONGEST


def test_where_false_headers_cost_too_much_the_stream_is_refused():
    with pytest.raises(Unreadable, match="too many false packet starts"):
        documents([b"text\n", false_headers(60_000, 1_000_000), bytes(1_000_000), counters()], NAME)


def test_simple_false_headers_do_not_hide_the_attachment():
    assert found(b"\xb3\x29\x01\x80\xff\xff" * 100_000 + b"\n" + counters()) == [DOC]


def test_damage_in_every_small_packet_is_refused_and_costs_no_more_than_so_many_looks():
    small = streams.packet(test_id="t", status=1)
    broken = small[:-1] + bytes([small[-1] ^ 1])
    assert found(broken * 20_000 + counters()) is None


@pytest.mark.parametrize("size", [1, 7, 1 << 18])
def test_more_packets_than_so_many_are_refused(size):
    ten = b"text\n".join([packet(), packet(test_id="t", status=3), packet(b"", name="x", eof=True)] * 3 + [packet()])
    assert len(list(Packets(in_blocks(ten, size), FILE, limit=10))) == 3
    with pytest.raises(Unreadable, match="more than 9 packets"):
        list(Packets(in_blocks(ten, size), FILE, limit=9))


SPANISH = "la petición terminó con estado 200, falló el intento\n"
POLISH = "rozmiar 12 m³ na wózek: spróbuj\n"
RUSSIAN = "сервер не смог открыть каталог г для записи\n"
EMOJI = "\U000133b3 \u20b3 \u0cb3o\n"
"""In UTF-8 all of them have the byte 0xB3 that a packet begins with, within a character."""


@pytest.mark.parametrize("line", [SPANISH, POLISH, RUSSIAN, EMOJI])
@pytest.mark.parametrize("size", [5, 1000, 1 << 18])
def test_text_in_any_language_is_no_damage(line, size):
    printed, told = line.encode() * 2000, []
    stream = SOME + printed + TESTS[0] + printed + counters()
    assert b"\xb3" in line.encode()
    assert documents(in_blocks(stream, size), NAME, tell=told.append) == [DOC]
    assert list(listing(in_blocks(stream, size), tell=told.append)) == Oracle(SOME + TESTS[0] + counters()).listing()
    assert told == []


def test_text_in_any_language_leaves_version_1_its_word():
    with pytest.raises(Unreadable, match="subunit-1to2"):
        documents([b"test: a\n" + SPANISH.encode() * 2000 + b"success: a\n"], NAME)


@pytest.mark.parametrize("printed", [b".", b"...", SPANISH.encode() + b"12 %"])
@pytest.mark.parametrize("size", [5, 1 << 18])
def test_text_need_not_end_its_line(printed, size):
    tests = [packet(test_id=f"t.{number}", status=status) for number in range(600) for status in (2, 3)]
    stream, told = b"".join(printed + test for test in tests) + counters(), []
    assert documents(in_blocks(stream, size), NAME, tell=told.append) == [DOC]
    assert [item.size for item in listing(in_blocks(stream, size), tell=told.append)] == [len(DOC)]
    assert told == []


def test_lines_of_text_between_packets_are_passed_over():
    assert found(b"".join(b"a line of output\n" + test for test in TESTS) + b"another\n" + counters()) == [DOC]
    many, told = (b"a line\n" + packet(test_id="t", status=3)) * 3_000, []
    assert found(many + b"another\n" + counters(), told) == [DOC]
    assert told == []


def test_a_line_that_begins_with_a_signature_is_text_behind_another():
    told = []
    assert found(SOME + b"a line\n\xb3y another\n" + counters(), told) == [DOC]
    assert told == []
