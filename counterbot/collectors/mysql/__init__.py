"""How often MySQL or MariaDB did what, from SHOW GLOBAL STATUS. Changes nothing on the server.

Needs
    A user who may log in; no privilege is needed for the group ``mysql``. Server and user are found as the
    ``mysql`` client finds them: in ``/etc/my.cnf``, ``/etc/mysql/my.cnf`` and ``~/.my.cnf`` (groups ``client``,
    ``client-server`` and ``client-mariadb``, with ``!include`` and ``!includedir``), then in ``MYSQL_HOST``,
    ``MYSQL_TCP_PORT``, ``MYSQL_UNIX_PORT`` and ``MYSQL_PWD``. What the client can do without a password
    (``unix_socket``), this can do as well. ``~/.mylogin.cnf`` is not read. TLS is used where the options
    ``ssl``, ``ssl-mode``, ``ssl-ca`` and their like ask for it.

Settings
    ``host``, ``port``, ``socket``, ``user``
        What goes before option files and environment. A ``socket`` stands for host and port.
    ``password_file``
        A file that holds the password and nothing else.
    ``defaults_file``
        The option file to read in place of those above.
    ``more``
        Names or shell patterns of further status variables, in any case: ``Innodb_rows_*``. Take what is
        counted, not what goes up and down (``Threads_connected``).
    ``schemas``
        ``true`` adds the group ``schemas``: what was done in each database. Where ``userstat=1`` (MariaDB,
        Percona), rows read and changed, of the databases in which the user may SELECT. Where
        ``performance_schema=ON``, statements, and rows examined and affected; for that the user needs
        ``GRANT SELECT ON performance_schema.*``, and the consumers ``global_instrumentation`` and
        ``statements_digest`` must be enabled, as they are by default.

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
    ``Handler_*``, ``Queries``, ``Questions``, ``Rows_*``, ``Select_*`` and ``Sort_*``, which come out the same
    whenever the same work is done; and what os-collect-counters gathered: ``Slow_queries`` and ten
    ``Innodb_*``, which depend on time and cache. What of these the server does not have is ``absent``: MariaDB
    10.11 has no ``Innodb_rows_*``.

    The server drops a table's rows from its count with the table (``DROP TABLE``), and all of them with
    ``FLUSH TABLE_STATISTICS``. Where a table's count is gone or fell since the reading before, the sum of its
    database has no difference. Not seen are tables that came and went between the two readings, and a loss
    that the table has made up for since. ``TRUNCATE`` of ``events_statements_summary_by_digest`` lowers the
    counts of statements; that is seen only where a sum is less than before.

    A difference holds nothing of what this collector did itself: when a reading before is to be subtracted,
    it makes four more like it, and takes away the least that one of them added.

Failures
    Where the server cannot be read, the reason is told in one line, without the password. Where ``schemas``
    cannot be read, the group ``mysql`` still is. Two readings between which ``userstat`` or
    ``performance_schema`` was switched have no difference of ``schemas``. A server that was started anew
    between two readings is seen by its age, and has no difference; one that takes more than a second to tell
    its age is a failure, though its counters are there.
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
