"""The project's own known failures: enough of them, and each tested both ways.

That their queries do what their cases expect is held with all other rules, in test_rules_command.
"""

from pathlib import Path

from counterbot.files.rulebook import RuleBook

RULES = [rule for rule in RuleBook(Path(__file__).parents[2] / "queries").rules if rule.fingerprint]


def test_there_are_many() -> None:
    assert len(RULES) >= 50


def test_each_has_a_line_that_matches_and_one_that_almost_does() -> None:
    for rule in RULES:
        assert {case.match for case in rule.fingerprint.cases} == {True, False}, rule.name


def test_each_is_about_the_files_of_todays_jobs() -> None:
    """Each says which files it is about, so that no build is read for it as a whole."""
    assert [rule.name for rule in RULES if "tags:" not in rule.fingerprint.query] == []
