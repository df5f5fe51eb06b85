"""Queries mean what they meant to the engine that they were written for."""

import json

import pytest

from counterbot.fingerprints.matching import matches
from counterbot.fingerprints.query import BadQuery, parse, with_voting
from counterbot.fingerprints.words import words
from tests.fingerprints.real_queries import SAMPLES, documents_of

REAL = json.loads((SAMPLES / "queries.json").read_text())
CONSTRUCTS = json.loads((SAMPLES / "constructs.json").read_text())

REFUSED = {
    "matches every record": (
        "*:*", "*", "message:*", "tags:*", "voting:1", "NOT message:foo", "-tags:y", "!tags:y", "NOT loglevel:*",
        "_exists_:message", "_exists_:voting", "_missing_:loglevel", "_missing_:message", "_missing_:nosuch",
        "*:* AND NOT message:cat", "message:cat NOT tags:y AND voting:1"),
    "no word of the line": ('message:"***"', 'message:"***" AND tags:x', "message:>"),
    "spaces after signs": ("message:cat - tags:x", "message:cat -- tags:x", "message:cat + tags:x", "+ message:cat",
                           "message:cat AND ! tags:y"),
    "numbers of characters": (r'message:"\u0063at"', r"message:\u0063at"),
    "Lucene's own operators": (
        "message:/^abc$/", r"message:/\d+/", "message:/ab#/", "message:/~(abc)/", "message:/<1-60>/", "message:/a&b/",
        "message:/(?i)abc/"),
    "similar words and words near each other": (
        "message:cat~", "message:cot~1", "message:cut~2", 'message:"cat dog"~1', 'message:"dog cat"~2',
        'message:"cat dog"~5'),
    "fields by wildcard": (r"build_\*:gate-y",),
}
"""By reason the queries that the old engine took and that are refused here."""


def records_of(documents):
    """What is known of each document, and its words."""
    return [({field: tuple(value) if isinstance(value, list) else (value,) for field, value in document.items()
              if field != "message"}, words(document.get("message", ""))) for document in documents]


def answer(query, records):
    return [number for number, (fields, found) in enumerate(records)
            if matches(query.node, fields, lambda found=found: found)]


def test_all_real_queries_have_the_old_engines_answers():
    records = records_of(documents_of(each["query"] for each in REAL))
    wrong = [each["file"] for each in REAL if answer(with_voting(parse(each["query"])), records) != each["matches"]]
    assert wrong == []
    assert len(REAL) == 947


RECORDS = records_of(CONSTRUCTS["documents"])


@pytest.mark.parametrize(("text", "expected"), CONSTRUCTS["queries"])
def test_a_construct_has_the_old_engines_answer_or_is_refused(text, expected):
    if expected == "error" or any(text in queries for queries in REFUSED.values()):
        with pytest.raises(BadQuery):
            parse(text)
    else:
        assert answer(parse(text), RECORDS) == expected
