"""Which way of showing images a terminal has: it is asked, and not guessed by its name.

Three questions are written at once. The first two are answered only by terminals that know them,
the last by all, so that its answer tells that no other will come:

- kitty's graphics protocol: a query of one pixel
  (https://sw.kovidgoyal.net/kitty/graphics-protocol/#querying-support-and-available-transmission-mediums);
- XTVERSION, by which iTerm2 tells its name (https://iterm2.com/documentation-images.html);
- the primary device attributes, among which 4 stands for sixel (VT340 manual, chapter 14).
"""

import os
import re
import select
import sys
import termios
import time
import tty
from enum import StrEnum

from schema import UsageError

PATIENCE_S = 2.0
"""A terminal behind a slow line answers within this; a dumb one never does."""

_QUESTIONS = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\" + b"\x1b[>q" + b"\x1b[c"
_ATTRIBUTES = re.compile(rb"\x1b\[\?([0-9;]*)c")
_KITTY_OK = re.compile(rb"\x1b_G[^\x1b]*;OK\x1b\\")
_ITERM2 = re.compile(rb"\x1bP>\|iTerm2")

_ELSEWHERE = "use --gallery FILE.html to look at the hits in a browser"


class Graphics(StrEnum):
    """Protocols by which a terminal shows images."""

    KITTY = "kitty"
    ITERM2 = "iterm2"
    SIXEL = "sixel"


def graphics_of_this_terminal() -> Graphics:
    """Ask the terminal that stdout goes to.

    Raises:
        UsageError: It goes to no terminal, or to one that shows no images.
    """
    if not sys.stdout.isatty():
        raise UsageError(f"--show draws in a terminal, and the output goes to none; {_ELSEWHERE}")
    try:
        # Not stdin, which may come from a file.
        descriptor = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError as error:
        raise UsageError(
            f"--show: the terminal cannot be asked ({error.strerror}); {_ELSEWHERE}"
        ) from error
    try:
        found = ask(descriptor)
    finally:
        os.close(descriptor)
    if found is None:
        raise UsageError(
            "--show: this terminal has none of the ways to show images (kitty's, iTerm2's, sixel); "
            f"kitty, WezTerm, iTerm2, foot and others have. Or {_ELSEWHERE}"
        )
    return found


def ask(descriptor: int) -> Graphics | None:
    """Ask a terminal, without leaving a trace on it.

    Args:
        descriptor: Of the terminal, open for reading and writing.
    """
    before = termios.tcgetattr(descriptor)
    try:
        # Neither shown nor held back until the end of a line.
        tty.setcbreak(descriptor, termios.TCSANOW)
        os.write(descriptor, _QUESTIONS)
        return _understand(_listen(descriptor))
    finally:
        # What comes too late is thrown away rather than typed into the shell.
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)


def _listen(descriptor: int) -> bytes:
    answer = b""
    deadline = time.monotonic() + PATIENCE_S
    while not _ATTRIBUTES.search(answer):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            break
        answer += os.read(descriptor, 1024)
    return answer


def _understand(answer: bytes) -> Graphics | None:
    if _ITERM2.search(answer):
        return Graphics.ITERM2
    if _KITTY_OK.search(answer):
        return Graphics.KITTY
    attributes = _ATTRIBUTES.search(answer)
    if attributes and b"4" in attributes[1].split(b";")[1:]:
        return Graphics.SIXEL
    return None
