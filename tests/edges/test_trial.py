"""``counterbot config check --try``: each thing that a configuration names, tried against servers on loopback."""

from __future__ import annotations

import logging
import socket
import ssl
import time
from contextlib import ExitStack

import pytest
from click.testing import CliRunner

from counterbot.cli.config import command
from counterbot.demo import story
from counterbot.demo.sshd import make_key
from counterbot.engine import trial
from counterbot.files.config import Config, read_config
from tests.events_log_server import EventsLogServer
from tests.gerrit_server import Gerrit
from tests.irc_server import IrcServer
from tests.loopback import certificate
from tests.zuul_server import Answer, Zuul


class Site:
    """The servers, and a configuration for them in a folder."""

    def __init__(self, folder, stack) -> None:
        self.folder = folder
        self.gerrit = stack.enter_context(Gerrit({make_key(folder / "id_ed25519"): "counterbot"}))
        self.zuul = stack.enter_context(Zuul())
        self.irc = stack.enter_context(IrcServer())
        self.gerrit.add_change(story.PROJECT, 1)
        (folder / "queries").mkdir()
        (folder / "queries/sql.yaml").write_text("title: SQL\nbounds: {mysql.Queries: {max: 1}}\n")
        self.text = story.config(self.gerrit, self.zuul, self.irc) + "statsd: {host: 127.0.0.1}\n"

    def change(self, old: str, new: str) -> None:
        assert old in self.text
        self.text = self.text.replace(old, new)

    def tried(self) -> tuple[int, dict[str, str]]:
        """The status, and by key the line without it."""
        path = self.folder / "config.yaml"
        path.write_text(self.text)
        done = CliRunner().invoke(command, ["check", "--try", str(path)])
        first, *lines = done.stdout.splitlines()
        assert (first, done.stderr) == (f"{path}: no mistakes", "")
        return done.exit_code, {line[6:29].strip(): f"{line[:4].strip()} {line[30:]}" for line in lines}

    def failure(self, key: str) -> str:
        """Why the trial of a key failed, and no other did."""
        status, lines = self.tried()
        assert (status, [name for name, line in lines.items() if line.startswith("FAIL")]) == (1, [key]), lines
        return lines[key].removeprefix("FAIL ")

    def all_good(self) -> dict[str, str]:
        status, lines = self.tried()
        assert status == 0, lines
        return lines


@pytest.fixture
def site(tmp_path):
    with ExitStack() as stack:
        yield Site(tmp_path, stack)


def test_all_is_good(site):
    gerrit = f"[127.0.0.1]:{site.gerrit.port}"
    assert site.all_good() == {
        "gerrit.key_file": f"ok {site.folder}/id_ed25519",
        "rules": f"ok {site.folder}/queries: 1 rule",
        "gerrit": f"ok {gerrit}: logged in as counterbot, may listen and read",
        "zuul.url": f"ok {site.zuul.url}: its API answers",
        "zuul.logs": f"ok {site.zuul.logs}: the server answers",
        "irc": f"ok IRC 127.0.0.1:{site.irc.port}: logged in as counterbot, and left",
        "statsd": "ok 127.0.0.1:8125: has an address; statsd never answers",
        "database": f"ok {site.folder}/counterbot.db: not there yet; the bot makes it at its start",
    }
    assert not (site.folder / "counterbot.db").exists()
    assert site.gerrit.inputs == []
    assert not [line for line in site.irc.raw if line.startswith((b"JOIN", b"PRIVMSG"))]
    assert [line for line in site.irc.raw if line.startswith(b"QUIT")]


def test_without_the_option_nothing_is_opened_nor_asked(site):
    (site.folder / "config.yaml").write_text(site.text)
    assert CliRunner().invoke(command, ["check", str(site.folder / "config.yaml")]).exit_code == 0
    assert (site.gerrit.commands, site.zuul.requests, site.irc.raw) == ([], [], [])


def test_a_missing_file_is_told_as_run_tells_it(site):
    site.change("nick: counterbot", "nick: counterbot\n  password_file: none")
    _, lines = site.tried()
    assert lines["irc.password_file"] == \
        f"FAIL {site.folder}/none: no such file; 'irc.password_file' in the configuration names it"


@pytest.mark.parametrize(("key", "content", "why"), [
    ("irc:\n  password_file: {}\n", "one\ntwo\n", "must hold one line"),
    ("irc:\n  ca_file: {}\n", "no certificate\n", "holds no certificate in PEM form"),
    ("gerrit:\n  key_file: {}\n", "no key\n", "it holds no private key"),
])
def test_a_file_with_something_else_in_it(site, key, content, why):
    section, _, line = key.partition("\n")
    (site.folder / "file").write_text(content)
    name = line.strip().partition(":")[0]
    site.text = site.text.replace("  key_file: id_ed25519\n", "") if name == "key_file" else site.text
    site.change(f"{section}\n", key.format("file"))
    _, lines = site.tried()
    told = lines[f"{section[:-1]}.{name}"]
    assert told.startswith("FAIL ")
    assert str(site.folder / "file") in told
    assert why in told
    assert told.endswith(f"; '{section[:-1]}.{name}' in the configuration names it")
    assert "two" not in told


def test_mistakes_in_the_rules(site):
    (site.folder / "queries/sql.yaml").write_text("bounds: {}\n")
    told = site.failure("rules")
    assert f"there are mistakes, the first: {site.folder}/queries/sql.yaml:1:1: " in told
    assert told.endswith("; 'counterbot rules check' shows all")


def test_a_folder_without_rules(site):
    (site.folder / "queries/sql.yaml").unlink()
    assert site.failure("rules") == \
        f"{site.folder}/queries: there is no rule in it; 'rules' in the configuration names it"


def test_an_account_that_gerrit_does_not_know(site):
    site.change("username: counterbot", "username: counterbat")
    assert "rejects the login of 'counterbat'" in site.failure("gerrit")


def test_an_account_that_may_not_listen(site):
    site.gerrit.may_stream = False
    told = site.failure("gerrit")
    assert "logged in as counterbot, but it may not listen: stream events not permitted" in told
    assert told.endswith("; give the account the global capability Stream Events")


def test_an_account_that_sees_no_change(site):
    site.gerrit._changes.clear()
    assert "counterbot sees no change; if there are any, give the account Read on refs/*" in site.failure("gerrit")


@pytest.fixture
def events_log(site):
    with EventsLogServer() as log:
        (site.folder / "password").write_text("s3cret\n")
        site.change("gerrit:\n", f"gerrit:\n  events_log: {{url: '{log.url}', password_file: password}}\n")
        yield log


def test_the_events_log(site, events_log):
    assert site.all_good()["gerrit.events_log"] == f"ok {events_log.url}: the events-log plugin answers"
    (site.folder / "password").write_text("0ld\n")
    told = site.failure("gerrit.events_log")
    assert "Gerrit does not take the HTTP password; it may have expired" in told
    assert "0ld" not in told
    (site.folder / "password").unlink()
    assert f"{site.folder}/password: no such file; 'gerrit.events_log.password_file' in the configuration names it" in \
        str(site.tried())


def test_an_events_log_in_another_time_zone(site, events_log):
    events_log.set_zone("America/New_York")
    events_log.events.append({"eventCreatedOn": int(time.time()) - 60})
    assert site.failure("gerrit.events_log") == \
        "'gerrit.events_log.time_zone' is not the time zone of Gerrit's server: 'timedatectl' shows it there"


def test_an_events_log_whose_certificate_is_not_trusted(site, events_log):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate("127.0.0.1", site.folder))
    events_log._server.socket = tls.wrap_socket(events_log._server.socket, server_side=True)
    site.change(events_log.url, events_log.url.replace("http:", "https:"))
    assert site.failure("gerrit.events_log").endswith("; give its authority's as gerrit.events_log.ca_file")


def test_gerrits_web_port(site):
    """It is what a browser's address has."""
    site.change(f"port: {site.gerrit.port}", f"port: {site.zuul.url.rpartition(':')[2]}")
    assert "correct host and port (Gerrit's SSH daemon listens on 29418" in site.failure("gerrit")


@pytest.mark.parametrize(("answer", "why"), [
    (Answer(b"<html>", 200), "did not answer JSON"), (Answer(b"{}", 200), "what answers at {}/api/info is no Zuul"),
    (Answer(b"", 404), "there is no Zuul: {}/api/info is not found"), (Answer(b"", 502), "502 from"),
    (Answer(b"", 403), "403 from"),
    (Answer(b"", 302, {"Location": "https://login.example.org/"}), "https://login.example.org/ is not under"),
])
def test_what_is_no_zuul(site, answer, why):
    site.zuul.answers["/api/info"] = answer
    assert why.format(site.zuul.url) in site.failure("zuul.url")


def test_each_tenant_of_zuul_is_tried(site):
    url = f"url: {site.zuul.url}\n"
    site.change(url, f"{url}  tenants: [openstack]\n")
    page = f"{site.zuul.url}/t/openstack"
    good = f"ok {page}: its list of buildsets answers"
    assert site.all_good()["zuul.tenants"] == f"{good}, but is empty: is the name right?"
    site.zuul.add_buildset("c" * 32, [site.zuul.add_build("a" * 32, "job")])
    assert site.all_good()["zuul.tenants"] == good
    site.change("[openstack]", "[nowhere]")
    assert site.failure("zuul.tenants").startswith(f"Zuul's API has no list of buildsets at {site.zuul.url}/t/nowhere;")


def test_each_root_of_zuul_is_tried(site):
    site.change(f"url: {site.zuul.url}\n", f"url: [{site.zuul.url}/nowhere, {site.zuul.url}]\n")
    (site.folder / "config.yaml").write_text(site.text)
    done = CliRunner().invoke(command, ["check", "--try", str(site.folder / "config.yaml")])
    assert [line[:4] for line in done.stdout.splitlines() if " zuul.url " in line] == ["FAIL", "ok  "]


@pytest.mark.parametrize(("status", "good"), [(200, True), (404, True), (403, True), (302, True), (500, False)])
def test_where_logs_are(site, status, good):
    site.zuul.answers["/logs/"] = Answer(b"", status, {"Location": "https://elsewhere.example.org/"})
    if good:
        assert site.all_good()["zuul.logs"].endswith("the server answers")
    else:
        assert site.failure("zuul.logs").endswith(f"the server answers {status}")


def test_where_logs_cannot_be(site):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    site.change(site.zuul.logs, f"http://127.0.0.1:{port}/")
    assert "refused" in site.failure("zuul.logs")


def test_logs_on_any_host_are_not_tried(site):
    site.change(site.zuul.logs, "https://*.logs.example.org/")
    assert site.all_good()["zuul.logs"] == \
        "- https://*.logs.example.org/: not tried, since any name may stand for the *"


def test_irc_that_refuses(site):
    site.irc.password = "p4ss"
    assert site.failure("irc") == f"IRC 127.0.0.1:{site.irc.port}: Password incorrect"
    site.change("tls: false", "tls: true")
    assert site.failure("irc").endswith("; correct irc.port, or set irc.tls to false")


def test_a_nick_that_the_running_bot_has(site):
    site.irc.taken = {"counterbot"}
    assert site.all_good()["irc"] == f"ok IRC 127.0.0.1:{site.irc.port}: logged in as counterb_, and left"


def test_irc_with_an_account(site):
    site.irc.accounts, site.irc.offers = {"bot": "p4ss"}, [":sasl"]
    (site.folder / "secret").write_text("p4ss\n")
    site.change("nick: counterbot", "nick: counterbot\n  sasl: {username: bot, password_file: secret}")
    assert "logged in" in site.all_good()["irc"]
    (site.folder / "secret").write_text("wr0ng\n")
    told = site.failure("irc")
    assert "SASL login refused" in told
    assert "wr0ng" not in told


def test_statsd_without_an_address(site):
    site.change("statsd: {host: 127.0.0.1}", "statsd: {host: nowhere.invalid}")
    assert site.failure("statsd").startswith("nowhere.invalid:8125: the host's name cannot be looked up (")


def test_a_database_without_its_folder(site):
    site.change("sqlite:///counterbot.db", "sqlite:///none/counterbot.db")
    assert site.failure("database") == f"{site.folder}/none: no such folder; 'database' in the configuration names it"


def test_what_hangs_is_told(site):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        site.change(f"port: {site.irc.port}", f"port: {silent.getsockname()[1]}")
        config = read_config(site.text.encode(), str(site.folder / "config.yaml"))
        assert isinstance(config, Config)
        bad = {each.key: each.words for each in trial.outcomes(config, 0.5) if not each.good}
    assert bad["irc"] == "it did not end in time"


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.CRITICAL)
