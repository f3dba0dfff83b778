"""Calls that block, in a bounded number of threads, with a bounded queue and a bounded time."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from eidetic.server.problems import Refused, overloaded

T = TypeVar("T")


class Work:
    """Does calls of one kind in threads of its own, so that no kind can starve the others."""

    def __init__(self, name: str, *, threads: int, waiting: int, time_limit_s: float) -> None:
        """Start no thread yet.

        Args:
            name: What the calls do, for messages.
            waiting: How many may wait for a thread; more are refused at once.
            time_limit_s: After which whoever asked is told so. The call itself goes on and keeps
                its thread, for Python cannot stop it.
        """
        self._name = name
        self._most = threads + waiting
        self._time_limit_s = time_limit_s
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=f"serve-{name}")
        self._lock = threading.Lock()
        self._pending = 0

    async def run(self, call: Callable[[], T]) -> T:
        """Do a call in a thread and wait for it.

        Raises:
            Refused: Too many calls wait already (503), or it takes too long (504).
        """
        with self._lock:
            if self._pending >= self._most:
                raise overloaded(f"{self._pending} calls wait for {self._name}")
            self._pending += 1
        future = self._executor.submit(call)
        future.add_done_callback(self._count_down)
        timer = asyncio.timeout(self._time_limit_s)
        try:
            async with timer:
                return await asyncio.wrap_future(future)
        except TimeoutError:
            if not timer.expired():
                raise
            raise Refused(
                504,
                f"{self._name} took more than {self._time_limit_s:g} seconds; ask for less, or "
                "narrow it with a filter",
                kind="timeout",
            ) from None

    def close(self) -> None:
        """Let the threads end; what waits is dropped."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _count_down(self, _: "Future[Any]") -> None:
        with self._lock:
            self._pending -= 1
