"""Text is cut into the words that the old index knew."""

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterbot.fingerprints.words import words
from tests.fingerprints.real_queries import SAMPLES

ASCII = st.characters(max_codepoint=127)


@pytest.mark.parametrize(("text", "expected"), json.loads((SAMPLES / "words.json").read_text()))
def test_the_old_engines_words(text, expected):
    assert words(text) == expected


@given(st.text(st.one_of(st.sampled_from("aB1_.:,;' "), ASCII), max_size=60))
def test_as_annex_29_says_it(text):
    assert words(text) == [each.lower() for each in _annex_29(text) if each.strip("_")]


def _annex_29(text):
    """The pieces between word boundaries that hold a letter, digit or connector: rules WB5 to WB13b, for ASCII."""
    pieces = [""]
    for at, character in enumerate(text):
        if at and not _joined(text, at):
            pieces.append("")
        pieces[-1] += character
    return [piece for piece in pieces if re.search(r"[A-Za-z0-9_]", piece)]


def _joined(text, at):
    before, after = text[at - 1], text[at]
    if _is_word(before) and _is_word(after):  # WB5, WB8 to WB10, WB13a, WB13b
        return True
    around = text[at - 2:at - 1] + after if at > 1 else ""
    ahead = before + text[at + 1:at + 2]
    return any(
        _within(pair, joiner, letters) for pair, joiner in ((around, before), (ahead, after))  # WB6, WB7, WB11, WB12
        for letters in (True, False))


def _within(pair, joiner, letters):
    kind, joiners = (str.isalpha, ".:'") if letters else (str.isdigit, ".,;'")
    return len(pair) == 2 and joiner in joiners and all(map(kind, pair))


def _is_word(character):
    return character.isalnum() or character == "_"


@pytest.mark.parametrize("character", ["a", "é", "a.", "_", "1,"])
def test_a_word_of_megabytes_is_cut_in_pieces_and_quickly(character):
    began = time.process_time()
    found = words(character * 2_000_000)
    assert all(len(each) <= 255 for each in found)
    assert time.process_time() - began < 20  # by the square of the length it would be hours
