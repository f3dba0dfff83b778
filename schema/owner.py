"""Which process has an embedded store open, and at which port it answers.

Milvus Lite lets one process at a time open a folder, and that process serves it on a port of its
own on the loopback interface. It writes the port beside the folder, so that other processes of the
same user can use the store through it. The lock that Milvus Lite holds on the folder, not this
note, says whether the folder is open: a note that a killed process left is replaced by the next.
"""

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path


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
    handle, temporary = tempfile.mkstemp(dir=folder.parent, prefix=_note(folder).name)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(asdict(Owner(os.getpid(), port)), file)
    Path(temporary).replace(_note(folder))


def withdraw(folder: Path) -> None:
    """Take the note back; called while the folder is still locked, lest it be another's."""
    _note(folder).unlink(missing_ok=True)


def find_owner(folder: Path) -> Owner | None:
    """Return the living process of this user that says it has a folder open."""
    note = _note(folder)
    try:
        if note.stat().st_uid != os.geteuid():
            return None
        data = json.loads(note.read_text(encoding="utf-8"))
        owner = Owner(int(data["pid"]), int(data["port"]))
        os.kill(owner.pid, 0)
    except (OSError, ValueError, TypeError, KeyError, OverflowError):
        # There is no note, or its process is gone or another user's.
        return None
    return owner if owner.pid > 0 else None


def _note(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.owner")
