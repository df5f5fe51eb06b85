"""Identities are the same from whichever source, and different for different things."""

import hashlib
import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from counterbot.core.keys import delivery_key, marker, patchset_key, report_key, said_key
from counterbot.core.model import BuildLink, PatchSet, Report

LINKS = (BuildLink("a", "https://z/build/1", "1"), BuildLink("b", "https://z/build/2", "2"))
REPORT = Report(PatchSet("review", "openstack/nova", "master", 7, 2), "gate", "e" * 32, LINKS)
GERRIT, IRC = ("gerrit", "gerrit"), ("irc", "#qa")


def test_a_delivery_has_the_same_key_from_whichever_source():
    other = replace(REPORT, pipeline=None, builds=(*reversed(LINKS), LINKS[0]),
                    patchset=replace(REPORT.patchset, url="http://other", branch="", project="x"))
    for one, two in ((REPORT, other), (replace(REPORT, buildset=None), replace(other, buildset=None))):
        assert delivery_key(one, *GERRIT) == delivery_key(two, *GERRIT)


BRANCH = replace(REPORT, patchset=replace(REPORT.patchset, change=None, number=None))
OTHERS = [
    replace(REPORT, buildset="f" * 32),
    replace(REPORT, buildset=None),
    replace(REPORT, buildset=None, builds=LINKS[:1]),  # another pipeline has other builds
    replace(REPORT, buildset=None, builds=(BuildLink("a", "http://logs/1", None),)),
    replace(REPORT, patchset=replace(REPORT.patchset, change=8)),
    replace(REPORT, patchset=replace(REPORT.patchset, number=3)),
    replace(REPORT, patchset=replace(REPORT.patchset, server="other")),
    BRANCH,
]


def test_different_reports_and_destinations_have_different_keys():
    destinations = (GERRIT, IRC, ("irc", "#nova"))
    keys = {delivery_key(report, *destination) for report in (REPORT, *OTHERS) for destination in destinations}
    assert len(keys) == len({marker(key) for key in keys}) == 3 * (1 + len(OTHERS))


def test_keys_in_full():
    assert patchset_key(REPORT.patchset) == "review 7,2"
    assert report_key(REPORT) == f"review 7,2 {'e' * 32}"
    many = tuple(BuildLink("a", f"https://z/build/{uuid}", uuid) for uuid in "76543210")
    assert report_key(replace(REPORT, buildset=None, builds=many)) == (
        f"review 7,2 {hashlib.sha256(b'0,1,2,3,4,5,6,7').hexdigest()[:32]}")
    assert delivery_key(REPORT, *IRC) == f"review 7,2 {'e' * 32} irc #qa"


def test_what_was_said_counts_for_a_patch_set_or_for_one_buildset_of_a_branch():
    assert said_key(REPORT) == said_key(replace(REPORT, buildset="f" * 32)) == "review 7,2"
    assert said_key(BRANCH) == f"review branch {'e' * 32}"


@given(st.text(st.characters(exclude_categories=())))
def test_a_marker_has_its_form_whatever_the_key(key):
    assert re.fullmatch(r"\[counterbot:[0-9a-f]{12}\]", marker(key))
    assert marker(key) == marker(key)
