"""What the tests' own servers share."""

import datetime as dt
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


def served(listener: socket.socket, serve: Callable[[socket.socket], None]) -> None:
    """A thread for each connection, until the listener is shut down. Comes back at once."""

    def accept() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(sock,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


class Hanging:
    """Passes bytes on between a server on a port of 127.0.0.1 and its clients; hangs with all connections open."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._passing = threading.Event()
        self._passing.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.hang, self.resume = self._passing.clear, self._passing.set
        served(self._listener, self._serve)

    def close(self) -> None:
        self.resume()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self._to))
        threading.Thread(target=self._pass, args=(server, client), daemon=True).start()
        self._pass(client, server)

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                self._passing.wait()
                sink.sendall(data)
        for sock in (source, sink):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def signed(name: str, folder: Path) -> tuple[Path, Path]:
    """Files with the certificate of a private authority, and with a server's that it signed, and its key.

    As many who run one make it: that it is an authority is not marked critical (RFC 5280, section 4.2.1.9, wants it).
    """
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Our own authority")])
    named = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    made = (_dated(issuer, issuer, key).add_extension(x509.BasicConstraints(True, None), critical=False)
            .add_extension(named, critical=False))
    (folder / "ca.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    own = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (_dated(subject, issuer, own)
            .add_extension(x509.AuthorityKeyIdentifier(named.digest, None, None), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False))
    (folder / "server.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM) + _written(own))
    return folder / "ca.pem", folder / "server.pem"


def certificate(name: str, folder: Path) -> Path:
    """A file with a self-signed certificate for a host name, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (_dated(subject, subject, key)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(key, hashes.SHA256()))
    path = folder / "server.pem"
    path.write_bytes(made.public_bytes(Encoding.PEM) + _written(key))
    return path


def _dated(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.timezone.utc)
    return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(1)).not_valid_after(now + dt.timedelta(1)))


def _written(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
