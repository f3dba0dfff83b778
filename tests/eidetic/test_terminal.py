"""A terminal is asked what it can show: pseudo terminals that answer as real ones do."""

import os
import pty
import re
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from eidetic.cli import terminal
from eidetic.cli.terminal import Graphics, ask
from schema import UsageError

KITTY = re.compile(rb"\x1b_Gi=(\d+),.*?a=q.*?\x1b\\", re.DOTALL)
VERSION = b"\x1b[>q"
ATTRIBUTES = b"\x1b[c"


class Terminal(threading.Thread):
    """The far side of a pseudo terminal.

    Attributes:
        asked: What it was sent.
    """

    def __init__(self, far: int, *, kitty: bool, name: bytes, attributes: bytes) -> None:
        super().__init__(daemon=True)
        self.asked = b""
        self._far, self._kitty, self._name, self._attributes = far, kitty, name, attributes

    def run(self) -> None:
        while ATTRIBUTES not in self.asked:
            self.asked += os.read(self._far, 1024)
        found = KITTY.search(self.asked)
        if self._kitty and found:
            os.write(self._far, b"\x1b_Gi=%s;OK\x1b\\" % found[1])
        if self._name and VERSION in self.asked:
            os.write(self._far, b"\x1bP>|%s\x1b\\" % self._name)
        if self._attributes:
            os.write(self._far, b"\x1b[?%sc" % self._attributes)


@contextmanager
def a_terminal(
    *, kitty: bool = False, name: bytes = b"", attributes: bytes = b"62;22"
) -> Iterator[tuple[int, Terminal]]:
    far, near = pty.openpty()
    thread = Terminal(far, kitty=kitty, name=name, attributes=attributes)
    thread.start()
    try:
        yield near, thread
    finally:
        thread.join(5)
        os.close(near)
        os.close(far)


@pytest.mark.parametrize(
    ("kitty", "name", "attributes", "graphics"),
    [
        (True, b"kitty(0.43.1)", b"62;52", Graphics.KITTY),
        (True, b"WezTerm 20240203", b"65;4;6;18;22", Graphics.KITTY),
        (True, b"iTerm2 3.6.0", b"64;1;2;4;6;17;18;21;22", Graphics.ITERM2),
        (False, b"iTerm2 3.4.0", b"62;4", Graphics.ITERM2),
        (False, b"foot(1.16.2)", b"62;4;22", Graphics.SIXEL),
        (False, b"XTerm(390)", b"64;1;2;6;9;15;16;17;18;21;22;28", None),
        # 4 as the kind of terminal is no sixel, and neither is 14.
        (False, b"", b"4;14;44", None),
        (False, b"", b"1;2", None),
    ],
)
def test_a_terminal_is_known_by_its_answers(
    kitty: bool, name: bytes, attributes: bytes, graphics: Graphics | None
) -> None:
    with a_terminal(kitty=kitty, name=name, attributes=attributes) as (near, _):
        assert ask(near) is graphics


def test_a_terminal_that_does_not_answer_shows_no_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "PATIENCE_S", 0.05)
    with a_terminal(attributes=b"") as (near, _):
        assert ask(near) is None


def test_asking_leaves_the_terminal_as_it_was() -> None:
    with a_terminal() as (near, thread):
        before = termios.tcgetattr(near)
        ask(near)
        thread.join(5)
        assert termios.tcgetattr(near) == before
        # Its own answers were not echoed back to it.
        assert b"62;22" not in thread.asked


def test_without_a_terminal_it_is_said_what_to_do_instead() -> None:
    with pytest.raises(UsageError, match=r"--show draws in a terminal.*--gallery FILE\.html"):
        terminal.graphics_of_this_terminal()
