"""The systemd collector on a tree of files such as the kernel shows under /sys/fs/cgroup."""

import os
import shutil
import threading
from dataclasses import replace

import pytest

from counterbot.collectors import Failed, settings, systemd
from counterbot.core.counters.difference import Group, difference
from counterbot.core.counters.snapshot import Snapshot

CPU = "usage_usec {}\nuser_usec 70\nsystem_usec 30\nnice_usec 0\ncore_sched.force_idle_usec 0\nnr_periods 0\n"
IO = """\
8:0 rbytes=4096 wbytes=1000 rios=1 wios=2 dbytes=0 dios=0
253:1 rbytes=1 wbytes=2 rios=1 wios=1 dbytes=0 dios=0
"""
N_API = "system.slice/system-devstack.slice/devstack@n-api.service"


class Tree:
    """A mounted cgroup v2 in a folder."""

    def __init__(self, root, controllers="cpuset cpu io memory pids"):
        self.root = root
        (root / "cgroup.controllers").write_text(controllers + "\n")

    def unit(self, path, peak="1000\n", cpu="usage_usec 100\n", io=IO, **more):
        """A unit's cgroup; what is None is not there. ``memory_current`` is memory.current."""
        folder = self.root / path
        folder.mkdir(parents=True, exist_ok=True)
        files = {"memory.current": "900\n", "memory.peak": peak, "cpu.stat": cpu, "io.stat": io, "cgroup.procs": "7\n"}
        files |= {name.replace("_", "."): text for name, text in more.items()}
        for name, text in files.items():
            if text is None:
                (folder / name).unlink(missing_ok=True)
            else:
                (folder / name).write_text(text)
        return folder

    def collect(self, *units, **given):
        given = given | ({"units": units} if units else {})
        return systemd.collect(systemd.Settings(root=str(self.root), **given), 5, False)

    def failure(self, *units, **given):
        with pytest.raises(Failed) as failed:
            self.collect(*units, **given)
        return str(failed.value).replace(str(self.root), "ROOT")


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def test_every_group_of_every_unit_that_matches(tree):
    tree.unit(N_API, peak="261332992\n", cpu=CPU.format(45110873))
    tree.unit("system.slice/mariadb.service", peak="372097024\n", io="8:0 rbytes=10 wbytes=20 rios=1 wios=1\n")
    tree.unit("system.slice/ssh.service")
    found = tree.collect("devstack@*", "mariadb")
    assert found.groups == {
        "memory_peak": {"n-api": 261332992, "mariadb": 372097024},
        "cpu": {"n-api_usec": 45110873, "mariadb_usec": 100},
        "io": {"n-api_read_bytes": 4097, "n-api_written_bytes": 1002,
               "mariadb_read_bytes": 10, "mariadb_written_bytes": 20}}
    assert (found.failures, found.absent, dict(found.own)) == ((), frozenset(), {})


def test_the_defaults_are_devstack_and_its_servers(tree):
    for name in ("mariadb", "rabbitmq-server", "apache2", "system-devstack.slice/devstack@q-svc", "cron"):
        tree.unit(f"system.slice/{name}.service")
    found = tree.collect()
    assert set(found.groups["memory_peak"]) == {"mariadb", "rabbitmq-server", "apache2", "q-svc"}
    assert found.groups.keys() == systemd.GROUPS.keys()


@pytest.mark.parametrize(("folder", "pattern", "name"), [
    ("mariadb.service", "mariadb.service", "mariadb"),
    ("system-devstack.slice/devstack@n-cond-cell1.service", "devstack@n-*", "n-cond-cell1"),
    (r"systemd-fsck@dev-disk-by\x2duuid-1.service", "systemd-fsck@*", r"systemd-fsck@dev-disk-by\x2duuid-1"),
    ("system-getty.slice/getty@tty1.service", "getty@tty1", "getty@tty1"),
    ("a.slice/a-b.slice/a-b-c.slice/deep.service", "deep", "deep"),
    ("_cpu.service", "cpu", "cpu"),
    ("php8.2-fpm.service", "php*", "php8.2-fpm"),
    ("system-devstack.slice", "system-devstack.slice", "system-devstack.slice"),
    (r"machine-qemu\x2d1.scope", "machine-*.scope", r"machine-qemu\x2d1.scope"),
])
def test_names(tree, folder, pattern, name):
    tree.unit(f"system.slice/{folder}")
    assert tree.collect(pattern).groups["memory_peak"] == {name: 1000}
    assert set(tree.collect(pattern).groups["io"]) == {f"{name}_read_bytes", f"{name}_written_bytes"}


def test_only_slices_are_searched(tree):
    tree.unit("system.slice/docker.service/inner.service")
    tree.unit("user.slice/user-1000.slice/user@1000.service/app.slice/bench.service")
    assert tree.failure("inner", "bench").startswith("no running unit matches inner, bench in system.slice of ROOT: ")
    below = ("system.slice/docker.service", "/user.slice/user-1000.slice/user@1000.service/app.slice/")
    assert set(tree.collect("inner", "bench", slices=below).groups["cpu"]) == {"inner_usec", "bench_usec"}


def test_slices_within_slices_count_once(tree):
    tree.unit(N_API)
    found = tree.collect("devstack@*", slices=("system.slice", "system.slice/system-devstack.slice"))
    assert (found.groups["memory_peak"], found.failures) == ({"n-api": 1000}, ())


# -- what is not there


def test_a_unit_that_was_named_and_does_not_run_is_absent(tree):
    tree.unit("system.slice/mariadb.service")
    found = tree.collect("mariadb", "devstack@*", "apache2", groups=("memory_peak", "io"))
    assert found.absent == {"memory_peak.apache2", "io.apache2_read_bytes", "io.apache2_written_bytes"}
    assert found.failures == ()


def test_no_unit_at_all_is_a_failure(tree):
    tree.unit("system.slice/ssh.service")
    assert tree.failure() == (
        "no running unit matches devstack@*, mariadb, rabbitmq-server, apache2 in system.slice of ROOT: "
        "name others in 'units', or leave systemd out of the collectors")


def test_cgroup_v1(tmp_path):
    (tmp_path / "memory").mkdir()
    with pytest.raises(Failed) as failed:
        systemd.collect(systemd.Settings(root=str(tmp_path)), 5, False)
    assert str(failed.value) == (f"{tmp_path} is no cgroup v2 hierarchy: boot with systemd.unified_cgroup_hierarchy=1, "
                                 "or leave systemd out of the collectors")


def test_a_hybrid_hierarchy_has_cpu_time(tmp_path):
    (tmp_path / "unified").mkdir()
    unified = Tree(tmp_path / "unified", controllers="")
    unified.unit("system.slice/mariadb.service", peak=None, io=None, memory_current=None)
    with pytest.raises(Failed, match=r"/unified and groups to \[cpu\]$"):
        systemd.collect(systemd.Settings(root=str(tmp_path)), 5, False)
    found = unified.collect("mariadb", groups=("cpu",))
    assert (found.groups, found.failures) == ({"cpu": {"mariadb_usec": 100}}, ())
    assert unified.collect("mariadb").failures[0] == (
        "memory_peak: the kernel offers no memory controller in cgroup v2: boot with it, or leave memory_peak out of "
        "'groups'")


OFF = ("the {} controller is not enabled for mariadb.service: set Default{}Accounting=yes in /etc/systemd/system.conf "
       "and run systemctl daemon-reexec, or leave {} out of 'groups'")


@pytest.mark.parametrize(("missing", "group", "why"), [
    ({"io": None}, "io", OFF.format("io", "IO", "io")),
    ({"cpu": None}, "cpu", OFF.format("cpu", "CPU", "cpu")),
    ({"peak": None, "memory_current": None}, "memory_peak", OFF.format("memory", "Memory", "memory_peak")),
    ({"peak": None}, "memory_peak", "this kernel is older than 5.19, which peak memory needs: take a newer one, "
                                    "or leave memory_peak out of 'groups'"),
    ({"peak": "max\n"}, "memory_peak", "memory.peak is not what the kernel writes"),
    ({"cpu": "user_usec 1\n"}, "cpu", "cpu.stat is not what the kernel writes"),
    ({"cpu": "usage_usec\n"}, "cpu", "cpu.stat is not what the kernel writes"),
])
def test_a_group_that_cannot_be_read_is_a_failure_and_never_empty(tree, missing, group, why):
    tree.unit("system.slice/mariadb.service", **missing)
    found = tree.collect("mariadb", "apache2")
    line = f"{group}: {why}"
    assert [failure.replace(f"{tree.root}/system.slice/mariadb.service/", "") for failure in found.failures] == [line]
    assert found.groups.keys() == systemd.GROUPS.keys() - {group}
    assert not [name for name in (*found.absent, *found.instances) if name.startswith(f"{group}.")]
    assert tree.failure("mariadb", groups=(group,)).replace("ROOT/system.slice/mariadb.service/", "") == line


def test_a_file_that_is_a_folder(tree):
    (tree.unit("system.slice/mariadb.service", io=None) / "io.stat").mkdir()
    [failure] = tree.collect("mariadb").failures
    assert failure.endswith("/io.stat: Is a directory")


def test_a_controller_that_some_units_have_costs_the_others_their_counter_alone(tree):
    tree.unit("system.slice/mariadb.service")
    tree.unit(N_API, io=None)
    found = tree.collect("mariadb", "devstack@*")
    assert found.groups["io"] == {"mariadb_read_bytes": 4097, "mariadb_written_bytes": 1002}
    assert found.absent == {"io.n-api_read_bytes", "io.n-api_written_bytes"}


@pytest.mark.parametrize(("text", "read", "written"), [
    ("", 0, 0),
    ("8:0 \n", 0, 0),
    ("8:16 8:0 rbytes=5 wbytes=6 rios=1 wios=1 dbytes=0 dios=0\n", 5, 6),
    ("8:0 rbytes=5 wbytes=6 cost.usage=1.5 cost.wait=0\n", 5, 6),
])
def test_io(tree, text, read, written):
    tree.unit("system.slice/mariadb.service", io=text)
    assert tree.collect("mariadb").groups["io"] == {"mariadb_read_bytes": read, "mariadb_written_bytes": written}


# -- what changes


def test_a_unit_that_ends_while_others_are_read_is_not_there(tree):
    """The first unit's file is a pipe: what it gives comes when the second unit is gone."""
    folder = tree.unit("system.slice/a.service", cpu=None)
    gone = tree.unit("system.slice/b.service")
    os.mkfifo(folder / "cpu.stat")

    def write():
        with (folder / "cpu.stat").open("w") as pipe:
            shutil.rmtree(gone)
            pipe.write(CPU.format(5))

    writer = threading.Thread(target=write)
    writer.start()
    found = tree.collect("a", "b", groups=("cpu",))
    writer.join(10)
    assert (found.groups, found.failures, found.absent) == ({"cpu": {"a_usec": 5}}, (), {"cpu.b_usec"})


def test_a_unit_that_ends_while_it_is_read_itself_is_not_there(tree):
    folder = tree.unit("system.slice/a.service", cpu=None)
    os.mkfifo(folder / "cpu.stat")

    def write():
        with (folder / "cpu.stat").open("w") as pipe:
            folder.rename(tree.root / "elsewhere")
            tree.unit("system.slice/a.service", cpu=CPU.format(1))
            pipe.write(CPU.format(5))

    writer = threading.Thread(target=write)
    writer.start()
    assert tree.failure("a", groups=("cpu",)) == "cpu: every unit that matched ended while it was read"
    writer.join(10)


def test_a_restarted_unit_has_no_difference_and_a_new_one_counts_from_nothing(tree):
    known = {group: Group("systemd", kind) for group, kind in systemd.GROUPS.items()}

    def reading(unixtime):
        found = tree.collect("devstack@*", "mariadb", "late")
        return Snapshot(found.groups, unixtime, collector="counterbot", instances=found.instances)

    tree.unit(N_API, cpu=CPU.format(50))
    tree.unit("system.slice/mariadb.service", cpu=CPU.format(100))
    before = reading(1)
    tree.unit(N_API, cpu=CPU.format(70), peak="5000\n")
    (tree.root / "system.slice/mariadb.service").rename(tree.root / "gone")  # its inode stays taken
    tree.unit("system.slice/mariadb.service", cpu=CPU.format(300))
    tree.unit("system.slice/late.service", cpu=CPU.format(7))
    between = difference(before, reading(2), known)
    assert between.groups["cpu"] == {"n-api_usec": 20, "late_usec": 7}
    assert between.groups["memory_peak"] == {"n-api": 5000, "mariadb": 1000, "late": 1000}
    assert between.resets == {"cpu.mariadb_usec", "io.mariadb_read_bytes", "io.mariadb_written_bytes"}
    assert difference(replace(before, unixtime=3), reading(4), known).groups["io"]["n-api_read_bytes"] == 0


def test_two_units_of_one_name_are_a_failure(tree):
    tree.unit("system.slice/etcd.service")
    tree.unit("system.slice/system-devstack.slice/devstack@etcd.service")
    assert tree.failure("etcd", "devstack@*") == (
        "etcd would be ROOT/system.slice/etcd.service and ROOT/system.slice/system-devstack.slice/"
        "devstack@etcd.service: let 'units' and 'slices' match one of them")
    assert tree.collect("etcd").failures == ()


# -- settings


def test_settings():
    assert settings.build(systemd.Settings, {"units": ["x*"]}).units == ("x*",)
    with pytest.raises(settings.Wrong, match="groups: 'memory' is none of memory_peak, cpu, io"):
        settings.build(systemd.Settings, {"groups": ["memory"]})
    with pytest.raises(settings.Wrong, match="units: must not be empty"):
        settings.build(systemd.Settings, {"units": []})
