"""Calls under way at a time: so many, and those about one id in the order they were started."""

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from schema.closing import Closing

T = TypeVar("T")


class Flights(Closing):
    """Starts calls in threads of its own. To be used from one thread."""

    def __init__(self, limit: int, name: str) -> None:
        """Start nothing yet.

        Args:
            limit: How many calls may be under way at a time.
            name: What the threads are called.
        """
        self._limit = limit
        self._pool = ThreadPoolExecutor(limit, thread_name_prefix=name)
        self._under_way: dict[Future[Any], frozenset[str]] = {}

    def start(self, ids: Iterable[str], call: Callable[[], T]) -> "Future[T]":
        """Start a call, once there is room and none about any of the same ids is under way.

        Args:
            ids: What the call is about.
        """
        about = frozenset(ids)
        wait([each for each, held in self._under_way.items() if not about.isdisjoint(held)])
        if len(self._under_way) >= self._limit:
            wait(self._under_way, return_when=FIRST_COMPLETED)
        self._under_way = {e: held for e, held in self._under_way.items() if not e.done()}
        started = self._pool.submit(call)
        self._under_way[started] = about
        return started

    def close(self) -> None:
        """Wait until all calls have ended; calling it twice is no error."""
        self._pool.shutdown()
