"""Reads config.yaml into a Config. Opens none of the files that it names, and connects to nothing.

Paths are relative to the configuration's own folder, so that the bot may be started anywhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import timezone, tzinfo
from ipaddress import IPv6Address
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema, field_validator

from ..core.events import Recognition
from ..core.model import Tell, Unreadable
from ..core.rules import is_pattern
from ..core.text.refusal import refusal
from ..core.text.urls import below, place_pattern
from . import addresses
from .fields import CONTROL, Channel, JobPattern, PipelinePattern, Pipelines, Projects, Text, matching, web_address
from .reader import Document, Mistake, load, read
from .sample import SHOWN
from .validate import Strict, shown, validate

SECRET_FILE = 4096
"""Bytes of a password's file."""

WEEK = 7 * 86_400
CENTURY = 36_500
"""Seconds and days: limits of what is added to the time, which much larger numbers would overflow."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")
WEB_PORTS = (80, 443, 8080, 8443)
SQLITE = "sqlite:///"
DRIVERS = {"postgresql": "postgresql+psycopg", "mariadb": "mysql+pymysql"}
SERVER = re.compile(r"(?P<kind>postgresql|mariadb)://(?P<place>[^\s:@/?#]+@[^\s@/?#]+/[A-Za-z0-9_-]+)")
STATSD_PREFIX = re.compile(r"(?:[A-Za-z0-9_.-]|\{(?:project|branch|pipeline|job)\})+")
HOST = re.compile(r"(?!.{254})[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
"""RFC 1035, section 2.3.4; underscores are met in practice."""

HOST_KEY = re.compile(r"[a-z0-9@.-]+ AAAA[A-Za-z0-9+/]{30,}={0,2}( .*)?")
"""As in known_hosts: the key's data begins with the length of its type's name (RFC 4253, section 6.6)."""

TENANT = re.compile(r"(t/[^/?#]+/)?")
"""What follows a root in the address of a tenant's page."""

NICK = re.compile(r"[A-Za-z\[\]\\`_^{|}][A-Za-z0-9\[\]\\`_^{|}-]{0,29}")
"""RFC 2812, section 2.3.1; networks allow up to 30 characters."""

PRIVATE = re.compile("pass|pwd|secret|token|sasl|key|auth|credential|database", re.IGNORECASE)
"""Keys, known or not, that may hold a secret; mistakes do not repeat it."""

NO_PATH = re.compile(f"{CONTROL.pattern}|-----BEGIN")
"""Where a path belongs: perhaps the private key itself, which "no such file" would repeat."""


def _within(value: str, info: ValidationInfo) -> Path:
    """A path, relative to the configuration's folder. There is no context when the schema is made."""
    return Path((info.context or {}).get("folder", "."), os.path.expanduser(value))


def _path(value: object, info: ValidationInfo) -> Path:
    if not isinstance(value, str) or not value.strip() or NO_PATH.search(value):
        raise ValueError("must be a file's or folder's path, as text on one line")
    return _within(value, info)


def _host(value: str) -> str:
    try:
        good = HOST.fullmatch(value) or IPv6Address(value).scope_id is None
    except ValueError:
        good = False
    if not good:
        raise ValueError("must be a host's name or address alone, without scheme, port or path")
    return value


def _fetched(value: str) -> str:
    """A URL to fetch from, checked as the HTTP client checks it. Ends without a slash."""
    web_address(value)
    try:
        place_pattern(value.rstrip("/") + "/")
        _host((urlsplit(value).hostname or "").removeprefix("*."))
    except ValueError:
        raise ValueError(
            "must be a plain URL: a host's name in ASCII (in 'logs' it may begin with *.) or its address,"
            " and a path without '..', '.', '?', '#', backslashes and letters such as 'é'"
        ) from None
    return value.rstrip("/")


def _root(value: str) -> str:
    """A root of Zuul's web pages; people copy the addresses of other pages from their browsers."""
    web_address(value)
    root = _fetched(addresses.zuul_root(value))
    if "*" in root:
        raise ValueError("must be Zuul's root itself, without '*'")
    if root != value.rstrip("/"):
        raise ValueError(f"must be the root of Zuul's pages, without tenant and page: {root}")
    return root


def _tenant_page(name: str, roots: tuple[str, ...]) -> str:
    """The URL of a tenant's page, or of its own root. Raises ValueError where it is under no root."""
    if "//" not in name:
        if len(roots) > 1:
            raise ValueError("must be the address of the tenant's page, since 'url' has several roots:"
                             f" {roots[0]}/t/{quote(name, safe='')} perhaps")
        return f"{roots[0]}/t/{quote(name, safe='')}"
    behind = [below(root, f"{name.rstrip('/')}/") for root in roots]
    if not any(rest is not None and TENANT.fullmatch(rest) for rest in behind):
        raise ValueError(f"must be a tenant's name, or the address of its page under 'url', such as {roots[0]}/t/NAME")
    return name.rstrip("/")


def _gerrit_root(value: str) -> str:
    """A root of Gerrit's web pages, without what a browser or the plugin's manual shows after it."""
    web_address(value)
    root = _fetched(addresses.gerrit_root(value))
    if "*" in root or root != value.rstrip("/"):
        raise ValueError(f"must be the root of Gerrit's pages alone: {root}")
    return root


def _time_zone(value: str) -> str:
    try:
        time_zone(value)
    except (OSError, ValueError, KeyError):
        raise ValueError("must be the name of a time zone that this system knows (tzdata), such as UTC or"
                         " Europe/Berlin") from None
    return value


def time_zone(name: str) -> tzinfo:
    """UTC is known where the system's time zones (tzdata) are missing. Raises as ZoneInfo."""
    return timezone.utc if name == "UTC" else ZoneInfo(name)


def _roots(value: object) -> object:
    """One root need not stand in a list."""
    if not isinstance(value, str | list):
        raise ValueError(f"must be a URL or a list of URLs, not {shown(value)}")
    return [value] if isinstance(value, str) else value


def _log_prefix(value: str) -> str:
    """Ends with a slash: https://logs.example.org must not admit https://logs.example.org.evil."""
    web_address(value)
    if addresses.is_zuul_page(value):
        raise ValueError("must be where logs are stored, not a page of Zuul's: take what the links to logs on a"
                         " build's page begin with")
    root = addresses.logs_root(value)
    if root != value:
        raise ValueError(f"must be what the logs of all builds begin with, and not of one, perhaps {_fetched(root)}/")
    return f"{_fetched(value)}/"


def _database(value: str, info: ValidationInfo) -> str:
    """SQLAlchemy's URL of it. A wrong one may hold a password and is not repeated."""
    path = value.removeprefix(SQLITE)
    if path != value and path and not (path.startswith(":") or "?" in path or NO_PATH.search(path)):
        return f"{SQLITE}{_within(path, info)}"
    if server := SERVER.fullmatch(value):
        return f"{DRIVERS[server['kind']]}://{server['place']}"
    raise ValueError(f"must be the URL of an SQLite file, such as {SQLITE}counterbot.db, or postgresql://USER@HOST/NAME"
                     " or mariadb://USER@HOST/NAME; 'database_password_file' names the file of the password")


def _template(*required: str) -> Callable[[str], str]:
    """A URL with exactly these placeholders."""
    wanted = " and ".join(f"{{{name}}}" for name in required)

    def checked(value: str) -> str:
        if set(re.findall(r"\{[^{}]*\}|[{}]", value)) != {f"{{{name}}}" for name in required}:
            raise ValueError(f"must be a URL with {wanted} and no other braces")
        return web_address(value)

    return checked


ROOTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
ZuulRoots = Annotated[tuple[Annotated[str, AfterValidator(_root)], ...], Field(strict=False, min_length=1),
                      BeforeValidator(_roots), WithJsonSchema(ROOTS)]
GerritRoot = Annotated[str, AfterValidator(_gerrit_root)]
LogPrefix = Annotated[str, AfterValidator(_log_prefix)]

FilePath = Annotated[Path, BeforeValidator(_path)]
Host = Annotated[str, AfterValidator(_host)]
HostKey = Annotated[str, matching(
    HOST_KEY, "a public key such as 'ssh-ed25519 AAAA…'; ssh-keyscan -p 29418 HOST prints it")]
Port = Annotated[int, Field(ge=1, le=65535)]
Nick = Annotated[str, matching(
    NICK, "an IRC nick: letters, digits and []\\`_^{|}-, at most 30, no digit or dash first")]
StatsdPrefix = Annotated[str, matching(
    STATSD_PREFIX, "letters, digits, '_', '-', '.', {project}, {branch}, {pipeline} and {job}")]


class EventsLog(Strict):
    """Gerrit's events-log plugin, asked over HTTP as 'gerrit.username'."""

    url: GerritRoot = Field(description="Root of Gerrit's web pages.", examples=["https://review.example.org"])
    password_file: FilePath = Field(
        description="A file whose only line is the account's HTTP password.",
        examples=["/etc/counterbot/gerrit-password"],
    )
    time_zone: Annotated[str, AfterValidator(_time_zone)] = Field(
        "UTC", description="The time zone that Gerrit's server is set to, such as Europe/Berlin."
    )
    ca_file: FilePath | None = Field(
        None,
        description="Certificates to trust (PEM), instead of the public authorities'.",
        examples=["/etc/counterbot/ca.pem"],
    )


class Gerrit(Strict):
    """The code review server, spoken to over SSH."""

    host: Host = Field(description="Where Gerrit's SSH daemon listens.", examples=["review.example.org"])
    port: Port = Field(29418, description="Its port.")
    username: Text = Field(description="The bot's account; its comments appear under it.", examples=["counterbot"])
    key_file: FilePath = Field(description="The account's private SSH key.", examples=["/etc/counterbot/id_ed25519"])
    host_key: HostKey | None = Field(
        None,
        description="Gerrit's public host key, instead of known_hosts.",
        examples=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcUg6ETYlqkejiNnSIiYscGh+1Vey8YMqjZBwILP3nK"],
    )
    known_hosts: Annotated[FilePath | None, SHOWN] = Field(
        None,
        description="A known_hosts file with Gerrit's host key. With neither, ~/.ssh/known_hosts, which the systemd"
        " unit hides.",
        examples=["/etc/counterbot/known_hosts"],
        validate_default=True,
    )

    catch_up_days: int = Field(
        7, ge=1, le=CENTURY,
        description="Days: how far back the bot asks for reports that it missed, while it was stopped for example.",
    )
    events_log: EventsLog | None = Field(
        None,
        description="The events-log plugin, where Gerrit has it: it is asked first for what the bot missed.",
    )

    @field_validator("known_hosts")
    @classmethod
    def one_source(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        """After validation exactly one of host_key and known_hosts is set."""
        if info.data.get("host_key") is not None:
            if value is not None:
                raise ValueError("must not be given with 'host_key'; leave one of them out")
            return None
        return value or Path(os.path.expanduser("~/.ssh/known_hosts"))


class Zuul(Strict):
    """The CI system: its comments say that builds have ended, its API where their logs are."""

    accounts: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)] = Field(
        description="Gerrit usernames whose comments are CI reports.", examples=[["zuul"]]
    )
    url: ZuulRoots = Field(
        description="Root of Zuul's web pages and API, or a list of roots: tenants may have their own. Build pages"
        " elsewhere are not followed.",
        examples=["https://zuul.example.org"],
    )
    logs: Annotated[tuple[LogPrefix, ...], Field(strict=False, min_length=1)] = Field(
        description="Logs are fetched from URLs that begin with one of these; a slash is added at the end."
        " A host may begin with *. for any one name, as object stores with hashed names need it.",
        examples=[["https://storage.example.org/"]],
    )
    tenants: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)] | None = Field(
        None,
        description="Tenants whose finished buildsets the bot asks Zuul for, by name, or by the address of their page"
        " where 'url' has several roots or the tenant has a root of its own. Left out, it knows only what Zuul says in"
        " Gerrit, and of periodic and post pipelines nothing.",
        examples=[["openstack"]],
    )
    poll_seconds: int = Field(60, ge=5, le=WEEK, description="Seconds between two questions to each of 'tenants'.")
    private_addresses: bool = Field(
        False,
        description="Whether hosts given above by name may have private addresses. Those given by address always may.",
    )
    ca_file: FilePath | None = Field(
        None,
        description="Certificates to trust (PEM), instead of the public authorities'.",
        examples=["/etc/counterbot/ca.pem"],
    )

    @property
    def tenant_pages(self) -> tuple[str, ...]:
        """The URLs of the pages of 'tenants': a white-label root is its tenant's."""
        return tuple(_tenant_page(name, self.url) for name in self.tenants or ())

    @field_validator("tenants")
    @classmethod
    def are_known(cls, value: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        for name in value or () if "url" in info.data else ():
            _tenant_page(name, info.data["url"])
        return value


def _topic(value: object) -> Tell:
    known = [topic.value for topic in Tell]
    if value not in known:
        raise ValueError(f"must be one of {', '.join(known)}, not {shown(value)}")
    return Tell(value)


Topic = Annotated[Tell, BeforeValidator(_topic), WithJsonSchema({"enum": [topic.value for topic in Tell]})]
Topics = Annotated[tuple[Topic, ...], Field(strict=False, min_length=1)]


class ChannelFilter(Strict):
    """Which reports a channel wants; a key that is left out asks nothing."""

    projects: Projects | None = Field(None, description="Shell patterns of projects.")
    pipelines: Pipelines | None = Field(None, description="Shell patterns of pipelines.")
    tell: Topics = Field(
        (Tell.OVER, Tell.KNOWN, Tell.MOVED, Tell.DIGEST),
        description="What to tell: over (counters over their bounds), known (known failures), unexplained (failed"
        " builds of which nothing is known), moved (where merged code moved what is usual of a counter, and where the"
        " pass rate of a job, or of a test, fell), digest (once a week, which known failures come and go).",
    )
    failures_in: Pipelines | None = Field(
        None, description="Shell patterns of the pipelines whose failures are told; counters are told by pipelines.")


class Sasl(Strict):
    """The IRC account that the bot logs in to."""

    username: Text = Field(description="The account.", examples=["counterbot"])
    password_file: FilePath = Field(
        description="A file whose only line is its password.", examples=["/etc/counterbot/sasl-password"]
    )


class Irc(Strict):
    """Where findings are posted as well. Without this section the bot is not on IRC."""

    host: Host = Field(description="The IRC server.", examples=["irc.example.org"])
    tls: bool = Field(True, description="Whether to speak TLS; passwords should not go without.")
    port: Port | None = Field(
        None, description="Its port: 6697, or 6667 without TLS.", examples=[6697], validate_default=True
    )
    ca_file: FilePath | None = Field(
        None,
        description="Certificates to trust (PEM), instead of the system's.",
        examples=["/etc/counterbot/irc-ca.pem"],
    )
    nick: Nick = Field(description="The bot's nick.", examples=["counterbot"])
    password_file: FilePath | None = Field(
        None,
        description="A file whose only line is the server's password (PASS).",
        examples=["/etc/counterbot/irc-password"],
    )
    sasl: Sasl | None = Field(None, description="The account to log in to, with SASL PLAIN.")
    channels: dict[Channel, ChannelFilter] = Field(
        description="Channels, each with the projects and pipelines it wants to hear of (lists of shell patterns), what"
        " it is told (over: counters over their bounds; known: known failures; unexplained: failed builds of which"
        " nothing is known; moved: where merged code moved what is usual of a counter, and where the pass rate of a"
        " job, or of a test, fell; digest: once a week, which known failures come and go; left out, all but"
        " unexplained), and the pipelines whose failures it is told. {} wants everything that is told by default."
        " Quote the name: a bare # begins a comment in YAML.",
        examples=[{"#openstack-qa": {"projects": ["openstack/*"], "pipelines": ["gate", "periodic"],
                                     "tell": ["over", "known", "moved", "digest"],
                                     "failures_in": ["gate", "periodic"]}}],
        min_length=1,
    )

    @field_validator("port")
    @classmethod
    def usual_port(cls, value: int | None, info: ValidationInfo) -> int:
        return value or (6697 if info.data.get("tls", True) else 6667)


class Statsd(Strict):
    """Where each build's counters are sent to."""

    host: Host = Field(description="Where statsd listens, by UDP.", examples=["statsd.example.org"])
    port: Port = Field(8125, description="Its port.")
    prefix: StatsdPrefix | None = Field(
        None,
        description="What comes before the counters' names, with a dot between. {project}, {branch}, {pipeline} and"
        " {job} stand for the build's own, so that builds of several jobs do not add up in one name.",
        examples=["ci.{job}"],
    )


class ReportTimes(Strict):
    """When a report on a patch set is decided."""

    deadline: int = Field(
        default=1200,
        ge=1,
        le=WEEK,
        description="Seconds after Zuul's comment when a report is decided although logs are still missing.",
    )
    settle: int = Field(
        default=0, ge=0, le=WEEK, description="Seconds after Zuul's comment before its builds are first asked for."
    )


class Known(Strict):
    """Failures that rules with a query recognise."""

    days: int = Field(
        default=10, ge=1, le=CENTURY, description="Days: how far back a known failure's builds are counted."
    )
    per_minute: int = Field(
        default=60, ge=1, le=6000,
        description="Past builds that are read in a minute, at most: for a new rule those of the days above, and by"
        " 'counterbot backfill'.",
    )


def _pipeline(value: str) -> str:
    if is_pattern(value):
        raise ValueError("must be a pipeline's name, not a shell pattern")
    return value


PipelineName = Annotated[Text, AfterValidator(_pipeline)]


class Unexplained(Strict):
    """Failures that no rule recognises."""

    jobs: Annotated[tuple[JobPattern, ...], Field(strict=False)] = Field(
        default=("*",),
        description="Shell patterns of the jobs whose log lines are kept, of failed and of some passing builds, so that"
        " their failures can be grouped and compared. [] keeps none.",
    )
    gate: Annotated[tuple[PipelineName, ...], Field(strict=False, min_length=1)] = Field(
        default=("gate",),
        description="The pipelines whose passing builds show what is usual in a job's logs: those that test what is"
        " about to be merged.",
    )
    passing: int = Field(
        default=40, ge=20, le=100,
        description="Passing builds of a job that are read in a fortnight, at most; only of jobs that failed in it.",
    )
    comment_in: Annotated[tuple[PipelinePattern, ...], Field(strict=False)] = Field(
        default=("gate",),
        description="Shell patterns of the pipelines in which a comment is posted although no failure is known and no"
        " counter over its bound: where the same patch set passed a job that failed, or three other changes fail with"
        " the same. [] posts none; other comments tell of unexplained failures in any pipeline.",
    )
    days: int = Field(
        default=30, ge=7, le=CENTURY, description="Days that unexplained failures are listed and grouped."
    )


class LearnedBounds(Strict):
    """Bounds that are learned from the history of merged code."""

    jobs: Annotated[tuple[JobPattern, ...], Field(strict=False)] = Field(
        default=("*",),
        description="Shell patterns of the jobs whose counters are learned, without any rule. [] learns none.",
    )
    baseline: Annotated[tuple[PipelinePattern, ...], Field(strict=False, min_length=1)] = Field(
        default=("gate", "post", "periodic*"),
        description="Shell patterns of the pipelines whose successful builds show what is usual: those that test merged"
        " code, or what is about to be merged.",
    )
    check: Annotated[tuple[PipelinePattern, ...], Field(strict=False)] = Field(
        default=("check",),
        description="Shell patterns of the pipelines of which one successful build of each change counts as well, its"
        " newest, and none of a change with an open finding. [] counts none.",
    )
    false_warnings: Annotated[float, Field(gt=0, le=100)] = Field(
        default=1.0, description="False warnings in 1,000 builds, over all the counters of a build, at most."
    )
    accept: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)] = Field(
        default=("*",),
        description="Shell patterns of the usernames of those who may comment 'counters: accept' and 'counters:"
        " ignore'. Gerrit's events do not tell service users from persons: where other bots comment, name here who"
        " may.",
    )
    days: int = Field(default=365, ge=30, le=CENTURY, description="Days that the history of counters is kept.")


class Pages(Strict):
    """The pages with graphs."""

    url: Annotated[str, AfterValidator(web_address)] | None = Field(
        default=None,
        description="Where graphs of the counters are to be seen: comments on counters whose usual values are known end"
        " with this link.",
        examples=["https://ci.example.org/counterbot/"],
    )


class Bugs(Strict):
    """Links to the bug tracker."""

    view: Annotated[str, AfterValidator(_template("bug"))] = Field(
        default="https://bugs.launchpad.net/bugs/{bug}", description="Where a rule's bug number is to be seen."
    )
    file: Annotated[str, AfterValidator(_template("title", "text"))] | None = Field(
        default=None,
        description="Where to file a bug for a rule that has none; both placeholders are filled in URL-quoted.",
        examples=["https://bugs.launchpad.net/nova/+filebug?field.title={title}&field.comment={text}"],
    )


class Config(Strict):
    """The configuration of counterbot."""

    gerrit: Gerrit = Field(description="The code review server.")
    zuul: Zuul = Field(description="The CI system.")
    rules: FilePath = Field(description="The folder of the rules.", examples=["queries/"])
    database: Annotated[str, AfterValidator(_database)] = Field(
        description="The bot's database: the URL of an SQLite file on a local disk, in a folder that the bot may write"
        " to; four slashes begin an absolute path. For bots on several machines, see the operator's manual.",
        examples=["sqlite:////var/lib/counterbot/counterbot.db"],
        repr=False,
    )
    database_password_file: FilePath | None = Field(
        None,
        description="A file whose only line is the password of the database's user.",
        examples=["/etc/counterbot/database-password"],
    )
    irc: Irc | None = Field(None, description="Where findings are posted as well. Left out, the bot is not on IRC.")
    statsd: Statsd | None = Field(
        None, description="Where each build's counters are sent to, once. Left out, they are sent nowhere."
    )
    report: ReportTimes = Field(ReportTimes(), description="When a report on a patch set is decided.")
    known: Known = Field(Known(), description="Known failures, by rules with a query.")
    unexplained: Unexplained = Field(Unexplained(), description="Failures that no rule recognises.")
    learned: LearnedBounds = Field(
        LearnedBounds(), description="Bounds that are learned from the history of merged code.")
    pages: Pages = Field(Pages(), description="The pages with graphs.")
    bugs: Bugs = Field(Bugs(), description="Links to the bug tracker.")
    workers: int = Field(
        4, ge=1, le=64,
        description="Builds read at the same time. Half of these workers only take builds that were not tried yet.",
    )
    keep_days: int = Field(
        90, ge=1, le=CENTURY, description="Days that events and finished work are kept in the database."
    )

    @property
    def recognition(self) -> Recognition:
        """What tells a CI report from other comments."""
        return Recognition(frozenset(self.zuul.accounts), self.gerrit.host, self.gerrit.username, self.zuul.url)


def doubts(config: Config) -> list[str]:
    """What is allowed, but probably not meant."""
    found = []
    log = config.gerrit.events_log
    if log and urlsplit(log.url).scheme == "http" and urlsplit(log.url).hostname not in LOOPBACK:
        found.append("'gerrit.events_log.url' is http: the password is sent in clear; give Gerrit's https address")
    if config.gerrit.port in WEB_PORTS:
        found.append(f"'gerrit.port' is {config.gerrit.port}, a web server's; Gerrit's SSH daemon usually has 29418")
    if config.irc and (config.irc.tls, config.irc.port) in ((True, 6667), (False, 6697)):
        found.append(f"'irc.port' is {config.irc.port} and 'irc.tls' is {str(config.irc.tls).lower()}; usually 6697 is"
                     " with TLS and 6667 without")
    return found


def load_config(path: Path | str) -> Config | tuple[Mistake, ...]:
    """The configuration in a file, or all of its mistakes."""
    return _config(load(path, PRIVATE))


def read_config(data: bytes, path: str) -> Config | tuple[Mistake, ...]:
    """As load_config, of a file's bytes; ``path`` is what mistakes and relative paths refer to."""
    return _config(read(data, path, PRIVATE))


def _config(document: Document) -> Config | tuple[Mistake, ...]:
    config, mistakes = validate(document, Config, {"folder": Path(document.path).absolute().parent})
    return mistakes if config is None else config


def schema() -> dict[str, Any]:
    """The configuration's JSON Schema, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}


def read_secret(path: Path | str) -> str:
    """The only line of a file. Raises Unreadable, which never repeats what the file holds."""
    try:
        with open(path, encoding="utf-8-sig") as stream:
            lines = stream.read(SECRET_FILE + 1).rstrip("\n").split("\n")
    except OSError as error:
        raise Unreadable(f"{path}: {refusal(error)}") from None
    except UnicodeDecodeError:
        raise Unreadable(f"{path}: is not UTF-8") from None
    if len(lines) != 1 or not 0 < len(lines[0]) <= SECRET_FILE:
        raise Unreadable(f"{path}: must hold one line, not empty and of at most {SECRET_FILE:,} characters")
    return lines[0]
