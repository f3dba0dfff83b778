"""A web server's answer is let go as soon as it is known what it is worth."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from ingest.filesystems import Filesystem

PATIENCE_S = 10


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.settimeout(PATIENCE_S)
        yield server


def answer_begun(listener: socket.socket, head: str) -> socket.socket:
    """Take a request and begin to answer it; the rest of the answer never comes."""
    connection, _ = listener.accept()
    connection.settimeout(PATIENCE_S)
    assert connection.recv(65536).startswith(b"GET /a.png ")
    connection.sendall(f"HTTP/1.1 {head}\r\nContent-Length: 9999\r\n\r\n".encode() + b"x" * 99)
    return connection


def read(listener: socket.socket, limit: int, head: str) -> tuple[bytes | OSError, bytes]:
    """Return what became of reading a file, and what the server hears from the reader next."""
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/a.png"
    with ThreadPoolExecutor(1) as server, closing(Filesystem(url)) as filesystem:
        answering = server.submit(answer_begun, listener, head)
        try:
            found: bytes | OSError = filesystem.read(url, limit)
        except OSError as error:
            found = error
        with answering.result() as connection:
            return found, connection.recv(1)


@pytest.mark.parametrize(
    ("head", "error"),
    [("403 Forbidden", PermissionError), ("404 Not Found", FileNotFoundError)],
)
def test_a_refused_answer_holds_no_connection(
    listener: socket.socket, head: str, error: type[OSError]
) -> None:
    found, heard = read(listener, 50, head)
    assert isinstance(found, error)
    assert heard == b"", "the connection is closed"


def test_an_answer_is_read_to_the_limit_and_no_further(listener: socket.socket) -> None:
    assert read(listener, 50, "200 OK") == (b"x" * 51, b"")
