"""Reading a stream that can only be read forwards, for threads that ask about in its order."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

KEPT_ITEMS = 32
"""Items passed on the way to another are kept, because a thread may ask for an item a moment after
its neighbour asked for the next one: twice as many as threads that read."""

KEPT_BYTES = 64 << 20

T = TypeVar("T")


class OnePass(Generic[T]):
    """Items of a stream by their number. Safe to use from many threads.

    Asked in about the order of the stream, the stream is read once; an item that was passed long
    ago costs another pass from the beginning.

    Attributes:
        passes: How often the stream was begun.
    """

    def __init__(
        self,
        begin: Callable[[], Iterator[tuple[int, Callable[[], T]]]],
        size: Callable[[T], int],
    ) -> None:
        """Take a stream; it is begun by the first question.

        Args:
            begin: Starts it: yields numbers that rise, each with what reads that item, which is
                called before the next number is asked for or not at all.
            size: Bytes that an item holds in memory.
        """
        self._begin = begin
        self._size = size
        self._lock = threading.Lock()
        self._asked: dict[int, int] = {}
        self._asking = threading.Lock()
        self._kept: OrderedDict[int, T] = OrderedDict()
        self._kept_bytes = 0
        self._stream: Iterator[tuple[int, Callable[[], T]]] = iter(())
        self._position = -1
        self._broken: Exception | None = None
        self.passes = 0

    def read(self, number: int) -> T:
        """Return the item of a number.

        Raises:
            KeyError: The stream has no such item. Errors of reading are the stream's.
        """
        with self._asking:
            self._asked[number] = self._asked.get(number, 0) + 1
        try:
            with self._lock:
                if number in self._kept:
                    return self._kept[number]
                return self._advance_to(number)
        finally:
            with self._asking:
                self._asked[number] -= 1
                if not self._asked[number]:
                    del self._asked[number]

    def _advance_to(self, wanted: int) -> T:
        if wanted <= self._position or not self.passes:
            self._stream = self._begin()
            self._position, self._broken = -1, None
            self.passes += 1
        if self._broken is not None:
            raise self._broken
        try:
            for number, read in self._stream:
                self._position = number
                if number in self._asked or wanted - number <= KEPT_ITEMS:
                    self._keep(number, read())
                if number >= wanted:
                    break
        # Whatever breaks the stream breaks it for all that comes after; another pass would only
        # break at the same place.
        except Exception as error:
            self._broken = error
            raise
        return self._kept[wanted]

    def _keep(self, number: int, item: T) -> None:
        self._kept[number] = item
        self._kept_bytes += self._size(item)
        while len(self._kept) > KEPT_ITEMS or self._kept_bytes > KEPT_BYTES:
            oldest = next((n for n in self._kept if n not in self._asked), None)
            if oldest is None:
                break
            self._kept_bytes -= self._size(self._kept.pop(oldest))
