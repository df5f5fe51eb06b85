from __future__ import annotations

import pytest

from counterbot.core.model import Build, Counters
from counterbot.fingerprints.fields import of_build, of_file, was_indexed

BUILD = Build("4bb2b5c0ae7f4c4f9f5d8f5a36d4f5c1", "tempest-full", "TIMED_OUT", True, "openstack/nova", "stable/2026.2",
              "gate", "https://logs.example/1/", change=971234, patchset=3)


def test_a_build_has_the_fields_of_the_old_index() -> None:
    assert of_build(BUILD) == {
        "build_uuid": ("4bb2b5c0ae7f4c4f9f5d8f5a36d4f5c1",), "build_short_uuid": ("4bb2b5c",),
        "build_name": ("tempest-full",), "build_status": ("FAILURE",), "build_queue": ("gate",),
        "build_branch": ("stable/2026.2",), "build_change": ("971234",), "build_patchset": ("3",),
        "build_zuul_url": ("N/A",), "project": ("openstack/nova",), "voting": (1,),
        "log_url": ("https://logs.example/1/",)}


def test_what_is_not_known_is_no_field() -> None:
    periodic = of_build(Build("4bb2", "j", "SUCCESS", False, "p", "master", None, None))
    assert periodic["build_status"] == ("SUCCESS",)
    assert periodic["voting"] == (0,)
    assert not {"build_queue", "log_url", "build_change", "build_patchset"} & periodic.keys()


def test_facts_win_and_counters_are_fields() -> None:
    fields = of_build(BUILD, {"voting": "0", "node_provider": "rax-dfw", "build_uuid": "0123456789"},
                      Counters({"mysql.Queries": 1250000}))
    assert fields["voting"] == (0,)
    assert fields["node_provider"] == ("rax-dfw",)
    assert fields["build_short_uuid"] == ("0123456",)
    assert fields["mysql.Queries"] == (1250000,)


@pytest.mark.parametrize(("path", "tags"), [
    ("job-output.txt", "job-output.txt console console.html"),
    ("console.html", "console.html console"),
    ("logs/grenade.sh.txt", "grenade.sh.txt console console.html"),
    ("controller/logs/grenade.sh_log.txt", "grenade.sh_log.txt console console.html grenade"),
    ("controller/logs/devstacklog.txt", "devstacklog.txt console console.html devstack"),
    ("logs/devstack-gate-setup-host.txt", "devstack-gate-setup-host.txt console console.html"),
    ("controller/logs/screen-n-cpu.txt", "screen-n-cpu.txt screen oslofmt devstack nova"),
    ("compute1/logs/screen-q-agt.txt", "screen-q-agt.txt screen oslofmt devstack neutron multinode"),
    ("controller/logs/screen-keystone.txt", "screen-keystone.txt screen oslofmt devstack keystone"),
    ("controller/logs/screen-o-api.txt", "screen-o-api.txt screen oslofmt devstack"),
    ("logs/screen-n-cpu.txt", "screen-n-cpu.txt screen oslofmt"),
    ("logs/screen-s-object.txt", "screen-s-object.txt screen apachecombined"),
    ("logs/apache/keystone.txt", "keystone.txt screen oslofmt"),
    ("logs/apache/horizon_error.txt", "horizon_error.txt apacheerror"),
    ("controller/logs/tempest_log.txt", "tempest_log.txt screen oslofmt tempest devstack"),
    ("logs/tempest.txt", "tempest.txt screen oslofmt"),
    ("controller/logs/syslog.txt", "syslog.txt syslog devstack"),
    ("logs/libvirt/libvirtd.txt", "libvirtd.txt libvirt"),
    ("logs/dsvm-fullstack-index.txt", "dsvm-fullstack-index.txt oslofmt"),
    ("logs/postci.txt", "postci.txt console postci"),
    ("logs/undercloud/var/log/extra/logstash.txt", "logstash.txt console postci"),
    ("logs/undercloud/var/log/extra/errors.txt", "errors.txt console errors"),
])
def test_a_file_has_its_name_and_its_class_as_tags(path: str, tags: str) -> None:
    name, *classes = tags.split()
    assert of_file(path) == {"tags": (name, f"{name}.gz", *classes), "filename": (path, f"{path}.gz")}
    assert was_indexed(path)


@pytest.mark.parametrize("path", [
    "job-output.json", "controller/logs/screen-dstat.txt", "controller/logs/mysql/error_log.txt",
    "testrepository.subunit", "controller/logs/apache/error_log.txt", "logs/etc/nova/nova.conf"])
def test_other_files_have_only_their_name(path: str) -> None:
    name = path.rpartition("/")[2]
    assert of_file(path)["tags"] == (name, f"{name}.gz")
    assert not was_indexed(path)
