"""Whatever others write becomes one short line in which nothing hides."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterbot.core.text.inert import cut, inert

INVISIBLE = {
    0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), *range(0x200B, 0x2010),
    *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x3164, *range(0xFE00, 0xFE10), 0xFEFF, 0xFFA0,
    *range(0xFFF0, 0xFFF9), *range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B), *range(0xE0000, 0xE1000),
}
"""Default_Ignorable_Code_Point of Unicode 14.0, whose list ends with "Total code points: 4174"."""

SNEAKY = st.sampled_from(sorted(INVISIBLE)).map(chr)
ANYTHING = st.text(st.characters(exclude_categories=()) | SNEAKY)  # half surrogate pairs too


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mysql.Innodb_rows_read +14 %", "mysql.Innodb_rows_read +14 %"),
        ("x\rPRIVMSG #t :evil", "x PRIVMSG #t :evil"),
        ("two\r\nlines\tand a tab", "two lines and a tab"),
        ("next\u2028line\x85and\x0bmore", "next line and more"),
        ("\x01ACTION waves\x01", "ACTION waves"),
        ("\x02bold\x02 \x0304,01red\x03 \x04ff0000hex\x0f", "bold red hex"),
        ("a\x00b\x7fc\x9fd\x1be", "abcde"),
        ("user\u202egnp.exe \u2066x\u2069 zero\u200bwidth\ufeff", "usergnp.exe x zerowidth"),
        ("half \ud83d pair", "half \ufffd pair"),
        ("\u3164", ""),
        ("a\ufe0fb\U000e0101c\u180bd\u180fe", "abcde"),  # variation selectors
        ("a\u115fb\u1160c\uffa0d\u034fe\u17b4f", "abcdef"),  # fillers and joiners
        ("a\u2065b\ufff0c\ufff8d\U000e0000e\U000e0041f\U000e0ffff", "abcdeff"),  # not assigned, and tags
        ("a\ufffdb\U000e1000c", "a\ufffdb\U000e1000c"),  # beside them
        (" \n ", ""),
        ("naïve – 日本語 🦀", "naïve – 日本語 🦀"),
    ],
)
def test_text_becomes_harmless(text, shown):
    assert inert(text, 350) == shown


def test_what_is_too_long_ends_with_a_sign():
    assert inert("a" * 10, 10) == "a" * 10
    assert inert("a" * 11, 10) == "aaaaaaa…"
    assert inert("🦀" * 4, 12) == "🦀🦀…"
    assert inert("ab cdefgh", 6) == "ab…"
    assert inert("abc", 2) == ""


@given(ANYTHING, st.integers(0, 60))
def test_it_is_one_short_visible_line(text, limit):
    shown = inert(text, limit)
    assert len(shown.encode()) <= limit
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in shown)
    assert not any(ord(character) in INVISIBLE for character in shown)
    assert len(shown.splitlines()) <= 1
    assert shown == shown.strip()


def test_nothing_invisible_is_left_and_nothing_else_is_taken():
    assert len(INVISIBLE) == 4174
    assert inert("".join(map(chr, sorted(INVISIBLE))), 350) == ""
    around = {point + step for point in INVISIBLE for step in (-1, 1)} - INVISIBLE
    visible = [chr(point) for point in around if unicodedata.category(chr(point)) not in ("Cc", "Cf", "Zs", "Zl", "Zp")]
    assert len(visible) > 20
    assert [character for character in visible if inert(character, 350) != character] == []


@given(ANYTHING, st.integers(0, 60))
def test_twice_is_the_same_as_once(text, limit):
    assert inert(inert(text, limit), limit) == inert(text, limit)


@given(st.text(st.characters(categories=("L", "N", "P", "S"), exclude_characters="\u115f\u1160\u3164\uffa0")))
def test_plain_words_stay_as_they_are(text):
    assert inert(text, 10_000) == text


@given(st.text(st.characters(exclude_categories=("Cs", "Z"))), st.integers(3, 60))
def test_a_cut_keeps_the_beginning(text, limit):
    short = cut(text, limit)
    assert short == text or text.startswith(short.removesuffix("…"))
