"""Gerrit's REST API as one account, logged in as a browser is. Knows no change and no project."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import requests

MAGIC = ")]}'"
"""Stands before every JSON answer, against script inclusion."""


def part(name: object) -> str:
    """One part of a path: ``openstack/nova`` becomes ``openstack%2Fnova``."""
    return quote(str(name), safe="~")


class Rest:
    """One account's session. DEVELOPMENT_BECOME_ANY_ACCOUNT asks for no password."""

    def __init__(self, url: str, account: int) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy, no .netrc
        answer = self._session.get(f"{url}/login/", params={"account_id": account}, timeout=30)
        token = self._session.cookies.get("XSRF_TOKEN")  # comes with the page that the login leads to
        assert token, f"Gerrit let account {account} not in: {answer.status_code}"
        self._session.headers["X-Gerrit-Auth"] = token

    def __call__(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """The answer's JSON, None where it is empty. Raises AssertionError with what Gerrit said."""
        answer = self._session.request(method, self.url + path, json=body, params=query, timeout=60)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text.strip()}"
        text = answer.text.removeprefix(MAGIC).strip()
        return json.loads(text) if text else None

    def add_ssh_key(self, key: str) -> None:
        """Let the account's own key in; the one call whose body is no JSON."""
        path = f"{self.url}/accounts/self/sshkeys"
        answer = self._session.post(path, data=key, headers={"Content-Type": "text/plain"}, timeout=60)
        assert answer.ok, f"{answer.status_code} {answer.text.strip()}"

    def close(self) -> None:
        self._session.close()
