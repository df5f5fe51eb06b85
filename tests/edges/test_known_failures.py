"""The project's own known failures, and what docs/known-failures.rst shows.

That the queries do what their cases expect is held with all other rules, in test_rules_command.
"""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from counterbot.cli.rules import command
from counterbot.files.rulebook import RuleBook
from counterbot.fingerprints.query import BadQuery, parse, with_voting

ROOT = Path(__file__).parents[2]
RULES = [rule for rule in RuleBook(ROOT / "queries").rules if rule.fingerprint]
PAGE = (ROOT / "docs/known-failures.rst").read_text()
EXAMPLE = ROOT / "docs/examples/swap-volume.yaml"


def test_there_are_many() -> None:
    assert len(RULES) >= 50


def test_each_has_a_line_that_matches_and_one_that_almost_does() -> None:
    for rule in RULES:
        assert {case.match for case in rule.fingerprint.cases} == {True, False}, rule.name


def test_each_is_about_the_files_of_todays_jobs() -> None:
    """Each says which files it is about, so that no build is read for it as a whole."""
    assert [rule.name for rule in RULES if "tags:" not in rule.fingerprint.query] == []


@pytest.mark.parametrize("name", ["check", "test"])
def test_the_pages_example_holds(name) -> None:
    done = CliRunner().invoke(command, [name, str(EXAMPLE)])
    assert (done.exit_code, done.stderr) == (0, "")
    assert f"     $ counterbot rules {name} queries/swap-volume.yaml\n     {done.stdout}" in PAGE


def test_the_pages_example_is_found_in_logs_and_not_in_others(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "queries").mkdir()
    shutil.copy(EXAMPLE, "queries")
    fine = "Nov 21 02:10:11.123456 n nova-compute[1]: INFO nova.compute.manager [-] fine\n" * 31_106
    for folder, text in (("logs", fine + EXAMPLE.with_suffix(".txt").read_text()), ("passed", fine)):
        (tmp_path / folder / "controller/logs").mkdir(parents=True)
        (tmp_path / folder / "controller/logs/screen-n-cpu.txt").write_text(text)
        done = CliRunner().invoke(command, ["try", "queries/swap-volume.yaml", f"{folder}/"])
        assert done.exit_code == (folder == "passed")
        shown = done.output.rstrip("\n").replace("\n", "\n     ")
        assert f"     $ counterbot rules try queries/swap-volume.yaml {folder}/\n     {shown}\n" in PAGE


@pytest.mark.parametrize("query", [
    'filename:"logs/screen-n-cpu.txt"', 'filename:"console.html"', 'message:"a" OR message:"b"',
    'message:"a" AND build_status:"TIMED_OUT"', "message:failed-to-swap", 'message:"***"',
    'tags:"console" AND build_queue:"gate"'])
def test_the_page_has_what_rules_check_says_of_elastic_rechecks_habits(query) -> None:
    """Each query is in the table, as it is written and with what is said of it."""
    assert f"   * - ``{query}``\n" in PAGE
    page = " ".join(PAGE.replace("``", "").split())
    assert any(what in page for what in said_of(query))


def said_of(query: str) -> list[str]:
    try:
        return [doubt.what for doubt in with_voting(parse(query)).doubts]
    except BadQuery as bad:
        return [mistake.what for mistake in bad.mistakes]


def test_the_page_shows_the_contracts_comment() -> None:
    name = "comment-failures.txt"
    assert (ROOT / "docs/examples" / name).read_text() == (ROOT / "tests/samples/contract" / name).read_text()
