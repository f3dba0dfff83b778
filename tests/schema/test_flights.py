"""Several calls are under way at a time, but no two about one id, and no more than may be."""

import threading
from functools import partial

import pytest

from schema.flights import Flights

WAIT_S = 10


def test_calls_about_different_ids_are_under_way_together() -> None:
    both = threading.Barrier(2)
    with Flights(2, "flight") as flights:
        first = flights.start("a", partial(both.wait, WAIT_S))
        second = flights.start("b", partial(both.wait, WAIT_S))
        assert {first.result(), second.result()} == {0, 1}


def test_calls_about_one_id_follow_each_other_in_their_order() -> None:
    seen: list[int] = []
    with Flights(4, "flight") as flights:
        for n in range(50):
            flights.start([f"{n % 3}", "shared"], partial(seen.append, n))
    assert seen == list(range(50))


def test_no_more_calls_are_under_way_than_may_be() -> None:
    lock, now, most = threading.Lock(), [0], [0]
    together = threading.Barrier(3)

    def call() -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        together.wait(WAIT_S)
        with lock:
            now[0] -= 1

    with Flights(3, "flight") as flights:
        for n in range(12):
            flights.start([str(n)], call)
    assert most == [3]


def test_a_call_that_fails_says_so_and_others_go_on() -> None:
    def fail() -> int:
        raise ValueError("no")

    with Flights(2, "flight") as flights:
        failed = flights.start("a", fail)
        after = flights.start("a", lambda: 7)
    assert after.result() == 7
    with pytest.raises(ValueError, match="no"):
        failed.result()


def test_when_closed_all_has_ended() -> None:
    flights = Flights(2, "flight-to-be-ended")
    flights.start("a", lambda: None)
    flights.close()
    flights.close()
    names = [thread.name for thread in threading.enumerate()]
    assert not any(name.startswith("flight-to-be-ended") for name in names)
