"""Whatever others write becomes one short line in which nothing hides."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterbot.core.inert import cut, inert

ANYTHING = st.text(st.characters(exclude_categories=()))  # half surrogate pairs too


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
    assert len(shown.splitlines()) <= 1
    assert shown == shown.strip()


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
