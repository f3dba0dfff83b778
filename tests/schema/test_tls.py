"""A server behind TLS is reached, and one that cannot be trusted is told from one that is away."""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from schema import Connection, MilvusStore, StoreError, StoreUnreachable, UsageError
from schema.owner import find_owner
from tests.conftest import free_port
from tests.samples import random_vectors, some_rows


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that is its own authority, and its key."""

    certificate: Path
    key: Path


def make_certificate(folder: Path, name: str) -> Certificate:
    """A certificate for 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    found = Certificate(folder / f"{name}.pem", folder / f"{name}.key")
    found.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    found.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return found


class Terminator:
    """Takes TLS connections and hands what they say to a port of this machine, as proxies do."""

    def __init__(self, port: int, certificate: Certificate) -> None:
        self._behind = port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate.certificate, certificate.key)
        self._context.set_alpn_protocols(["h2"])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join()
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in self._open:
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            try:
                near = self._context.wrap_socket(plain, server_side=True)
            except OSError:
                plain.close()
                continue
            far = socket.create_connection(("127.0.0.1", self._behind))
            self._open += [near, far]
            for source, sink in ((near, far), (far, near)):
                thread = threading.Thread(target=self._relay, args=(source, sink))
                self._threads.append(thread)
                thread.start()

    def _relay(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"), "server")


@pytest.fixture(scope="module")
def plain_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of an engine that speaks no TLS."""
    folder = tmp_path_factory.mktemp("engine") / "milvus.db"
    with Connection(str(folder)):
        owner = find_owner(folder)
        assert owner is not None
        yield owner.port


@pytest.fixture(scope="module")
def secured_port(plain_port: int, certificate: Certificate) -> Iterator[int]:
    """The port of the same engine, behind TLS."""
    terminator = Terminator(plain_port, certificate)
    yield terminator.port
    terminator.close()


def test_an_archive_is_made_and_searched_over_tls(
    secured_port: int, certificate: Certificate
) -> None:
    connection = Connection(
        f"https://127.0.0.1:{secured_port}", certificates=str(certificate.certificate)
    )
    with MilvusStore.create(connection, "secured", model="toy", dim=8, fingerprint="1") as store:
        store.upsert(some_rows(20))
        assert len(store.search(random_vectors(1), 5)[0]) == 5
        assert store.count() == 20


def test_a_certificate_of_an_unknown_authority_is_not_trusted(
    secured_port: int, tmp_path: Path
) -> None:
    other = make_certificate(tmp_path, "other")
    for certificates in ("", str(other.certificate)):
        with pytest.raises(StoreError, match=r"not trusted \(.*EIDETIC_TLS_CA") as raised:
            Connection(f"https://127.0.0.1:{secured_port}", certificates=certificates)
        assert not isinstance(raised.value, StoreUnreachable)


def test_a_server_that_speaks_no_tls_is_told(plain_port: int) -> None:
    with pytest.raises(StoreError, match=r"does not speak TLS; write http://"):
        Connection(f"https://127.0.0.1:{plain_port}")


def test_a_server_that_speaks_tls_alone_is_told(secured_port: int) -> None:
    with pytest.raises(StoreError, match=r"speaks TLS; write https://"):
        Connection(f"http://127.0.0.1:{secured_port}")


def test_nobody_at_the_address_is_said_as_without_tls() -> None:
    with pytest.raises(StoreUnreachable, match="no Milvus answers"):
        Connection(f"https://127.0.0.1:{free_port()}")


@pytest.mark.parametrize("text", [None, "", "no certificate at all"])
def test_a_file_of_no_certificates_is_refused(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "ca.pem"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UsageError, match=r"ca\.pem: .*EIDETIC_TLS_CA is a PEM file"):
        Connection("https://127.0.0.1:1", certificates=str(file))


def test_the_embedded_store_has_one_replica(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="2 replicas: the embedded store holds one"):
        Connection(str(tmp_path / "milvus.db"), replicas=2)
