"""Gerrit with the people and projects of the tests, and what they do there. Asserts nothing about counterbot."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .gerrit_rest import Rest, part
from .gerrit_site import Site
from .needs import program
from .process import HOST, Server, until

ADMIN = 1000000
"""The account that Init --dev makes."""

SERVICES = ("zuul", "counterbot")
PEOPLE = ("developer", "reviewer")
PROJECTS = ("openstack/nova", "openstack/tempest")
VOTES = {"-1": "Fails", " 0": "No score", "+1": "Succeeds"}


@dataclass(frozen=True)
class Change:
    """A change at one of its patch sets, as a push made it."""

    number: int
    patchset: int
    ref: str
    change_id: str
    project: str

    @property
    def path(self) -> str:
        """Where REST has the change."""
        return f"/changes/{part(f'{self.project}~{self.number}')}"


class Gerrit(Server):
    """Raises Missing where Java, jars, git or ssh are not installed.

    Accounts, by user name: ``admin``; ``zuul`` and ``counterbot``, which may stream events and vote Verified;
    ``developer``, who pushes; ``reviewer``. Everyone, nobody included, may read ``openstack/nova`` and
    ``openstack/tempest``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.site = Site(folder)
        self.ssh_port, self.url = self.site.ssh_port, self.site.url
        self._accounts = {"admin": ADMIN}
        self._sessions: dict[str, Rest] = {}
        super().__init__(self.site.process)
        for name in ("git", "ssh", "ssh-keygen"):
            program(name)

    def __exit__(self, *_: object) -> None:
        self._log_out()
        super().__exit__()

    def prepare(self) -> None:
        self.site.prepare()

    def start(self) -> None:
        self._log_out()  # logins do not outlive a kill
        self.site.start()

    # How others reach it

    @property
    def host_key(self) -> str:
        """``ssh-ed25519 AAAA…``."""
        return self.site.host_key()

    def key_file(self, user: str) -> Path:
        """The private ed25519 key of an account, in OpenSSH's format."""
        return self.folder / "keys" / user

    def rest(self, user: str = "admin") -> Rest:
        """The REST API as that account."""
        if user not in self._sessions:
            self._sessions[user] = Rest(self.url, self._accounts[user])
        return self._sessions[user]

    def ssh(self, user: str, command: str, stdin: str = "") -> str:
        """What a command such as ``gerrit version`` prints. Raises AssertionError with what it complains of."""
        at = [*self._ssh(user), "-p", str(self.ssh_port), f"{user}@{HOST}", command]
        return _run(at, env=None, stdin=stdin)

    def close_ssh_connections(self, user: str = "counterbot") -> int:
        """Cut the SSH connections of an account, as an administrator would. Returns how many."""
        rows = [line.split() for line in self.ssh("admin", "gerrit show-connections -w").splitlines()]
        ids = [row[0] for row in rows if len(row) > 3 and row[3] == user]
        if ids:
            self.ssh("admin", f"gerrit close-connection --wait {' '.join(ids)}")
        return len(ids)

    def knock(self, heard: Callable[[], bool], seconds: float = 30) -> None:
        """Comment as ``reviewer`` on a spare change until ``heard``: Gerrit does not tell when a stream is open."""
        change = self.push_change(subject="Is anyone there")
        until(lambda: self.review_as("reviewer", change, 1, "knock") or heard(), seconds, "a stream hears")

    # Changes

    def push_change(self, project: str = "openstack/nova", subject: str = "Count rows once") -> Change:
        """A new change on master by ``developer``."""
        change_id = f"I{secrets.token_hex(20)}"
        self._git(project, "checkout", "-q", "--detach", "origin/master")
        return self._push(project, change_id, "-m", f"{subject}\n\nChange-Id: {change_id}")

    def new_patchset(self, change: Change) -> Change:
        """The next patch set, with other content under the same subject."""
        self._git(change.project, "fetch", "-q", "origin", change.ref)
        self._git(change.project, "checkout", "-q", "--detach", "FETCH_HEAD")
        return self._push(change.project, change.change_id, "--amend", "--no-edit")

    def review_as(
        self, user: str, change: Change, patchset: int, message: str,
        tag: str | None = None, labels: Mapping[str, int] | None = None,
    ) -> None:  # fmt: skip
        """Comment over SSH, the way Zuul does. Raises AssertionError where Gerrit refuses."""
        review = {"message": message, "tag": tag, "labels": labels}
        given = {key: value for key, value in review.items() if value is not None}
        command = f"gerrit review --json --project {change.project} {change.number},{patchset}"
        self.ssh(user, command, json.dumps(given))

    def messages(self, change: Change) -> list[dict[str, Any]]:
        """Gerrit's ChangeMessageInfo each: ``message``, ``tag``, ``author`` with ``username``, ``_revision_number``."""
        return self.rest()("GET", f"{change.path}/messages")

    def detail(self, change: Change) -> dict[str, Any]:
        """Gerrit's ChangeInfo with ``labels`` (votes under ``all``), ``status`` and ``messages``."""
        return self.rest()("GET", f"{change.path}/detail")

    def votes_of(self, user: str, change: Change) -> dict[str, int]:
        """Label to vote, for every label where the account's vote stands on the current patch set."""
        labels = self.detail(change)["labels"].items()
        every = [(label, vote) for label, info in labels for vote in info.get("all", [])]
        return {label: vote["value"] for label, vote in every if vote.get("username") == user and vote.get("value")}

    def save_draft(self, user: str, change: Change, patchset: int, text: str) -> None:
        """A comment that the account has written and not published."""
        draft = {"path": "/PATCHSET_LEVEL", "message": text}
        self.rest(user)("PUT", f"{change.path}/revisions/{patchset}/drafts", draft)

    def drafts_of(self, user: str, change: Change) -> list[str]:
        """The texts that the account has not published yet."""
        files = self.rest(user)("GET", f"{change.path}/drafts")
        return [draft["message"] for drafts in files.values() for draft in drafts]

    def abandon(self, change: Change) -> None:
        self.rest()("POST", f"{change.path}/abandon", {})

    def submit(self, change: Change) -> None:
        """Approve and merge it as ``admin``."""
        self.rest()("POST", f"{change.path}/revisions/current/review", {"labels": {"Code-Review": 2}})
        self.rest()("POST", f"{change.path}/submit", {})

    def delete(self, change: Change) -> None:
        self.rest()("DELETE", change.path)

    @contextmanager
    def read_blocked(self, project: str, user: str = "counterbot") -> Iterator[None]:
        """While this lasts, one account cannot see the project, so its reviews are refused. Others still can."""
        rule = {"refs/*": {"permissions": {"read": {"rules": {self._group_of(user): {"action": "BLOCK"}}}}}}
        access = f"/projects/{part(project)}/access"
        self.rest()("POST", access, {"add": rule})
        try:
            yield
        finally:
            self.rest()("POST", access, {"remove": rule})

    # How it is furnished

    def _log_out(self) -> None:
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()

    def furnish(self) -> None:
        (self.folder / "keys").mkdir()
        (self.folder / "known_hosts").write_text(f"[{HOST}]:{self.ssh_port} {self.host_key}\n")
        self.rest().add_ssh_key(self._new_key("admin"))
        for user in (*SERVICES, *PEOPLE):
            self._create_account(user, ["Service Users"] if user in SERVICES else [])
        for project in PROJECTS:
            self.rest()("PUT", f"/projects/{part(project)}", {"create_empty_commit": True})
        self._let_services_vote()

    def _create_account(self, user: str, groups: list[str]) -> None:
        who = {"name": user.title(), "email": f"{user}@example.com"}
        account = {**who, "ssh_key": self._new_key(user), "groups": groups}
        self._accounts[user] = self.rest()("PUT", f"/accounts/{user}", account)["_account_id"]

    def _let_services_vote(self) -> None:
        """Zuul votes Verified, so the bot could as well: only then does it mean something that it never does."""
        self.rest()("PUT", "/projects/All-Projects/labels/Verified", {"values": VOTES, "function": "NoBlock"})
        group = self.rest()("GET", "/groups/Service%20Users")["id"]
        rules = {group: {"action": "ALLOW", "min": -1, "max": 1}}
        vote = {"refs/heads/*": {"permissions": {"label-Verified": {"label": "Verified", "rules": rules}}}}
        self.rest()("POST", "/projects/All-Projects/access", {"add": vote})

    def _group_of(self, user: str) -> str:
        """The id of a group of that account alone: Gerrit gives rights to groups only."""
        name = f"only-{user}"
        known = self.rest()("GET", "/groups/")
        return (known.get(name) or self.rest()("PUT", f"/groups/{name}", {"members": [user]}))["id"]

    def _new_key(self, user: str) -> str:
        path = self.key_file(user)
        _run([program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", user, "-f", str(path)], env=None)
        return path.with_suffix(".pub").read_text()

    # git and ssh, deaf to the configuration of whoever runs the tests

    def _push(self, project: str, change_id: str, *commit: str) -> Change:
        (self._clone(project) / change_id).write_text(secrets.token_hex(20))
        self._git(project, "add", change_id)
        self._git(project, "commit", "-q", *commit)
        self._git(project, "push", "-q", "origin", "HEAD:refs/for/master")
        info = self.rest()("GET", f"/changes/{part(f'{project}~master~{change_id}')}", o="CURRENT_REVISION")
        revision = info["revisions"][info["current_revision"]]
        return Change(info["_number"], revision["_number"], revision["ref"], change_id, project)

    def _clone(self, project: str) -> Path:
        path = self.folder / "clones" / project
        if not path.exists():
            path.mkdir(parents=True)
            url = f"ssh://developer@{HOST}:{self.ssh_port}/{project}"
            _run([program("git"), "clone", "-q", url, str(path)], self._git_environment())
        return path

    def _git(self, project: str, *command: str) -> str:
        return _run([program("git"), "-C", str(self._clone(project)), *command], self._git_environment())

    def _git_environment(self) -> dict[str, str]:
        who = {"NAME": "Developer", "EMAIL": "developer@example.com"}
        names = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
        return {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_SSH_COMMAND": shlex.join(self._ssh("developer")),
            **names,
        }

    def _ssh(self, user: str) -> list[str]:
        options = (
            "BatchMode=yes", "ConnectTimeout=10", "IdentitiesOnly=yes", "IdentityAgent=none",
            "StrictHostKeyChecking=yes", "GlobalKnownHostsFile=/dev/null", "HostKeyAlgorithms=ssh-ed25519",
            f"UserKnownHostsFile={self.folder / 'known_hosts'}",
        )  # fmt: skip
        flags = [flag for option in options for flag in ("-o", option)]
        return [program("ssh"), "-F", "/dev/null", "-i", str(self.key_file(user)), *flags]


def _run(command: list[str], env: Mapping[str, str] | None, stdin: str = "") -> str:
    done = subprocess.run(command, env=env, input=stdin, text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, f"{shlex.join(command)}: {done.returncode} {done.stderr.strip()}"
    return done.stdout
