"""An embedded store that several processes use at once."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from embed.encoder import unit
from schema import Connection, Embedded, MilvusStore, StoreError
from schema.descriptions import Description, DescriptionStore
from schema.owner import Owner, find_owner
from tests.conftest import free_port
from tests.samples import a_record, random_vectors

ROWS = 12
NAMES = [f"{n}.jpg" for n in range(ROWS)]
VECTORS = unit(np.random.default_rng(1).standard_normal((ROWS + 1, 8)))
OTHER = Embedded(a_record("other.jpg"), VECTORS[ROWS])

HOLDER = """
import sys
from schema import Connection, MilvusStore
with MilvusStore.open(Connection(sys.argv[1]), "shared"):
    print("open", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shared") / "milvus.db"
    with MilvusStore.create(
        Connection(str(folder)), "shared", model="toy", dim=8, fingerprint="toy"
    ) as store:
        store.upsert([Embedded(a_record(n), v) for n, v in zip(NAMES, VECTORS, strict=False)])
    return folder


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run another process that has the store open until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        try:
            yield process
        finally:
            process.kill()


def end(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait() == 0


def test_a_second_process_reads_and_writes_through_the_first(made: Path) -> None:
    with holder(made) as first:
        with MilvusStore.open(Connection(str(made)), "shared") as store:
            assert store.connection.owner is not None
            assert store.connection.owner.pid == first.pid
            store.upsert([OTHER])
            assert store.count() == ROWS + 1
            [hits] = store.search(VECTORS[:1], 1)
            assert hits[0].record.path == NAMES[0]
        with MilvusStore.open(Connection(str(made)), "shared") as again:
            assert again.get([OTHER.record.id])
            again.delete([OTHER.record.id])
            assert again.count() == ROWS


@pytest.mark.parametrize("killed", [False, True])
def test_the_second_goes_on_by_itself_when_the_first_ends(made: Path, killed: bool) -> None:
    with holder(made) as first, MilvusStore.open(Connection(str(made)), "shared") as store:
        assert store.count() == ROWS
        if killed:
            first.send_signal(signal.SIGKILL)
            first.wait()
        else:
            end(first)
        store.upsert([OTHER])
        assert store.connection.owner is None
        assert sorted(r.path for r in store.iterate()) == sorted([*NAMES, "other.jpg"])
        store.delete([OTHER.record.id])
        assert find_owner(made) == Owner(os.getpid(), _port_in(made))
    assert find_owner(made) is None


def test_an_iteration_goes_on_where_it_was(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schema.milvus_collection.ROWS_PER_BATCH", 5)
    with holder(made) as first, MilvusStore.open(Connection(str(made)), "shared") as store:
        rows = store.iterate('root != "elsewhere"')
        seen = [next(rows).path]
        end(first)
        seen += [record.path for record in rows]
        assert sorted(seen) == sorted(NAMES)


def test_descriptions_go_on_beside_the_rows_they_share_a_connection_with(made: Path) -> None:
    with holder(made) as first, MilvusStore.open(Connection(str(made)), "shared") as store:
        described = DescriptionStore.create(
            store.connection, "shared", model="words", dim=8, fingerprint="words-1"
        )
        described.upsert([Description("a" * 40, "d", random_vectors(1)[0])])
        end(first)
        assert described.count() == 1
        assert store.count() == ROWS


def test_two_that_were_attached_go_on_together(made: Path) -> None:
    with (
        holder(made) as first,
        MilvusStore.open(Connection(str(made)), "shared") as one,
        MilvusStore.open(Connection(str(made)), "shared") as two,
    ):
        end(first)
        assert one.count() == two.count() == ROWS
        assert one.connection.owner is None
        assert two.connection.owner == Owner(os.getpid(), _port_in(made))


def test_what_is_asked_while_the_store_is_opened_anew_waits_for_it(made: Path) -> None:
    with holder(made) as first, MilvusStore.open(Connection(str(made)), "shared") as store:
        is_opening = threading.Event()

        def slowly() -> None:
            is_opening.set()
            time.sleep(0.5)

        store.connection.on_reopened.insert(0, slowly)
        end(first)
        with ThreadPoolExecutor(1) as pool:
            one = pool.submit(store.count)
            assert is_opening.wait(30)
            assert len(store.search(VECTORS[:1], 3)[0]) == 3
            assert one.result() == ROWS


def test_a_note_that_a_killed_process_left_is_replaced(made: Path) -> None:
    with holder(made) as first:
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert json.loads(_note(made).read_text())["pid"] == first.pid
        assert find_owner(made) is None
        with MilvusStore.open(Connection(str(made)), "shared") as store:
            assert store.connection.owner is None
            assert store.count() == ROWS


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "{",
        "[]",
        '{"pid": "x", "port": 1}',
        '{"pid": 1e99, "port": 1}',
        '{"pid": -1, "port": 1}',
    ],
)
def test_a_note_that_says_nothing_names_no_owner(tmp_path: Path, damage: str) -> None:
    _note(tmp_path / "milvus.db").write_text(damage)
    assert find_owner(tmp_path / "milvus.db") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_note_of_another_user_is_not_trusted(tmp_path: Path) -> None:
    note = _note(tmp_path / "milvus.db")
    note.write_text(json.dumps({"pid": os.getpid(), "port": 1}))
    assert find_owner(tmp_path / "milvus.db") == Owner(os.getpid(), 1)
    os.chown(note, 12345, 12345)
    assert find_owner(tmp_path / "milvus.db") is None


def test_a_process_that_does_not_answer_is_named(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schema.connection.OWNER_TIMEOUT_S", 0.2)
    with holder(made) as first:
        _note(made).write_text(json.dumps({"pid": first.pid, "port": 1}))
        with pytest.raises(StoreError, match=rf"open in process {first.pid}, which does not"):
            Connection(str(made))


def _note(folder: Path) -> Path:
    return folder.with_name("milvus.db.owner")


def _port_in(folder: Path) -> int:
    return int(json.loads(_note(folder).read_text())["port"])


def test_a_store_whose_port_refuses_is_opened_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, ports = Connection._start_engine, []

    def start(self: Connection, folder: Path) -> int:
        port = begin(self, folder)
        ports.append(port)
        return free_port() if len(ports) == 1 else port

    monkeypatch.setattr(Connection, "_start_engine", start)
    with Connection(str(tmp_path / "milvus.db")) as connection:
        assert connection.client.list_collections() == []
    assert len(ports) == 2
