"""Notes by which processes of one user find each other.

Milvus Lite lets one process at a time open a folder, and that process serves it on a port of its
own on the loopback interface. It leaves a note of the port beside the folder, so that other
processes of the same user can use the store through it. The lock that Milvus Lite holds on the
folder, not the note, says whether the folder is open: a note that a killed process left is
replaced by the next. A server over HTTP leaves a note of its address in the same way.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that has a store open.

    Attributes:
        pid: Its process id.
        port: Where its Milvus answers on 127.0.0.1, without authentication.
    """

    pid: int
    port: int


def announce(folder: Path, port: int) -> None:
    """Write down that this process has a folder open."""
    leave_note(_note(folder), {"port": port})


def withdraw(folder: Path) -> None:
    """Take the note back; called while the folder is still locked, lest it be another's."""
    _note(folder).unlink(missing_ok=True)


def find_owner(folder: Path) -> Owner | None:
    """Return the living process of this user that says it has a folder open."""
    told = read_note(_note(folder))
    try:
        return None if told is None else Owner(told["pid"], int(told["port"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def leave_note(note: Path, facts: Mapping[str, Any]) -> None:
    """Write a note that only this user can read, with this process's id ("pid") added to it."""
    handle, temporary = tempfile.mkstemp(dir=note.parent, prefix=note.name)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump({**facts, "pid": os.getpid()}, file)
    Path(temporary).replace(note)


def read_note(note: Path) -> dict[str, Any] | None:
    """Return what a living process of this user wrote; ``None`` where there is no such note."""
    try:
        if note.stat().st_uid != os.geteuid():
            return None
        facts = json.loads(note.read_text(encoding="utf-8"))
        pid = facts["pid"]
        if not isinstance(facts, dict) or type(pid) is not int or pid <= 0:
            return None
        os.kill(pid, 0)
    except (OSError, ValueError, TypeError, KeyError, OverflowError):
        # There is no note, or its process is gone or another user's.
        return None
    return facts


def _note(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.owner")
