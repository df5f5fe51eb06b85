"""files.reader and files.validate: what may stand in a file, and how a mistake reads."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from counterbot.core import limits
from counterbot.files.reader import Document, Mistake, Place, load, read, scalar


def told(text: str | bytes) -> list[str]:
    data = text if isinstance(text, bytes) else text.encode()
    return [str(mistake) for mistake in read(data, "f.yaml").mistakes]


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("", ["f.yaml:1:1: the file is empty"]),
        ("# a comment\n", ["f.yaml:1:1: the file is empty"]),
        ("~", ["f.yaml:1:1: the file must hold keys and values"]),
        ("- a\n", ["f.yaml:1:1: the file must hold keys and values"]),
        (b"a: 1\nb: \xff", ["f.yaml:2:4: not UTF-8: byte 0xff"]),
        (b"a: 1\nb: x\x00", ["f.yaml:2:5: character '\\x00' in the text"]),
        ("a:\n\tb: 1", ["f.yaml:2:1: a tab; YAML is indented with spaces"]),
        ("a: [1", ["f.yaml:1:6: not YAML: while parsing a flow sequence, expected ',' or ']', but got '<stream end>'"]),
        ("a: 1\n---\nb: 2\n", ["f.yaml:2:1: expected a single document in the stream, but found another document"]),
        ("a:\n  b: 1\n  c: 2\n  b: 3\n", ["f.yaml:4:3: duplicate key 'b'; first at line 2, column 3"]),
        ("a: &x 1\n", ["f.yaml:1:1: '&' begins an anchor in YAML; put the text in quotes, or leave it out"]),
        ("a:\n  - *x\n", ["f.yaml:2:5: '*' begins an alias in YAML; put the text in quotes, or write it out"]),
        ("a: !!str 1\n", ["f.yaml:1:1: '!' begins a tag in YAML; put the text in quotes, or leave it out"]),
        ("a: !!python/name:os.x y", ["f.yaml:1:1: '!' begins a tag in YAML; put the text in quotes, or leave it out"]),
        ("? [a, b]\n: 1\n", ["f.yaml:1:3: a key must be plain text"]),
        ("a: " + "9" * 31, ["f.yaml:1:1: a number of 31 digits; the limit is 30"]),
        ('a: "\\ud800"', ["f.yaml:1:1: an escape that is not a character"]),
        ('"\\ud800": a', ["f.yaml:1:1: an escape that is not a character"]),
        ('a: "\\UFFFFFFFF"', ["f.yaml:1:7: an escape that is not a character"]),
        ("a: " + "[" * 100_000, ["f.yaml:1:34: nested deeper than 30 levels"]),
        ("a: 1\na: " + "{b: " * 1_000, ["f.yaml:2:121: nested deeper than 30 levels"]),
    ],
)  # fmt: skip
def test_what_is_refused(text: str | bytes, mistakes: list[str]) -> None:
    assert told(text) == mistakes


def test_all_mistakes_are_told_at_once() -> None:
    assert told("a: &x 1\nb: *x\nc: 2\nc: 3\n") == [
        "f.yaml:1:1: '&' begins an anchor in YAML; put the text in quotes, or leave it out",
        "f.yaml:2:1: '*' begins an alias in YAML; put the text in quotes, or write it out",
        "f.yaml:4:1: duplicate key 'c'; first at line 3, column 1",
    ]


def test_an_alias_bomb_is_not_expanded() -> None:
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))
    document = read(f"a0: &a0 [x]\n{levels}".encode(), "f.yaml")
    assert document.value["a9"] == [None] * 9
    assert len(document.mistakes) == 10 + 81


def test_a_file_over_the_limit_is_not_parsed() -> None:
    assert told(b"a: [" * 500_000) == ["f.yaml:1:1: the file is larger than 1,048,576 bytes; shorten it or split it"]


def test_a_file_at_the_limit_is_read() -> None:
    text = b"a: 1\n" + b"#" * (limits.RULE_FILE - 5)
    assert read(text, "f.yaml").value == {"a": 1}
    assert told(text + b"#") == ["f.yaml:1:1: the file is larger than 1,048,576 bytes; shorten it or split it"]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a: [" + "1," * 20_000 + "]", "1:19999"),
        ("a:\n" + "- \n" * 20_000, "9999:2"),
        ("".join(f"{n}: x\n" for n in range(10_000)), "5000:7"),
        ("a: [" + "[[[[]]]]," * 5_000 + "]", "1:22497"),
        ("? [" + "1," * 20_000 + "]\n: 1\n", "1:20000"),
        ("a: 1\na: [" + "1," * 20_000 + "]", "2:19995"),
    ],
)
def test_a_file_of_too_many_values_is_read_no_further(text: str, where: str) -> None:
    last = f"f.yaml:{where}: more than 10,000 keys and values in the file; shorten it or split it"
    document = read(text.encode(), "f.yaml")
    assert last in map(str, document.mistakes)
    assert document.value is None
    assert len(document.places) <= limits.RULE_VALUES


def test_a_file_of_just_so_many_values_is_read() -> None:
    text = "a: [" + "1," * (limits.RULE_VALUES - 3)
    assert len(read(f"{text}]".encode(), "f.yaml").value["a"]) == limits.RULE_VALUES - 3
    assert told(f"{text}1,]") != []


def test_values_follow_yaml_1_2() -> None:
    text = (
        "on: yes\n1: 15\nnull: [~, True, FALSE, +10, 1_000, 12:30, 2026-11-21, .5, 1e3, -.inf, '1', \"true\", 0]"
    )
    assert read(text.encode(), "f.yaml").value == {
        "on": "yes",
        "1": 15,
        "null": [None, True, False, 10, "1_000", "12:30", "2026-11-21", 0.5, 1000.0, -float("inf"), "1", "true", 0],
    }


@pytest.mark.parametrize(
    ("written", "plain"),
    [("0777", 777), ("010", 10), ("-007", -7), ("00", 0), ("089", 89), ("0o17", 15), ("0x1F", 31), ("0x0", 0)],
)
def test_a_number_that_others_may_read_otherwise_is_refused(written: str, plain: int) -> None:
    what = f"{written} is not a plain decimal number; write {plain}, or quote it if it is text"
    assert told(f"a:\n  b: [1, {written}]") == [f"f.yaml:2:10: {what}"]
    assert read(f"a: '{written}'\n{written}: 1".encode(), "f.yaml").value == {"a": written, written: 1}


def test_nan_is_a_number() -> None:
    assert str(scalar(".nan")) == "nan"


def test_places_count_characters_from_one() -> None:
    document = read("\ufeffa:\r\n  é: [x,\r\n    {b: 1}]\r\n".encode(), "f.yaml")
    assert document.at(("a",)) == Place("f.yaml", 1, 1)
    assert document.at(("a", "é")) == Place("f.yaml", 2, 3)
    assert document.at(("a", "é", 1, "b")) == Place("f.yaml", 3, 6)
    assert document.at(("a", "é", 1, "b", "nowhere")) == Place("f.yaml", 3, 6)


def test_a_missing_file_is_a_mistake(tmp_path) -> None:
    path = tmp_path / "none.yaml"
    mistake = Mistake(Place(str(path), 0, 0), "no such file")
    assert load(path) == Document(str(path), None, (mistake,))
    assert str(load(tmp_path).mistakes[0]) == f"{tmp_path}: Is a directory"


YAMLISH = st.text(alphabet="ab:-?[]{},&*!|>'\"%@\\\t\n #~<.0x1uU", max_size=60)


@given(st.one_of(st.binary(max_size=200), YAMLISH.map(str.encode)))
def test_reading_never_raises(data: bytes) -> None:
    document = read(data, "f.yaml")
    assert (document.value is None) <= bool(document.mistakes)
    assert all(mistake.where.line > 0 and mistake.where.column > 0 for mistake in document.mistakes)
    for mistake in document.mistakes:
        str(mistake).encode()  # printable anywhere


TEXT = st.characters(categories=("L", "N", "P", "S", "Zs"))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(TEXT, max_size=8),
)
KEYS = st.text(TEXT, min_size=1, max_size=5)
TREES = st.dictionaries(
    KEYS, st.recursive(SCALARS, lambda tree: st.lists(tree) | st.dictionaries(KEYS, tree), max_leaves=8), min_size=1
)


@given(TREES)
def test_json_is_read_as_what_it_is(tree: dict[str, object]) -> None:
    text = json.dumps(tree, ensure_ascii=False)
    document = read(text.encode(), "f.yaml")
    assert (repr(document.value), document.mistakes) == (repr(tree), ())


FOLDED = """\
query: >
  message:"a b"
  AND tags:x

  OR y
"""


@pytest.mark.parametrize(
    ("text", "character", "place"),
    [
        (FOLDED, "message", "2:3"),
        (FOLDED, "AND", "3:3"),
        (FOLDED, "y", "5:6"),
        ("query: |2 # why\n   é AND\n  y\n", "AND", "2:6"),
        ("query: a AND\n  y  # no more\n", "y", "2:3"),
        ("query: 'it''s\n  y'\n", "s", "1:13"),
        ("query: 'it''s\n  y'\n", "y", "2:3"),
        ('query: "\\ta\\x20\\"\\\n   b\\u2014y"\n', '"', "1:16"),
        ('query: "\\ta\\x20\\"\\\n   b\\u2014y"\n', "y", "2:11"),
        ("{query: a y}", "y", "1:11"),
    ],
)
def test_the_place_of_a_character_however_its_text_is_folded_and_quoted(text, character, place) -> None:
    document = read(text.encode(), "f.yaml")
    value = document.value["query"]
    assert str(document.inside(("query",), value, value.index(character))) == f"f.yaml:{place}"


def test_the_place_of_a_texts_end_or_of_a_blank_follows_what_is_before() -> None:
    document = read(FOLDED.encode(), "f.yaml")
    value = document.value["query"]
    places = [document.inside(("query",), value, at) for at in (len(value), value.index(" AND"))]
    assert list(map(str, places)) == ["f.yaml:5:7", "f.yaml:2:16"]


@given(st.text("ab\"'\\ :#\n\t|>é\u2028", min_size=1), st.sampled_from([None, '"', "'", "|", ">"]), st.integers(5, 20))
def test_every_character_is_where_it_is_said_to_be(value, style, width) -> None:
    text = yaml.dump({"query": value}, default_style=style, width=width, allow_unicode=True)
    document = read(text.encode(), "f.yaml")
    assume(not document.mistakes)
    lines = re.split("[\n\u2028]", text)
    for at, character in enumerate(value):
        if character.strip():
            place = document.inside(("query",), value, at)
            assert lines[place.line - 1][place.column - 1] in (character, "\\")
