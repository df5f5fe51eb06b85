"""What is taken out of a stream, and that nothing else is."""

from hypothesis import given
from hypothesis import strategies as st

from counterbot.core.subunit.removal import places, without

from ..streams import SOME, counters, packet

OF_A_TEST = packet(b"x", name="counters.json", test_id="t", eof=True)
PARTS = [SOME, counters(eof=True), counters(b"{}"), b"text\n", OF_A_TEST]


@given(st.lists(st.sampled_from(PARTS), max_size=9), st.integers(1, 3000))
def test_the_rest_is_the_same_however_the_stream_is_cut_into_blocks(parts, size):
    data = b"".join(parts)
    blocks = [data[at : at + size] for at in range(0, len(data), size)]
    left_out = places(blocks, "counters.json")
    assert [data[first:behind] for first, behind in left_out] == [part for part in parts if part in PARTS[1:3]]
    assert b"".join(without(blocks, left_out)) == b"".join(part for part in parts if part not in PARTS[1:3])
