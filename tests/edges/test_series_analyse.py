"""``counterbot series analyse``: a series in a file of any form, or what is wrong with it, and where."""

import json

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from counterbot.cli.series import command
from counterbot.files.reader import Mistake
from counterbot.files.series_file import read_series

STEP = [1000, 1001, 999, 1002, 1000] * 8 + [1100, 1101, 1099, 1102, 1100] * 8


def analysed(text, *options):
    result = CliRunner().invoke(command, ["analyse", "-", *options], input=text)
    return result.exit_code, result.output if result.exit_code else json.loads(result.output)


def test_what_is_printed():
    status, found = analysed(json.dumps(STEP))
    (point,) = found.pop("change_points")
    assert status == 0
    assert (point["index"], point["before"], point["after"], point["change"]) == (40, 1000, 1100, 0.1)
    assert 0 < point["p"] < 1e-9
    bound, caught = found.pop("bound"), found.pop("smallest_caught")
    assert found == {"n": 80, "false_warnings_per_1000": 1.0, "stable": True, "why": ""}
    assert 1111 <= bound < 1115
    assert 0.01 < caught < 0.02


@pytest.mark.parametrize("text", [
    "value\n" + "\n".join(map(str, STEP)),
    "\n".join(map(str, STEP)),
    "\ufefftime;value\r\n" + "\r\n".join(f"{at};{value}" for at, value in enumerate(STEP)),
    "timestamp,value,revision\n" + "\n".join(f"{at},{value},ab" for at, value in reversed(list(enumerate(STEP)))),
    "value\ttime\n" + "\n".join(f"{value}\t2026-11-{1 + at // 24:02}T{at % 24:02}:00:00Z"
                                for at, value in enumerate(STEP)),
    "time,value\n" + "\n".join(f"5,{value}" for value in STEP),
], ids=["column", "no header", "semicolons", "out of order", "dates", "all at once"])
def test_forms_of_a_series(text):
    assert analysed(text) == analysed(json.dumps(STEP))


def test_runs_without_a_value_are_counted_in_indexes_alone():
    status, found = analysed(json.dumps([None, None, *STEP]))
    assert (status, found["n"], found["change_points"][0]["index"]) == (0, 80, 42)
    assert analysed("value\n\nNaN\n-\n" + "\n".join(map(str, STEP)))[1]["n"] == 80


@pytest.mark.parametrize(("text", "why"), [
    ("[]", "fewer than 3 runs since the last change point"),
    ("value\n7\n", "fewer than 3 runs since the last change point"),
    ("[7, 7, 7]", "only 3 runs since the last change point"),
])
def test_of_few_runs_little_is_told(text, why):
    status, found = analysed(text)
    assert (status, found["stable"], found["why"]) == (0, False, why)


def test_the_rate_is_the_operators():
    noisy = json.dumps([1000, 1030, 970, 1010, 990] * 8)
    few, many = (analysed(noisy, "--false-warnings", rate)[1] for rate in ("0.00001", "50"))
    assert (few["false_warnings_per_1000"], many["false_warnings_per_1000"]) == (0.00001, 50)
    assert few["bound"] > many["bound"]


@pytest.mark.parametrize(("text", "mistakes"), [
    ("", ["-: is empty: a series is a list in JSON, or CSV with a column 'value'"]),
    ('[1, 1e400, "x", [2], true]', ["-: item 2 is no finite number", '-: item 3 must be a number or null, not "x"',
                                    "-: item 4 must be a number or null, not [2.0]",
                                    "-: item 5 must be a number or null, not true"]),
    ("[1, 2", ["-:1:6: is no JSON that can be read"]),
    ('{"value": [1]}', ["-:1:1: must be a list of numbers, such as [1041, 1038.5, null]"]),
    ("value\n1\nabc\n1e400\n", [
        f"-:{line}:1: '{cell}' is no finite number; leave the cell empty where a run has no value"
        for line, cell in ((3, "abc"), (4, "1e400"))]),
    ("time,value\nsoon,5\n7\n", ["-:2:1: 'soon' is no time: give epoch seconds or 2026-11-30T12:00:00",
                                "-:3:1: the line has 1 column, and the value is number 2"]),
    ("run,size\n1,2\n", ["-:1:1: no column is called 'value'; name one in the first line"]),
])
def test_mistakes(text, mistakes):
    assert analysed(text) == (1, "".join(f"{mistake}\n" for mistake in mistakes))


def test_a_file_that_is_not_there():
    assert CliRunner().invoke(command, ["analyse", "/nowhere.csv"]).output == "Error: /nowhere.csv: no such file\n"


@given(st.one_of(st.text(), st.binary().map(lambda data: data.decode("latin-1")),
                 st.lists(st.floats()).map(str), st.lists(st.integers() | st.floats()).map(
                     lambda values: "\n".join(map(str, values)))))
def test_any_text_is_a_series_or_mistakes(text):
    rows = read_series(text.encode("utf-8", "surrogatepass"), "f")
    assert all(isinstance(row, Mistake) for row in rows) or not any(isinstance(row, Mistake) for row in rows)
