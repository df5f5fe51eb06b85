"""files.config and ``counterbot config``."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from counterbot.cli.config import command
from counterbot.clients.http import Http
from counterbot.core.model import Tell, Unreadable
from counterbot.files.config import Config, doubts, load_config, read_config, read_secret, schema
from counterbot.files.sample import sample

ROOT = Path(__file__).parents[2]
CONTRACT = ROOT / "tests/samples/contract/config.yaml"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcUg6ETYlqkejiNnSIiYscGh+1Vey8YMqjZBwILP3nK"
MINIMAL = """\
gerrit: {host: review.example.org, username: counterbot, key_file: id}
zuul: {accounts: [zuul], url: https://zuul.example.org/, logs: [https://logs.example.org]}
rules: queries/
database: sqlite:///counterbot.db
"""
NO_DATABASE = ("'database' must be the URL of an SQLite file, such as sqlite:///counterbot.db, or "
               "postgresql://USER@HOST/NAME or mariadb://USER@HOST/NAME; 'database_password_file' names the file of"
               " the password")


def config(text: str = "", folder: str = "/etc/counterbot") -> Config:
    outcome = read_config((MINIMAL + text).encode(), f"{folder}/config.yaml")
    assert isinstance(outcome, Config), [str(mistake) for mistake in outcome]
    return outcome


def told(text: str) -> list[str]:
    outcome = read_config(text.encode(), "c.yaml")
    assert not isinstance(outcome, Config)
    return [str(mistake) for mistake in outcome]


def told_of(text: str) -> list[str]:
    """Mistakes of what follows a minimal configuration; lines count from its own first."""
    before = MINIMAL.count("\n")
    return [
        re.sub(r":(\d+)", lambda line: f":{int(line[1]) - before}", mistake, count=1)
        for mistake in told(MINIMAL + text)
    ]


def test_the_contracts_example() -> None:
    got = load_config(CONTRACT)
    assert isinstance(got, Config)
    assert (got.gerrit.host_key, got.gerrit.known_hosts, got.gerrit.port) == (KEY, None, 29418)
    assert got.rules == CONTRACT.parent / "queries"
    assert got.irc is not None
    channel = got.irc.channels["#openstack-qa"]
    assert channel.pipelines == ("gate", "periodic")
    assert (channel.tell, channel.failures_in) == ((Tell.OVER, Tell.KNOWN, Tell.MOVED, Tell.DIGEST), None)
    assert (got.irc.port, got.irc.tls, got.irc.sasl) == (6697, True, None)


def test_defaults() -> None:
    got = config()
    assert (got.irc, got.workers, got.keep_days, got.report.deadline, got.report.settle) == (None, 4, 90, 1200, 0)
    assert (got.bugs.view, got.bugs.file) == ("https://bugs.launchpad.net/bugs/{bug}", None)
    assert got.gerrit.known_hosts == Path("~/.ssh/known_hosts").expanduser()


def test_addresses_are_made_alike() -> None:
    """A log prefix without a slash would admit https://logs.example.org.evil."""
    assert config().zuul.logs == ("https://logs.example.org/",)
    assert config().zuul.url == ("https://zuul.example.org",)


NOT_PLAIN = [
    "https://bücher.example/", "https://x/../y/", "https://x/./y/", "https://*/", "https://logs.example.org/é/",
    "https://x/%2e%2e/", r"https://x\y/", "https://x:/", "https://{}/", "https://[::1%25eth0]/", "https://x。y/",
    "https://*.*.example.org/", "https://a.*.org/", "https://*x.org/",
    "https://a..b/", "https://*./", "https://[.]/",
]  # fmt: skip


def zuul(**changed: object) -> str:
    """A minimal configuration with other settings of Zuul's, on its second line."""
    usual = {"accounts": ["zuul"], "url": "https://zuul.example.org/", "logs": ["https://logs.example.org"]}
    return "".join(line if not line.startswith("zuul:") else f"zuul: {json.dumps({**usual, **changed})}\n"
                   for line in MINIMAL.splitlines(keepends=True))


def gerrit(**events_log: str) -> str:
    """A minimal configuration with an events log."""
    log = json.dumps({"url": "https://review.example.org/", "password_file": "p", **events_log})
    return MINIMAL.replace("key_file: id", f"key_file: id, events_log: {log}")


def test_the_events_log() -> None:
    outcome = read_config(gerrit().encode(), "/etc/c.yaml")
    assert isinstance(outcome, Config)
    assert outcome.gerrit.events_log is not None
    assert outcome.gerrit.events_log.url == "https://review.example.org"
    assert (outcome.gerrit.events_log.time_zone, outcome.gerrit.events_log.ca_file) == ("UTC", None)
    assert doubts(outcome) == []
    outcome = read_config(gerrit(url="http://review.example.org").encode(), "c.yaml")
    assert isinstance(outcome, Config)
    assert doubts(outcome) == [
        "'gerrit.events_log.url' is http: the password is sent in clear; give Gerrit's https address"]


@pytest.mark.parametrize("page", [
    "/a", "/q/status:open", "/#/c/12/", "/c/openstack/nova/+/12", "/settings/#HTTPCredentials",
    "/plugins/events-log/events/", "/a/plugins/events-log/",
])
@pytest.mark.parametrize("root", ["https://review.example.org", "https://a/r", "https://c/gerrit"])
def test_a_page_of_gerrit_is_told_with_the_root_that_would_do(root: str, page: str) -> None:
    [mistake] = told(gerrit(url=root + page))
    assert mistake.endswith(f"'url' must be the root of Gerrit's pages alone: {root}")


@pytest.mark.parametrize("zone", ["Europe/Nowhere", "", "../etc/passwd", "+02:00", "Europe"])
def test_time_zones_that_are_none(zone: str) -> None:
    [mistake] = told(gerrit(time_zone=zone))
    assert "'time_zone' must be the name of a time zone that this system knows (tzdata), such as UTC or Europe/Berlin" \
        in mistake


def test_one_root_of_zuul_or_several() -> None:
    for url in ("https://a/zuul/", ["https://a/zuul"]):
        outcome = read_config(zuul(url=url).encode(), "c.yaml")
        assert isinstance(outcome, Config)
        assert outcome.zuul.url == outcome.recognition.zuul_urls == ("https://a/zuul",)
    outcome = read_config(zuul(url=["https://zuul.example.org", "https://ci.tenant.org/"]).encode(), "c.yaml")
    assert isinstance(outcome, Config)
    assert outcome.zuul.url == ("https://zuul.example.org", "https://ci.tenant.org")
    assert schema()["$defs"]["Zuul"]["properties"]["url"]["anyOf"][0] == {"type": "string"}


@pytest.mark.parametrize(("url", "why"), [
    ([], "'url' must have at least one item"), (5, "'url' must be a URL or a list of URLs, not 5"),
    ({"a": "https://a"}, "'url' must be a URL or a list of URLs, not a mapping"),
    (["https://a", 5], "item 2 of 'url' must be text, not 5; put it in quotes"),
    (["https://a", "ftp://b"], "item 2 of 'url' must be a URL that begins with http:// or https://"),
    (["https://a", "https://b/t/c"], "item 2 of 'url' must be the root of Zuul's pages, without tenant and page:"
                                     " https://b"),
    ("https://*.example.org", "'url' must be Zuul's root itself, without '*'"),
])
def test_roots_of_zuul_that_are_none(url: object, why: str) -> None:
    (mistake,) = told(zuul(url=url))
    assert re.fullmatch(r"c\.yaml:2:\d+: " + re.escape(why), mistake)


UUID = "e7399332667b42ffabfe9ae67a7f2389"


@pytest.mark.parametrize(("url", "tenants", "pages"), [
    ("https://a/zuul/", ["openstack", "my tenant"], ["https://a/zuul/t/openstack", "https://a/zuul/t/my%20tenant"]),
    ("https://a", ["https://a/t/openstack/", "https://A:443"], ["https://a/t/openstack", "https://A:443"]),
    (["https://a", "https://ci.b/zuul"], ["https://ci.b/zuul", "https://a/t/x"], ["https://ci.b/zuul", "https://a/t/x"]),
    ("https://a", None, []),
])
def test_tenants_have_pages(url: object, tenants: object, pages: list[str]) -> None:
    outcome = read_config(zuul(url=url, **({"tenants": tenants} if tenants else {})).encode(), "c.yaml")
    assert isinstance(outcome, Config), outcome
    assert list(outcome.zuul.tenant_pages) == pages


@pytest.mark.parametrize(("url", "tenants", "why"), [
    (["https://a", "https://b"], ["openstack"],
     "must be the address of the tenant's page, since 'url' has several roots: https://a/t/openstack perhaps"),
    ("https://a", ["https://b/t/x"],
     "must be a tenant's name, or the address of its page under 'url', such as https://a/t/NAME"),
    ("https://a", ["https://a/t/x/builds"], "such as https://a/t/NAME"), ("https://a", [], "must have at least one"),
    ("https://a", "openstack", "must be a list"),
])
def test_tenants_that_are_none(url: object, tenants: object, why: str) -> None:
    (mistake,) = told(zuul(url=url, tenants=tenants))
    assert why in mistake


@pytest.mark.parametrize("page", [
    "t/openstack", "t/openstack/", "t/openstack/status", "t/openstack/builds?job_name=tempest-full&skip=0",
    f"t/openstack/build/{UUID}", f"t/openstack/build/{UUID}/logs", f"t/openstack/build/{UUID}/log/job-output.txt#12",
    f"t/openstack/buildset/{UUID}", "t/openstack/status/change/12,3", "t/my%20tenant/jobs", "t/", "status", "builds/",
    f"build/{UUID}", f"buildset/{UUID}", "jobs", "job/tempest-full", "project/opendev.org/openstack/nova", "projects",
    "tenants", "components", "openapi", "api", "api/", "api/tenants", "api/tenant/openstack/builds", "api/info",
    "api/status", "api/nodes", "api/config-errors", "api/autohold/1", "index.html", "?", "#", "#/builds",
    "t/openstack/stream/1?logfile=console.log",
])
@pytest.mark.parametrize("root", ["https://zuul.example.org", "http://10.0.0.1:9000", "https://host/zuul",
                                  "https://host/a/status-of/zuul"])
def test_a_page_of_zuul_is_told_with_the_root_that_would_do(root: str, page: str) -> None:
    (mistake,) = told(zuul(url=f"{root}/{page}"))
    assert mistake.endswith(f": 'url' must be the root of Zuul's pages, without tenant and page: {root}")
    (mistake,) = told(zuul(url=["https://other.example.org", f"{root}/{page}"]))
    assert f"item 2 of 'url' must be the root of Zuul's pages, without tenant and page: {root}" in mistake
    assert isinstance(read_config(zuul(url=root).encode(), "c.yaml"), Config)


@pytest.mark.parametrize("root", [
    "https://host/zuul", "https://host/ci/builds-of/zuul", "https://host/t-systems/zuul", "https://host/api/zuul",
    "https://host/jobs/zuul", "https://status.example.org/zuul", "https://api.example.org", "https://host/project"])
def test_a_root_in_a_folder_is_right_whatever_its_name(root: str) -> None:
    outcome = read_config(zuul(url=root).encode(), "c.yaml")
    assert isinstance(outcome, Config)
    assert outcome.zuul.url == (root,)


@pytest.mark.parametrize(("url", "root"), [
    (f"https://storage.example.org/v1/AUTH_dcaab5e32b234d56b626f72581e3644c/zuul_opendev_logs_e73/openstack/{UUID}/",
     "https://storage.example.org/v1/AUTH_dcaab5e32b234d56b626f72581e3644c/"),
    (f"https://storage.example.org/v1/dcaab5e32b234d56b626f72581e3644c/logs_e73/{UUID}/job-output.txt?x=y",
     "https://storage.example.org/v1/dcaab5e32b234d56b626f72581e3644c/"),
    (f"https://logs.example.org/e7/{UUID}", "https://logs.example.org/"),
    (f"https://logs.example.org/zuul/{UUID}/zuul-manifest.json", "https://logs.example.org/zuul/"),
    ("https://logs.example.org/98/12398/1/check/tempest-full/e739933/", "https://logs.example.org/"),
    ("https://logs.example.org/e73/98/12398/1/check/tempest-full/e739933/", "https://logs.example.org/"),
    ("https://storage.example.org/v1/AUTH_dcaab5e32b234d56b626f72581e3644c/logs_e73/12398/1/check/tempest-full/e739933",
     "https://storage.example.org/v1/AUTH_dcaab5e32b234d56b626f72581e3644c/"),
    ("https://logs.example.org/ci/05/1005/12/gate/", "https://logs.example.org/ci/"),
])
def test_logs_of_one_build_are_told_with_what_those_of_all_begin_with(url: str, root: str) -> None:
    (mistake,) = told(zuul(logs=["https://logs.example.org", url]))
    assert mistake.endswith(
        f": item 2 of 'logs' must be what the logs of all builds begin with, and not of one, perhaps {root}")
    assert isinstance(read_config(zuul(logs=[root]).encode(), "c.yaml"), Config)


@pytest.mark.parametrize("url", [f"https://zuul.example.org/t/openstack/build/{UUID}", "https://host/zuul/t/x/builds",
                                 f"https://ci.tenant.org/build/{UUID}/logs", "https://zuul.example.org/t/x/status#a"])
def test_a_page_of_zuul_is_no_place_of_logs(url: str) -> None:
    (mistake,) = told(zuul(logs=[url]))
    assert mistake.endswith("item 1 of 'logs' must be where logs are stored, not a page of Zuul's: take what the links"
                            " to logs on a build's page begin with")


@pytest.mark.parametrize("url", [
    "https://storage.example.org/v1/AUTH_dcaab5e32b234d56b626f72581e3644c/", "https://host/t/logs/", "https://host/98/",
    "https://storage.example.org/v1/dcaab5e32b234d56b626f72581e3644c/", "https://*.ssl.example.org/", "https://h/a/1/2"])
def test_places_of_all_logs(url: str) -> None:
    outcome = read_config(zuul(logs=[url]).encode(), "c.yaml")
    assert isinstance(outcome, Config)
    assert outcome.zuul.logs == (url.rstrip("/") + "/",)


@pytest.mark.parametrize("url", NOT_PLAIN)
def test_urls_that_nothing_could_be_fetched_from(url: str) -> None:
    """Http raises for them, when the bot has begun to start."""
    (of_logs,) = told(zuul(logs=["https://logs.example.org", url]))
    assert re.match(r"c.yaml:2:\d+: item 2 of 'logs' must be a (plain )?URL", of_logs)
    (of_root,) = told(zuul(url=url))
    assert re.match(r"c.yaml:2:\d+: 'url' must be a (plain )?URL", of_root)


@given(st.text("htps:/.*x[]%2e@#?\\{}é 09", max_size=12))
def test_http_takes_every_prefix_that_the_check_takes(rest: str) -> None:
    text = zuul(url=f"https://z{rest}", logs=[f"https://{rest}"])
    outcome = read_config(text.encode(), "c.yaml")
    if isinstance(outcome, Config):
        Http([*(f"{root}/api/" for root in outcome.zuul.url), *outcome.zuul.logs])


@pytest.mark.parametrize(
    "url", ["http://[::1]:8000/", "https://*.x.org:443/a/", "http://10.0.0.1/", "https://X_y-z./%C3%A9/"]
)
def test_urls_that_are_plain(url: str) -> None:
    outcome = read_config(zuul(logs=[url]).encode(), "c.yaml")
    assert isinstance(outcome, Config)
    assert outcome.zuul.logs == (url,)


def test_paths_are_relative_to_the_file() -> None:
    got = config()
    assert got.rules == Path("/etc/counterbot/queries")
    assert got.gerrit.key_file == Path("/etc/counterbot/id")
    assert got.database == "sqlite:////etc/counterbot/counterbot.db"


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("sqlite:///a/b.db", "sqlite:////etc/counterbot/a/b.db"),
        ("sqlite:///~/b.db", f"sqlite:///{Path.home()}/b.db"),
        ("sqlite:////var/b.db", "sqlite:////var/b.db"),
        ("postgresql://bot@db.example.org/ci", "postgresql+psycopg://bot@db.example.org/ci"),
        ("mariadb://bot@127.0.0.1:3307/ci", "mysql+pymysql://bot@127.0.0.1:3307/ci"),
    ],
)
def test_database(url: str, meant: str) -> None:
    text = MINIMAL.replace("sqlite:///counterbot.db", f"'{url}'")
    got = read_config(text.encode(), "/etc/counterbot/config.yaml")
    assert isinstance(got, Config)
    assert got.database == meant


@pytest.mark.parametrize("url", [
    r"sqlite:///a\0b", r"sqlite:///a\nb", "sqlite:///:memory:", "counterbot.db", "postgresql://bot:word@db/counterbot",
    "postgresql://db/counterbot", "mariadb://bot@db", "mysql://bot@db/counterbot",
    "mariadb://bot@db/counterbot?password=word"])
def test_a_database_that_cannot_be_one(url: str) -> None:
    assert told(MINIMAL.replace("sqlite:///counterbot.db", f'"{url}"')) == [f"c.yaml:4:1: {NO_DATABASE}"]


def test_irc_without_tls_has_another_port() -> None:
    assert config("irc: {host: h, nick: n, tls: false, channels: {'#a': {}}}").irc.port == 6667
    assert config("irc: {host: h, nick: n, tls: false, port: 1, channels: {'#a': {}}}").irc.port == 1


def test_statsd() -> None:
    got = config("statsd: {host: 10.0.0.1, prefix: 'ci.{project}.{branch}.{pipeline}.{job}'}").statsd
    assert got is not None
    assert (got.host, got.port, got.prefix) == ("10.0.0.1", 8125, "ci.{project}.{branch}.{pipeline}.{job}")
    assert config().statsd is None


def test_no_password_is_shown() -> None:
    assert "hunter2" not in "".join(told(MINIMAL.replace("sqlite:///", "oracle://bot:hunter2@db/")))
    assert "hunter2" not in "".join(told(MINIMAL.replace("https://zuul.", "https://bot:hunter2@zuul.")))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("irc: {sasl: bot:hunter2}", "'sasl' must be a mapping of keys to values"),
        ("irc: irc://bot:hunter2@irc.example.org", "'irc' must be a mapping of keys to values"),
        ("irc: {sasl: [hunter2]}", "'sasl' must be a mapping of keys to values"),
        ("irc: {sasl: {username: 5417}}", "'username' must be text"),
        ("irc: {sasl: {password_file: 5417}}",
         "'password_file' must be a file's or folder's path, as text on one line"),
        ("irc: {password_file: 5417}", "'password_file' must be a file's or folder's path, as text on one line"),
        ("irc: {password: *hunter2 }", "'*' begins an alias in YAML; put the text in quotes, or write it out"),
        ("irc: {password: &hunter2 x}", "'&' begins an anchor in YAML; put the text in quotes, or leave it out"),
        ("irc: {password: !hunter2 x}", "'!' begins a tag in YAML; put the text in quotes, or leave it out"),
        ("irc: {password: !hunter2!x y}", "not YAML: while parsing a node, found undefined tag handle"),
        ("irc: {password: [!hunter2 x]}", "'!' begins a tag in YAML; put the text in quotes, or leave it out"),
        ("password: 0123456789", "not a plain decimal number; quote it if it is text"),
        ("api_token: 0x5ec7", "not a plain decimal number; quote it if it is text"),
        ("'password: hunter2': x", "unknown key 'password…'; known: gerrit"),
        ("irc: {password=hunter2}", "unknown key 'password…'; did you mean 'password_file'?"),
        ("irc: {'pass hunter2': x, 'pass hunter2': y}", "duplicate key 'pass…'"),
        ("irc: {channels: {'#qa hunter2': {}}}", "'#qa…' must be a channel's name"),
    ],
)  # fmt: skip
def test_no_secret_is_shown(text: str, what: str) -> None:
    mistakes = told_of(text)
    assert any(f": {what}" in mistake for mistake in mistakes), mistakes
    assert not re.search("hunter2|5417|123456789|5ec7|24263", "".join(mistakes))


@pytest.mark.parametrize("style", ["|", ">", "|-", ">-"])
def test_a_private_key_is_no_path(style: str) -> None:
    """Whoever starts the bot would be shown it as the path of a file that cannot be read."""
    key = f"key_file: {style}\n    -----BEGIN SOMETHING PRIVATE KEY-----\n    hunter2\n"
    text = MINIMAL.split("\n", 1)[1] + f"gerrit:\n  host: h\n  username: u\n  {key}"
    assert told(text) == ["c.yaml:7:3: 'key_file' must be a file's or folder's path, as text on one line"]


def test_all_mistakes_at_once() -> None:
    text = """\
gerit: 3
gerrit:
  host: ssh://review.example.org
  port: 29418x
  usrename: counterbot
  key_file: id
  host_key: ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAA
zuul: {accounts: [], url: ftp://zuul.example.org, logs: [https://a/, 'https://b/?c']}
rules: [queries]
database: counterbot.db
workers: 0
"""
    assert told(text) == [
        "c.yaml:1:1: unknown key 'gerit'; did you mean 'gerrit'?",
        "c.yaml:3:3: 'host' must be a host's name or address alone, without scheme, port or path",
        "c.yaml:4:3: 'port' must be a whole number, not text '29418x'",
        "c.yaml:5:3: unknown key 'usrename'; did you mean 'username'?",
        "c.yaml:7:3: 'host_key' must be a public key such as 'ssh-ed25519 AAAA…'; ssh-keyscan -p 29418 HOST prints it",
        "c.yaml:8:8: 'accounts' must have at least one item",
        "c.yaml:8:22: 'url' must be a URL that begins with http:// or https://",
        "c.yaml:8:70: item 2 of 'logs' must be a plain URL: a host's name in ASCII (in 'logs' it may begin with *.) or "
        "its address, and a path without '..', '.', '?', '#', backslashes and letters such as 'é'",
        "c.yaml:9:1: 'rules' must be a file's or folder's path, as text on one line",
        f"c.yaml:10:1: {NO_DATABASE}",
        "c.yaml:11:1: 'workers' must be at least 1",
    ]


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("irc:\n  host: h", ["1:1: missing key 'channels'", "1:1: missing key 'nick'"]),
        ("irc: {host: h, nick: 9n, channels: {}}",
         ["1:16: 'nick' must be an IRC nick: letters, digits and []\\`_^{|}-, at most 30, no digit or dash first",
          "1:26: 'channels' must have at least one item"]),
        ("irc: {host: h, nick: n, channels: {qa: {}}}",
         ["1:36: 'qa' must be a channel's name, such as '#openstack-qa'"]),
        ("irc: {host: h, nick: n, channels: {'#qa': {project: [a]}}}",
         ["1:44: unknown key 'project'; did you mean 'projects'?"]),
        ("irc: {host: h, nick: n, channels: {'#qa': {projects: ['a[', 5]}}}",
         ["1:55: item 1 of 'projects' must be a shell pattern: its '[' is never closed",
          "1:61: item 2 of 'projects' must be text, not 5; put it in quotes"]),
        ("irc: {host: h, nick: n, channels: {'#qa': {projects: ['^openstack/.*'], pipelines: ['check|gate']}}}",
         ["1:55: item 1 of 'projects' must be a shell pattern, not a regular expression; write 'openstack/*'",
          "1:85: item 1 of 'pipelines' must be a single shell pattern; write a list: ['check', 'gate']"]),
        ("irc: {host: h, nick: n, channels: {'#qa': {tell: [over, all], failures_in: gate}, '#x': {tell: []}}}",
         ["1:57: item 2 of 'tell' must be one of over, known, unexplained, moved, digest, not text 'all'",
          "1:63: 'failures_in' must be a list, not text 'gate'", "1:90: 'tell' must have at least one item"]),
        ("known: {days: 0}", ["1:9: 'days' must be at least 1"]),
        ("unexplained: {gate: [], passing: 5, jobs: ['^tempest']}",
         ["1:15: 'gate' must have at least one item", "1:25: 'passing' must be at least 20",
          "1:44: item 1 of 'jobs' must be a shell pattern, not a regular expression; write 'tempest*'"]),
        ("unexplained: {passing: 500, days: 1, gate: ['*-gate']}",
         ["1:15: 'passing' must be at most 100", "1:29: 'days' must be at least 7",
          "1:45: item 1 of 'gate' must be a pipeline's name, not a shell pattern"]),
        ("irc: {host: h, nick: n, tls: 'yes', channels: {'#qa': {projects: a}}}",
         ["1:25: 'tls' must be true or false, not text 'yes'", "1:56: 'projects' must be a list, not text 'a'"]),
        ("bugs: {view: https://bugs.example.org/}", ["1:8: 'view' must be a URL with {bug} and no other braces"]),
        ("bugs: {file: 'https://b/?t={title}&x={text}&o={owner}'}",
         ["1:8: 'file' must be a URL with {title} and {text} and no other braces"]),
        ("report:\nbugs: {view: 'javascript:{bug}'}",
         ["1:1: 'report' must be a mapping of keys to values, not nothing",
          "2:8: 'view' must be a URL that begins with http:// or https://"]),
        ("keep_days: 1.5\nworkers: true", ["1:1: 'keep_days' must be a whole number, not 1.5",
                                           "2:1: 'workers' must be a whole number, not true"]),
        ("workers: 010", ["1:1: 010 is not a plain decimal number; write 10, or quote it if it is text"]),
        ("keep_days: 1_0", ["1:1: 'keep_days' must be a whole number, not text '1_0'"]),
        ("log: debug", ["1:1: unknown key 'log'; known: gerrit, zuul, rules, database, database_password_file,"
                        " irc, statsd, report, known, unexplained, learned, pages, bugs, workers, keep_days"]),
        ("statsd: {port: 0, prefix: 'ci.{jobs}'}",
         ["1:1: missing key 'host'", "1:10: 'port' must be at least 1",
          "1:19: 'prefix' must be letters, digits, '_', '-', '.', {project}, {branch}, {pipeline} and {job}"]),
        *((f"statsd: {{host: h, prefix: '{prefix}'}}",
           ["1:19: 'prefix' must be letters, digits, '_', '-', '.', {project}, {branch}, {pipeline} and {job}"])
          for prefix in ("", "a b", "a:b", "{job", "{}", "{0}", "{job!r}", "{job:>9}", "{job.real}", "{{job}}", "é")),
        ("report: {deadline: 99999999999999999999999, settle: 604801}",
         ["1:10: 'deadline' must be at most 604800", "1:45: 'settle' must be at most 604800"]),
        ("keep_days: 36501\nworkers: 65",
         ["1:1: 'keep_days' must be at most 36500", "2:1: 'workers' must be at most 64"]),
        ("statsd: {host: h, port: 65536}", ["1:19: 'port' must be at most 65535"]),
        *((f"statsd: {{host: '{host}'}}",
           ["1:10: 'host' must be a host's name or address alone, without scheme, port or path"])
          for host in ("h:8125", "10.0.0.1:8125", "[::1]", "::1:h", "fe80::1%eth0", "a..b", ".", "a" * 64,
                       "a." * 127 + "b")),
        ("irc: *x", ["1:1: '*' begins an alias in YAML; put the text in quotes, or write it out"]),
    ],
)  # fmt: skip
def test_mistakes(text: str, mistakes: list[str]) -> None:
    assert told_of(text) == [f"c.yaml:{mistake}" for mistake in mistakes]


@pytest.mark.parametrize("host", ["h", "review.example.org.", "a_b-c.d", "127.0.0.1", "::1", "2001:db8::10.0.0.1"])
def test_hosts(host: str) -> None:
    assert config(f"statsd: {{host: '{host}'}}").statsd.host == host


def test_the_largest_numbers() -> None:
    got = config("report: {deadline: 604800, settle: 604800}\nkeep_days: 36500\nworkers: 64")
    assert (got.report.deadline, got.report.settle, got.keep_days, got.workers) == (604_800, 604_800, 36_500, 64)


def test_one_source_of_host_keys() -> None:
    text = MINIMAL.replace("key_file: id", f"key_file: id, host_key: {KEY}, known_hosts: k")
    column = text.splitlines()[0].index("known_hosts") + 1
    assert told(text) == [f"c.yaml:1:{column}: 'known_hosts' must not be given with 'host_key'; leave one of them out"]


def test_the_sample_in_the_repository_is_what_the_settings_say() -> None:
    assert (ROOT / "config.yaml.sample").read_text() == sample(Config)


def test_the_sample_is_a_configuration() -> None:
    assert isinstance(read_config(sample(Config).encode(), "config.yaml"), Config)


def test_the_sample_holds_with_everything_switched_on() -> None:
    text = sample(Config)
    lines = [re.sub("^# ", "", line) if re.match(r"# ( |[a-z_]+:)", line) else line for line in text.splitlines()]
    lines = [re.sub(r"^( +)# (?=[a-z_]+:( |$))", r"\1", line) for line in lines]
    lines = [re.sub(r"^  # (  [a-z_]+:)", r"  \1", line) for line in lines]
    on = "\n".join(line for line in lines if "host_key" not in line and not line.lstrip().startswith("#"))
    got = read_config(on.encode(), "config.yaml")
    assert isinstance(got, Config), [str(mistake) for mistake in got]
    assert got.irc is not None
    assert got.irc.sasl is not None
    assert got.bugs.file is not None
    assert (got.workers, got.report.deadline) == (4, 1200)


def test_what_is_done_about_failures_that_no_rule_recognises_may_be_switched_off() -> None:
    usual = config().unexplained
    assert (usual.jobs, usual.gate, usual.passing, usual.comment_in, usual.days) == (
        ("*",), ("gate",), 40, ("gate",), 30)
    outcome = read_config(f"{MINIMAL}unexplained: {{jobs: [], comment_in: []}}\n".encode(), "c.yaml")
    assert isinstance(outcome, Config)
    assert (outcome.unexplained.jobs, outcome.unexplained.comment_in) == ((), ())


def test_every_setting_is_explained() -> None:
    models = {"Config": schema(), **schema()["$defs"]}
    unexplained = [f"{name}.{key}" for name, model in models.items() for key, field in model["properties"].items()
                   if not (field.get("description") or "$ref" in field)]  # fmt: skip
    assert unexplained == []


@pytest.mark.parametrize("data", [b"hunter2\n", b"hunter2", b"\xef\xbb\xbfhunter2\r\n"])
def test_secrets(tmp_path, data: bytes) -> None:
    """Windows' editors may begin the file with a byte order mark."""
    path = tmp_path / "secret"
    path.write_bytes(data)
    assert read_secret(path) == "hunter2"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        *((data, "must hold one line, not empty and of at most 4,096 characters")
          for data in (b"", b"\n", b"hunter2\nhunter3", b"hunter2" * 1000)),
        (b"hunter2\xff", "is not UTF-8"),
    ],
)
def test_files_without_a_secret(tmp_path, data: bytes, why: str) -> None:
    path = tmp_path / "secret"
    path.write_bytes(data)
    with pytest.raises(Unreadable) as caught:
        read_secret(path)
    assert str(caught.value) == f"{path}: {why}"


def test_a_missing_secret(tmp_path) -> None:
    with pytest.raises(Unreadable, match=r"none: no such file$"):
        read_secret(tmp_path / "none")


def test_check_passes_where_what_is_named_is_not_there() -> None:
    for arguments in ([str(CONTRACT)], ["-c", str(CONTRACT)]):
        result = CliRunner().invoke(command, ["check", *arguments])
        assert (result.exit_code, result.stdout, result.stderr) == (0, f"{CONTRACT}: no mistakes\n", "")


@pytest.mark.parametrize(
    ("irc", "report", "warning"),
    [
        ("", "{irc: ['#qa']}", "tells #qa, and 'irc.channels' in the configuration names no such channel: name it"),
        ("irc: {host: h, nick: n, channels: {'#nova': {}}}\n", "{irc: ['#qa', '#nova']}",
         "tells #qa, and 'irc.channels' in the configuration names no such channel: name it"),
        ("", "{gerrit: false}", "tells every channel, and 'irc.channels' in the configuration names none: name one"),
        ("irc: {host: h, nick: n, channels: {'#qa': {}}}\n", "{irc: ['#qa']}", None),
        ("", "{gerrit: true}", None),
        ("", "{gerrit: false, irc: []}", None),
    ],
)
def test_check_warns_of_channels_that_rules_tell_and_that_are_not_configured(tmp_path, irc, report, warning) -> None:
    path, rule = tmp_path / "c.yaml", tmp_path / "queries/slow.yaml"
    path.write_text(MINIMAL + irc)
    rule.parent.mkdir()
    rule.write_text(f"bounds: {{mysql.Slow_queries: {{max: 1}}}}\nreport: {report}\n")
    result = CliRunner().invoke(command, ["check", str(path)])
    assert (result.exit_code, result.stdout) == (0, f"{path}: no mistakes\n")
    said = f"warning: {rule}: rule slow {warning} there, or change 'report' in the rule\n"
    assert result.stderr == (said if warning else "")


def test_check_warns_of_mistakes_in_the_rules(tmp_path) -> None:
    path, rule = tmp_path / "c.yaml", tmp_path / "queries/slow.yaml"
    path.write_text(MINIMAL)
    rule.parent.mkdir()
    rule.write_text("bounds: {mysql.Slow_queries: {maximum: 1}}\n")
    result = CliRunner().invoke(command, ["check", str(path)])
    assert (result.exit_code, result.stdout) == (0, f"{path}: no mistakes\n")
    assert result.stderr == f"warning: {rule}:1:31: unknown key 'maximum'; did you mean 'max'?\n"


@pytest.mark.parametrize(("old", "new", "doubt"), [
    *(("username: counterbot", f"port: {port}, username: counterbot",
       f"'gerrit.port' is {port}, a web server's; Gerrit's SSH daemon usually has 29418") for port in (443, 8080)),
    ("rules:", "irc: {host: h, nick: n, port: 6667, channels: {'#a': {}}}\nrules:",
     "'irc.port' is 6667 and 'irc.tls' is true; usually 6697 is with TLS and 6667 without"),
    ("rules:", "irc: {host: h, nick: n, tls: false, port: 6697, channels: {'#a': {}}}\nrules:",
     "'irc.port' is 6697 and 'irc.tls' is false; usually 6697 is with TLS and 6667 without"),
    ("rules:", "irc: {host: h, nick: n, tls: false, port: 6667, channels: {'#a': {}}}\nrules:", None),
    ("username: counterbot", "port: 22, username: counterbot", None),
])
def test_check_warns_of_ports_that_are_hardly_meant(tmp_path, old: str, new: str, doubt: str | None) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(MINIMAL.replace(old, new))
    result = CliRunner().invoke(command, ["check", str(path)])
    assert (result.exit_code, result.stdout) == (0, f"{path}: no mistakes\n")
    assert result.stderr == (f"warning: {path}: {doubt}\n" if doubt else "")


def test_check_tells_and_ends_with_1(tmp_path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(MINIMAL + "worker: 3\n")
    result = CliRunner().invoke(command, ["check", str(path)])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"{path}:5:1: unknown key 'worker'; did you mean 'workers'?\n"


def test_check_of_a_file_given_twice_is_a_usage_error() -> None:
    assert CliRunner().invoke(command, ["check", "a", "-c", "b"]).exit_code == 2


def test_sample_and_schema_are_printed() -> None:
    assert CliRunner().invoke(command, ["sample"]).stdout == sample(Config)
    printed = json.loads(CliRunner().invoke(command, ["schema"]).stdout)
    assert printed["required"] == ["gerrit", "zuul", "rules", "database"]
