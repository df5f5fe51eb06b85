"""The SSH client against a server on loopback, on good days and bad ones."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from base64 import b64decode
from contextlib import contextmanager, suppress

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization as to
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from counterbot.clients.host_keys import load_key
from counterbot.clients.ssh import (
    Connection,
    Finished,
    HostKeyRefused,
    Incompatible,
    LoginRefused,
    Server,
    SshError,
    connect,
)
from counterbot.demo.sshd import Session, SshServer, make_key
from tests.clock import eventually
from tests.loopback import Hanging, served

MEGABYTE = 1 << 20


def pem(key, form: to.PrivateFormat) -> str:
    return key.private_bytes(to.Encoding.PEM, form, to.NoEncryption()).decode()


def packet(payload: bytes) -> bytes:
    """A server's version and its first packet, before any encryption (RFC 4253, section 6)."""
    padding = 16 - (len(payload) + 5) % 8
    return b"SSH-2.0-old\r\n" + struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


def text(*texts: str) -> bytes:
    return b"".join(struct.pack(">I", len(text)) + text.encode() for text in texts)


def kexinit(kex="ecdh-sha2-nistp256", host_key="ssh-ed25519", cipher="aes128-ctr", mac="hmac-sha2-256",
            compression="none") -> bytes:
    """What a server can do (RFC 4253, section 7.1)."""
    lists = text(kex, host_key, cipher, cipher, mac, mac, compression, compression, "", "")
    return packet(b"\x14" + bytes(16) + lists + bytes(5))


@contextmanager
def saying(data: bytes):
    """The port of a server that says so much, and ends once the client does."""

    def serve(sock: socket.socket) -> None:
        with sock, suppress(OSError):  # of a client that is gone
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(1 << 16):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        served(listener, serve)
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


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

    def known(self, server, folder, *lines):
        (folder / "known").write_bytes(b"".join(f"{line}\n".encode("latin-1") for line in lines))
        return differently(server, host_key=None, known_hosts=str(folder / "known"))

    def test_known_hosts(self, server, sshd, tmp_path, keys, caplog):
        """A bad line spoils no other, and is told once, not with every connection."""
        name = f"[127.0.0.1]:{sshd.port}"
        known = self.known(server, tmp_path, "# M\xfcnster", f"{name} ssh-ed25519 AAAA", f"@cert-authority * {keys[2]}",
                           f"{name} {sshd.host_key} M\xfcnster")
        for _ in range(2):
            connect(known).close()
        assert caplog.messages == [f"{tmp_path}/known:2: the line is ignored: its ssh-ed25519 key is damaged"]

    def test_known_hosts_with_another_key(self, server, sshd, tmp_path, keys):
        known = self.known(server, tmp_path, f"[127.0.0.1]:{sshd.port} {keys[2]}")
        with pytest.raises(HostKeyRefused, match=f"changed: it offers .* but {tmp_path}/known says ssh-ed25519 "):
            connect(known)

    def test_a_revoked_key_is_refused(self, server, sshd, tmp_path):
        name = f"[127.0.0.1]:{sshd.port}"
        known = self.known(server, tmp_path, f"{name} {sshd.host_key}", f"@revoked * {sshd.host_key}")
        with pytest.raises(HostKeyRefused) as caught:
            connect(known)
        assert str(caught.value) == (
            f"host key of {name} is revoked: it offers ssh-ed25519 {load_public(sshd.host_key).fingerprint}, which "
            f"{tmp_path}/known marks @revoked. Somebody may be intercepting the connection. Ask the server's operators "
            "for its new key")

    @pytest.mark.parametrize(("line", "why"), [
        ("@cert-authority [127.*]:* {key}", "the bot cannot verify certificates of an authority (@cert-authority) and "
                                            "needs the server's own key"),
        ("[127.*]:* ssh-ed25519 AAAA", "its ssh-ed25519 key is damaged"),
        ("[127.*]:* ssh-dss AAAA", "keys of type ssh-dss are not supported"),
    ])
    def test_the_only_line_is_of_no_use(self, server, sshd, tmp_path, line, why):
        known = self.known(server, tmp_path, line.format(key=sshd.host_key))
        with pytest.raises(HostKeyRefused) as caught:
            connect(known)
        assert f"is not known: it offers ssh-ed25519 {load_public(sshd.host_key).fingerprint}. " in str(caught.value)
        assert f" {tmp_path}/known:1 is of no use: {why}. Compare that" in str(caught.value)
        assert str(caught.value).endswith(f"'[127.0.0.1]:{sshd.port} {sshd.host_key}' to {tmp_path}/known")

    def test_a_file_that_cannot_be_read(self, server, tmp_path):
        for path, why in [
            (tmp_path / "absent", "there is no such file; make it with 'ssh-keyscan -p {port} 127.0.0.1 > {path}' and "
                                  "compare the key with what the server's operators publish, or set host_key"),
            (tmp_path, "it cannot be read (Is a directory); give the bot's user read access, or set host_key"),
        ]:
            with pytest.raises(HostKeyRefused) as caught:
                connect(differently(server, host_key=None, known_hosts=str(path)))
            assert str(caught.value) == f"known_hosts file {path}: {why.format(path=path, port=server.port)}"

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

    def test_a_refused_rsa_key_may_be_too_old(self, server, tmp_path):
        (tmp_path / "rsa").write_text(pem(rsa.generate_private_key(65537, 2048), to.PrivateFormat.OpenSSH))
        with pytest.raises(LoginRefused, match="; a server that takes RSA keys with SHA-1 alone needs one made with"):
            connect(differently(server, key_file=str(tmp_path / "rsa")))

    def test_key_files(self, server, tmp_path, keys):
        encrypted = paramiko.RSAKey.generate(1024)
        encrypted.write_private_key_file(str(tmp_path / "encrypted"), password="secret")
        for name, content in {
            "public": keys[1],
            "rfc4716": "---- BEGIN SSH2 PUBLIC KEY ----\nComment: x\n",
            "pkcs8": pem(Ed25519PrivateKey.generate(), to.PrivateFormat.PKCS8),
            "putty": "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n",
            "dsa": "-----BEGIN DSA PRIVATE KEY-----\nMIIB\n-----END DSA PRIVATE KEY-----\n",
            "half": (keys[0] / "bot").read_text()[:200],
            "empty": "",
        }.items():
            (tmp_path / name).write_text(content)
        for name, why in [
            ("missing", "there is no such file; make one with ssh-keygen"),
            ("public", "it is a public key; give the private one"),
            ("rfc4716", "it is a public key; give the private one"),
            ("pkcs8", f"it is in PKCS#8 form, not in OpenSSH's; 'ssh-keygen -p -f {tmp_path}/pkcs8' rewrites"),
            ("putty", f"it is in PuTTY's form; convert it with 'puttygen {tmp_path}/putty -O private-openssh -o NEW'"),
            ("dsa", "it holds no private key of a supported type (ed25519, ECDSA, RSA), or a damaged one; make one"),
            ("half", "it holds no private key of a supported type (ed25519, ECDSA, RSA), or a damaged one"),
            ("empty", "it holds no private key of a supported type"),
            ("encrypted", "it is encrypted"),
            ("", "it cannot be read (Is a directory)"),
        ]:
            with pytest.raises(LoginRefused) as caught:
                connect(differently(server, key_file=str(tmp_path / name)))
            assert str(caught.value).startswith(f"key file {tmp_path / name}: {why}")

    @pytest.mark.parametrize(("make", "form", "kind"), [
        (lambda: rsa.generate_private_key(65537, 2048), to.PrivateFormat.TraditionalOpenSSL, "ssh-rsa"),
        (lambda: rsa.generate_private_key(65537, 2048), to.PrivateFormat.OpenSSH, "ssh-rsa"),
        (lambda: ec.generate_private_key(ec.SECP256R1()), to.PrivateFormat.TraditionalOpenSSL, "ecdsa-sha2-nistp256"),
        (lambda: ec.generate_private_key(ec.SECP521R1()), to.PrivateFormat.OpenSSH, "ecdsa-sha2-nistp521"),
        (Ed25519PrivateKey.generate, to.PrivateFormat.OpenSSH, "ssh-ed25519"),
    ])
    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    def test_forms_of_keys(self, tmp_path, make, form, kind, end):
        (tmp_path / "key").write_text(pem(make(), form), newline=end)
        assert load_key(str(tmp_path / "key")).get_name() == kind

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

    def test_a_server_that_takes_no_keys(self, server, sshd):
        sshd.accounts.clear()
        sshd.get_allowed_auths = lambda _: "password,keyboard-interactive"
        with pytest.raises(LoginRefused, match="it takes no keys, only password, keyboard-interactive; correct host"):
            connect(server)

    def test_a_server_that_asks_for_more_than_a_key(self, server, sshd):
        sshd.check_auth_publickey = lambda *_: paramiko.common.AUTH_PARTIALLY_SUCCESSFUL
        sshd.get_allowed_auths = lambda _: "keyboard-interactive"
        with pytest.raises(LoginRefused, match="the key is right, but the server asks for keyboard-interactive"):
            connect(server)

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

    @pytest.mark.parametrize(("says", "why"), [
        (b"HTTP/1.0 400 Bad\r\n\r\n" * 200, "what answers there is no SSH server; correct host and port"),
        (b"", "the server closed the connection before it said that it speaks SSH; correct host and port"),
        (b"SSH-2.0-x\r\n", "the server closed the connection"),
        (packet(b"\x01\0\0\0\x0c" + text("too many connections", "")), "the server ended the connection during the "
                                                                       "handshake; its log says why"),
        (kexinit() + bytes(16), "SSHException: "),
    ])
    def test_no_ssh_server(self, server, says, why):
        with saying(says) as port:
            with pytest.raises(SshError) as caught:
                connect(differently(server, port=port), seconds=10)
            assert str(caught.value).startswith(f"[127.0.0.1]:{port}: {why}")
            assert not caught.value.lasting

    @pytest.mark.parametrize(("says", "why"), [
        (kexinit(kex="diffie-hellman-group14-sha1,diffie-hellman-group1-sha1"),
         "in common no key exchange; the bot refuses those with SHA-1, as other SSH clients do: ask the server's"),
        (kexinit(host_key="ssh-rsa,ssh-dss"), "in common no kind of host key; the bot takes Ed25519, ECDSA, and RSA"
                                              " that is signed with SHA-2, and not ssh-rsa with SHA-1"),
        (kexinit(cipher="arcfour,blowfish-cbc"), "in common no cipher: ask the server's operators to upgrade"),
        (kexinit(mac="hmac-ripemd160"), "in common no MAC: ask the server's operators to upgrade"),
        (kexinit(compression="zlib"), "no SSH in common (Incompatible ssh server (no acceptable compression)"),
        (b"SSH-1.5-ancient\r\n", "no SSH in common (Incompatible version (1.5 instead of 2.0)): ask"),
    ])
    def test_a_server_with_nothing_in_common_is_not_retried_soon(self, server, says, why):
        with saying(says) as port:
            with pytest.raises(Incompatible) as caught:
                connect(differently(server, port=port), seconds=10)
            assert str(caught.value).startswith(f"[127.0.0.1]:{port} and the bot have {why}")
            assert caught.value.lasting

    @pytest.mark.parametrize(
        "garbage", [b"\0\0\0\x0c\x0a\x15" + b"\xff" * 200, b"\0\0\0\x08\xff\0\0\0\0\0\0\0", b"\xff" * 64]
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
