"""A query's mistakes and doubts are told with their places; what it means is in test_real_queries.py."""

import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterbot.fingerprints.nodes import Clauses, Exact, Matches, Occur, Within, Words
from counterbot.fingerprints.query import LONGEST, BadQuery, fields_of, parse, with_voting

ADD = 'write what the log line says, too: AND message:"text of the log line"'
UNCLOSED = 'this quote is never closed; add " at the end of the text that it opens, or write \\" for a quote within'
LOST = ("this clause counts for nothing, since another one beside it is required{}; "
        "put alternatives in parentheses: (this OR that)")
VOTING = LOST.format(": AND voting:1 is appended, which requires itself and the last clause")


def mistakes(text):
    with pytest.raises(BadQuery) as caught:
        parse(text)
    return [(mistake.at, mistake.what) for mistake in caught.value.mistakes]


def read(text):
    """All that is to be said of a query, and the least that is to be said of a refused one."""
    try:
        return with_voting(parse(text)).doubts
    except BadQuery as bad:
        return bad.mistakes or pytest.fail("no mistake is told")


def doubts(text):
    return [(doubt.at, doubt.what) for doubt in with_voting(parse(text)).doubts]


@pytest.mark.parametrize(("text", "at", "what"), [
    ("", 0, 'the query is empty; write one, such as message:"text of the log line"'),
    ('message:"a', 8, UNCLOSED),
    ("message:a AND AND tags:b", 14, "AND AND: nothing stands between them; remove one"),
    ("message:a && || tags:b", 13, "&& ||: nothing stands between them; remove one"),
    ("AND message:a", 0, "AND stands first; remove it"),
    ("message:a AND\n", 10, "nothing follows AND; remove it"),
    ("message:a AND NOT", 14, "nothing follows NOT; remove it"),
    ("NOT NOT message:a", 4, "NOT NOT: two signs for one clause; remove one"),
    ("((message:a)", 0, "this ( is never closed; add )"),
    ("message:a)", 9, "this ) closes nothing; remove it, or open it with ("),
    ("message:a AND ()", 14, "nothing stands between ( and ); remove what is too much"),
    ("tags: AND message:a", 0, 'no value follows tags:; write tags:"text"'),
    ("tags:a:b", 5, 'a field within the field tags; if the colon belongs to the value, put it in quotes: tags:"a:b"'),
    ("tags:-a", 5, '- must stand before the field: -tags:"text"; if it belongs to the value, put the value in quotes'),
    ("message:a - tags:b", 10, "no space may follow this sign; write it right before the clause, or remove it"),
    (":a", 0, "no field stands before this colon; write field:value, or put the text in quotes"),
    ("message:a / tags:b", 10, 'a / begins a regular expression, and this is none; put the value in quotes: "/"'),
    ("project:openstack/nova", 17,
     'a / begins a regular expression, and this is none; put the value in quotes: "openstack/nova"'),
    ("message:/var/log/x", 13,
     'a / begins a regular expression, and this is none; put the value in quotes: "/var/log"'),
    ("message:a]", 9, "] stands where a value is expected; put the value in quotes"),
    ("message:[a TO", 8, "this range is not complete; write [low TO high]"),
    ("message:a\\", 9, "nothing follows this backslash; remove it"),
    ("message:a^", 9, "a number must follow ^; if ^ belongs to the value, put the value in quotes"),
    ("~2", 0, "~2 follows no value; put the value in quotes"),
    ("message:a~", 9, "~: words that are only similar are not searched for; write them out: (one OR two); "
                      "if ~ belongs to the value, put the value in quotes"),
    ('message:"a b"~2', 13, "~2: words that are only near each other are not searched for; "
                            'write a clause for each part: message:"one" AND message:"two"'),
    (r'message:"\u00e9"', 8, r"\u begins a character's number in Lucene; write the character, or u alone"),
    ("*:a", 2, '*: asks every field; write the field\'s name, such as message:"text"'),
    ("build_*:a", 0, "build_* is no field; write its whole name"),
    ("voting:true AND message:a", 7, "voting is a number, and true is none; write digits, such as voting:1"),
    ("mysql.Queries:>1,200", 14, "mysql.Queries is a number, and 1,200 is none; write digits, such as mysql.Queries:1"),
    ("mysql.Queries:nan", 14, "mysql.Queries is a number, and nan is none; write digits, such as mysql.Queries:1"),
    (r"message:/a\d/", 10, r"\d is only the character d in Lucene; write a class such as [0-9] or [a-z_], "
                           "or d without backslash"),
    ("message:/^a/", 9, r"the expression matches whole values, and ^ is a plain character; remove it, or write \^"),
    ("message:/a~b/", 10, r"~ is an operator of Lucene's that is unknown here; write \~ for the character"),
    ("message:/(?i)a/", 9, r"(? is unknown here; write ( for a group, and \? for a question mark"),
    ("message:/a[/", 10, r"this [ is never closed; write \[ for the character"),
    ("message:/a[]/", 10, r"an empty class; write \] for the character"),
    ("message:/a**/", 9, "the expression cannot be used: bad repetition operator: **"),
    ("*:*", 0, f"this matches every record of every log; {ADD}"),
    ("NOT message:a", 0, f"this matches every record of every log; {ADD}"),
    ('message:"***" AND tags:console', 8,
     '"***" is passed over, since signs are no words; write words of the log line, or remove it'),
])
def test_a_mistake_has_its_place_and_what_to_change(text, at, what):
    assert mistakes(text) == [(at, what)]


def test_all_mistakes_are_told_at_once():
    assert [at for at, _ in mistakes("(message:a AND OR tags:b:c AND module:x/y")] == [0, 15, 23, 39]
    assert [at for at, _ in mistakes(r"module:/a#/ AND message:/\d/ AND voting:no")] == [9, 25, 40]


@pytest.mark.parametrize(("text", "at", "what"), [
    ('message:"a" OR message:"b"', 0, VOTING),
    ("message:(a OR b AND c)", 9, LOST.format("")),
    ('message:"a" AND message:"b" OR message:"c"', 31,
     "this is required and no alternative, since AND requires what stands on both its sides; "
     "put what belongs together in parentheses: (a AND b) OR (c AND d)"),
    ("message:a AND (tags:console OR NOT tags:errors)", 31,
     "NOT excludes beside OR, too, as AND NOT does; put what belongs together in parentheses: a OR (NOT b)"),
    ('message:a AND message:"::"', 22,
     '"::" is passed over, since signs are no words; write words of the log line, or remove it'),
    ('message:"] Failed ["', 8, "of this text only the word failed is looked for: signs are no words"),
    ("message:foo-bar", 8, 'without quotes this means foo OR bar; write message:"foo-bar"'),
    (r'message:"a\nb"', 8, r"backslashes are dropped: \n is the letter n"),
    ("message:a AND b", 14, 'no field stands before this, and it matches nothing; write message:"b", '
                            "or put all words of one text in the same quotes"),
    ("message:a AND and", 14, "and is a word here, which no field is asked for, and matches nothing; write AND"),
    ("message:a AND tag:b", 14, "no record has a field tag; did you mean tags?"),
    ('message:a AND filename:"logs/screen-n-cpu.txt"', 23,
     "logs of today have no file logs/screen-n-cpu.txt, and this never matches; write "
     'filename:"controller/logs/screen-n-cpu.txt", or tags:"screen-n-cpu.txt" for that file of any host'),
    ('message:a AND filename:"console.html"', 23,
     'logs of today have no console.html, and this never matches; write tags:"console"'),
    ('message:a AND tags:"logs/x.txt"', 19,
     'a tag is a file name without folders, and this never matches; write tags:"x.txt"'),
    ("message:a AND tags:consle", 19, "no file of today has the tag consle; did you mean console?"),
    ("message:a AND tags:job-output", 19, "no file of today has the tag job-output; write a file name, such as "
                                          "job-output.txt, or a kind, such as console"),
    ("message:a AND loglevel:DEBUG", 23,
     "lines of level DEBUG were never indexed, and none is looked at here: this never matches"),
    ("message:a AND loglevel:error", 23, "no record has the level error; did you mean ERROR?"),
    ("message:a AND loglevel:ERR*", 23,
     "wildcards are lower-cased and the values of loglevel are not: this never matches; write whole values"),
    ("message:a AND build_status:TIMED_OUT", 27, "build_status is SUCCESS or FAILURE, never TIMED_OUT: write FAILURE"),
    ("message:a AND build_name:Gate*", 25,
     "wildcards are lower-cased and values are not: Gate* finds gate*, never Gate*"),
    ('message:a AND build_name:"gate-*"', 25,
     "* within quotes is a plain character, no wildcard; for a wildcard leave the quotes out"),
    ("message:a AND voting:?", 21, "voting is a number, and a wildcard finds no other: write voting:1 or voting:>1"),
    ("message:a AND message:b-c*", 22,
     "a wildcard is held against one word of the message, and no word is like this: it never matches; "
     'put the text in quotes, as words: message:"two words"'),
    ("message:a AND message:/b c/", 22,
     "a regular expression is held against one word of the message, and no word has a space: it never matches; "
     'put the text in quotes, as words: message:"two words"'),
    ("tags:console", 0, f"this matches every record of the files that it is about; {ADD}"),
    ("mysql.Queries:>1200000", 0, f"this matches every record of the files that it is about; {ADD}"),
    ("message:(foo OR ba*) AND tags:console", 0,
     f"this is slow, since it gives no text to search for and each record is looked at; {ADD}"),
])
def test_what_is_legal_but_not_what_its_writer_will_think_is_a_doubt(text, at, what):
    assert doubts(text) == [(at, what)]


@pytest.mark.parametrize("text", [
    'message:"Failed to get console output" AND tags:"screen-n-cpu.txt"',
    '(message:"a" OR message:"b") AND tags:"console.html" AND NOT build_branch:"master"',
    'message:"a" AND mysql.Queries:>1200000 AND loglevel:(ERROR OR CRITICAL) AND filename:"job-output.txt"',
    'message:"404" AND request:"/v2.1/servers" AND tags:(apachecombined OR placement OR multiline)',
])
def test_a_plain_query_has_no_doubt(text):
    assert doubts(text) == []


def test_what_becomes_everything_by_the_appended_clause_is_refused():
    query = parse("message:a NOT tags:console")
    with pytest.raises(BadQuery) as caught:
        with_voting(query)
    assert [(each.at, each.what) for each in caught.value.mistakes] == [
        (0, VOTING), (0, f"this matches every record of every log; {ADD}")]


def test_nodes():
    voting = (Occur.MUST, Exact("voting", "1"))
    assert parse('message:"Failed to"').node == Words(("failed", "to"))
    assert with_voting(parse("message:a")).node == Clauses(((Occur.MUST, Words(("a",))), voting))
    assert parse("mysql.Queries:[5 TO *}").node == Within("mysql.Queries", 5, None, True, False)
    assert parse("build_name:gate-*.x?").node == Matches("build_name", r"gate\-.*\.x.")
    assert fields_of(parse("message:a AND (tags:b OR NOT mysql.Queries:>5) AND c").node) == {
        "message", "tags", "mysql.Queries"}


@pytest.mark.parametrize("text", [
    "(" * 10_000 + "message:a" + ")" * 10_000, "(" * 6_000 + "message:a" + ")" * 6_000,
    "message:a " * 100_000, "a" * 1_000_000, '"' * 1_000_000,
    "(" * 8_000, "message:a " * (LONGEST // 10), "a:(" * 5_000, "NOT " * 4_000, "message:" + "*" * 16_000,
    "message:/" + "(" * 16_000 + "/", "message:/((((a{999}){999}){999}){999})/",
])
def test_a_huge_query_is_read_or_refused_quickly(text):
    began = time.process_time()
    read(text)
    assert time.process_time() - began < 20


PIECES = ("message:", "tags:", "voting:", "_exists_:", "*:", "AND", "OR", "NOT", "&&", "||", "!", "+", "-", "(", ")",
          '"', "/", "\\", "[", "]", "{", "}", "TO", "*", "?", "~2", "^3", "a", "b.c", "1", ">", " ", "\n",
          ":", "é", "字")


@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(PIECES), max_size=14).map("".join),
                 st.lists(st.sampled_from(PIECES), max_size=14).map(" ".join)))
def test_any_text_is_a_query_or_has_mistakes_and_their_places_are_within_it(text):
    assert all(0 <= remark.at <= len(text) for remark in read(text))


def test_the_parser_prints_and_writes_nothing(tmp_path):
    program = "from counterbot.fingerprints.query import parse; parse('message:a AND tags:b')"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env={"PYTHONPATH": ":".join(sys.path)},
                          capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr, list(tmp_path.iterdir())) == ("", "", [])
