"""``counterbot collect`` as a process, with collectors of somebody else's that answer, fail, hang and break."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from counterbot.collectors.available import BUILT_IN, ENTRY_POINTS
from counterbot.core.subunit import attachments as subunit
from tests.oracle import heard

ROOT = Path(__file__).parents[2]

COLLECTORS = '''
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from counterbot.collectors import Collected, Failed, Kind


@dataclass(frozen=True)
class Settings:
    """What the back end would say."""

    groups: str = "{}"
    own: str = "{}"
    start: float = 7.0
    limit: int | None = None


def answers(settings, seconds, again):
    groups = json.loads(settings.groups)
    return Collected(groups, absent=frozenset({"mysql.X"}), instances={group: settings.start for group in groups},
                     own=json.loads(settings.own) if again else {})


def fails(settings, seconds, again):
    raise Failed("401 Unauthorized from 127.0.0.1; is the password right?")


def hangs(settings, seconds, again):
    Event().wait()


def breaks(settings, seconds, again):
    raise ValueError("hunter2")


def partly(settings, seconds, again):
    return Collected({"cpu": {"n-api": 5}}, failures=("io: the controller is off",))


def strange(settings, seconds, again):
    return Collected({"rates": {"Queries": 5, "Ratio": float("nan"), "On": True}})


def like(function, **groups):
    return SimpleNamespace(GROUPS=groups, Settings=Settings, collect=function)


fine = like(answers, mysql=Kind.COUNTER, queues=Kind.FROM_ZERO, memory=Kind.GAUGE)
failing, silent, broken = like(fails, queues=Kind.FROM_ZERO), like(hangs), like(breaks)
partial, odd = like(partly, cpu=Kind.FROM_ZERO, io=Kind.FROM_ZERO), like(strange, rates=Kind.COUNTER)
'''
NAMES = "fine", "failing", "silent", "broken", "partial", "odd"
LATE = "it was not done in 3 s"


def install(folder, package, source, *entries):
    """A package with collectors."""
    (folder / f"{package}.py").write_text(source)
    installed = folder / f"{package}-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("\n".join([f"[{ENTRY_POINTS}]", *entries, ""]))


@pytest.fixture
def node(tmp_path):
    """A node on which somebody's collectors are installed."""
    install(tmp_path, "theirs", COLLECTORS, *(f"{name} = theirs:{name}" for name in NAMES), "absent = no_such_module")

    def collect(*arguments, groups=None, **settings):
        given = settings if groups is None else {"groups": json.dumps(groups), **settings}
        single = [f"--set=fine.{key}={json.dumps(value)}" for key, value in given.items()]
        names = ["--collector=fine"] if given and not any("--collector" in str(one) for one in arguments) else []
        done = subprocess.run(
            [sys.executable, "-m", "counterbot", "collect", *map(str, arguments), *names, *single], timeout=60,
            capture_output=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"})
        return done.returncode, done.stdout, done.stderr.decode()

    return collect


def test_it_prints_json(node, tmp_path):
    began = time.time()
    status, out, err = node("--output", "c.json", "--meta-prefix", "ci",
                            groups={"mysql": {"Queries": 12}, "queues": {}})
    assert (status, err) == (0, "")
    document = json.loads(out)
    meta = document.pop("__meta__")
    assert document == {"mysql": {"Queries": 12}, "queues": {}}
    assert (meta["prefix"], meta["host"], meta["absent"]) == ("ci", os.uname().nodename, ["mysql.X"])
    assert meta["collector"].startswith("counterbot ")
    assert began <= meta["unixtime"] <= time.time()
    assert (tmp_path / "c.json").read_bytes() == out


@pytest.mark.parametrize("option", [["--subunit"], ["--subunit=counters.json"], ["--subunit", "--output=c.json"]])
def test_it_prints_a_packet_that_others_read(node, option):
    status, out, _ = node(*option, groups={"mysql": {"Queries": 12}})

    (event,) = heard(out)
    assert (status, event["file_name"], event["eof"], event["test_id"]) == (0, "counters.json", True, None)
    assert json.loads(bytes(event["file_bytes"]))["mysql"] == {"Queries": 12}
    assert subunit.documents([out], "counters.json") == [bytes(event["file_bytes"])]


def test_the_difference(node):
    node("--output", "before.json",
         groups={"mysql": {"Queries": 10, "Com_select": 5}, "queues": {}, "memory": {"a": 9}})
    status, out, err = node("--delta", "before.json", own='{"mysql.Queries": 2}', groups={
        "mysql": {"Queries": 15, "Com_select": 4}, "queues": {"reply_publish": 7}, "memory": {"a": 3}})
    document = json.loads(out)
    meta = document.pop("__meta__")
    assert document == {"mysql": {"Queries": 3}, "queues": {"reply_publish": 7}, "memory": {"a": 3}}
    assert meta["resets"] == ["mysql.Com_select"]
    assert meta["delta_seconds"] > 0
    told = "no value, counter reset: mysql.Com_select\n"
    assert (status, err) == (0, told)


def test_a_restart_between(node):
    counters = {f"Com_{number}": number for number in range(221)}
    node("--output", "before.json", groups={"mysql": {"Queries": 10, **counters}, "queues": {"a_publish": 4}})
    status, out, err = node("--delta", "before.json", start=100, groups={
        "mysql": {"Queries": 90, **counters}, "queues": {"a_publish": 2}})
    told = "fine restarted: 223 counters have no value"
    assert (status, err) == (3, f"{told}\n")
    meta = json.loads(out)["__meta__"]
    assert (json.loads(out)["mysql"], meta["failures"], len(meta["resets"])) == ({}, {"fine": told}, 223)


def test_many_that_were_reset_are_one_short_line(node):
    """As FLUSH STATUS does."""
    node("--output", "before.json", groups={"mysql": {f"Com_{number:03}": 9 for number in range(222)}})
    status, _, err = node("--delta", "before.json", groups={
        "mysql": {f"Com_{number:03}": 0 for number in range(222)}})
    assert (status, err) == (0, "no value, counter reset: mysql.Com_000, mysql.Com_001, mysql.Com_002, mysql.Com_003, "
                                "mysql.Com_004 and 217 more\n")


def test_one_that_fails_hangs_or_breaks_costs_no_other_its_counters(node):
    status, out, err = node(*(f"--collector={name}" for name in NAMES), "--deadline=3", groups={"mysql": {"a": 1}})
    document = json.loads(out)
    assert status == 3
    assert document["__meta__"]["failures"] == {
        "failing": "401 Unauthorized from 127.0.0.1; is the password right?",
        "silent": LATE,
        "broken": "a bug in the collector: ValueError in theirs.py, line 36",
        "partial": "io: the controller is off",
        "odd": "rates.Ratio: nan is not a finite number; rates.On: true or false instead of a number",
    }
    assert document["cpu"] == {"n-api": 5}
    assert "io" not in document
    assert "queues" not in document
    assert f"silent: {LATE}\n" in err
    assert "hunter2" not in out.decode() + err


ANSWERS = {
    "nothing": ("None", "it returned NoneType instead of Collected"),
    "plain": ("{'cpu': {'a': 5}}", "it returned dict instead of Collected"),
    "flat": ("Collected({'flat': 5})", "AttributeError in joined.py, line N"),
    "leaving": ("leave()", "SystemExit in answers.py, line N"),
    "interrupted": ("interrupt()", "KeyboardInterrupt in answers.py, line N"),
}
"""What collectors return, and what is told of it."""


def test_an_answer_that_is_none_costs_no_other_its_counters(node, tmp_path):
    source = ["from theirs import *",
              "def leave(): raise SystemExit('hunter2')", "def interrupt(): raise KeyboardInterrupt('hunter2')",
              *(f"{name} = like(lambda *_: {answer})" for name, (answer, _) in ANSWERS.items())]
    install(tmp_path, "answers", "\n".join(source), *(f"{name} = answers:{name}" for name in ANSWERS))
    node("--output=before.json", groups={"mysql": {"a": 1}})
    names = [f"--collector={name}" for name in ("fine", *ANSWERS)]
    status, out, err = node(*names, "--delta=before.json", groups={"mysql": {"a": 5}})
    document = json.loads(out)
    told = {name: re.sub("line [0-9]+", "line N", why) for name, why in document["__meta__"]["failures"].items()}
    assert told == {name: f"a bug in the collector: {why}" for name, (_, why) in ANSWERS.items()}
    assert (status, document["mysql"]) == (3, {"a": 4})
    assert err.count("\n") == len(ANSWERS)
    assert "hunter2" not in out.decode() + err


def test_a_number_that_json_does_not_know_costs_no_other_its_value(node, tmp_path):
    source = "from decimal import Decimal\nfrom theirs import *\n" \
             "exact = like(lambda *_: Collected({'cpu': {'a': Decimal('0.5'), 'b': 5}}))"
    install(tmp_path, "decimals", source, "exact = decimals:exact")
    status, out, err = node("--collector=exact")
    assert (status, json.loads(out)["cpu"]) == (3, {"b": 5})
    assert err == "exact: cpu.a: Decimal instead of a number (int, float)\n"


MODULES = {
    "bare": ("SimpleNamespace(GROUPS={}, collect=answers)", "it has no Settings"),
    "empty": ("SimpleNamespace(Settings=Settings)", "it has no GROUPS and no collect"),
}
"""What stands where a collector should, and what is told of it."""


def test_a_module_that_is_no_collector_is_a_mistake_told_in_one_line(node, tmp_path):
    source = ["from theirs import *", *(f"{name} = {module}" for name, (module, _) in MODULES.items())]
    install(tmp_path, "modules", "\n".join(source), *(f"{name} = modules:{name}" for name in MODULES))
    status, out, err = node(*(f"--collector={name}" for name in MODULES))
    assert (status, out) == (2, b"")
    assert err.removeprefix("Error: ").splitlines() == [
        f"{name}: a bug in the collector: {why}" for name, (_, why) in MODULES.items()]


TWICE = """
from theirs import *

ready = Event()


def slow(settings, seconds, again):
    ready.wait(5)  # answers after the other, where that runs
    if not Path("slow").exists():
        raise Failed("no file")
    return Collected({"shared": {"a": int(Path("slow").read_text())}})


def quick(settings, seconds, again):
    ready.set()
    return Collected({"shared": {"a": 100}, "lone": {"b": 9}}, absent=frozenset({"shared.x"}),
                     instances={"shared": "quick"}, own={"shared.a": 3})


slow = like(slow, shared=Kind.COUNTER)
quick = like(quick, shared=Kind.GAUGE, lone=Kind.GAUGE)
"""


@pytest.fixture
def two(node, tmp_path):
    """Two collectors that return one group; ``slow`` only where there is a file of this name."""
    install(tmp_path, "twice", TWICE, "slow = twice:slow", "quick = twice:quick")
    return node


def told(second, first):
    return {second: f"group shared comes from {first} already; give it another name, or run one of the two"}


def test_of_two_that_return_one_group_the_first_counts(two, tmp_path):
    (tmp_path / "slow").write_text("10")
    names = "--collector=slow", "--collector=quick"
    status, out, err = two(*names, "--output=before.json")
    document = json.loads(out)
    meta = document.pop("__meta__")
    assert (status, err) == (3, f"quick: {told('quick', 'slow')['quick']}\n")
    assert (document, meta["failures"]) == ({"shared": {"a": 10}}, told("quick", "slow"))
    assert not {"absent", "instances"} & meta.keys()
    (tmp_path / "slow").write_text("15")
    assert json.loads(two(*names, "--delta=before.json")[1])["shared"] == {"a": 5}
    document = json.loads(two(*reversed(names))[1])
    assert (document["shared"], document["__meta__"]["failures"]) == ({"a": 100}, told("slow", "quick"))


def test_a_group_is_what_it_is_for_the_one_that_returned_it(two):
    names = "--collector=slow", "--collector=quick"
    two(*names, "--output=before.json")
    document = json.loads(two(*names, "--delta=before.json")[1])
    assert (document["shared"], document["__meta__"]["failures"]) == ({"a": 100}, {"slow": "no file"})


def test_a_group_that_failed_before_gives_no_difference(node):
    node("--output", "before.json", "--collector=failing")
    status, out, _ = node("--delta", "before.json", groups={"queues": {"reply_publish": 7}})
    assert status == 3
    assert json.loads(out)["__meta__"]["failures"] == {"fine": "no difference, since the reading before failed: "
                                                               "it has no group queues"}


@pytest.mark.parametrize(("before", "why"), [
    (None, "no such file; take the reading on this node, before the tests, with: counterbot collect"),
    ("", "it is empty; take the reading on this node, before the tests, with: counterbot collect --output FILE"),
    ('{"__meta__": {"unixtime": 17', "not JSON"),
    ('{"__meta__": {"unixtime": 17, "delta_seconds": 4}}', "it is itself a difference"),
    ('{"__meta__": {"unixtime": 17, "host": "elsewhere"}}', "it was read on another node, elsewhere; this one is"),
    ('{"__meta__": {"unixtime": 9999999999}}', "s in the future: the clock was set back"),
])
def test_a_reading_that_is_of_no_use(node, tmp_path, before, why):
    (tmp_path / "c.json").write_text("kept")
    if before is not None:
        (tmp_path / "before.json").write_text(before)
    status, out, err = node("--delta", "before.json", "--output", "c.json", groups={"mysql": {"Queries": 1}})
    assert (status, out) == (2, b"")
    assert err.startswith("Error: --delta before.json: ")
    assert err.count("\n") == 1
    assert why in err
    assert (tmp_path / "c.json").read_text() == "kept"


def test_the_settings_file(node, tmp_path):
    (tmp_path / "collect.yaml").write_text('fine:\n  groups: \'{"mysql": {"Queries": 3}}\'\n')
    status, out, _ = node("--settings", "collect.yaml")
    assert (status, json.loads(out)["mysql"]) == (0, {"Queries": 3})
    out = node("--settings", "collect.yaml", groups={"mysql": {"Queries": 4}})[1]
    assert json.loads(out)["mysql"] == {"Queries": 4}


def test_every_mistake_in_the_settings_at_once(node, tmp_path):
    (tmp_path / "collect.yaml").write_text("fine:\n  grups: x\n  start: soon\nfailing: 5\nabsent: {}\nmysqll: {}\n")
    status, out, err = node("--settings", "collect.yaml", "--set=other.a=hunter2", "--set=fin.groups=x",
                            "--set=fine")
    assert (status, out) == (2, b"")
    assert err.splitlines() == [
        "Error: --set other.a: collector other is not to run; choose it with --collector other",
        "--set fin.groups: collector fin is not to run; did you mean fine.groups?",
        "--set: write it as NAME.KEY=VALUE",
        "collect.yaml:2:3: fine.grups: unknown key 'grups'; did you mean 'groups'?",
        "collect.yaml:3:3: fine.start: must be a number",
        "collect.yaml:4:1: failing: must be a mapping of keys to values",
        "absent: its module does not load: ModuleNotFoundError: No module named 'no_such_module'",
        "mysqll: there is no collector 'mysqll'; there are absent, broken, failing, fine, mysql, odd, partial, "
        "performance, rabbitmq, silent, systemd",
    ]


def test_an_option_is_blamed_for_what_it_says_and_the_file_for_the_rest(node, tmp_path):
    (tmp_path / "collect.yaml").write_text("mysql:\n  port: 3306\n  schemas: maybe\nrabbitmq:\n  settle: -1\n")
    for option, why in {"abc": "must be a whole number", "0": "port must be from 1 to 65535"}.items():
        status, _, err = node("--settings", "collect.yaml", f"--set=mysql.port={option}", "--set=mysql.prot=1")
        assert (status, err.removeprefix("Error: ").splitlines()) == (2, [
            "collect.yaml:3:3: mysql.schemas: must be true or false",
            "--set mysql.prot: unknown key 'prot'; did you mean 'port'?",
            *([f"--set mysql.port: {why}"] if option == "abc" else []),
            "collect.yaml:5:3: rabbitmq.settle: must be 0 or more seconds"])
        assert f"--set mysql.port: {why}\n" in node("--settings", "collect.yaml", f"--set=mysql.port={option}",
                                                    "--set=mysql.schemas=true")[2]


def test_a_path_is_relative_to_the_file_that_holds_it_and_an_options_to_the_working_folder(node, tmp_path):
    (tmp_path / "conf/secrets").mkdir(parents=True)
    settings = tmp_path / "conf/collect.yaml"
    settings.write_text("mysql: {host: 127.0.0.1, password_file: secrets/mysql}\n"
                        "rabbitmq: {password_file: rabbit, ca_file: ca.pem, url: 'https://127.0.0.1:1', settle: 0}\n"
                        "performance: {files: [a.json, /b.json]}\nsystemd: {root: cgroup}\n")
    gone = "no such file; give the path of a file that holds the password, or leave it out"
    for path in (settings, "conf/collect.yaml"):
        status, _, err = node("--settings", path, "--set=rabbitmq.password_file=rabbit")
        assert status == 3
        assert f"mysql: password_file {tmp_path}/conf/secrets/mysql: {gone}\n" in err
        assert f"rabbitmq: password_file in {tmp_path}: {gone}\n" in err  # a bare word may be the password
        assert f"performance: none of {tmp_path}/conf/a.json, /b.json is a file: " in err
        assert f"systemd: {tmp_path}/conf/cgroup is no cgroup v2 hierarchy" in err
    (tmp_path / "rabbit").write_text("opensesame")
    assert f"rabbitmq: ca_file {tmp_path}/conf/ca.pem: no such file" in node(
        "--settings", "conf/collect.yaml", "--set=rabbitmq.password_file=rabbit")[2]


def test_mistakes_under_keys_that_hold_dots_and_digits_are_told_with_their_own_lines(node, tmp_path):
    keys = "billing-.*", "²", "7", "a.b"
    (tmp_path / "collect.yaml").write_text("rabbitmq:\n  scopes:\n" + "".join(f"    '{key}': 3\n" for key in keys))
    status, out, err = node("--settings", "collect.yaml")
    assert (status, out) == (2, b"")
    assert err.removeprefix("Error: ").splitlines() == [
        f"collect.yaml:{line}:5: rabbitmq.scopes.{key}: must be text" for line, key in enumerate(keys, 3)]
    err = node("--collector=rabbitmq", '--set=rabbitmq.scopes={"a.b": 3}')[2]
    assert err == "Error: --set rabbitmq.scopes.a.b: must be text\n"


def test_thousands_of_brackets_are_no_value(node, tmp_path):
    (tmp_path / "collect.yaml").write_text("mysql:\n  more: " + "[" * 50_000)
    status, out, err = node("--settings", "collect.yaml")
    assert (status, out, err) == (2, b"", "Error: collect.yaml:2:38: nested deeper than 30 levels\n")


def test_how_much_is_told(node):
    few, out, err = node("--loglevel", "error", "--collector=failing", "--collector=fine", groups={"mysql": {"a": 1}})
    assert (few, err) == (3, "")
    assert json.loads(out)["__meta__"]["failures"].keys() == {"failing"}
    assert re.search(r"^fine: took [0-9]+\.[0-9]{3} s$", node("--loglevel", "DEBUG", groups={"mysql": {}})[2],
                     re.MULTILINE)


@pytest.mark.parametrize("options", [["--deadline=inf"], ["--deadline=1e300"], ["--deadline=0"]])
def test_options_that_mean_nothing(node, options):
    status, out, err = node(*options, groups={"mysql": {"a": 1}})
    assert (status, out) == (2, b"")
    assert "Error: " in err
    assert "Traceback" not in err


def test_an_output_that_cannot_be_written_costs_nothing_that_was_read(node, tmp_path):
    status, out, err = node("--output", "no/such/c.json", groups={"mysql": {"Queries": 3}})
    assert (status, json.loads(out)["mysql"]) == (1, {"Queries": 3})
    assert err == "Error: no/such/c.json: no new file can be made beside it: no such folder\n"
    status, out, err = node("--output", "/dev/full", groups={"mysql": {"Queries": 3}})
    assert (status, json.loads(out)["mysql"]) == (1, {"Queries": 3})
    assert err == "Error: /dev/full: No space left on device\n"


def test_a_standard_output_that_is_full_costs_the_file_nothing(node, tmp_path):
    command = f"{sys.executable} -m counterbot collect --collector=fine --output c.json > /dev/full"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"})
    assert (done.returncode, done.stderr) == (1, "Error: standard output: No space left on device\n")
    assert json.loads((tmp_path / "c.json").read_text())["__meta__"]["absent"] == ["mysql.X"]


def test_the_own_collectors_are_entry_points_as_others_are():
    text = (ROOT / "setup.py").read_text()
    assert {f'"{name} = counterbot.collectors.{name}"' for name in BUILT_IN} <= {line.strip(" ,") for line in
                                                                               text.splitlines()}


def test_it_starts_with_little(node):
    """What a process needs before the first server is asked."""
    code = "import sys, counterbot.cli.collect, counterbot.collectors.node as n; print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT).stdout.split())
    heavy = {"requests", "urllib3", "pydantic", "yaml", "subunit", "testtools", "importlib.metadata", "email"}
    assert not heavy & loaded
