"""Opening files with the programs that the desktop has for them."""

import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schema import UsageError

PATIENCE_S = 2.0
"""An opener that fails does so within this; one that goes on is the viewer itself."""


PLAYERS = {"mpv": "--start", "vlc": "--start-time"}
"""Options by which players begin at a time in seconds; the desktop's opener has none."""


@dataclass(frozen=True, slots=True)
class Player:
    """A program that plays videos, and its option for where to begin."""

    program: str
    option: str


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


def find_player() -> "Player | None":
    """Return a player that can begin at a moment, if the machine has one that is known."""
    for name, option in PLAYERS.items():
        found = shutil.which(name)
        if found is not None:
            return Player(found, option)
    return None


def open_all(
    opener: str, targets: Sequence[str], moments: Mapping[str, int] | None = None
) -> list[tuple[str, str]]:
    """Open files or addresses; return those that could not be, and why.

    Args:
        targets: Absolute paths, or URLs.
        moments: Milliseconds at which videos among them are to begin, where a player can.
    """
    started = []
    failed: list[tuple[str, str]] = []
    for target in targets:
        try:
            started.append((target, _start(_command(opener, target, moments or {}))))
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


def _command(opener: str, target: str, moments: Mapping[str, int]) -> list[str]:
    player = find_player() if moments.get(target) else None
    if player is None:
        return [opener, target]
    return [player.program, f"{player.option}={moments[target] / 1000:.3f}", target]


def _start(command: list[str]) -> "subprocess.Popen[bytes]":
    # Apart from this terminal: a viewer must not end with it, nor write over the results.
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
