"""A Milvus server for a benchmark: one of the wheel, or one that runs already."""

import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from schema import Connection, MilvusStore
from schema.fields import VECTOR_FIELD


@dataclass(frozen=True, slots=True)
class Server:
    """A server to be measured.

    Attributes:
        pid: Its process; ``None`` of one that was running already.
        folder: Its data; ``None`` likewise.
    """

    uri: str
    pid: int | None = None
    folder: Path | None = None

    def memory_mb(self) -> float:
        """Return the resident memory of its process, 0 where it is not known."""
        if self.pid is None:
            return 0.0
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found[1]) / 1000 if found else 0.0

    def disk_mb(self) -> float:
        """Return the bytes of its folder, 0 where it is not known."""
        if self.folder is None:
            return 0.0
        files = (file for file in self.folder.rglob("*") if file.is_file())
        return sum(file.stat().st_size for file in files) / 1e6


@contextmanager
def server(uri: str | None) -> Iterator[Server]:
    """Lend the server at a URI, or start one of the wheel in a temporary folder."""
    if uri is not None:
        yield Server(uri)
        return
    from milvus import MilvusServer

    with tempfile.TemporaryDirectory() as folder:
        started = MilvusServer()
        started.set_base_dir(folder)
        started.start()
        try:
            where = f"http://127.0.0.1:{started.listen_port}"
            yield Server(where, started.server_proc.pid, Path(folder))
        finally:
            started.stop()


def settle(connection: Connection, store: MilvusStore) -> float:
    """Have the written rows sealed, indexed and loaded; return the seconds that took."""
    client, name = connection.client, store.collection.name
    started = time.perf_counter()
    client.flush(name, timeout=600)
    wait_indexed(connection, name)
    client.refresh_load(name, timeout=600)
    took = time.perf_counter() - started
    # Until sealed segments have taken the place of growing ones, both are in memory.
    time.sleep(10)
    return took


def wait_indexed(connection: Connection, name: str) -> None:
    """Wait until every sealed row of a collection is indexed, those of merged segments among them.

    Milvus merges small segments after a flush and indexes the result anew; the pending rows are
    those.
    """
    client = connection.client
    (index,) = client.list_indexes(name, field_name=VECTOR_FIELD)
    while True:
        told = client.describe_index(name, index)
        if told["pending_index_rows"] == 0 and told["indexed_rows"] >= told["total_rows"]:
            return
        time.sleep(0.5)
