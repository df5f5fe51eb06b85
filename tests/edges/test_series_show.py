"""``counterbot series show``: runs drawn, what is usual of them, where they moved, and what people said of it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from counterbot.cli.series import command
from tests.journeys import conftest
from tests.journeys.test_learned_bounds import History
from tests.journeys.world import SECOND
from tests.terminal import on_a_terminal

from . import test_series_commands
from .test_failures_commands import CONFIG

site, world = test_series_commands.site, conftest.world
QUERIES = ("show", "tempest-full", "mysql.Queries")


def shown(site, *arguments):
    status, out, err = site.prints(*arguments)
    assert (status, err) == (0, "")
    return out.splitlines()


def numbers(lines):
    """Those below the drawing, by their first word."""
    return {line.split()[0]: " ".join(line.split()[1:]) for line in lines
            if line.startswith(("runs ", "usual ", "bound ", "stable "))}


def drawing(lines):
    return [line for line in lines if "|" in line.partition("  * shows")[0]][:14]


def test_a_step_is_drawn_and_told(site):
    site.runs(60)
    site.runs(3, result="FAILURE", queries=900_000)
    site.runs(40, queries=1_320_000)
    site.learns()
    lines = shown(site, *QUERIES)
    assert lines[0] == "mysql.Queries of tempest-full on master, tenant openstack (differences)"
    assert "* shows what is usual   x failed   - usual   = bound   | moved" in lines
    found = numbers(lines)
    assert found["runs"] == "103, of which 100 show what is usual"
    assert found["usual"].startswith("1,31") or found["usual"].startswith("1,32")
    assert " in 40 runs since " in found["usual"]
    assert ", standard deviation 0." in found["usual"]
    assert " a run is over it once in " in found["bound"]
    assert found["stable"].startswith("yes; a rise of 1.")
    [moved] = [line for line in lines if " from 1," in line]
    assert moved.endswith("%)")
    rows = drawing(lines)
    assert "=" in rows[0]
    assert "x" in rows[-1]
    assert all(row.count("|") > 1 for row in rows[3:-3])


def test_as_json(site):
    site.runs(60)
    site.runs(20, queries=1_320_000)
    site.learns()
    [found] = json.loads("\n".join(shown(site, *QUERIES, "--json")))
    assert (found["counter"], found["runs"], len(found["history"]), found["stable"]) == ("mysql.Queries", 80, 80, True)
    assert (found["history"][0]["usual"], found["history"][0]["result"]) == (True, "SUCCESS")
    [move] = found["moves"]
    assert move["change"] == pytest.approx(0.1, abs=0.01)
    assert {**move, "merged": None} == {**found["moved"], "merged": None}
    assert (found["said"], found["unconfirmed"]) == ([], [])
    assert len(json.loads("\n".join(shown(site, *QUERIES, "--json", "--days", "1")))[0]["history"]) < 80


@pytest.mark.parametrize("value", [0, -5, 1e308, -1e308, 5e-324, 2**60])
@pytest.mark.parametrize("count", [1, 30])
def test_a_counter_that_never_changes(site, value, count):
    for _ in range(count):
        site.run({"mysql.Odd": value})
    site.learns()
    lines = shown(site, "show", "tempest-full", "mysql.Odd")
    assert numbers(lines)["runs"].startswith(f"{count}, of which {count} ")
    assert numbers(lines)["stable"].startswith("yes" if count == 30 else "no: only 1 run")
    assert any("*" in line for line in drawing(lines))


def test_values_of_all_sizes(site):
    for value in (-1.7e308, 1.7e308, 0, 1e-300, 5) * 4:
        site.run({"mysql.Odd": value})
    site.learns()
    assert any("*" in line for line in drawing(shown(site, "show", "tempest-full", "mysql.Odd")))


def test_a_series_that_nobody_looked_at(site):
    site.runs(3)
    assert numbers(shown(site, *QUERIES)) == {"runs": "3, of which 3 show what is usual",
                                              "stable": "no: not looked at yet"}


def test_each_branch_has_a_series_of_its_own(site):
    site.run({"mysql.Queries": 7})
    site.run({"mysql.Queries": 8}, branch="stable/1")
    def heads(*more):
        return [line for line in shown(site, *QUERIES, *more) if line.startswith("mysql.Queries of ")]

    assert [line.split()[4] for line in heads()] == ["master,", "stable/1,"]
    assert [line.split()[4] for line in heads("--branch", "stable/1")] == ["stable/1,"]


@pytest.mark.parametrize(("asked", "told"), [
    (("tempest-fall", "mysql.Queries"), "no job 'tempest-fall' in the history; did you mean 'tempest-full'?"),
    (("x", "mysql.Queries"), "no job 'x' in the history; known: tempest-full"),
    (("tempest-full", "mysql.Querys"),
     "no counter 'mysql.Querys' of job 'tempest-full'; did you mean 'mysql.Queries'?"),
    (("tempest-full", "mysql.Queries", "--branch", "stable/1"),
     "job 'tempest-full' is not known there, but on master, tenant openstack"),
    (("tempest-full", "mysql.Queries", "--tenant", "x"),
     "job 'tempest-full' is not known there, but on master, tenant openstack")])
def test_a_series_that_is_not_there(site, asked, told):
    site.runs(1)
    assert site.prints("show", *asked) == (1, "", f"Error: {told}\n")


def test_an_empty_history(site):
    status, out, err = site.prints(*QUERIES)
    assert (status, out) == (1, "")
    assert err.startswith("Error: No counters are in the history yet. ")


def test_on_a_narrow_terminal_without_utf8(site):
    site.runs(60)
    site.learns()
    out = on_a_terminal("series", *QUERIES, "-c", site.folder / "config.yaml", width=40, LANG="C", LC_ALL="C",
                        PYTHONIOENCODING="ascii")
    assert "?" not in out
    assert max(map(len, drawing(out.splitlines()))) <= 40
    assert "\x1b" not in out


def test_the_list_may_be_filtered_and_tells_what_moved_last(site):
    site.runs(60)
    site.runs(40, queries=1_320_000)
    site.learns()
    _, *rows = shown(site, "list", "--counter", "mysql.*")
    assert [row.split()[2] for row in rows] == ["mysql.Queries", "mysql.Slow"]
    head, row = shown(site, "list", "--counter", "mysql.Queries", "--tenant", "openstack")
    assert "MOVED" in head
    assert any(word.startswith(("+9.", "+10.")) for word in row.split())
    assert "in the history yet of tenant x" in shown(site, "list", "--tenant", "x")[0]
    [found] = json.loads("\n".join(shown(site, "list", "--counter", "mysql.Queries", "--json")))
    assert found["moved"]["before"] < found["moved"]["now"]


def merge(history, number):
    history.bot.hears({"type": "change-merged", "eventCreatedOn": history.world.clock.now() // SECOND,
                       "change": {"project": "openstack/nova", "branch": "master", "number": number},
                       "patchSet": {"number": 2}}).works()


def test_what_people_said_and_what_was_seen_once(world, monkeypatch):
    history = History(world).merged(30).learns()
    history.report(70, (1.2, 1)).report(71, (1.1, 1.1)).report(71, (1.1, 1.1), patchset=2)
    history.says(71, "counters: accept a query per tenant")
    merge(history, 71)
    history.merged(8, 1_320_000).learns()
    merge(history, 99)
    history.merged(30, 1_450_000).learns()
    (world.folder / "config.yaml").write_text(CONFIG)
    monkeypatch.chdir(world.folder)
    result = CliRunner().invoke(command, [*QUERIES, "--days", "3650", "-c", "config.yaml"])
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert any(line.endswith("accepted by dana on openstack/nova 71: a query per tenant") for line in lines)
    assert any("from 1,3" in line and line.endswith("openstack/nova 99") for line in lines)
    said = lines[lines.index("Said on changes:") + 2].split()
    assert said[-4:] == ["a", "query", "per", "tenant"]
    [crossing] = lines[lines.index("Over the learned bound in one run alone, so nobody was told:") + 2:]
    assert " 70,1 " in crossing
    assert " o " in "".join(lines)
