"""The facts of a build, of its own inventory."""

import pytest

from counterbot.builds.inventory import facts_of
from counterbot.core import limits
from counterbot.core.model import Unreadable

INVENTORY = b"""\
all:
  children:
    zuul_unreachable: {hosts: {}}
  hosts:
    compute1:
      ansible_host: 10.0.0.2
      nodepool: {cloud: ovh, label: ubuntu-noble, provider: ovh-bhs1, region: BHS1, host_id: 6f2a}
    controller:
      nodepool: {label: other, provider: other}
  vars:
    devstack_localrc: {ADMIN_PASSWORD: !unsafe secretadmin}
    zuul:
      _inheritance_path: ['<Job base branches: None>', '{x: [']
      branch: stable/2026.1
      build: e7399332667b42ffabfe9ae67a7f2389
      buildset: 0123
      change: '912345'
      change_url: https://review.opendev.org/912345
      executor: {hostname: ze01.opendev.org, inventory_file: /x}
      items:
      - {branch: master, change: '1', project: {name: openstack/other}}
      job: tempest-full
      patchset: '7'
      pipeline: check
      project: {canonical_name: opendev.org/openstack/nova, name: openstack/nova, short_name: nova}
      projects: {opendev.org/openstack/x: {name: openstack/x}}
      tenant: openstack
      voting: true
"""


def test_facts_have_the_names_that_queries_ask_for():
    assert facts_of(INVENTORY) == {
        "build_branch": "stable/2026.1", "build_uuid": "e7399332667b42ffabfe9ae67a7f2389",
        "build_set": "0123", "build_change": "912345", "build_patchset": "7",
        "change_url": "https://review.opendev.org/912345", "build_master": "ze01.opendev.org",
        "build_name": "tempest-full", "build_queue": "check", "project": "openstack/nova", "tenant": "openstack",
        "voting": "1", "build_node": "ubuntu-noble", "node_provider": "ovh-bhs1", "hosts_region": "BHS1",
        "hosts_id": "6f2a", "zuul_executor": "ze01.opendev.org"}


def test_a_branchs_build_has_no_change():
    facts = facts_of(b"all: {vars: {zuul: {job: x, change: null, patchset: '', voting: false}}}")
    assert facts == {"build_name": "x", "voting": "0"}


def test_aliases_make_no_more_of_it():
    """A thousand million elements, were they followed."""
    bomb = b"a: &a0 [x]\n" + b"".join(
        b"b%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 10))
    assert facts_of(bomb + INVENTORY)["build_name"] == "tempest-full"


@pytest.mark.parametrize(("data", "why"), [
    (b"", "no inventory of Zuul"), (b"all: {}", "no inventory of Zuul"), (b"a: [", "no YAML"),
    (b"\xff\xfe\xff", "no YAML"), (b"<html>: x", "no inventory of Zuul"), (b"? [a]\n: b", "a key that is no text"),
    (b"[" * 900_000, "no YAML"), (b"[" * 900, "no YAML"),
    (b" " * (limits.INVENTORY + 1), "4,194,305 bytes, more than the 4,194,304 that are read"),
])
def test_what_is_no_inventory(data, why):
    with pytest.raises(Unreadable, match=why):
        facts_of(data)
