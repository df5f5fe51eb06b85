"""How often MySQL or MariaDB did what, from SHOW GLOBAL STATUS. Changes nothing on the server.

Needs
    A user who may log in; the group ``mysql`` needs no privilege. Server and user are found as the ``mysql`` client
    finds them: in ``/etc/my.cnf``, ``/etc/mysql/my.cnf`` and ``~/.my.cnf`` (groups ``client``, ``mysql``,
    ``client-server``, ``client-mariadb`` and ``mariadb-client``, with ``!include`` and ``!includedir``; names may be
    shortened to a unique beginning, such as ``pass``), then in ``MYSQL_HOST``, ``MYSQL_TCP_PORT``,
    ``MYSQL_UNIX_PORT`` and ``MYSQL_PWD``. Logins without a password (``unix_socket``) work. ``~/.mylogin.cnf`` is not
    read. TLS is used where the options ``ssl``, ``ssl-mode``, ``ssl-ca``, ``ssl-cert`` with ``ssl-key``, or
    ``ssl-verify-server-cert`` ask for it.

    The password goes only to servers that may know it. Logins by ``mysql_native_password``, MariaDB's ``ed25519``
    (which needs the Python package PyNaCl) and, scrambled, ``caching_sha2_password`` work anywhere. Those that send the
    password itself (``sha256_password``, ``caching_sha2_password`` at a user's first login, PAM's ``dialog`` and
    ``mysql_clear_password``) work over the socket, and over TLS where the certificate is verified: ``ssl-ca``,
    ``ssl-verify-server-cert``, or ``ssl-mode`` from ``VERIFY_CA`` on.

Settings
    ``host``, ``port``, ``socket``, ``user``
        Used before option files and environment. A ``socket`` stands for host and port.
    ``password_file``
        A file whose only line is the password.
    ``defaults_file``
        The option file to read instead of those above.
    ``more``
        Names or shell patterns of further status variables, in any case: ``Innodb_rows_*``. Take counters, not values
        that go up and down (``Threads_connected``).
    ``schemas``
        ``true`` adds the group ``schemas``: what was done in each database. With ``userstat=1`` (MariaDB, Percona),
        rows read and changed, of the databases in which the user may SELECT. With ``performance_schema=ON``,
        statements, and rows examined and affected; that needs ``GRANT SELECT ON performance_schema.*``, and the
        consumers ``global_instrumentation`` and ``statements_digest``, which are enabled by default.

Stanza
    .. code-block:: yaml

        mysql:
          user: counters
          password_file: /etc/counterbot/mysql-password
          more: ["Innodb_rows_*", Opened_tables]
          schemas: true

Output
    .. code-block:: json

        {
         "mysql": {"Com_select": 181203, "Handler_read_key": 903311, "Queries": 402117},
         "schemas": {"nova_rows_read": 551201, "nova_rows_changed": 10331, "nova_statements": 120414}
        }

    Names are the server's own. By default ``Bytes_received``, ``Com_*``, ``Connections``, ``Created_tmp_*``,
    ``Handler_*``, ``Queries``, ``Questions``, ``Rows_*``, ``Select_*`` and ``Sort_*``, which are the same whenever the
    same work is done; and what os-collect-counters gathered: ``Slow_queries`` and ten ``Innodb_*``, which depend on
    time and cache. Those that the server does not have are ``absent``: MariaDB 10.11 has no ``Innodb_rows_*``.

    The server forgets a table's rows with the table (``DROP TABLE``), and all rows with ``FLUSH TABLE_STATISTICS``.
    Where a table's count is gone or fell since the reading before, the sum of its database has no difference. Tables
    that were created and dropped between the readings are not seen. ``TRUNCATE`` of
    ``events_statements_summary_by_digest`` is seen only where a sum is less than before.

    A difference holds nothing of what this collector did itself: where there is a reading before, it makes four more
    readings, and subtracts the least that one of them added.

Failures
    The server cannot be read. Where only ``schemas`` cannot be read, the group ``mysql`` is still there. Two readings
    between which ``userstat`` or ``performance_schema`` was switched have no difference of ``schemas``. There is no
    difference either where the server was restarted in between, which is seen by its age; taking more than a second to
    tell its age is a failure, though the counters are there.
"""

from __future__ import annotations

from .. import Collected, Kind
from .access import Settings

__all__ = ["GROUPS", "Settings", "collect"]

GROUPS = {"mysql": Kind.COUNTER, "schemas": Kind.FROM_ZERO}


def collect(settings: Settings, seconds: float, again: bool) -> Collected:
    """The counters of the server; ``own`` only where ``again``. Raises Failed."""
    from .status import read  # PyMySQL is imported while other servers answer

    return read(settings, seconds, again)
