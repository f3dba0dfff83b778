"""Mapping many items ahead of the consumer."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest.stages import map_ahead
from ingest.walk import FoundFile
from ingest.worklist import WorkItem, Worklist
from schema import Root


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
