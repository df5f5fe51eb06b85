"""The commands as people call them: a process, its output, its status."""

import ast
import ctypes
import fcntl
import gzip
import json
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from counterbot.cli import COMMANDS, EXTRA
from counterbot.demo.sshd import make_key
from counterbot.ledger import Ledger
from tests.terminal import on_a_terminal

ROOT = Path(__file__).parents[2]
CONTRACT = ROOT / "tests/samples/contract"
COUNTERS = json.loads((CONTRACT / "counters.json").read_text())


def counterbot(*arguments, stdin=b"", cwd=ROOT):
    command = [sys.executable, "-m", "counterbot", *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=60, cwd=cwd,
                          env={"PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_has_help(name):
    status, out, err = counterbot(name, "--help")
    assert (status, err) == (0, "")
    assert len(out.splitlines()) > 4


def test_help_names_every_command():
    assert all(f"  {name}" in counterbot("--help")[1] for name in COMMANDS)


@pytest.mark.parametrize("group", ["", "config", "rules"])
def test_help_is_short_or_long_and_never_cut(group):
    asked = [group] if group else []
    status, out, _ = counterbot(*asked, "-h")
    assert (status, out) == (0, counterbot(*asked, "--help")[1])
    assert "..." not in out.partition("Options:")[2]
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(("words", "meant"), [
    ("replya", "command 'replya'. Did you mean 'replay'?"), ("rules chek", "command 'chek'. Did you mean 'check'?"),
    ("confg check", "command 'confg'. Did you mean 'config'?"), ("xyzzy", "command 'xyzzy'."),
    ("CHECK", "command 'CHECK'. Did you mean 'check'?"),
])
def test_an_unknown_command_is_a_usage_error(words, meant):
    status, _, err = counterbot(*words.split())
    assert (status, err.splitlines()[-1]) == (2, f"Error: No such {meant}")


def test_an_unknown_option_is_a_usage_error():
    status, _, err = counterbot("run", "--dryrun")
    assert status == 2
    assert "--dry-run" in err.splitlines()[-1]


@pytest.mark.parametrize(("line", "completed"), [
    ("counterbot re", ["plain,replay"]),
    ("counterbot rules ", ["plain,check", "plain,list", "plain,schema", "plain,suggest", "plain,test", "plain,try"]),
    *((f"counterbot {words} da", ["file,da"]) for words in (
        "attach", "attach c.json", "check", "check c.json --output", "collect --delta", "collect --output",
        "collect --settings", "config check", "explain", "explain - -c", "extract", "replay", "replay - -c",
        "rules check", "run -c", "run --config", "status -c")),
    *((f"counterbot {words} da", ["dir,da"]) for words in ("check c.json --rules", "demo --keep")),
])
def test_the_shell_completes_commands_files_and_folders(line, completed):
    code = "from counterbot.cli import main; main(prog_name='counterbot')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env={
        "_COUNTERBOT_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))})
    assert (done.stdout.split(), done.stderr) == (completed, "")


def test_a_terminal_is_told_what_a_silent_command_does():
    code = ("import sys, threading; from counterbot.cli import progress as p; p.SILENCE = 0.01\n"
            "shown = threading.Event()\n"
            "with p.progress(lambda: shown.set() or '3 to go'): shown.wait(60)")
    assert "3 to go\x1b[K\r" in on_a_terminal(program=["-c", code])
    piped = code.replace("wait(60)", "wait(0.1)")
    assert subprocess.run([sys.executable, "-c", piped], capture_output=True, cwd=ROOT).stderr == b""


def test_a_terminal_is_told_what_is_silent_while_another_attach_is_waited_for(tmp_path):
    code = "from counterbot.cli import main, progress; progress.SILENCE = 0.01; main()"
    (tmp_path / "counters.json").write_text(json.dumps(COUNTERS))
    stream = tmp_path / "stream"
    stream.write_bytes(b"")
    with stream.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        shown = on_a_terminal("attach", tmp_path / "counters.json", stream, program=["-c", code], seen=lambda shown: (
            b"attaching the counters\x1b[K\r" in shown and fcntl.flock(other, fcntl.LOCK_UN)))
    assert "Error" not in shown
    assert json.loads(counterbot("extract", stream)[1]) == COUNTERS


def test_the_manual_page_is_what_the_commands_say():
    made = subprocess.run([sys.executable, "docs/man.py"], capture_output=True, text=True, cwd=ROOT).stdout
    assert made == (ROOT / "docs/counterbot.1").read_text(), "run: python docs/man.py > docs/counterbot.1"
    assert all(f"counterbot {name}" in made for name in COMMANDS)
    assert '("share/man/man1", ["docs/counterbot.1"])' in (ROOT / "setup.py").read_text()


def test_starting_is_quick_for_what_runs_on_test_nodes():
    code = "import sys, counterbot.cli; counterbot.cli.main(['--help'], standalone_mode=False); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT).stdout.split()
    assert not {"requests", "pydantic", "yaml", "paramiko", "sqlalchemy", "irc"} & set(loaded)


# -- explain


def test_explain_gives_the_contract():
    assert counterbot("explain", CONTRACT / "events.jsonl")[:2] == (0, (CONTRACT / "explain.jsonl").read_text())


def test_explain_reads_standard_input():
    given = (CONTRACT / "events.jsonl").read_bytes()
    assert counterbot("explain", stdin=given)[1] == counterbot("explain", "-", stdin=given)[1] != ""


def test_explain_never_gives_a_traceback():
    lines = b'\xff\xfe\n[]\n"x"\n{}\n{"type": 5}\n{"type": "comment-added", "author": [], "change": 3}\n\n'
    lines += b"[" * 9999
    status, out, err = counterbot("explain", stdin=lines)
    assert (status, err) == (0, "")
    assert [set(json.loads(line)) for line in out.splitlines()] == [{"line", "error"}] * 5 + [
        {"line", "ignored"}] + [{"line", "error"}] * 2


def test_explain_takes_accounts_and_root_from_the_configuration(tmp_path):
    (tmp_path / "config.yaml").write_text((CONTRACT / "config.yaml").read_text())
    out = counterbot("explain", CONTRACT / "events.jsonl", "-c", tmp_path / "config.yaml")[1].splitlines()
    assert json.loads(out[2])["ignored"].startswith("no build page under https://zuul.example.org: http://127.0.0.1")


def test_explain_tells_that_a_file_is_not_there():
    status, _, err = counterbot("explain", "no-such-file")
    assert status == 1
    assert "no-such-file" in err


# -- check


def check(tmp_path, counters, *options):
    path = tmp_path / "counters.json"
    path.write_text(counters if isinstance(counters, str) else json.dumps(counters))
    return counterbot("check", path, "--rules", CONTRACT / "queries", *options)


def with_queries(value, **meta):
    return {"__meta__": meta, "mysql": {"Queries": value}}


def test_check_over(tmp_path):
    status, out, _ = check(tmp_path, COUNTERS, "--job", "tempest-full", "--branch", "master")
    assert status == 1
    assert out.splitlines() == [
        "RESULT   COUNTER            THIS RUN      BOUND  OVER  RULE OR REASON",
        "OVER     mysql.Queries     1,300,000  1,250,000   +4%  SQL statements in a Tempest run, "
        "bug https://bugs.launchpad.net/bugs/2041234",
        "no data  queues.*_publish          –      9,000        no counter of group queues in this build; rabbitmq: "
        "401 Unauthorized from http://127.0.0.1:15672",
        "",
        "1 over its bound, 1 without data, 0 within",
    ]


def test_what_is_over_has_a_colour_on_a_terminal_alone(tmp_path):
    (tmp_path / "c.json").write_text(json.dumps(COUNTERS))
    asked = ("check", tmp_path / "c.json", "--rules", CONTRACT / "queries")
    assert "\n\x1b[31mOVER\x1b[0m     mysql.Queries     1,300,000" in on_a_terminal(*asked)
    assert "\x1b" not in on_a_terminal(*asked, NO_COLOR="1")


def test_a_case_that_fails_has_a_colour_on_a_terminal_alone(tmp_path):
    (tmp_path / "a.yaml").write_text("bounds: {mysql.Queries: {max: 1}}\n")
    assert f"\x1b[31mFAIL\x1b[0m {tmp_path}/a.yaml" in on_a_terminal("rules", "test", tmp_path)
    assert "\x1b" not in counterbot("rules", "test", tmp_path)[1]


def test_check_puts_the_largest_excess_first_and_what_is_missing_together(tmp_path):
    names = "mysql.a", "mysql.b", "mysql.c", "cpu.a", "io.0", "io.1", "io.2", "io.3"
    (tmp_path / "a.yaml").write_text("bounds:\n" + "".join(f"  {name}: {{max: 100}}\n" for name in names))
    (tmp_path / "c.json").write_text('{"mysql": {"a": 120, "b": 300, "c": 9}}')
    status, out, _ = counterbot("check", tmp_path / "c.json", "--rules", tmp_path, "--warn-only")
    assert (status, out.splitlines()) == (0, [
        "RESULT   COUNTER       THIS RUN  BOUND   OVER  RULE OR REASON",
        "OVER     mysql.b            300    100  +200%  a",
        "OVER     mysql.a            120    100   +20%  a",
        "no data  cpu.a                –    100         no counter of group cpu in this build",
        "no data  io: 4 bounds         –      –         0, 1, 2, 3: no counter of group io in this build",
        "within   mysql.c              9    100         a",
        "",
        "2 over their bounds, 5 without data, 1 within; a warning only",
    ])


def test_check_has_no_column_for_nothing(tmp_path):
    assert check(tmp_path, {"mysql": {"Queries": 5}})[1].splitlines() == [
        "RESULT   COUNTER           THIS RUN      BOUND  RULE OR REASON",
        "no data  queues.*_publish         –      9,000  no counter of group queues in this build",
        "within   mysql.Queries            5  1,250,000  SQL statements in a Tempest run",
        "",
        "nothing over its bound, 1 without data, 1 within",
    ]


def test_check_shows_titles_that_can_do_nothing(tmp_path):
    (tmp_path / "a.yaml").write_text('title: "Rows\\u202e\\u200b"\nbounds: {mysql.Queries: {max: 1}}\n')
    (tmp_path / "c.json").write_text(json.dumps(with_queries(2)))
    out = counterbot("check", tmp_path / "c.json", "--rules", tmp_path, "--output", tmp_path / "found.json")[1]
    assert out.splitlines()[1] == "OVER    mysql.Queries         2      1  +100%  Rows"
    (over,) = json.loads((tmp_path / "found.json").read_text())["over"]
    assert over["text"] == "mysql.Queries is 2, over its bound 1 (+100%): Rows"


def test_check_without_any_rule_could_not_judge(tmp_path):
    (tmp_path / "empty").mkdir()
    counters = CONTRACT / "counters.json"
    for folder, why in (("empty", "no rule in this folder: it is empty"),
                        ("nowhere", "no such folder")):
        assert counterbot("check", counters, "--rules", tmp_path / folder, "--warn-only", "--output",
                          tmp_path / "found.json") == (
            3, "no rule applies; nothing was judged\n", f"{tmp_path}/{folder}: {why}\n")
        assert json.loads((tmp_path / "found.json").read_text())["problems"] == [f"{tmp_path}/{folder}: {why}"]
    assert counterbot("check", counters, "--rules", tmp_path / "empty", "--allow-none") == (
        0, "no rule applies; nothing was judged\n", "")


def test_check_shows_what_it_was_given_that_can_do_nothing(tmp_path):
    assert check(tmp_path, with_queries(2), "--job", "x\x1b[31my\nz")[1] == (
        "no rule applies to job x[31my z; nothing was judged\n")
    assert counterbot("check", "a\x1b[31m\nb", "--rules", CONTRACT / "queries", cwd=tmp_path)[2] == (
        "could not judge: a[31m b: no such file\n")


def test_check_names_the_counter_that_was_meant(tmp_path):
    bounds = {"mysql.Qureies": {"max": 5}, "mysq.Com_*": {"max": 5}, "mysql.Gone": {"max": 5}, "mysql.Lost": {"max": 5}}
    lines, found = against(tmp_path, bounds, {"__meta__": {"absent": ["mysql.Lost"]},
                                              "mysql": {"Queries": 9, "Com_select": 7}})
    assert lines[1:5] == [
        "no data  mysq.Com_*            –      5  no counter of group mysq in this build; did you mean mysql.Com_*?",
        "no data  mysql.Gone            –      5  missing from this build",
        "no data  mysql.Lost            –      5  the server does not have it",
        "no data  mysql.Qureies         –      5  missing from this build; did you mean mysql.Queries?"]
    assert found["no_data"][3]["why"] == "missing from this build; did you mean mysql.Queries?"


def test_check_tells_duplicates_in_one_line(tmp_path):
    document = json.dumps({"mysql": {f"Com_{number:03}": 1 for number in range(200)}})
    out = check(tmp_path, document * 2)[1].splitlines()
    assert [line for line in out if "duplicate" in line] == [
        "mysql.Com_000, mysql.Com_001, mysql.Com_002, mysql.Com_003, mysql.Com_004 and 195 more: duplicate; the last "
        "value is used"]


def test_check_writes_its_findings(tmp_path):
    status, _, _ = check(tmp_path, COUNTERS, "--output", tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())
    assert status == found["status"] == 1
    assert found["over"] == [{
        "counter": "mysql.Queries", "value": 1_300_000, "bound": 1_250_000, "rule": "sql-statements",
        "title": "SQL statements in a Tempest run", "bug": "2041234",
        "text": "mysql.Queries is 1,300,000, over its bound 1,250,000 (+4%): SQL statements in a Tempest run, "
                "bug https://bugs.launchpad.net/bugs/2041234"}]
    assert [missing["counter"] for missing in found["no_data"]] == ["queues.*_publish"]
    assert (found["within"], found["problems"]) == ([], [])


def test_check_writes_why_it_found_nothing(tmp_path):
    assert check(tmp_path, "<html>", "--output", tmp_path / "found.json")[0] == 3
    found = json.loads((tmp_path / "found.json").read_text())
    assert (found["status"], found["over"]) == (3, [])
    assert "counters.json: not JSON" in found["problems"][0]


@pytest.mark.parametrize(("counters", "options", "status"), [
    (with_queries(1_250_000), [], 0),
    (with_queries(1_250_001), [], 1),
    (with_queries(1_250_001), ["--warn-only"], 0),
    (with_queries(1_250_001), ["--job", "other"], 0),
    (with_queries(1_250_001), ["--branch", "stable/1"], 0),
    (with_queries(1, failures={"rabbitmq": "down"}), [], 3),
    (with_queries(1, failures={"rabbitmq": "down"}), ["--warn-only"], 3),
    ({"mysql": {"Com_select": 1}}, [], 3),
    ({"queues": {"a_publish": 1}}, [], 3),
    ({"other": {"x": 1}}, [], 3),
    ('{"mysql": {"Queries": NaN}}', [], 3),
    ('{"mysql": {"Queries": 1}, "queues": {"a[b_publish": NaN}}', [], 3),
    ("", [], 3),
    ("<html>", [], 3),
    ("[" * 100_000, [], 3),
])
def test_check_status(tmp_path, counters, options, status):
    assert check(tmp_path, counters, *options)[0] == status


def test_check_reads_performance_json(tmp_path):
    (tmp_path / "nova.yaml").write_text("bounds: {memory.n-api: {max: 1000000}}\n")
    sample = ROOT / "tests/samples/performance/performance-v1-2022-05-17.json"
    status, out, _ = counterbot("check", sample, "--rules", tmp_path)
    assert status == 1
    assert "OVER    memory.n-api  261,332,992  1,000,000  ×261  nova" in out


def test_check_reads_files_as_they_are_stored(tmp_path):
    (tmp_path / "a.yaml").write_text("bounds: {mysql.Queries: {max: 5}}\n")
    (tmp_path / "c.json.gz").write_bytes(gzip.compress(json.dumps(with_queries(6)).encode()))
    status, out, _ = counterbot("check", tmp_path / "c.json.gz", "--rules", tmp_path)
    assert (status, "mysql.Queries" in out) == (1, True)


def test_check_reads_no_more_of_a_file_than_it_may_hold(tmp_path):
    with open(tmp_path / "counters.json", "wb") as stream:
        stream.truncate(20 << 20)
    status, _, err = counterbot("check", tmp_path / "counters.json", "--rules", tmp_path)
    assert status == 3
    assert "counters.json: 8,388,609 bytes, more than the 8,388,608 that are read" in err


def test_check_tells_mistakes_in_the_rules(tmp_path):
    (tmp_path / "a.yaml").write_text("bounds: {mysql.Queries: {maximum: 5}}\n")
    (tmp_path / "c.json").write_text(json.dumps(with_queries(1)))
    status, _, err = counterbot("check", tmp_path / "c.json", "--rules", tmp_path)
    assert status == 3
    assert "a.yaml:1:26: unknown key 'maximum'; did you mean 'max'?" in err


def against(tmp_path, bounds, counters):
    """The lines of a check's table, and the findings, of one rule."""
    (tmp_path / "r.yaml").write_text(f"bounds: {json.dumps(bounds, ensure_ascii=False)}\n")
    (tmp_path / "c.json").write_text(json.dumps(counters))
    _, out, err = counterbot("check", tmp_path / "c.json", "--rules", tmp_path, "--output", tmp_path / "found.json")
    assert err == ""
    return out.splitlines(), json.loads((tmp_path / "found.json").read_text())


def test_columns_stand_straight_in_a_terminal_whatever_the_names(tmp_path):
    names = "日本語の名", "Gro\u0308ße", "🚀", "plain"
    lines, _ = against(tmp_path, {f"g.{name}": {"max": 1} for name in names}, {"g": dict.fromkeys(names, 2)})
    assert lines[:5] == [
        "RESULT  COUNTER       THIS RUN  BOUND   OVER  RULE OR REASON",
        "OVER    g.Gro\u0308ße              2      1  +100%  r",
        "OVER    g.plain              2      1  +100%  r",
        "OVER    g.日本語の名         2      1  +100%  r",
        "OVER    g.🚀                 2      1  +100%  r",
    ]


def test_a_value_just_over_its_bound_does_not_look_equal_to_it(tmp_path):
    lines, found = against(tmp_path, {"g.a": {"max": 1.5}, "g.b": {"max": 1.5}}, {"g": {"a": 1.501, "b": 1.51}})
    assert lines[1:3] == ["OVER    g.b          1.51   1.50  +0.7%  r", "OVER    g.a         1.501  1.500  +0.1%  r"]
    assert [over["text"] for over in found["over"]] == ["g.b is 1.51, over its bound 1.50 (+0.7%): r",
                                                        "g.a is 1.501, over its bound 1.500 (+0.1%): r"]


BYTE = "\udcff"
"""A byte that is no UTF-8, as it comes from the command line."""


@pytest.mark.parametrize("options", [("--job", BYTE), ("--branch", BYTE), ("--rules", BYTE), ("--output", f"{BYTE}/x")])
@pytest.mark.parametrize("counters", ["c.json", BYTE])
def test_no_option_of_check_gives_a_traceback_for_bytes(tmp_path, counters, options):
    (tmp_path / "c.json").write_text(json.dumps(with_queries(1)))
    status, _, err = counterbot("check", counters, "--rules", CONTRACT / "queries", *options, cwd=tmp_path)
    assert status in (0, 3)
    assert "Traceback" not in err


def test_check_tells_an_empty_name_of_its_rules(tmp_path):
    status, out, err = in_shell("${check% *} '' --output found.json", tmp_path)
    assert (status, out) == (3, "no rule applies; nothing was judged\n")
    assert err == "'' (an empty name): no such folder\n"
    assert json.loads((tmp_path / "found.json").read_text())["problems"] == [err.rstrip()]


@pytest.mark.parametrize("command", ["check", "collect"])
def test_a_file_beside_standard_output_is_not_standard_output(tmp_path, command):
    status, out, err = counterbot(command, *["c.json"] * (command == "check"), "--output", "-", cwd=tmp_path)
    assert (status, out) == (2, "")
    assert err.endswith("Error: Invalid value for '--output': standard output is written in any case; "
                        "name a file (./- is one called -)\n")
    assert list(tmp_path.iterdir()) == []


def in_shell(line, tmp_path, **environment):
    """A check of the contract's counters, as ``$check``, in a shell's line."""
    check = f"{sys.executable} -m counterbot check {CONTRACT}/counters.json --rules {CONTRACT}/queries"
    done = subprocess.run(["bash", "-c", line], capture_output=True, timeout=60, cwd=tmp_path, text=True, env={
        "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin", "check": check, **environment})
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(("options", "expected"), [("", 1), ("--warn-only", 3)])
def test_standard_output_that_cannot_be_written_does_not_cost_the_file(tmp_path, options, expected):
    status, _, err = in_shell(f"$check {options} --output found.json > /dev/full", tmp_path)
    assert (status, err) == (expected, "Error: standard output: No space left on device\n")
    assert json.loads((tmp_path / "found.json").read_text())["over"]


def test_that_nobody_reads_on_does_not_cost_the_file(tmp_path):
    assert in_shell("$check --output found.json | true", tmp_path) == (0, "", "")
    assert json.loads((tmp_path / "found.json").read_text())["over"]


def test_a_file_that_cannot_be_written_does_not_cost_standard_output(tmp_path):
    status, out, err = in_shell("$check --output none/found.json", tmp_path)
    assert (status, out.splitlines()[-1]) == (1, "1 over its bound, 1 without data, 0 within")
    assert err == "Error: none/found.json: no new file can be made beside it: no such folder\n"


def test_the_findings_go_through_a_pipe_as_they_are(tmp_path):
    found = in_shell("$check --output >(cat >&2) > table", tmp_path)[2]
    assert json.loads(found)["status"] == 1


def test_the_findings_follow_the_table_on_standard_output(tmp_path):
    table, found, rest = in_shell("$check --output /dev/stdout | cat", tmp_path)[1].partition("\n{\n")
    assert table.endswith("0 within")
    assert json.loads(found + rest)["status"] == 1


def test_an_encoding_that_lacks_a_sign_costs_nothing_else(tmp_path):
    status, out, err = in_shell("$check", tmp_path, PYTHONIOENCODING="latin-1")
    assert (status, err) == (1, "")
    assert out.splitlines()[2].startswith("no data  queues.*_publish          ?      9,000")
    assert "\u2013" in in_shell("$check", tmp_path)[1]


def test_nor_does_it_in_other_commands(tmp_path):
    (tmp_path / "a.yaml").write_text('title: "Größe → Zahl"\nbounds: {mysql.Queries: {max: 1}}\n')
    line = f"{sys.executable} -m counterbot rules list . | iconv -f latin1 -t utf8"
    _, out, err = in_shell(line, tmp_path, PYTHONIOENCODING="latin-1")
    assert err == ""
    assert "Größe ? Zahl" in out


# -- what people get wrong


@pytest.mark.parametrize(("command", "module"), [("demo", "paramiko"), ("run -c x", "urllib3"),
                                                 ("status -c x", "sqlalchemy"), ("replay - -c x", "urllib3")])
def test_what_the_plain_install_leaves_out_is_told(command, module):
    code = (f"import sys; sys.modules.update(dict.fromkeys({sorted(EXTRA)!r}))\n"  # None: as if it were not there
            f"from counterbot.cli import main; main({command.split()!r})")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (
        1, f"Error: this command needs {module}, which the plain install leaves out: pip install 'counterbot[bot]'\n")


def test_the_extra_is_what_setup_names():
    tree = ast.parse((ROOT / "setup.py").read_text())
    (bot,) = (each.value for each in tree.body if isinstance(each, ast.Assign) and each.targets[0].id == "BOT")
    names = {re.match(r"[\w-]+", each)[0].lower() for each in ast.literal_eval(bot)}
    assert {"re2" if name == "google-re2" else name for name in names} == EXTRA


def test_another_module_that_is_missing_is_no_matter_of_the_extra():
    code = "import sys; sys.modules['yaml'] = None; from counterbot.cli import main; main(['check', 'x'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert "ModuleNotFoundError: import of yaml halted" in done.stderr
    assert "counterbot[bot]" not in done.stderr


@pytest.mark.parametrize("command", [("run",), ("status",), ("replay", "-"), ("explain", "-")])
def test_mistakes_in_the_configuration_are_all_told(tmp_path, command):
    (tmp_path / "config.yaml").write_text("gerit: {}\nrules: 5\n")
    status, _, err = counterbot(*command, "-c", tmp_path / "config.yaml")
    assert status == 1
    assert "config.yaml:1:1: unknown key 'gerit'; did you mean 'gerrit'?" in err
    assert "config.yaml:2:1: 'rules' must be a path, not a whole number" in err or "2:1: 'rules'" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("command", [
    "rules check", "rules list", "rules test", "config check", "config check -c", "run -c", "status -c", "replay - -c",
    "explain", "explain - -c", "extract", "attach c.json", "demo --keep",
])
def test_an_empty_name_is_told(tmp_path, command):
    minimal(tmp_path)
    (tmp_path / "c.json").write_text(json.dumps(COUNTERS))
    before = sorted(tmp_path.iterdir())
    status, _, err = counterbot(*command.split(), "", cwd=tmp_path)
    assert (status, len(err.splitlines())) == (1, 1)
    assert "''" in err
    assert "no such f" in err.lower()  # file or folder
    assert sorted(tmp_path.iterdir()) == before


def minimal(tmp_path, **changes):
    (tmp_path / "queries").mkdir(exist_ok=True)
    (tmp_path / "key").unlink(missing_ok=True)
    make_key(tmp_path / "key")
    lines = {"key_file": "key", "rules": "queries/", "database": "sqlite:///ledger.db", **changes}
    (tmp_path / "config.yaml").write_text(
        f"gerrit: {{host: 127.0.0.1, port: 1, username: counterbot, key_file: {lines['key_file']}, "
        "host_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcUg6ETYlqkejiNnSIiYscGh+1Vey8YMqjZBwILP3nK}\n"
        "zuul: {accounts: [zuul], url: 'http://127.0.0.1:1', logs: ['http://127.0.0.1:1/']}\n"
        f"rules: {lines['rules']}\ndatabase: {lines['database']}\n")
    return tmp_path / "config.yaml"


@pytest.mark.parametrize(("changes", "told"), [
    ({"key_file": "nokey"}, "nokey: no such file; 'gerrit.key_file' in the configuration names it"),
    ({"rules": "norules"}, "norules: no such folder; 'rules' in the configuration names it"),
    ({"database": "sqlite:///no/folder/x.db"}, "/no/folder: no such folder; 'database' in the configuration names it"),
    ({"database": "sqlite:///queries"}, "/queries: a folder; 'database' in the configuration must name a file"),
    ({"database": "sqlite:///config.yaml"}, "/config.yaml: no SQLite database; move it away, or correct 'database' in"),
])
@pytest.mark.parametrize("command", [("run",), ("replay", "-")])
def test_run_and_replay_say_which_file_is_missing(tmp_path, command, changes, told):
    status, _, err = counterbot(*command, "-c", minimal(tmp_path, **changes))
    assert status == 1
    assert told in err
    assert "Traceback" not in err


def test_all_that_is_missing_is_told_at_once(tmp_path):
    config = minimal(tmp_path, key_file="nokey", rules="norules", database="sqlite:///no/x.db")
    with config.open("a") as more:
        more.write("irc: {host: h, nick: n, ca_file: noca, password_file: nopass, channels: {'#a': {}},\n"
                   "      sasl: {username: u, password_file: nosasl}}\n")
    for command in (("run",), ("replay", "-")):
        status, _, err = counterbot(*command, "-c", config)
        assert (status, err.splitlines()) == (1, [
            f"{tmp_path}/{name}: no such {kind}; {key!r} in the configuration names it" for name, kind, key in (
                ("nokey", "file", "gerrit.key_file"), ("noca", "file", "irc.ca_file"),
                ("nopass", "file", "irc.password_file"), ("nosasl", "file", "irc.sasl.password_file"),
                ("no", "folder", "database"), ("norules", "folder", "rules"))])


def test_status_tells_a_file_that_is_no_database_as_run_does(tmp_path):
    config = minimal(tmp_path, database="sqlite:///config.yaml")
    status, _, err = counterbot("status", "-c", config)
    assert (status, err) == (1, f"Error: {config}: no SQLite database; move it away, or correct 'database' in the"
                                " configuration\n")


def test_replay_ends_where_no_key_will_ever_do(tmp_path):
    config = minimal(tmp_path)
    (tmp_path / "key").write_text("rubbish")
    status, _, err = counterbot("replay", "-", "-c", config)
    assert status == 1
    assert "holds no private key" in err


@pytest.mark.parametrize("command", [("run",), ("replay", "-")])
def test_there_is_no_start_with_mistakes_in_the_rules(tmp_path, command):
    config = minimal(tmp_path)
    (tmp_path / "queries/a.yaml").write_text("bounds: {mysql.Queries: {maximum: 5}}\n")
    status, _, err = counterbot(*command, "-c", config)
    assert status == 1
    assert "a.yaml:1:26: unknown key 'maximum'; did you mean 'max'?" in err


def test_a_ledger_of_another_version_is_told(tmp_path):
    config = minimal(tmp_path)
    counterbot("replay", "-", "-c", config)
    with sqlite3.connect(tmp_path / "ledger.db") as database:
        database.execute("update alembic_version set version_num = '9999'")
    status, _, err = counterbot("status", "-c", config)
    assert status == 1
    assert "not of this version of counterbot" in err
    assert "Traceback" not in err


def test_a_full_standard_output_is_told():
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "counterbot", "explain", CONTRACT / "events.jsonl"], stdout=full,
                              stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "events.jsonl" not in done.stderr
    assert "Traceback" not in done.stderr


def test_replay_of_nothing_is_done_at_once(tmp_path):
    assert counterbot("replay", "-", "-c", minimal(tmp_path))[0] == 0


def test_replay_tells_the_line_that_is_no_event(tmp_path):
    events = tmp_path / "events.jsonl"
    events.write_text('{"type": "ref-updated"}\n{"type": \n\n[5]\n')
    status, _, err = counterbot("replay", events, "-c", minimal(tmp_path))
    assert status == 0
    assert "recording, line 2: invalid event: not JSON: Expecting value at column 9" in err
    assert "recording, line 4: invalid event: a JSON array instead of an object" in err
    assert "line 1:" not in err


def test_replay_of_a_file_that_is_not_there(tmp_path):
    status, _, err = counterbot("replay", "no-such-file", "-c", minimal(tmp_path))
    assert status == 1
    assert "no-such-file" in err


def test_status_before_the_first_run(tmp_path):
    status, _, err = counterbot("status", "-c", minimal(tmp_path))
    assert status == 1
    assert "the bot has not run yet" in err
    assert not (tmp_path / "ledger.db").exists()


def test_replay_does_not_pass_over_what_was_put_aside(tmp_path):
    config = minimal(tmp_path)
    event = json.dumps({"type": "ref-updated"}).encode()
    assert counterbot("replay", "-", "-c", config, stdin=event)[0] == 0
    with sqlite3.connect(tmp_path / "ledger.db") as database:
        database.execute("UPDATE inbox SET state = 'due', due = 0, faults = 9, line = ?, why = 'it was eaten'", [event])
    database.close()
    status, _, err = counterbot("replay", "-", "-c", config)
    assert (status, err.splitlines()[-1]) == (
        1, "Error: quarantined after repeated failure: 1, the first: it was eaten")
    assert counterbot("replay", "-", "-c", config)[0] == 0  # that was told


def test_status_after_a_replay(tmp_path):
    config = minimal(tmp_path)
    counterbot("replay", "-", "-c", config, stdin=(CONTRACT / "events.jsonl").read_bytes())
    status, out, _ = counterbot("status", "-c", config)
    assert status == 0
    assert "health       good" in out
    assert json.loads(counterbot("status", "-c", config, "--json")[1])["backlog"] == 0


def test_status_leaves_a_database_of_the_version_before_alone(tmp_path):
    config = minimal(tmp_path)
    with sqlite3.connect(tmp_path / "ledger.db") as database:
        database.executescript((ROOT / "tests/samples/ledger/0001.sql").read_text())
    database.close()
    status, _, err = counterbot("status", "-c", config)
    assert (status, err) == (1, f"Error: database sqlite:///{tmp_path}/ledger.db: not of this version of counterbot, "
                                "whose bot has not run on it\n")
    with sqlite3.connect(tmp_path / "ledger.db") as database:
        assert database.execute("select version_num from alembic_version").fetchall() == [("0001",)]
    database.close()


@pytest.mark.parametrize(("host", "age", "dead"), [
    (socket.gethostname(), 0, True), ("elsewhere", 0, False), ("elsewhere", 61_000, True)])
def test_status_looks_for_the_process_on_the_bots_own_host_alone(tmp_path, host, age, dead):
    config = minimal(tmp_path)
    now = int(time.time() * 1000)
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db", lambda: now - age)
    ledger.remember("pulse", json.dumps({
        "state": "running", "host": host, "pid": 2**22 + 1, "stream": "connected", "reconnects": 0, "gaps": 0,
        "oversize": 0, "irc": "off", "rule_mistakes": 0}))  # no kernel gives a pid so high
    ledger.close()
    status, out, _ = counterbot("status", "-c", config)
    assert (status, out.count("the bot died")) == (int(dead), int(dead))
    assert ("bot          running" in out, "stream" in out) == (not dead, not dead)


def test_status_says_what_each_time_is(tmp_path):
    config = minimal(tmp_path)
    now = int(time.time() * 1000)
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db", lambda: now - 7_300_000)
    ledger.inbox.put(b'{"type": "ref-updated"}', "here")
    ledger.remember("pulse", json.dumps({
        "state": "running", "host": socket.gethostname(), "pid": 2**22 + 1, "stream": "connected", "reconnects": 1,
        "gaps": 0, "oversize": 0, "irc": "off", "rule_mistakes": 1}))
    ledger.close()
    pid = f"pid {2**22 + 1} on {socket.gethostname()}"
    assert counterbot("status", "-c", config)[1].splitlines() == [
        f"bot          not running, {pid}; last sign of life 2 h ago",
        "last event   2 h ago",
        "backlog      1 event or report, the oldest from 2 h ago",
        "pending      nothing",
        "refused      0",
        "quarantine   0",
        "health       the bot died: it was not stopped, and its process is gone; "
        "1 mistake in the rules: see 'counterbot rules check'",
    ]
    found = json.loads(counterbot("status", "-c", config, "--json")[1])
    assert 7_300_000 <= found["last_event"] < 7_400_000
    assert (found["pulse"]["reconnects"], found["owed"], found["quarantined"]) == (1, {}, 0)


def test_a_trial_that_fails_has_a_colour_on_a_terminal_alone(tmp_path):
    asked = ("config", "check", "--try", minimal(tmp_path))
    assert "\x1b[31mFAIL\x1b[0m  zuul" in on_a_terminal(*asked)
    assert "\x1b[31m" not in on_a_terminal(*asked, NO_COLOR="1")
    assert "FAIL  zuul" in counterbot(*asked)[1]


def test_health_has_a_colour_on_a_terminal_alone(tmp_path):
    config = minimal(tmp_path)
    counterbot("replay", "-", "-c", config)
    assert "\x1b[32mgood\x1b[0m" in on_a_terminal("status", "-c", config)
    assert "\x1b" not in on_a_terminal("status", "-c", config, NO_COLOR="1")
    assert "\x1b" not in counterbot("status", "-c", config)[1]


def as_a_reader():
    """Root without the rights to write to, and read, what the mode forbids (capabilities(7), prctl(2))."""
    for capability in (1, 2):
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)


@pytest.mark.parametrize("bot", ["stopped", "running", "killed"])
def test_status_needs_no_right_to_write(tmp_path, bot):
    config = minimal(tmp_path, database="sqlite:///data/l#1.db")
    folder = tmp_path / "data"
    folder.mkdir()
    ledger = Ledger(f"sqlite:///{folder}/l#1.db")
    ledger.inbox.put(b'{"type": "ref-updated"}', "here")
    if bot == "killed":
        shutil.copytree(folder, tmp_path / "left")
    if bot != "running":
        ledger.close()
    if bot == "killed":
        shutil.copytree(tmp_path / "left", folder, dirs_exist_ok=True)
    for path in (*folder.iterdir(), folder):
        path.chmod(path.stat().st_mode & ~0o222)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert len(before) == (1 if bot == "stopped" else 3)
    done = subprocess.run([sys.executable, "-m", "counterbot", "status", "-c", config, "--json"], capture_output=True,
                          text=True, cwd=ROOT, preexec_fn=as_a_reader)
    folder.chmod(0o755)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["backlog"] == 1
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    ledger.close()


@pytest.mark.parametrize(("asked", "why", "healthy", "words"), [
    (7, None, True, "asked 7 s ago; 1 finished buildset since the start, 3 still running\n"),
    (None, None, True, "not asked yet; 1 finished"), (599, "503 from it", True, "; it cannot be asked: 503 from it\n"),
    (601, "503 from it", False, "asked 10 min ago; "), (None, "503 from it", False, "not asked yet; ")])
def test_status_tells_how_zuul_is_asked(tmp_path, asked, why, healthy, words):
    config = minimal(tmp_path)
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db", lambda: int(time.time() * 1000))
    page = "https://zuul.example.org/t/openstack"
    ledger.remember("pulse", json.dumps({
        "state": "running", "host": "elsewhere", "pid": 1, "stream": "connected", "reconnects": 1, "gaps": 0,
        "oversize": 0, "irc": "off", "rule_mistakes": 0,
        "tenants": [{"page": page, "running": 3, "found": 1, "why": why, "asked": asked}]}))
    ledger.close()
    status, out, _ = counterbot("status", "-c", config)
    assert f"zuul         {page}: " in out
    assert words in out
    assert (status, f"health       {page} cannot be asked for finished buildsets: 503 from it\n" in out) == (
        int(not healthy), not healthy)


@pytest.mark.parametrize(("way", "why", "words"), [
    ("gerrit query", None, "2 events that the stream did not bring, by gerrit query\n"),
    ("events-log plugin", None, "2 events that the stream did not bring, by events-log plugin\n"),
    ("gerrit query", "503 from it", "did not bring, by gerrit query (no events log: 503 from it)\n"),
])
def test_status_tells_how_gerrit_is_asked(tmp_path, way, why, words):
    config = minimal(tmp_path)
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db", lambda: int(time.time() * 1000))
    ledger.remember("pulse", json.dumps({
        "state": "running", "host": "elsewhere", "pid": 1, "stream": "connected", "reconnects": 1, "gaps": 0,
        "oversize": 0, "irc": "off", "rule_mistakes": 0, "caught_up": 2, "catch_up_way": way, "events_log_why": why}))
    ledger.close()
    out = counterbot("status", "-c", config)[1]
    assert words in out
    assert "connected; 1 reconnect\n" in out


# -- demo


def shown_in_readme():
    """The comments on counters, each from its first line to its marker, set in as the demo sets them in."""
    return re.findall(r"^  Counters: .*?^  \[counterbot:\w+\]$", (ROOT / "README.rst").read_text(), re.M | re.S)


def known_failures():
    """The contract's comment, set in as the demo sets it in; each failure is seen for the first time."""
    text = re.sub(r"(bugs/\d+ +)(3|14)$", lambda row: row[1] + "1".rjust(len(row[2])),
                  (CONTRACT / "comment-failures.txt").read_text(), flags=re.M)
    return "\n".join(f"  {line}".rstrip() for line in text.splitlines())


def test_demo_shows_the_comments_and_the_lines_the_same_each_time(tmp_path):
    status, out, err = counterbot("demo", "--keep", tmp_path / "demo")
    assert (status, err) == (0, "")
    assert [comment in out for comment in shown_in_readme()] == [True, True]
    assert known_failures() in re.sub(r"counterbot:\w+\]", "counterbot:1a2b3c4d5e6f]", out)
    assert "<counterbot> openstack/nova 1001,1 (check): tempest-full" in out
    assert "<counterbot> openstack/nova 1005,1 (check): grenade" in out
    assert "    nova-live-migration   nothing known   3 other changes\n" in out
    assert out.count("(autogenerated:counterbot:gate, no vote)") == 1
    assert (tmp_path / "demo/counterbot.db").exists()
    assert counterbot("demo")[1] == out


def test_the_page_on_unexplained_failures_shows_what_the_demo_prints():
    page, rule = ROOT / "docs/unexplained.rst", ROOT / "docs/examples/multipath.yaml"
    out = counterbot("demo")[1]
    listed = page.read_text().partition("failures list -c config.yaml\n")[2].partition("\n\n")[0]
    assert textwrap.dedent(listed) in textwrap.dedent(out.rpartition("prints:\n\n")[2].partition("\n\n")[0])
    assert textwrap.indent(rule.read_text(), "  ") in out
    for command in (("check",), ("test",)):
        assert counterbot("rules", *command, rule)[0] == 0
