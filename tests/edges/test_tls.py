"""One TLS policy for every client: servers with a private authority are verified, on every version of Python alike."""

import socket
import ssl
import time
from contextlib import closing

import pytest

from counterbot.clients.http import Http
from counterbot.clients.tls import context
from counterbot.collectors import mysql, rabbitmq
from counterbot.collectors.mysql.access import find
from counterbot.collectors.mysql.connection import linked
from counterbot.core.deadline import Deadline
from counterbot.core.model import Unreadable
from counterbot.reporters.irc.connection import Settings, dial
from tests.irc_server import IrcServer
from tests.loopback import signed
from tests.mysql_server import MySQLServer

from .test_http import Server, sized
from .test_rabbitmq_collector import EXCHANGES, NODES, OVERVIEW, QUEUES, VHOSTS, answer, overview

HOST = "localhost"


def test_certificate_and_host_name_are_verified():
    trusted = context()
    assert (trusted.verify_mode, trusted.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_file_that_cannot_be_used_is_named_with_the_reason(tmp_path):
    (tmp_path / "empty.pem").write_text("")
    for name, why in (("empty.pem", " holds no certificate in PEM form"),
                      ("absent.pem", ": no such file")):
        with pytest.raises(Unreadable) as refused:
            context(str(tmp_path / name))
        assert str(refused.value) == f"{tmp_path / name}{why}"


class TestPrivateAuthority:
    """Its certificate is not to the letter, which Python 3.13 and later mind unless told otherwise."""

    @pytest.fixture(autouse=True)
    def as_python_313(self, monkeypatch):
        made = ssl.create_default_context

        def strict(*arguments, **options):
            trusted = made(*arguments, **options)
            trusted.verify_flags |= ssl.VERIFY_X509_STRICT
            return trusted

        monkeypatch.setattr(ssl, "create_default_context", strict)

    @pytest.fixture
    def authority(self, tmp_path):
        ca, self.pem = signed(HOST, tmp_path)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self.pem)
        return str(ca)

    def test_python_itself_refuses_it(self, authority):
        with closing(Server(self.tls)) as server, socket.create_connection(("127.0.0.1", server.port)) as sock, \
                pytest.raises(ssl.SSLCertVerificationError, match="Basic Constraints of CA cert not marked critical"):
            ssl.create_default_context(cafile=authority).wrap_socket(sock, server_hostname=HOST)

    def test_zuul_and_logs(self, authority):
        with closing(Server(self.tls)) as server:
            server.answers["/a"] = sized(b"yes")
            url = f"https://{HOST}:{server.port}"
            assert Http([url], ca_file=authority).fetch(f"{url}/a", 100) == b"yes"

    def test_the_servers_own_certificate_without_its_authoritys(self, authority):
        """Python trusts it by itself from 3.13 on."""
        with closing(Server(self.tls)) as server:
            server.answers["/a"] = sized(b"yes")
            url = f"https://{HOST}:{server.port}"
            assert Http([url], ca_file=str(self.pem)).fetch(f"{url}/a", 100) == b"yes"

    def test_irc(self, authority):
        with IrcServer(certificate=(self.pem,)) as server:
            settings = Settings(HOST, server.port, "bot", ("#a",), ca_file=authority)
            with dial(settings, 60) as sock:
                assert sock.version().startswith("TLS")

    def test_rabbitmq(self, authority, monkeypatch):
        monkeypatch.setenv("OS_QA_RABBITMQ_PASS", "guest")
        with closing(Server(self.tls)) as server:
            server.answers |= {OVERVIEW: overview()} | {path: answer([]) for path in (EXCHANGES, QUEUES, NODES, VHOSTS)}
            api = rabbitmq.Settings(url=f"https://{HOST}:{server.port}", ca_file=authority, settle=0.0)
            assert rabbitmq.collect(api, 60, False).groups == {"queues": {}, "exchanges": {}}

    def test_mysql(self, authority, tmp_path):
        with closing(MySQLServer(tls=self.tls)) as server:
            file = tmp_path / "my.cnf"
            file.write_text(f"[client]\nssl-ca={authority}\nssl-verify-server-cert\nuser={server.user}\n"
                            f"password={server.password}\n")
            server.answers["SELECT 1"] = [("1",)]
            access = find(mysql.Settings(host=HOST, port=server.port, defaults_file=str(file)), {})
            with linked(access, Deadline.after(60, time.monotonic)) as link:
                assert link.rows("SELECT 1", "") == (("1",),)
            assert len(server.logins[0]) > 32, "it came by TLS"
