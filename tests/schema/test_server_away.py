"""A server that goes away for a moment is waited for; one that stays away is said so in time."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from schema import Connection, MilvusStore, StoreUnreachable
from tests.conftest import drop_everything, free_port
from tests.samples import random_vectors, some_rows

pytestmark = pytest.mark.milvus_server


class Wire:
    """A TCP relay in front of the server that can be cut and mended."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.port = free_port()
        self._server = server
        self._listener: socket.socket | None = None
        self._open: list[socket.socket] = []
        self.mend()

    def mend(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port))
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        if self._listener is not None:
            # Closing alone would not wake the thread that waits in accept.
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        while self._open:
            end = self._open.pop()
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._server)
            self._open += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._relay, args=(source, sink), daemon=True).start()

    def _relay(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wire(milvus_uri: str) -> Iterator[Wire]:
    host, _, port = milvus_uri.removeprefix("http://").partition(":")
    wire = Wire((host, int(port)))
    yield wire
    wire.cut()
    drop_everything(milvus_uri)


def open_store(milvus_uri: str, wire: Wire, timeout_s: float) -> MilvusStore:
    MilvusStore.create(
        Connection(milvus_uri), "away", model="toy", dim=8, fingerprint="toy-1"
    ).close()
    return MilvusStore.open(
        Connection(f"http://127.0.0.1:{wire.port}", timeout_s=timeout_s), "away"
    )


def test_a_server_that_comes_back_in_time_costs_only_a_wait(wire: Wire, milvus_uri: str) -> None:
    store = open_store(milvus_uri, wire, timeout_s=30)
    store.upsert(some_rows(10))
    wire.cut()
    threading.Timer(2, wire.mend).start()
    store.upsert(some_rows(20))
    assert store.count() == 20
    store.close()


def test_a_server_that_stays_away_is_named_and_what_it_acknowledged_stays(
    wire: Wire, milvus_uri: str
) -> None:
    store = open_store(milvus_uri, wire, timeout_s=5)
    store.upsert(some_rows(10))
    wire.cut()
    for call in (lambda: store.upsert(some_rows(20)), lambda: store.search(random_vectors(1), 3)):
        with pytest.raises(StoreUnreachable, match=rf"no Milvus answers at \S+:{wire.port}"):
            call()
    store.close()
    with MilvusStore.open(Connection(milvus_uri), "away") as again:
        assert again._count("", "Strong") == 10
