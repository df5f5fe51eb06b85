"""``counterbot run`` as a process beside loopback servers: it listens, reloads, says how it does, ends when told."""

import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from counterbot.demo import story
from counterbot.demo.irc import IrcServer
from counterbot.demo.sshd import make_key
from counterbot.demo.zuul import Zuul
from tests.clock import eventually
from tests.gerrit_server import Gerrit
from tests.statsd import Statsd
from tests.zuul_server import Answer

ROOT = Path(__file__).parents[2]
HEARS = "listening to the events"
RULE = "title: SQL statements\nbounds: {mysql.Queries: {max: %s}}\n"


class Running:
    """The servers, and a bot that listens to them."""

    def __init__(self, folder):
        self.folder = folder
        self.gerrit = Gerrit({make_key(folder / "id_ed25519"): "counterbot"})
        self.zuul = Zuul().__enter__()
        self.irc = IrcServer().__enter__()
        (folder / "queries").mkdir()
        self.rule("sql.yaml", RULE % 1_250_000)
        (folder / "config.yaml").write_text(story.config(self.gerrit, self.zuul, self.irc, deadline=60))
        self.log = folder / "log"
        self.process = None

    def rule(self, name, text):
        (self.folder / "new").write_text(text)
        (self.folder / "new").replace(self.folder / "queries" / name)  # never seen half written

    def start(self, *options, streaming=True):
        before = self.log.read_text() if self.log.exists() else ""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([*self.command("run", *options)], stderr=log, cwd=ROOT)
        if streaming:
            assert self.gerrit.wait_for_streams()
            listening = before.count(HEARS)
            eventually(lambda: self.log.read_text().count(HEARS) > listening)  # the server knows a little earlier
        return self

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def log_when(self, text):
        """The log, when it has the text."""
        return eventually(lambda: text in self.log.read_text() and self.log.read_text())

    def command(self, name, *options):
        return [sys.executable, "-m", "counterbot", name, "-c", str(self.folder / "config.yaml"), *options]

    def status(self):
        done = subprocess.run(self.command("status"), capture_output=True, text=True, cwd=ROOT, timeout=30)
        return done.returncode, done.stdout

    def report(self, number, job=story.Job("tempest-full", story.HARD)):  # noqa: B008
        self.gerrit.emit(self.prepared(number, job))

    def prepared(self, number, job=story.Job("tempest-full", story.HARD)):  # noqa: B008
        change = story.Change(number, "A change", (job,))
        story.prepare(self.gerrit, self.zuul, (change,))
        return story.event(change, self.zuul)

    def says(self, number):
        """Zuul reports, and Gerrit keeps its message."""
        self.gerrit.say("zuul", number, self.prepared(number)["comment"])

    def comments(self, number):
        return self.gerrit.messages(number)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self.gerrit.close()
        self.zuul.__exit__()
        self.irc.__exit__()


@pytest.fixture
def running(tmp_path):
    running = Running(tmp_path).start()
    yield running
    running.close()


def test_it_posts_says_how_it_does_and_ends_when_told(running):
    running.report(1)
    eventually(lambda: running.comments(1))
    eventually(lambda: running.irc.said(story.CHANNEL))
    status, table = eventually(lambda: running.status() if "connected" in running.status()[1] else None)
    assert status == 0, table
    assert "bot          running, pid" in table
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(20) == 0
    log = running.log.read_text()
    assert "stopped" in log.splitlines()[-1]
    assert "Traceback" not in log
    assert "change 1,1 tempest-full 00000001" in log
    status, table = running.status()
    assert status == 0, table
    assert "bot          stopped" in table


def test_changes_of_rules_are_logged_and_the_status_says_how_many_are_in_force(running):
    queries = running.folder / "queries"
    running.rule("new.yaml", RULE % 1)
    eventually(lambda: f"INFO {queries}/new.yaml: added" in running.log.read_text())
    running.rule("new.yaml", RULE % "many")
    eventually(lambda: f"WARNING {queries}/new.yaml: broken; the last good version" in running.log.read_text())
    (queries / "sql.yaml").unlink()
    eventually(lambda: f"INFO {queries}/sql.yaml: removed, with its rule" in running.log.read_text())
    eventually(lambda: f"rules        1 in force, from {queries}\n" in running.status()[1])


def test_counters_go_to_statsd(tmp_path):
    running = Running(tmp_path)
    with Statsd() as statsd, (tmp_path / "config.yaml").open("a") as config:
        config.write(f"statsd: {{host: 127.0.0.1, port: {statsd.port}, prefix: 'ci.{{job}}'}}\n")
        config.flush()
        try:
            running.start().report(1)
            assert statsd.wait()[0] == "ci.tempest-full.mysql.Queries:1300000|c"
        finally:
            running.close()


def test_slow_logs_keep_nobody_else_waiting_and_do_not_delay_the_stop(running):
    for number in range(10, 18):
        event = running.prepared(number)
        for path, answer in tuple(running.zuul.answers.items()):
            if path.endswith(".subunit") and f"/0000{number:04x}" in path:
                running.zuul.answers[path] = Answer(**vars(answer), pause=0.5)
        running.gerrit.emit(event)
    eventually(lambda: sum(path.endswith(".subunit") for path in running.zuul.requests) >= 4)
    running.report(1)
    eventually(lambda: running.comments(1))
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(30) == 0  # its reports have 60 s, the log's bytes some minutes


def test_logs_that_come_late_are_read_by_a_running_bot(running):
    event = running.prepared(1)
    [path] = [path for path in running.zuul.answers if path.endswith("zuul-manifest.json")]
    answer = running.zuul.answers.pop(path)
    running.gerrit.emit(event)
    eventually(lambda: "again in" in running.log.read_text())
    running.zuul.answers[path] = answer
    eventually(lambda: running.comments(1))


def test_what_a_killed_bot_was_reading_is_taken_up_by_the_next(running):
    event = running.prepared(1)
    [(path, whole)] = [item for item in running.zuul.answers.items() if item[0].endswith(".subunit")]
    running.zuul.answers[path] = Answer(**vars(whole), pause=0.5)  # a byte; it does not come to its end
    running.gerrit.emit(event)
    eventually(lambda: any(path.endswith(".subunit") for path in running.zuul.requests))
    running.kill()
    running.zuul.answers[path] = whole
    running.start()
    eventually(lambda: running.comments(1))  # long before the lease of ten minutes ends


def test_reports_that_come_while_it_is_not_there_are_caught_up(running):
    running.log_when("first start: ")
    running.kill()
    for number in (1, 2, 3):
        running.says(number)
    running.start()
    eventually(lambda: all(len(running.comments(number)) == 2 for number in (1, 2, 3)))
    table = eventually(lambda: "caught up    3 events" in running.status()[1] and running.status()[1])
    assert "gaps         1 since the start; the last lasted " in table
    assert "events may be missing: no bot ran for " in running.log.read_text()


def test_reports_that_come_while_the_stream_is_cut_are_caught_up(running):
    running.log_when("first start: ")
    running.gerrit.may_stream = False
    running.gerrit.end_streams()
    running.log_when("next try in")
    running.says(1)
    running.gerrit.may_stream = True
    eventually(lambda: len(running.comments(1)) == 2)
    running.log_when("events may be missing: there was no event stream for ")


def test_reports_that_gerrit_dropped_are_caught_up(running):
    running.log_when("first start: ")
    event = running.prepared(1)
    running.gerrit.emit, emit = lambda event: None, running.gerrit.emit
    running.gerrit.say("zuul", 1, event["comment"])
    running.gerrit.emit = emit
    running.gerrit.emit({"type": "dropped-output"})
    eventually(lambda: len(running.comments(1)) == 2)
    running.log_when("events may be missing: Gerrit dropped events")


def test_a_periodic_build_is_told_on_irc(tmp_path):
    with closing(Running(tmp_path)) as running:
        config, url = tmp_path / "config.yaml", f"url: {running.zuul.url}\n"
        text = config.read_text().replace("[check, gate]", "[periodic]")
        config.write_text(text.replace(url, f"{url}  tenants: [openstack]\n  poll_seconds: 5\n"))
        running.start()
        running.log_when(f"first start: what {running.zuul.url}/t/openstack finishes from now on is reported")
        running.prepared(1)
        [row] = running.zuul.rows["build"].values()
        ref = {**row["ref"], "change": None, "patchset": None, "ref": "refs/heads/master"}
        running.zuul.add_buildset("5" * 32, [{**row, "ref": ref}], pipeline="periodic", result="SUCCESS")
        [line] = eventually(lambda: running.irc.said(story.CHANNEL))
        assert "periodic" in line
        assert "zuul         http" in running.status()[1]
        assert running.comments(1) == []
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(20) == 0
        assert "Traceback" not in running.log.read_text()


def test_a_new_rule_is_held_against_past_failures(tmp_path):
    with closing(Running(tmp_path)) as running:
        config, url = tmp_path / "config.yaml", f"url: {running.zuul.url}\n"
        config.write_text(config.read_text().replace(url, f"{url}  tenants: [openstack]\n") + "known: {days: 3650}\n")
        row = running.zuul.add_build("5" * 32, "tempest-full", {
            "job-output.txt": b"2026-11-21 02:07:44.101 | node | ERROR: deadlock found\n"}, result="FAILURE")
        running.start()
        running.rule("deadlock.yaml", 'query: message:"deadlock found" AND tags:"console"\n')
        running.log_when("failures of the last 3,650 days are held against 1 new rule")
        log = running.log_when("backfill: done: 1 build read, 0 without logs, 0 not readable, 0 passed over")
        assert f"past build tempest-full {row['uuid']}: failure: read" in log
        assert running.irc.said(story.CHANNEL) == []


def test_a_right_that_is_missing_is_told_and_reports_are_asked_for(running):
    running.log_when("first start: ")
    running.kill()
    running.says(1)
    running.gerrit.may_stream = False
    running.start(streaming=False)
    eventually(lambda: len(running.comments(1)) == 2)
    told = "stream events not permitted (give the bot's account the global capability 'Stream Events'"
    status, table = eventually(lambda: running.status() if told in running.status()[1] else None)
    assert status == 1
    assert f"the event stream is not connected: Gerrit ended the stream with status 1: {told}" in table
    assert "listening to the events" not in running.log.read_text().partition("no bot ran")[2]


def test_a_site_without_the_right_to_the_stream_that_asks_zuul_is_healthy(tmp_path):
    with closing(Running(tmp_path)) as running:
        config, url = tmp_path / "config.yaml", f"url: {running.zuul.url}\n"
        config.write_text(config.read_text().replace(url, f"{url}  tenants: [openstack]\n  poll_seconds: 5\n"))
        running.gerrit.may_stream = False
        running.start(streaming=False)
        running.log_when("first start: what http")
        running.prepared(1)
        running.zuul.add_buildset("5" * 32, running.zuul.rows["build"].values(), result="SUCCESS")
        eventually(lambda: running.comments(1))
        status, table = eventually(lambda: running.status() if "not permitted" in running.status()[1] else None)
        assert (status, table.splitlines()[-1]) == (0, "health       good")


def test_a_gerrit_that_cannot_be_asked_is_told(running):
    running.log_when("first start: ")
    running.gerrit.may_query = False
    running.gerrit.emit({"type": "dropped-output"})
    told = "Gerrit cannot be asked: query not permitted"
    eventually(lambda: told in running.status()[1])
    assert "Gerrit cannot be asked for missing events: query not permitted; next try in 1 s" in running.log.read_text()


def test_sighup_reads_the_rules_anew_and_ends_nothing(running):
    running.rule("more.yaml", RULE % 1_000)
    running.process.send_signal(signal.SIGHUP)
    running.log_when(f"SIGHUP: rules read anew from {running.folder}/queries: 2 in force, 0 mistakes")
    running.report(1, story.Job("tempest-full", story.USUAL))
    eventually(lambda: running.comments(1))


def test_a_log_that_is_moved_away_goes_on_in_a_new_file(tmp_path):
    running = Running(tmp_path)
    running.log = tmp_path / "counterbot.log"
    try:
        running.start("--log", str(running.log))
        running.log.rename(tmp_path / "counterbot.log.1")
        running.process.send_signal(signal.SIGHUP)
        eventually(lambda: running.log.exists() and "SIGHUP: rules read anew" in running.log.read_text())
        assert "listening to the events" in (tmp_path / "counterbot.log.1").read_text()
    finally:
        running.close()


def test_a_log_whose_folder_is_gone_for_a_while_ends_nothing(tmp_path):
    running = Running(tmp_path)
    folder, running.log = tmp_path / "logs", tmp_path / "stderr"
    folder.mkdir()
    try:
        running.start("--log", str(folder / "log"), streaming=False)
        eventually(lambda: (folder / "log").exists() and HEARS in (folder / "log").read_text())
        folder.rename(tmp_path / "old")
        running.process.send_signal(signal.SIGHUP)
        running.log_when("SIGHUP: rules read anew")
        folder.mkdir()
        running.process.send_signal(signal.SIGHUP)
        eventually(lambda: (folder / "log").exists() and "SIGHUP: rules read anew" in (folder / "log").read_text())
    finally:
        running.close()


def test_a_log_that_cannot_be_written_is_told(tmp_path):
    running = Running(tmp_path)
    running.process = subprocess.Popen(running.command("run", "--log", str(tmp_path / "no/log")),
                                       stderr=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert running.process.communicate(timeout=30)[1] == \
            f"Error: --log {tmp_path}/no/log: cannot be written: No such file or directory\n"
        assert running.process.returncode == 1
    finally:
        running.close()


def test_a_bot_that_was_killed_is_unhealthy(running):
    eventually(lambda: "running" in running.status()[1])
    running.process.kill()
    running.process.wait(10)
    status, table = running.status()
    assert status == 1
    assert "the bot died" in table


def test_rules_are_taken_anew_while_it_runs(running):
    running.report(1, story.Job("tempest-full", story.USUAL))
    eventually(lambda: "every counter is within its bound" in running.log.read_text())
    running.rule("sql.yaml", RULE % 1_000)
    running.rule("wrong.yaml", "bounds: none\n")
    eventually(lambda: "wrong.yaml:1" in running.log.read_text())  # so the other was read too
    running.report(2, story.Job("tempest-full", story.USUAL))
    eventually(lambda: running.comments(2))
    assert running.comments(1) == []


def test_a_broken_rule_keeps_its_last_good_version_and_is_told(running):
    running.rule("sql.yaml", "bounds: {mysql.Queries: {max: many}}\n")
    eventually(lambda: "sql.yaml:1:26" in running.log.read_text())
    running.report(1)
    eventually(lambda: running.comments(1))


def test_lines_that_are_no_events_cost_nothing_else(running):
    for line in (b"", b"{", b"[" * 100_000, b'{"type": "comment-added", "author": 5}', b"\xff\xfe", b"x" * 2_000_000):
        running.gerrit.emit(line)
    running.report(1)
    eventually(lambda: running.comments(1))
    assert "Traceback" not in running.log.read_text()


def test_gerrit_that_goes_away_in_mid_line_is_listened_to_again(running):
    running.gerrit.cut_in_mid_line(running.prepared(1))
    eventually(lambda: running.log.read_text().count("listening to the events") == 2)
    event = running.prepared(2)
    eventually(lambda: running.gerrit.emit(event) or running.comments(2))  # nobody tells when a stream stands
    assert running.comments(1) == []


def test_dropped_output_is_told(running):
    running.gerrit.emit({"type": "dropped-output"})
    eventually(lambda: "dropped-output" in running.log.read_text())


def test_a_dry_run_sends_nothing_and_notes_nothing(tmp_path):
    running = Running(tmp_path)
    try:
        process = subprocess.Popen(running.command("run", "--dry-run"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"})
        running.process = process
        assert running.gerrit.wait_for_streams()
        running.report(1)
        told = [process.stdout.readline() for _ in range(4)]
        process.terminate()
        assert process.wait(20) == 0
    finally:
        running.close()
    assert any("would be sent to" in line for line in told)
    assert running.comments(1) == []
    assert running.irc.said(story.CHANNEL) == []
    assert not (tmp_path / "counterbot.db").exists()
