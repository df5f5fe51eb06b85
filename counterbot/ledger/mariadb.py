"""The connection to MariaDB. It must not use a login that reveals the password to the server or to an eavesdropper."""

from __future__ import annotations

from typing import Any

import pymysql
from pymysql.connections import Connection
from pymysql.constants import CR

from ..core.text.inert import inert

HIDING = ("mysql_native_password", "client_ed25519")
SAID = 200
"""Bytes of a server's own words."""


class MariaDB(Connection):
    """PyMySQL's connection, which by itself takes whatever login the server asks for."""

    _auth_plugin_name: str  # PyMySQL's own, and not in its stubs

    def _request_authentication(self) -> None:
        # PyMySQL uses the login of the server's greeting without asking the method below. So it begins with a harmless
        # one, and the server asks for the user's own.
        self._auth_plugin_name = "mysql_native_password"
        super()._request_authentication()  # type: ignore[misc]

    def _get_auth_plugin_handler(self, plugin_name: bytes | str) -> None:
        """PyMySQL asks this before every login. None leaves the login to PyMySQL."""
        name = plugin_name.decode(errors="replace") if isinstance(plugin_name, bytes) else plugin_name
        if name not in HIDING:
            raise pymysql.OperationalError(
                CR.CR_AUTH_PLUGIN_CANNOT_LOAD,
                f"the server wants a login by {inert(name, SAID)}, and the bot takes only those that hide the password;"
                " create its user with mysql_native_password or ed25519")


def connected(_dialect: object, _record: object, arguments: list[Any], options: dict[str, Any]) -> MariaDB:
    """SQLAlchemy's ``do_connect``."""
    return MariaDB(*arguments, **options)
