"""Reading one file, and mapping many ahead of the consumer."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest.stages import map_ahead, read_file
from ingest.walk import FoundFile
from ingest.worklist import WorkItem, Worklist
from schema import ImageUnreadable, Root, SkipReason, content_hash


def item(folder: Path, path: str = "a.jpg") -> WorkItem:
    return WorkItem(Root.at(str(folder)), FoundFile(path, 0, 0, 0))


def test_a_file_is_read_with_the_facts_it_has_now(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"bytes")
    data, file = read_file(item(tmp_path))
    facts = path.stat()
    assert data == b"bytes"
    assert file.content == content_hash(b"bytes")
    assert (file.size_bytes, file.mtime_ns, file.inode) == (5, facts.st_mtime_ns, facts.st_ino)
    assert abs(file.read_ns - facts.st_mtime_ns) < 60e9


def test_a_fifo_in_the_place_of_a_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(ImageUnreadable) as refusal:
        read_file(item(tmp_path))
    assert refusal.value.reason is SkipReason.NOT_AN_IMAGE


@pytest.mark.parametrize("path", ["gone.jpg", "a.jpg/below.jpg"])
def test_a_file_that_is_gone_has_vanished(tmp_path: Path, path: str) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    with pytest.raises(ImageUnreadable) as refusal:
        read_file(item(tmp_path, path))
    assert refusal.value.reason is SkipReason.VANISHED


def test_a_file_beyond_the_limit_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.stages.MAX_FILE_BYTES", 4)
    (tmp_path / "a.jpg").write_bytes(b"12345")
    with pytest.raises(ImageUnreadable, match="5 bytes, the limit is 4") as refusal:
        read_file(item(tmp_path))
    assert refusal.value.reason is SkipReason.TOO_LARGE


def test_results_come_in_the_order_of_the_items() -> None:
    later = threading.Event()

    def wait_for_later(n: int) -> int:
        if n == 0:
            assert later.wait(10)
        if n == 3:
            later.set()
        return n

    with ThreadPoolExecutor(2) as pool:
        assert list(map_ahead(wait_for_later, range(8), pool, 5)) == list(range(8))


def test_no_more_than_the_look_ahead_is_begun() -> None:
    begun: list[int] = []
    with ThreadPoolExecutor(4) as pool:
        results = map_ahead(begun.append, range(100), pool, 6)
        for taken in range(1, 20):
            next(results)
            assert len(begun) < taken + 6


def test_an_error_in_a_worker_reaches_the_consumer() -> None:
    def divide(n: int) -> float:
        return 1 / n

    with ThreadPoolExecutor(2) as pool, pytest.raises(ZeroDivisionError):
        list(map_ahead(divide, [2, 1, 0, 1], pool, 2))


def test_a_work_list_gives_back_what_was_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.worklist.IN_MEMORY_BYTES", 100)
    items = [
        WorkItem(Root.at(folder), FoundFile(f"{n}\n\u2028ü.jpg", n, n * 10**18, n))
        for n in range(20)
        for folder in ("/a", "/b/")
    ]
    with Worklist() as work:
        for one in items:
            work.add(one)
        assert len(work) == 40
        assert list(work) == items
        assert list(work) == items
    assert items[3].location == "/b/1\n\u2028ü.jpg"
