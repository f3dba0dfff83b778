"""One writer at a time: which command is writing into an archive.

The lock is the kernel's (flock), so that it ends with its process however that ends. What stands in
the file is for people who find it locked. It holds on one machine: writers of several machines on
one Milvus server are not kept apart.
"""

import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from schema import ArchiveBusy

log = logging.getLogger("eidetic")

PAUSE_S = 0.1


@contextmanager
def writing(file: Path, doing: str, *, wait_s: float = 0.0) -> Iterator[None]:
    """Hold an archive's right to write, so that no other process or thread has it.

    Args:
        file: Stands for the right; made where it is missing, and left.
        doing: What for, for messages of others ("ingest").
        wait_s: How long to wait for another writer.

    Raises:
        ArchiveBusy: Another has it and did not end in time; the message says which.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+", encoding="utf-8") as held:
        _lock(held.fileno(), file, wait_s)
        held.truncate(0)
        since = datetime.now().astimezone().strftime("%H:%M")
        json.dump({"pid": os.getpid(), "doing": doing, "since": since}, held)
        held.flush()
        try:
            yield
        finally:
            # Closing lets go of the lock; until then nobody may read this as the new holder's.
            held.truncate(0)


def _lock(handle: int, file: Path, wait_s: float) -> None:
    give_up = time.monotonic() + wait_s
    has_told = False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            told = f"{_describe(file)} is writing into this archive"
            if time.monotonic() >= give_up:
                raise ArchiveBusy(
                    f"{told}, and only one command can at a time; wait for its end, or end it"
                ) from error
            if not has_told:
                log.info("%s; waiting for it", told)
                has_told = True
        time.sleep(PAUSE_S)


def _describe(file: Path) -> str:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        return f"process {told['pid']} ({told['doing']}, since {told['since']})"
    except (OSError, ValueError, TypeError, KeyError):
        # It has only just begun, or is ending.
        return "another process"
