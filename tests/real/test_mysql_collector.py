"""The mysql collector and a real MariaDB: nothing done counts nothing, known work the known numbers.

Also option files, as MariaDB's own programs read them.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from counterbot.collectors import Failed
from counterbot.collectors.mysql import GROUPS, Settings, collect
from counterbot.collectors.mysql.access import GROUPS as CLIENT
from counterbot.collectors.mysql.access import find
from counterbot.collectors.mysql.connection import linked
from counterbot.collectors.mysql.option_files import entries, options
from counterbot.core.counters.difference import SAME_START, Group, difference
from counterbot.core.counters.snapshot import Snapshot
from counterbot.core.deadline import Deadline

from .servers.mariadb import MariaDB
from .servers.needs import program
from .servers.process import until

PASSWORD = "100% #\"sure\" ü"
THREADS = 4
MIX = 5
"""How often each thread does its mix of statements."""

KNOWN_GROUPS = {group: Group("mysql", kind) for group, kind in GROUPS.items()}
FURNISH = f"""
    CREATE USER counters@localhost IDENTIFIED BY '{PASSWORD}';
    CREATE USER worker@localhost IDENTIFIED BY 'hardwork';
    CREATE USER secured@localhost IDENTIFIED BY 's' REQUIRE SSL;
    CREATE DATABASE nova; CREATE DATABASE neutron;
    GRANT ALL ON nova.* TO worker@localhost;
    GRANT SELECT ON nova.* TO counters@localhost;
""" + "".join(f"CREATE TABLE nova.t{n} (id INT PRIMARY KEY, host VARCHAR(20), KEY (host));" for n in range(THREADS))


@pytest.fixture(scope="module")
def server(mariadb: MariaDB) -> MariaDB:
    """With users and tables, and quiet: InnoDB has chores of its own just after the start."""
    furnish(mariadb)
    settings = Settings(socket=str(mariadb.socket), user="root", more=("Innodb_*_requests",))
    seen: list[object] = []

    def quiet() -> bool:
        counters = collect(settings, 10, False).groups["mysql"]
        seen.append([value for name, value in counters.items() if name.startswith("Innodb_")])
        return len(seen) > 30 and all(each == seen[-1] for each in seen[-30:])  # a second and a half

    until(quiet, 30, "quiet")
    return mariadb


@pytest.fixture(scope="module")
def secured(mariadb_secured: MariaDB) -> MariaDB:
    """The same with TLS and performance_schema."""
    furnish(mariadb_secured)
    return mariadb_secured


def furnish(server: MariaDB) -> None:
    server.sql(FURNISH)
    Path(password(server)).write_text("hardwork")
    for threads in (1, THREADS):
        work(server, threads)  # what is done for the first time costs more


@pytest.fixture
def settings(server: MariaDB, tmp_path: Path) -> Settings:
    """As counters, over the socket."""
    (tmp_path / "password").write_text(PASSWORD + "\n")
    return Settings(socket=str(server.socket), user="counters", password_file=str(tmp_path / "password"))


def work(server: MariaDB, threads: int) -> None:
    """The same each time; when it is over, the server has counted it."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda n: one_thread(server, n), range(threads)))


def one_thread(server: MariaDB, number: int) -> None:
    access = find(Settings(socket=str(server.socket), user="worker", password_file=password(server)), {})
    table = f"nova.t{number}"
    with linked(access, Deadline.after(30, time.monotonic)) as link:
        def run(statement: str) -> None:
            link.rows(statement, "")

        run("USE nova")
        for each in range(MIX):
            run("BEGIN")
            run(f"INSERT INTO {table} VALUES ({each}, 'a'), ({each + 100}, 'b'), ({each + 200}, 'c')")
            run(f"SELECT * FROM {table} WHERE id = {each}")
            run(f"SELECT COUNT(*) FROM {table}")
            run(f"SELECT host FROM {table} ORDER BY host DESC LIMIT 2")
            run(f"UPDATE {table} SET host = 'd' WHERE id >= 200")
            run("COMMIT")
        run(f"DELETE FROM {table} WHERE id < 1000")


def password(server: MariaDB) -> str:
    """The file with the worker's."""
    return str(server.folder / "worker")


def known(threads: int) -> dict[str, int]:
    """What the work above is in counters, by arithmetic. Statements: SET NAMES, USE, the mix, the last DELETE."""
    statements = threads * (2 + 7 * MIX + 1)
    return {
        "Connections": threads, "Com_set_option": threads, "Com_change_db": threads, "Com_begin": threads * MIX,
        "Com_commit": threads * MIX, "Com_insert": threads * MIX, "Com_select": threads * MIX * 3,
        "Com_update": threads * MIX, "Com_delete": threads, "Com_show_status": 0, "Com_rollback": 0,
        "Queries": statements + threads, "Questions": statements + threads,  # the end of a connection is one, too
        "Handler_write": threads * MIX * 3, "Handler_update": threads * MIX,
        "Handler_delete": threads * MIX * 3, "Rows_sent": threads * MIX * 4,
        "Created_tmp_tables": 0, "Slow_queries": 0}


def between(settings: Settings, what=lambda: None) -> Mapping[str, Mapping[str, int]]:
    """What the collector says was done meanwhile; all of it has a value."""
    found = difference_of(settings, what)
    assert (found.failures, found.resets) == ({}, frozenset())
    return found.groups


def difference_of(settings: Settings, what) -> Snapshot:
    """As ``collect --delta`` has it."""
    first = collect(settings, 10, False)
    what()
    second = collect(settings, 10, True)
    assert second.failures == ()
    before, after = (Snapshot(each.groups, number, collector="counterbot", instances=each.instances, made=each.made,
                              parts=each.parts) for number, each in enumerate((first, second)))
    return difference(before, after, KNOWN_GROUPS, second.own)


def steady(counters: Mapping[str, int]) -> dict[str, int]:
    """Without InnoDB's, which depend on time and cache."""
    return {name: value for name, value in counters.items() if not name.startswith("Innodb_")}


def failure(settings: Settings, seconds: float = 10) -> str:
    with pytest.raises(Failed) as failed:
        collect(settings, seconds, False)
    assert PASSWORD not in str(failed.value)
    return str(failed.value)


# Numbers


@pytest.mark.parametrize("schemas", [False, True])
def test_nothing_between_two_readings_is_zero_twenty_times(server, settings, schemas):
    server.sql(f"SET GLOBAL userstat={int(schemas)}")
    given = Settings(**vars(settings) | {"schemas": schemas})
    for _ in range(20):
        found = between(given)
        assert not [name for group in found.values() for name, value in group.items() if value]
        assert len(found["mysql"]) > 200
    server.sql("SET GLOBAL userstat=0")


def test_over_tcp_as_well(server, settings):
    given = Settings(host=server.host, port=server.port, user="counters", password_file=settings.password_file)
    for _ in range(20):
        assert not [name for name, value in between(given)["mysql"].items() if value]


@pytest.mark.parametrize("threads", [1, THREADS])
def test_known_work_gives_the_known_numbers_twenty_times(server, settings, threads):
    wanted = known(threads)
    for _ in range(20):
        found = between(settings, lambda: work(server, threads))["mysql"]
        assert {name: found[name] for name in wanted} == wanted


@pytest.mark.parametrize("threads", [1, THREADS])
def test_all_that_is_called_deterministic_is_the_same_in_eight_runs(server, settings, threads):
    first, *others = [steady(between(settings, lambda: work(server, threads))["mysql"]) for _ in range(8)]
    assert others == [first] * 7
    assert {"Bytes_received", "Handler_read_key", "Handler_read_next", "Handler_read_rnd_next", "Handler_update",
            "Rows_read", "Rows_tmp_read", "Select_scan", "Sort_rows", "Com_stmt_prepare"} <= first.keys()
    assert first["Handler_read_key"] > 0


def test_the_counters_of_the_old_tool(server, settings):
    read = collect(settings, 10, False)
    assert read.absent == {f"mysql.Innodb_rows_{what}" for what in ("deleted", "inserted", "read", "updated")}
    assert {"Com_delete", "Connections", "Innodb_data_written", "Innodb_log_writes", "Slow_queries"} <= read.groups[
        "mysql"].keys()


# Databases


def test_rows_by_database(server, settings):
    server.sql("SET GLOBAL userstat=1")
    given = Settings(**vars(settings) | {"schemas": True})
    found = [between(given, lambda: work(server, THREADS))["schemas"] for _ in range(3)]
    assert found[0].keys() == {"nova_rows_read", "nova_rows_changed"}
    assert found == [found[0]] * 3
    assert found[0]["nova_rows_changed"] == THREADS * MIX * (3 + 1 + 3)
    server.sql("SET GLOBAL userstat=0")


def test_statements_that_are_not_counted(secured):
    given = Settings(socket=str(secured.socket), user="root", schemas=True)
    for consumer in ("statements_digest", "global_instrumentation"):
        where = f"WHERE name='{consumer}'"
        secured.sql(f"UPDATE performance_schema.setup_consumers SET enabled='NO' {where}")
        read = collect(given, 10, False)
        secured.sql(f"UPDATE performance_schema.setup_consumers SET enabled='YES' {where}")
        assert read.groups.keys() == {"mysql"}
        assert f"SET ENABLED = 'YES' WHERE NAME = '{consumer}', or set schemas: false" in read.failures[0]


@pytest.mark.parametrize("lose", ["DROP TABLE nova.short", "FLUSH TABLE_STATISTICS"])
def test_rows_that_the_server_forgets(server, settings, lose):
    def forgotten() -> None:
        server.sql(lose)
        work(server, THREADS)

    server.sql("SET GLOBAL userstat=1; CREATE OR REPLACE TABLE nova.short (id INT)")
    server.sql("INSERT INTO nova.short VALUES " + ", ".join(["(1)"] * 50))
    try:
        found = difference_of(Settings(**vars(settings) | {"schemas": True}), forgotten)
    finally:
        server.sql("SET GLOBAL userstat=0")
    assert "schemas.nova_rows_changed" in found.resets
    assert "nova_rows_changed" not in found.groups["schemas"]


def test_a_server_that_counts_nothing_by_database(server, settings):
    read = collect(Settings(**vars(settings) | {"schemas": True}), 10, False)
    assert read.groups.keys() == {"mysql"}
    assert "SET GLOBAL userstat=1 on it (MariaDB, Percona), or start it with performance_schema=ON" in read.failures[0]


def test_statements_by_database(secured):
    given = Settings(socket=str(secured.socket), user="root", schemas=True)
    found = [between(given, lambda: work(secured, THREADS))["schemas"] for _ in range(3)]
    assert [each["nova_statements"] for each in found] == [THREADS * (7 * MIX + 1)] * 3
    assert [each["nova_rows_affected"] for each in found] == [found[0]["nova_rows_affected"]] * 3


def test_no_right_to_see_them(secured, settings):
    given = Settings(socket=str(secured.socket), user="worker", password_file=password(secured),
                     schemas=True)
    read = collect(given, 10, False)
    assert read.groups.keys() == {"mysql"}
    assert "error 1142, SELECT command denied to user 'worker'@'localhost'" in read.failures[0]
    assert "GRANT SELECT ON performance_schema.* to this user" in read.failures[0]


# Who, and where


def test_what_stands_in_the_home_folder(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    quoted = PASSWORD.replace('"', '\\"')
    (tmp_path / ".my.cnf").write_text(
        f"[client]\nquick\nuser = counters # who\npassword = \"{quoted}\"\nsocket = '{server.socket}'\nport = 1\n")
    assert collect(Settings(), 10, True).groups["mysql"]["Connections"] > 0
    printed = subprocess.run([program("mariadb"), "-N", "-B", "-e", "SELECT CURRENT_USER()"], text=True,
                             capture_output=True, timeout=60, env={**os.environ, "HOME": str(tmp_path)})
    assert (printed.stdout, printed.stderr) == ("counters@localhost\n", "")


def test_a_login_by_the_socket_alone(secured):
    me = pwd.getpwuid(os.geteuid()).pw_name
    secured.sql(f"CREATE OR REPLACE USER {me}@localhost IDENTIFIED VIA unix_socket;"
                        f"GRANT ALL ON *.* TO {me}@localhost WITH GRANT OPTION")
    given = Settings(socket=str(secured.socket))
    assert not any(steady(between(given)["mysql"]).values())


def test_a_wrong_password(server):
    line = failure(Settings(socket=str(server.socket), user="counters", password_file=password(server)))
    assert line.startswith(f"the server at socket {server.socket} refused user 'counters', with the password from ")


def test_a_login_by_ed25519(secured, tmp_path):
    """Its password goes nowhere; here over plain TCP."""
    secured.sql("INSTALL SONAME 'auth_ed25519';"
                "CREATE USER signing@localhost IDENTIFIED VIA ed25519 USING PASSWORD('hardwork')")
    given = Settings(host=secured.host, port=secured.port, user="signing", password_file=password(secured))
    assert collect(given, 10, False).groups["mysql"]["Connections"] > 0


def test_a_login_by_pam_gets_no_password_over_plain_tcp(secured):
    """PAM's client plugin is ``dialog``, to which PyMySQL answers with the password."""
    secured.sql("INSTALL SONAME 'auth_pam'; CREATE USER asked@localhost IDENTIFIED VIA pam")
    given = Settings(host=secured.host, port=secured.port, user="asked", password_file=password(secured))
    assert "wants the password itself (dialog); use its socket, or TLS with ssl-ca=FILE" in failure(given)
    over_socket = Settings(socket=str(secured.socket), user="asked", password_file=password(secured))
    assert "refused user 'asked', with the password from" in failure(over_socket)


def test_tls_where_options_ask_for_it(secured, tmp_path):
    at = f"[client]\nhost=localhost\nprotocol=tcp\nport={secured.port}\nuser=secured\npassword=s\n"
    plain, right, wrong = (tmp_path / name for name in ("plain.cnf", "right.cnf", "wrong.cnf"))
    plain.write_text(at)
    right.write_text(f"{at}ssl-ca={secured.cert}\nssl-verify-server-cert\n")
    wrong.write_text(f"{at}ssl-verify-server-cert\n")
    assert "refused user 'secured', with the password from" in failure(Settings(defaults_file=str(plain)))
    assert "agree on no TLS (CERTIFICATE_VERIFY_FAILED)" in failure(Settings(defaults_file=str(wrong)))
    assert not any(steady(between(Settings(defaults_file=str(right)))["mysql"]).values())


def test_tls_that_the_server_insists_on(secured):
    secured.sql("SET GLOBAL require_secure_transport=1")
    line = failure(Settings(host=secured.host, port=secured.port, user="root"))
    secured.sql("SET GLOBAL require_secure_transport=0")
    assert "refused user 'root', without a password" in line
    assert line.endswith("; if it requires TLS, put ssl-ca=FILE, or ssl, there as well")


def test_no_connection_left(server, settings):
    server.sql("SET GLOBAL max_connections=10")
    access = find(settings, {})
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(linked(access, Deadline.after(30, time.monotonic)))
        line = failure(settings)
    server.sql("SET GLOBAL max_connections=151")
    assert "says: error 1040, Too many connections" in line


def test_a_server_that_hangs(server, settings):
    server.pause()
    try:
        assert "did not answer in time" in failure(settings, 0.3)
    finally:
        server.resume()
    assert collect(settings, 10, False).groups["mysql"]


def test_a_server_that_was_started_anew_is_seen(secured, tmp_path):
    given = Settings(host=secured.host, port=secured.port, user="worker",
                     password_file=password(secured))
    first = collect(given, 10, False).instances["mysql"]
    until(lambda: time.time() - first > SAME_START + 1, 10, "so old that a new start tells")
    secured.stop()
    assert "does not run, or listens elsewhere" in failure(given)
    assert "does not run, or listens elsewhere" in failure(Settings(socket=str(secured.socket)))
    secured.start()
    assert collect(given, 10, False).instances["mysql"] - first > SAME_START


def test_a_restart_between_two_readings_is_one_line(secured):
    def restart() -> None:
        until(lambda: time.time() - collect(given, 10, False).instances["mysql"] > SAME_START + 1, 10, "old enough")
        secured.stop()
        secured.start()

    given = Settings(socket=str(secured.socket), user="root")
    found = difference_of(given, restart)
    assert found.groups == {"mysql": {}}
    assert found.failures == {"mysql": f"mysql restarted: {len(found.resets)} counters have no value"}
    assert len(found.resets) > 200


# Option files


ODD = [
    "[client]\nuser=me\nport = 3307\nquick\n",
    "[client]\npassword = \"a # b\" # c\nuser='it''s'\nhost = \"half\n",
    "[client]\npassword=100%(x)s\\s\\n\\t\\\\\\x\\\"end\\\nuser=\"\"\nhost=\"\n",
    "  \t[client]  \n  user \t=\t me \r\n;user=no\n#user=no\n   # no\nhost=a;b\n",
    "[client ]\nuser=a\n[mysqld]\nuser=b\n[client-server]\nuser=c\n[client-mariadb]\nuser=d\n[client\t]\nuser=e\n",
    "[client]\npassword=p\xc3\xa4ss\nhost=caf\xe9\n",
    "[client]\nssl_ca=/a_b-c\nloose-ssl-mode=REQUIRED\nloose_quick\nskip-ssl\n",
    "[client]\nuser=a=b=c\nhost==x\npassword='a\"b'\n",
    "[client]\npassword='a\\'#b'#c\nuser=\"a\\\\\" # d\nhost=it's # no comment\n",
    "!include {folder}/one.cnf\n[client]\nuser=after\n ! includedir\t{folder}/many \nhost=still\n",
    "[client]\n!include {folder}/none.cnf\n!rubbish\nuser=a\n",
    "[client]\nuser=a\n!include {folder}/self.cnf\nhost=b\n",
]
INCLUDED = {
    "one.cnf": "[client]\nsocket=/one\n[mysqld]\n",
    "many/b.cnf": "[client]\nuser=b\n", "many/a.cnf": "[client]\nuser=a\nport=1\n",
    "many/c.cnf.old": "[client]\nuser=no\n", "many/.cnf": "[client]\nport=2\n"}


@pytest.mark.parametrize("text", ODD)
def test_an_odd_option_file_is_read_as_the_programs_read_it(tmp_path, text):
    (tmp_path / "many").mkdir()
    for name, inner in INCLUDED.items():
        (tmp_path / name).write_text(inner)
    path = tmp_path / "self.cnf"
    path.write_bytes(text.replace("{folder}", str(tmp_path)).encode("latin-1"))
    printed = subprocess.run([program("my_print_defaults"), f"--defaults-file={path}", *CLIENT], capture_output=True)
    assert printed.returncode == 0
    lines = [line.partition(b"=") for line in (b"\n" + printed.stdout.removesuffix(b"\n")).split(b"\n--")[1:]]
    theirs = [(name.replace(b"_", b"-"), value if equals else None) for name, equals, value in lines]
    ours = [(os.fsencode(name), None if option.value is None else os.fsencode(option.value))
            for name, option in entries([str(path)], CLIENT)]
    assert ours == theirs


SHOWN = ("host", "port", "protocol", "socket", "user", "ssl-ca", "ssl-cert", "ssl-key", "ssl-verify-server-cert")
"""What the client prints of itself; 'ssl' is on by default."""

NAMES = [
    "[client]\nsock=/s\nus=me\nho=db\npo=3307\nprot=tcp\nssl-ca=/a\nssl-ce=/c\nssl-k=/k\nssl_v\n",
    "[client]\nloose-us=me\nsocket=/a\nso=/b\nskip-ssl\nloose-nonsense=3\nenable_ssl_verify\n",
    "[mysql]\nuser=a\n[client]\nhost=b\n[client-server]\nport=1\n[client-mariadb]\nsocket=/d\n[mariadb-client]\n"
    "ssl-ca=/e\n[mariadb]\nhost=no\n[mysqld]\nuser=no\n[mysqldump]\nuser=no\n[client-mysql]\nuser=no\n",
    "[client]\nssl-verify-server-cert\ndisable-ssl-verify-server-cert\n",
    "[client]\nskip-ssl-verify=0\n",
    "[Client]\nHost=db\nSSL_Ca=/a\n",
    *(f"[client]\n{line}\n" for line in (
        "p=x", "pa=x", "pr=x", "pro=tcp", "h=x", "s=x", "ss=x", "u=x", "ssl-c=/x", "ssl-ver", "skip-ss", "po=1")),
]


@pytest.mark.parametrize("text", NAMES)
def test_names_mean_what_they_mean_to_the_client(tmp_path, text):
    path = tmp_path / "names.cnf"
    path.write_text(text)
    printed = subprocess.run([program("mariadb"), f"--defaults-file={path}", "--help"], capture_output=True, text=True)
    if "ambiguous option" in printed.stderr or "is not unique" in printed.stderr:
        with pytest.raises(Failed, match="may mean"):
            options([str(path)], CLIENT)
        return
    rows = (line.partition(" ") for line in printed.stdout.splitlines())
    theirs = {name: value.strip() for name, _, value in rows if name in SHOWN}
    found = options([str(path)], CLIENT)
    ours = {name: option.value for name, option in found.items() if name in SHOWN}
    if "ssl-verify-server-cert" in ours:
        ours["ssl-verify-server-cert"] = str(ours["ssl-verify-server-cert"] != "0").upper()
    nothing = {"(No default value)", "", "FALSE"}
    assert {name: value for name, value in ours.items() if value not in nothing} == {
        name: value for name, value in theirs.items() if value not in nothing | {"0"}}
