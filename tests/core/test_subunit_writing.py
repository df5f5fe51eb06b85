"""What is written is read alike by this project's reader and by python-subunit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterbot.core.subunit import attachments as subunit
from counterbot.core.subunit.wire import LONGEST
from counterbot.core.subunit.writer import attachment
from tests.oracle import heard

NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=300)


@given(name=NAMES, content=st.binary(max_size=20_000), mime=st.sampled_from(["application/json", "text/plain"]))
def test_it_is_one_packet_that_both_read(name, content, mime):
    data = attachment(name, content, mime)
    (event,) = heard(data)
    assert (event["file_name"], bytes(event["file_bytes"]), event["mime_type"]) == (name, content, mime)
    assert event["eof"]
    assert event["test_id"] is None
    assert event["timestamp"] is None
    assert subunit.documents([data], name) == [content]


@pytest.mark.parametrize("size", [0, 1, 40, 63, 64, 16_300, 16_340, 16_383, 16_384])
def test_at_the_edges_of_the_length(size):
    for more in range(-30, 30):
        content = b"x" * max(0, size + more)
        data = attachment("counters.json", content, "application/json")
        assert bytes(heard(data)[0]["file_bytes"]) == content
        assert subunit.documents([data], "counters.json") == [content]


@pytest.mark.parametrize("size", [LONGEST - 200, LONGEST, LONGEST + 1, 3 * LONGEST])
def test_what_is_too_large_for_a_packet_is_a_sequence(size):
    content = bytes(range(251)) * (size // 251 + 1)
    data = attachment("counters.json", content, "application/json")
    events = heard(data)
    assert b"".join(bytes(event["file_bytes"]) for event in events) == content
    assert [event["eof"] for event in events] == [False] * (len(events) - 1) + [True]
    assert subunit.documents([data], "counters.json", limit=len(content)) == [content]
