"""A standard output that takes every character, and whose failure is told from all others."""

import io
import os
import sys
from typing import Any


class OutputLost(Exception):
    """What a command printed could not be written; what it did is done.

    It does not leave the command line, and so is no `schema.errors.EideticError`.
    """


class _Output(io.FileIO):
    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            # Whoever read the output has gone, as `head` does: typer ends the command.
            raise
        except OSError as error:
            raise OutputLost(
                f"the output cannot be written ({error.strerror}); check the disk or the program "
                "that it goes to, and ask again. What the command changed stays changed"
            ) from error


def replace_stdout() -> None:
    """Put such an output in the place of ``sys.stdout``, for the rest of the process.

    What its encoding lacks is written as an escape. Where the caller has closed it, all is let go.
    """
    if sys.stdout is None:
        # It also keeps the next file that is opened from becoming descriptor 1.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
        return
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_Output(sys.stdout.fileno(), "w", closefd=False)),
        encoding=sys.stdout.encoding,
        errors="backslashreplace",
        line_buffering=sys.stdout.isatty(),
    )
