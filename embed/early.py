"""Loading what images need while something else is waited for."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from embed.encoder import Encoder


@runtime_checkable
class LoadsLate(Protocol):
    """An encoder that loads what images need with its first batch."""

    def load_images(self) -> None:
        """Load it now; nothing where that was done.

        Raises:
            ModelUnavailable: It cannot be loaded.
        """
        ...


@contextmanager
def loading_images(encoder: Encoder) -> Iterator[None]:
    """Load what an encoder needs for images beside the block; all is there at its end.

    Should that fail, the first batch fails in the same way and says so.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="eidetic-load") as pool:
        if isinstance(encoder, LoadsLate):
            pool.submit(encoder.load_images)
        yield
