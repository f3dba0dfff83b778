"""One writer at a time: which command is writing into an archive, and how far it is.

The lock is the kernel's (flock), so that it ends with its process however that ends. What stands in
the file is for those who find it locked. It holds on one machine: writers of several machines on
one Milvus server are not kept apart.
"""

import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from ingest import NoProgress, Progress
from schema import ArchiveBusy

log = logging.getLogger("eidetic")

PAUSE_S = 0.1

ASKING_S = 0.3
"""Who asks whether there is a writer holds the lock for a moment; so long a writer always waits."""

TOLD_EVERY_S = 0.5
"""How often the file says how far its writer is, at most."""

FILE_BYTES = 512
"""The file is always as long, so that one call replaces all of it and no reader sees a half."""


@dataclass(frozen=True, slots=True)
class Writer:
    """What is writing into an archive.

    Attributes:
        pid: Its process id.
        doing: Its command ("ingest").
        since: When it began, ISO 8601 with the offset.
        found: Files that its scan has found so far.
        total: Files it has to read, once the scan is over; ``None`` before.
        done: How many of them it has done.
    """

    pid: int
    doing: str
    since: str
    found: int = 0
    total: int | None = None
    done: int = 0

    def __str__(self) -> str:
        return f"process {self.pid} ({self.doing}, since {self.since[11:16]})"


class Turn:
    """An archive's right to write, held. It can be told of progress, as an `ingest.Progress`."""

    def __init__(self, handle: int, doing: str) -> None:
        self._handle = handle
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        self._writer = Writer(os.getpid(), doing, now)
        self._told = float("-inf")
        self._beside: Progress = NoProgress()
        self._tell(at_once=True)

    def beside(self, progress: Progress | None) -> Progress:
        """Return a progress that tells both the file and another."""
        self._beside = progress or NoProgress()
        return self

    def found(self, files: int) -> None:
        """See `ingest.Progress`."""
        self._writer = replace(self._writer, found=files)
        self._tell()
        self._beside.found(files)

    def start(self, total: int) -> None:
        """See `ingest.Progress`."""
        self._writer = replace(self._writer, total=total, done=0)
        self._tell(at_once=True)
        self._beside.start(total)

    def advance(self, files: int) -> None:
        """See `ingest.Progress`."""
        self._writer = replace(self._writer, done=self._writer.done + files)
        self._tell()
        self._beside.advance(files)

    def _tell(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if at_once or now - self._told >= TOLD_EVERY_S:
            self._told = now
            os.pwrite(self._handle, json.dumps(asdict(self._writer)).encode().ljust(FILE_BYTES), 0)


@contextmanager
def writing(file: Path, doing: str, *, wait_s: float = 0.0) -> Iterator[Turn]:
    """Hold an archive's right to write, so that no other process or thread has it.

    Args:
        file: Stands for the right; made where it is missing, and left.
        doing: What for, for others that ask ("ingest").
        wait_s: How long to wait for another writer.

    Raises:
        ArchiveBusy: Another has it and did not end in time; the message says which.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(handle, file, wait_s)
        try:
            yield Turn(handle, doing)
        finally:
            # Until the lock is gone, nobody may take this for what the next one writes.
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def find_writer(file: Path) -> Writer | None:
    """Return what is writing into an archive now."""
    try:
        with file.open("rb") as asked:
            try:
                fcntl.flock(asked, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None
            except BlockingIOError:
                return Writer(**json.loads(asked.read()))
    except (OSError, ValueError, TypeError):
        # There has been no writer yet, or it has only just begun, or is ending.
        return None


def _lock(handle: int, file: Path, wait_s: float) -> None:
    give_up = time.monotonic() + max(wait_s, ASKING_S)
    has_told = wait_s == 0
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            told = f"{find_writer(file) or 'another process'} is writing into this archive"
            if time.monotonic() >= give_up:
                raise ArchiveBusy(
                    f"{told}, and only one command can at a time; wait for its end, or end it"
                ) from error
            if not has_told:
                log.info("%s; waiting for it", told)
                has_told = True
        time.sleep(PAUSE_S)
