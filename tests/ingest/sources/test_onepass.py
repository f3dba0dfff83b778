"""A stream that can only be read forwards, asked by many threads."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ingest.sources.onepass import KEPT_ITEMS, OnePass


def stream(length: int, broken_at: int | None = None) -> OnePass[bytes]:
    def begin() -> Iterator[tuple[int, Callable[[], bytes]]]:
        for number in range(length):
            if number == broken_at:
                raise EOFError("cut short")
            yield number, str(number).encode

    return OnePass(begin, len)


def test_items_asked_in_order_take_one_pass() -> None:
    numbers = stream(1000)
    assert [numbers.read(n) for n in range(1000)] == [str(n).encode() for n in range(1000)]
    assert numbers.passes == 1


def test_threads_that_overtake_each_other_take_one_pass() -> None:
    numbers = stream(2000)
    with ThreadPoolExecutor(8) as pool:
        for block in range(0, 2000, 8):
            order = random.sample(range(block, block + 8), 8)
            assert list(pool.map(numbers.read, order)) == [str(n).encode() for n in order]
    assert numbers.passes == 1


def test_items_far_apart_are_not_read_in_between() -> None:
    read: list[int] = []

    def begin() -> Iterator[tuple[int, Callable[[], bytes]]]:
        for number in range(1000):
            yield number, lambda number=number: read.append(number) or b"x"  # type: ignore[misc]

    numbers = OnePass(begin, len)
    numbers.read(900)
    assert read == list(range(900 - KEPT_ITEMS, 901))


def test_an_item_passed_long_ago_costs_another_pass() -> None:
    numbers = stream(1000)
    assert [numbers.read(999), numbers.read(0)] == [b"999", b"0"]
    assert numbers.passes == 2


def test_what_is_kept_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.sources.onepass.KEPT_BYTES", 3)
    numbers = stream(10)
    numbers.read(9)
    assert numbers.read(8) == b"8"
    assert numbers.read(5) == b"5"
    assert numbers.passes == 2


def test_a_break_is_told_for_what_lies_behind_it_without_another_pass() -> None:
    numbers = stream(1000, broken_at=500)
    for number in (600, 700):
        with pytest.raises(EOFError, match="cut short"):
            numbers.read(number)
    assert numbers.passes == 1
    assert numbers.read(20) == b"20"


def test_an_item_that_is_not_there_is_a_key_error() -> None:
    numbers = stream(10)
    for number in (10, 11):
        with pytest.raises(KeyError):
            numbers.read(number)


def test_a_waiting_thread_finds_its_item_kept() -> None:
    passed, go_on = threading.Event(), threading.Event()

    def begin() -> Iterator[tuple[int, Callable[[], bytes]]]:
        for number in range(200):
            if number == 100:
                passed.set()
                assert go_on.wait(10)
            yield number, str(number).encode

    numbers = OnePass(begin, len)
    with ThreadPoolExecutor(2) as pool:
        later = pool.submit(numbers.read, 150)
        assert passed.wait(10)
        earlier = pool.submit(numbers.read, 120)
        while 120 not in numbers._asked:
            pass
        go_on.set()
        assert (later.result(10), earlier.result(10)) == (b"150", b"120")
    assert numbers.passes == 1
