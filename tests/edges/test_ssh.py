"""The SSH client against a server on loopback, on good days and bad ones."""

from __future__ import annotations

import os
import socket
import threading
import time
from base64 import b64decode

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization as to
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from counterbot.clients.host_keys import load_key
from counterbot.clients.ssh import Connection, Finished, HostKeyRefused, LoginRefused, Server, SshError, connect
from counterbot.demo.sshd import Session, SshServer, make_key
from tests.clock import eventually
from tests.loopback import Hanging

MEGABYTE = 1 << 20


def fail(session: Session) -> int:
    session.complain(b"fatal: no\n")
    return 3


def flood_stderr(session: Session) -> int:
    for _ in range(4):
        session.complain(b"x" * MEGABYTE)
    session.write(b"done")
    return 0


def talk(session: Session) -> int:
    for _ in range(4):
        session.write(b"y" * MEGABYTE)
    return 0


def cut(session: Session) -> None:
    session.write(b"half")
    session.cut()


def slam(session: Session) -> None:
    session.complain(b"fatal: no\n")
    time.sleep(0.1)  # until the client has filled the window
    session._channel.send_exit_status(3)
    session._channel.close()


COMMANDS = {
    "slam": slam,
    "echo": lambda session: session.write(session.read()) or 0,
    "latin-1": lambda session: session.write(b"caf\xe9\n") or 0,
    "forever": lambda session: session.write(b"started"),
    "fail": fail,
    "flood-stderr": flood_stderr,
    "talk": talk,
    "cut": cut,
}


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return folder, make_key(folder / "bot"), make_key(folder / "stranger")


@pytest.fixture
def sshd(keys):
    server = SshServer({keys[1]: "bot"}, lambda session, line: COMMANDS[line](session))
    yield server
    server.close()


@pytest.fixture
def server(sshd, keys):
    return Server(sshd.host, sshd.port, "bot", str(keys[0] / "bot"), sshd.host_key)


@pytest.fixture
def connection(server):
    with connect(server) as connection:
        yield connection


@pytest.fixture
def hanging(sshd):
    between = Hanging(sshd.port)
    yield between
    between.close()


@pytest.fixture
def connection_that_hangs(server, hanging):
    with connect(differently(server, port=hanging.port)) as connection:
        yield connection


def differently(server: Server, **changes) -> Server:
    return Server(**{**server.__dict__, **changes})


class TestRunning:
    def test_gives_status_output_and_errors(self, connection):
        assert connection.run("echo", "grüße\n".encode(), seconds=30) == Finished(0, "grüße\n".encode(), b"")
        assert connection.run("fail", seconds=30) == Finished(3, b"", b"fatal: no\n")

    def test_stderr_that_fills_the_window_stops_nothing(self, connection):
        finished = connection.run("flood-stderr", seconds=30)
        assert finished.out == b"done"
        assert finished.err == b"x" * (16 << 10)

    def test_input_nobody_reads_hides_no_answer(self, connection):
        assert connection.run("slam", b"z" * 4 * MEGABYTE, seconds=30) == Finished(3, b"", b"fatal: no\n")

    def test_an_answer_over_the_limit_ends_the_connection(self, connection):
        with pytest.raises(SshError, match="the answer is longer than 2000000 bytes"):
            connection.run("talk", seconds=30, limit=2_000_000)
        assert not connection.alive

    def test_a_cut_connection_is_an_unknown_outcome(self, connection):
        with pytest.raises(SshError, match="the server closed the connection") as caught:
            connection.run("cut", seconds=30)
        assert caught.value.sent

    def test_a_command_without_end_meets_its_deadline(self, connection):
        with pytest.raises(SshError, match=r"no end of the command within 0.3 s") as caught:
            connection.run("forever", seconds=0.3)
        assert caught.value.sent

    def test_a_server_that_hangs_before_the_command_has_not_seen_it(self, hanging, connection_that_hangs):
        connection = connection_that_hangs
        hanging.hang()
        with pytest.raises(SshError) as caught:
            connection.run("echo", seconds=0.3)
        assert not caught.value.sent

    def test_closing_from_another_thread_ends_a_command(self, connection):
        threading.Timer(0.2, connection.close, ("told to stop",)).start()
        with pytest.raises(SshError, match="told to stop"):
            connection.run("forever", seconds=10)

    def test_a_peer_that_vanishes_is_noticed_by_the_kernel(self, connection):
        option = connection._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        assert 10_000 <= option <= 20_000


class TestStreaming:
    def test_tells_nothing_yet_from_the_end(self, sshd, connection):
        stream = connection.stream("forever")
        assert stream.read(5) == b"started"
        assert stream.read(0.05) is None
        sshd.drop()
        assert stream.read(5) == b""
        assert stream.status(0.1) is None

    def test_ends_with_the_commands_status(self, connection):
        stream = connection.stream("fail")
        assert stream.read(5) == b""
        assert (stream.status(), stream.err) == (3, b"fatal: no\n")

    def test_invalid_utf8_passes(self, connection):
        assert connection.stream("latin-1").read(5) == b"caf\xe9\n"

    def test_a_probe_is_answered_by_a_live_server(self, connection):
        connection.probe(0.2)
        time.sleep(0.4)
        assert connection.alive

    def test_a_probe_ends_the_connection_to_a_hung_server(self, hanging, connection_that_hangs):
        connection = connection_that_hangs
        stream = connection.stream("forever")
        assert stream.read(5) == b"started"
        hanging.hang()
        connection.probe(0.2)
        assert stream.read(5) == b""
        assert "no sign of life from the server within 0.2 s" in stream.why


class TestHostKeys:
    def test_an_unknown_key_is_refused_and_shown(self, server, sshd):
        fingerprint = load_public(sshd.host_key).fingerprint
        with pytest.raises(HostKeyRefused) as caught:
            connect(differently(server, host_key=None))
        name = f"[127.0.0.1]:{sshd.port}"
        assert str(caught.value) == (
            f"host key of {name} is not known: it offers ssh-ed25519 {fingerprint}. Compare that with what the "
            f"server's operators publish; then set host_key to '{sshd.host_key}', or add '{name} {sshd.host_key}' "
            "to known_hosts"
        )
        assert caught.value.lasting

    def test_a_changed_key_is_refused(self, server, sshd, keys):
        old, new = load_public(keys[2]).fingerprint, load_public(sshd.host_key).fingerprint
        with pytest.raises(HostKeyRefused) as caught:
            connect(differently(server, host_key=keys[2]))
        assert f"changed: it offers ssh-ed25519 {new}, but host_key says ssh-ed25519 {old}." in str(caught.value)

    @pytest.mark.parametrize("form", ["[127.0.0.1]:{port}", "elsewhere,[127.0.0.1]:{port}", "hashed"])
    def test_known_hosts(self, server, sshd, tmp_path, form):
        name = f"[127.0.0.1]:{sshd.port}"
        name = paramiko.HostKeys.hash_host(name) if form == "hashed" else form.format(port=sshd.port)
        (tmp_path / "known").write_text(f"# ours\n\nother ssh-rsa nonsense\n{name} {sshd.host_key} comment\n")
        with connect(differently(server, host_key=None, known_hosts=str(tmp_path / "known"))) as connection:
            assert connection.alive

    def test_known_hosts_names_the_port(self, server, sshd, tmp_path):
        (tmp_path / "known").write_text(f"127.0.0.1 {sshd.host_key}\n")
        with pytest.raises(HostKeyRefused, match="is not known"):
            connect(differently(server, host_key=None, known_hosts=str(tmp_path / "known")))

    def test_a_file_that_is_not_there(self, server):
        with pytest.raises(HostKeyRefused, match="known_hosts file /nowhere cannot be read"):
            connect(differently(server, host_key=None, known_hosts="/nowhere"))

    @pytest.mark.parametrize("text", ["nonsense", "ssh-ed25519 %%%", "ssh-ed25519 AAAA", "ssh-dance AAAAC3NzaC1lZDI1"])
    def test_a_pin_that_is_no_key(self, server, text):
        with pytest.raises(HostKeyRefused, match="host_key is not a public key; expected 'ssh-ed25519 AAAA…', found"):
            connect(differently(server, host_key=text))


class TestLogins:
    @pytest.mark.parametrize(("key", "username"), [("stranger", "bot"), ("bot", "somebody")])
    def test_a_refused_login_says_what_to_do(self, server, keys, key, username):
        with pytest.raises(LoginRefused) as caught:
            connect(differently(server, key_file=str(keys[0] / key), username=username))
        assert f"rejects the login of '{username}' with {keys[0] / key} (SHA256:" in str(caught.value)
        assert "add its public half to that account" in str(caught.value)

    def test_key_files(self, server, tmp_path, keys):
        (tmp_path / "public").write_text(keys[1])
        encrypted = paramiko.RSAKey.generate(1024)
        encrypted.write_private_key_file(str(tmp_path / "encrypted"), password="secret")
        for name, why in [
            ("missing", "there is no such file; make one with ssh-keygen"),
            ("public", "it holds no private key"),
            ("encrypted", "it is encrypted"),
            ("", "it cannot be read"),
        ]:
            with pytest.raises(LoginRefused, match=why):
                connect(differently(server, key_file=str(tmp_path / name)))

    @pytest.mark.parametrize("password", [None, b"secret"])
    def test_openssh_keys(self, tmp_path, password):
        lock = to.BestAvailableEncryption(password) if password else to.NoEncryption()
        data = Ed25519PrivateKey.generate().private_bytes(to.Encoding.PEM, to.PrivateFormat.OpenSSH, lock)
        (tmp_path / "key").write_bytes(data)
        if password:
            with pytest.raises(LoginRefused, match="it is encrypted"):
                load_key(str(tmp_path / "key"))
        else:
            assert load_key(str(tmp_path / "key")).get_name() == "ssh-ed25519"

    def test_failed_logins_leave_no_thread_and_no_socket(self, server, keys):
        stranger = differently(server, key_file=str(keys[0] / "stranger"))
        threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
        for _ in range(10):
            with pytest.raises(LoginRefused):
                connect(stranger)
        assert eventually(lambda: threading.active_count() <= threads)
        assert eventually(lambda: len(os.listdir("/proc/self/fd")) <= files)


class TestServersThatDoNotServe:
    def test_nobody_listens(self, server):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        with pytest.raises(SshError, match=r"no TCP connection: .*refused") as caught:
            connect(differently(server, port=port))
        assert not caught.value.lasting

    def test_a_silent_server(self, server):
        with socket.create_server(("127.0.0.1", 0)) as silent, \
                pytest.raises(SshError, match=r"no SSH handshake within 0.3 s"):
            connect(differently(server, port=silent.getsockname()[1]), seconds=0.3)

    def test_no_ssh_server(self, server):
        with socket.create_server(("127.0.0.1", 0)) as other:
            threading.Thread(target=lambda: other.accept()[0].sendall(b"HTTP/1.0 400 Bad\r\n\r\n" * 200)).start()
            with pytest.raises(SshError) as caught:
                connect(differently(server, port=other.getsockname()[1]), seconds=1)
            assert not caught.value.lasting

    @pytest.mark.parametrize(
        "garbage", [b"\0\0\0\x0c\x0a\x14" + b"\xff" * 200, b"\0\0\0\x08\xff\0\0\0\0\0\0\0", b"\xff" * 64]
    )
    def test_a_server_that_talks_nonsense(self, server, garbage):
        with socket.create_server(("127.0.0.1", 0)) as other:
            answer = b"SSH-2.0-nonsense\r\n" + garbage
            threading.Thread(target=lambda: other.accept()[0].sendall(answer)).start()
            with pytest.raises(SshError) as caught:
                connect(differently(server, port=other.getsockname()[1]), seconds=0.5)
            assert not caught.value.lasting

    def test_a_server_that_hangs_at_the_login(self, server, sshd):
        sshd.accounts = HangingDict(sshd.accounts)
        with pytest.raises(SshError, match=r"no answer to the login within 0.3 s") as caught:
            connect(server, seconds=0.3)
        assert not caught.value.lasting


class HangingDict(dict):
    """Accounts in a database that is slow today."""

    def get(self, key, default=None):
        time.sleep(1)
        return super().get(key, default)


def load_public(line: str) -> paramiko.PKey:
    kind, data = line.split()
    return paramiko.PKey.from_type_string(kind, b64decode(data))


def test_the_class_is_a_context_manager(server):
    with connect(server) as connection:
        assert isinstance(connection, Connection)
    assert not connection.alive
