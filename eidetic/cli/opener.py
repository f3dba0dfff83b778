"""Opening files with the programs that the desktop has for them."""

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence

from schema import UsageError

PATIENCE_S = 2.0
"""An opener that fails does so within this; one that goes on is the viewer itself."""


def find_opener() -> str:
    """Return the path of the desktop's opener.

    Raises:
        UsageError: There is none.
    """
    name = "open" if sys.platform == "darwin" else "xdg-open"
    found = shutil.which(name)
    if found is None:
        raise UsageError(
            f"--open: this machine has no {name}, by which a desktop opens files; install it "
            "(Debian: xdg-utils), or use --gallery FILE.html and open that"
        )
    return found


def open_all(opener: str, targets: Sequence[str]) -> list[tuple[str, str]]:
    """Open files or addresses; return those that could not be, and why.

    Args:
        targets: Absolute paths, or URLs.
    """
    started = []
    failed: list[tuple[str, str]] = []
    for target in targets:
        try:
            started.append((target, _start(opener, target)))
        except OSError as error:
            failed.append((target, f"{opener}: {error.strerror}"))
    deadline = time.monotonic() + PATIENCE_S
    for target, process in started:
        try:
            code = process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            continue
        if code:
            failed.append(
                (target, f"{opener} ended with code {code}; no program may be set for it")
            )
    return failed


def _start(opener: str, target: str) -> "subprocess.Popen[bytes]":
    # Apart from this terminal: a viewer must not end with it, nor write over the results.
    return subprocess.Popen(
        [opener, target],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
