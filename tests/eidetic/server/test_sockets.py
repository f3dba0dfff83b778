"""What comes over the wire: slow, huge and broken requests end, and the server goes on."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from eidetic import Archive
from eidetic.listening import HEADER_BYTES, listen
from eidetic.server import Limits
from tests.eidetic.server.conftest import listening

LIMITS = Limits(header_time_s=0.5, body_time_s=0.5)
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def port(archive: Archive) -> Iterator[int]:
    """A server of little patience."""
    with listening(archive, LIMITS) as port:
        yield port


@pytest.fixture
def client(port: int) -> Iterator[socket.socket]:
    with closing(socket.create_connection(("127.0.0.1", port), timeout=20)) as client:
        yield client
    with closing(socket.create_connection(("127.0.0.1", port), timeout=20)) as another:
        another.sendall(GET + b"Connection: close\r\n\r\n")
        assert read_to_end(another).startswith(b"HTTP/1.1 200 "), "the server goes on"


def read_to_end(client: socket.socket) -> bytes:
    """All that comes until the server closes the connection, or cuts it."""
    data = b""
    try:
        while chunk := client.recv(65536):
            data += chunk
    except ConnectionError:
        pass
    return data


def test_an_answer_in_two_parts_does_not_wait_for_itself() -> None:
    with listen("127.0.0.1", 0) as server:
        port = server.getsockname()[1]
        with closing(socket.create_connection(("127.0.0.1", port))):
            accepted, _ = server.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_connection_that_says_nothing_is_closed(client: socket.socket) -> None:
    assert read_to_end(client) == b""


def test_headers_that_come_a_byte_at_a_time_are_not_waited_for(client: socket.socket) -> None:
    closed = threading.Event()

    def trickle() -> None:
        client.sendall(GET)
        while not closed.wait(0.05):
            try:
                client.sendall(b"X")
            except OSError:
                return

    thread = threading.Thread(target=trickle)
    thread.start()
    assert read_to_end(client) == b""
    closed.set()
    thread.join()


def test_the_headers_of_a_second_request_are_not_waited_for(client: socket.socket) -> None:
    client.sendall(GET + b"\r\n")
    time.sleep(0.1)
    client.sendall(GET)
    assert read_to_end(client).count(b"HTTP/1.1 ") == 1


def test_a_body_that_does_not_come_is_not_waited_for(client: socket.socket) -> None:
    client.sendall(
        b"POST /api/zip HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b'Content-Length: 100\r\n\r\n{"ids"'
    )
    answer = read_to_end(client)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"0.5 seconds" in answer


def test_headers_without_end_are_refused(client: socket.socket) -> None:
    with pytest.raises(ConnectionError):  # noqa: PT012
        client.sendall(GET)
        for _ in range(100 * HEADER_BYTES // 1000):
            client.sendall(b"X-Filler: " + b"x" * 1000 + b"\r\n")
            time.sleep(0.001)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\0" * 1000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n\r\n",
        GET + b"Host: localhost\r\n\r\n",
        GET + b"Content-Length: -1\r\n\r\n",
        GET + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        GET + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        GET + b"X: a\r\n b\x00\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused(client: socket.socket, request_bytes: bytes) -> None:
    client.sendall(request_bytes)
    answer = read_to_end(client)
    assert answer.split(b" ")[1] in (b"400", b"501"), answer


def test_a_request_of_two_lengths_is_not_two_requests(client: socket.socket) -> None:
    """Request smuggling: what one reads as a body, another may read as the next request."""
    client.sendall(
        b"POST /api/zip HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        b"GET /api/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    answer = read_to_end(client)
    # Chunks count, as RFC 9112 has it; the second request stands behind their end.
    assert answer.count(b"HTTP/1.1 ") <= 2
    assert answer.startswith((b"HTTP/1.1 422 ", b"HTTP/1.1 400 "))
