"""What is used in a ``with`` statement and closed at its end."""

from types import TracebackType
from typing import Self


class Closing:
    """Base of classes whose ``with`` statement ends with their own ``close``."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release what is held."""
        raise NotImplementedError
