"""``counterbot rules suggest``: rule files with learned bounds, that the other commands take as they are."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import yaml

from . import test_series_commands
from .test_series_commands import ROOT

site = test_series_commands.site
NAME = "learned-tempest-full-master"


def rules(site, *arguments):
    ran = subprocess.run([sys.executable, "-m", "counterbot", "rules", *arguments], cwd=site.folder,
                         env={"PYTHONPATH": str(ROOT), "PATH": ""}, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout, ran.stderr


def suggested(site, *arguments):
    """The only file."""
    status, out, err = rules(site, "suggest", "-c", "config.yaml", *arguments)
    assert (status, err) == (0, "")
    return out


def accepted(site, text, cases=2):
    (site.folder / "queries" / f"{NAME}.yaml").write_text(text)
    assert rules(site, "check") == (0, "1 rule, no mistakes\n", "")
    assert rules(site, "test") == (0, f"1 rule, {cases} cases, no failures\n", "")


@pytest.fixture
def steady(site):
    site.runs(60)
    site.learns()
    return site


def test_the_bounds_of_stable_counters_are_a_rule_with_cases(steady):
    text = suggested(steady)
    rule = yaml.safe_load(text)
    assert rule["where"] == {"job": "tempest-full", "branch": "master"}
    assert rule["bounds"].keys() == {"memory.nova", "mysql.Queries"}
    assert rule["bounds"]["memory.nova"] == {"max": 2_168_958_484}
    assert 1_212_000 <= rule["bounds"]["mysql.Queries"]["max"] < 1_230_000
    assert isinstance(rule["bounds"]["mysql.Queries"]["max"], int)
    within, over = rule["cases"]
    assert within["given"]["counters"]["memory.nova"] == 2**31
    assert over["expect"] == {"over": ["memory.nova", "mysql.Queries"]}
    assert "  # usually 2,147,483,648, in 60 runs since " in text
    assert f"  # Build {60:032x} of change 60,1, " in text
    assert "  # No run was over these bounds yet: this is none.\n" in text
    accepted(steady, text)


def test_a_run_that_was_over_is_the_second_case(steady):
    steady.run({"mysql.Queries": 1_400_000, "memory.nova": 2**31})
    steady.run({"mysql.Queries": 1_500_000, "memory.nova": 2**31}, result="FAILURE")
    steady.run({"mysql.Queries": 1_200_000, "memory.nova": 2**31}, pipeline="experimental")
    text = suggested(steady)
    within, case = yaml.safe_load(text)["cases"]
    assert within["expect"] == "within"
    assert f"  # Build {60:032x} of change 60,1, " in text
    assert case["given"]["counters"] == {"mysql.Queries": 1_400_000, "memory.nova": 2**31}
    assert case["expect"] == {"over": ["mysql.Queries"]}
    assert f"  # Build {61:032x} of change 61,1, " in text
    accepted(steady, text)


def test_what_is_no_whole_number_has_a_bound_with_a_few_digits(site):
    for _ in range(60):
        site.run({"cpu.seconds": site.random.gauss(100, 1)})
    site.learns()
    text = suggested(site)
    bound = yaml.safe_load(text)["bounds"]["cpu.seconds"]["max"]
    assert 103 < bound < 106
    assert len(str(bound)) <= 7
    accepted(site, text)


HOSTILE = ["queues.a[b]c|d", "queues.'q\" : - #!", "queues.{a: b}, *c", "queues.&x !y %z", "mysql.yes", "x.0x1",
           "queues.\u202etxt", "queues.(a|b)*"]


def test_names_are_inert(site):
    job = "a/job: 'b' #[x] \u2028{c}"
    for _ in range(60):
        site.run({**dict.fromkeys(HOSTILE, 7), "x.huge": 1e300, "x.below": -7, "queues.^x\n": 7}, job=job)
    site.learns()
    status, text, err = rules(site, "suggest", "-c", "config.yaml", "--job", job)
    assert status == 0
    assert "no file of rules can hold" in err
    assert "x.below, x.huge" in err
    found = yaml.safe_load(text)
    assert found["cases"][0]["given"]["job"] == job
    assert set(found["cases"][0]["given"]["counters"]) == set(HOSTILE)
    assert set(found["cases"][1]["expect"]["over"]) == set(HOSTILE)
    accepted(site, text)


def test_each_job_has_a_file_of_its_own(steady):
    steady.runs(60, job="grenade")
    steady.runs(60, job="a b")
    steady.runs(60, job="a/b")
    steady.learns()
    status, out, err = rules(steady, "suggest", "-c", "config.yaml")
    assert (status, out) == (2, "")
    assert "Error: there are 4 files: name a folder with --output, or one job and branch with --job and --branch" in err
    names = ["learned-a-b-master", "learned-a-b-master-2", "learned-grenade-master", NAME]
    made = [f"new/rules/{name}.yaml" for name in names]
    assert rules(steady, "suggest", "-c", "config.yaml", "--output", "new/rules") == (0, "\n".join([*made, ""]), "")
    assert rules(steady, "test", "new/rules") == (0, "4 rules, 8 cases, no failures\n", "")
    status, out, err = rules(steady, "suggest", "-c", "config.yaml", "--output", "new/rules")
    assert (status, out) == (1, "")
    assert ": there already; remove what is to be suggested anew, or name another folder\n" in err
    found = json.loads(suggested(steady, "--json"))
    assert [each["name"] for each in found] == names
    assert found[2]["bounds"][0] == {"counter": "memory.nova", "max": 2_168_958_484, "usual": 2**31, "runs": 60,
                                     "since": found[2]["bounds"][0]["since"]}
    assert found[2]["text"] == (steady.folder / made[2]).read_text()


def test_a_folder_that_cannot_be_made(steady):
    (steady.folder / "file").write_text("")
    status, out, err = rules(steady, "suggest", "-c", "config.yaml", "--output", "file/x")
    assert (status, out, err) == (1, "", "Error: file/x: Not a directory\n")


def test_what_a_rule_does_not_let_learn_is_not_suggested(steady):
    rule = steady.folder / "queries" / "no.yaml"
    rule.write_text('learn: {"memory.*": false}\n')
    assert yaml.safe_load(suggested(steady))["bounds"].keys() == {"mysql.Queries"}


def test_without_anything_stable_it_tells_why_and_what_to_do(site):
    site.runs(10)
    site.learns()
    status, out, err = rules(site, "suggest", "-c", "config.yaml")
    assert (status, out) == (1, "")
    assert err == (
        "no rule for tempest-full on master: of 3 counters none is stable; the commonest reason, of 3: only 10 runs"
        " since the last change point\n'counterbot series stable -c config.yaml' tells why of each counter, and"
        " 'counterbot backfill --days 30 -c config.yaml' reads more runs\n")


def test_an_unknown_job(steady):
    assert rules(steady, "suggest", "-c", "config.yaml", "--job", "x") == (
        1, "", "no such counters are in the history; 'counterbot series list -c config.yaml' shows which are\n")


def test_a_branch_that_moved_just_now_has_no_case_yet(steady):
    steady.runs(201, queries=1_320_000)
    status, _, err = rules(steady, "suggest", "-c", "config.yaml")
    assert status == 1
    assert "none of its last 200 runs is within all of its bounds: did it move just now?" in err
