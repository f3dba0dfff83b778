"""Worker processes that decode: a decoder that crashes or hangs costs one file, not the run.

Each is a fresh interpreter: no fork of a process with threads, and no second run of the caller's
own script, as `multiprocessing` would do. They start when there is something to decode, at most one
for each thread that asks at the same time, and end with the pool, or when this process is gone.
See docs/adr/0005-decoding-in-worker-processes.md.
"""

import fcntl
import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np

from embed.resizing import Pixels
from ingest.decoding import Answer, AnyJob, Decoded, FrameJob, Job, Segment, VideoJob
from ingest.decoding_wire import BEAT, READY, Failure, Refusal, receive_frame, send_frame
from schema.closing import Closing
from schema.errors import EideticError, ImageUnreadable, SkipReason

log = logging.getLogger(__name__)

WORKER_MODULE = "ingest.decoding_worker"

TIME_LIMIT_S = 60.0
"""For one image, or from one sign of progress in a video to the next. The slowest images that are
allowed by their size take a few seconds of one core."""

START_LIMIT_S = 120.0
"""For starting the interpreter and importing the decoders, also on a busy machine."""

MOST_LOGGED_BYTES = 4096
"""Of what the decoders of one file complain; the last of it says what they died of."""

_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""There is a worker for every core."""


class DecodingPool(Closing):
    """Does jobs in worker processes, as many at a time as threads ask. Safe in many threads."""

    def __init__(self, *, module: str = "", time_limit_s: float = TIME_LIMIT_S) -> None:
        """Start nothing yet.

        Args:
            module: What a worker runs; by default `WORKER_MODULE`.
            time_limit_s: For one image, or one step in a video, in seconds.
        """
        self._module = module or WORKER_MODULE
        self._time_limit_s = time_limit_s
        self._lock = threading.Lock()
        self._all: set[_Worker] = set()
        self._idle: list[_Worker] = []
        self._is_closed = False

    def decode(self, job: Job, data: bytes, *, name: str = "") -> Decoded:
        """Do one job in a worker, and wait for it.

        A worker that dies counts against the file only when a second one dies of it: the first may
        have been killed for other reasons.

        Args:
            name: Of the file, for the log.

        Raises:
            ImageUnreadable: The file cannot be read, or no decoder survives it, and why.
            CancelledError: The pool was closed meanwhile.
            EideticError: No worker can be started, or the program failed in one.
        """
        answer = self._do(job, data, name)
        if not isinstance(answer, Decoded):
            raise _wrong(name, answer)
        return answer

    def look(self, job: VideoJob) -> Segment:
        """Decode one segment of a video in a worker, and wait for it; else as `decode`.

        Raises:
            ImageUnreadable: The file cannot be read, or no decoder survives it, and why.
            CancelledError: The pool was closed meanwhile.
            EideticError: No worker can be started, or the program failed in one.
        """
        answer = self._do(job, b"", job.path)
        if not isinstance(answer, Segment):
            raise _wrong(job.path, answer)
        return answer

    def show(self, job: FrameJob) -> Pixels:
        """Decode one frame of a video in a worker, and wait for it; raises as `look`."""
        answer = self._do(job, b"", job.path)
        if not isinstance(answer, np.ndarray):
            raise _wrong(job.path, answer)
        return answer

    def _do(self, job: AnyJob, data: bytes, name: str) -> Answer:
        try:
            return self._do_once(job, data, name)
        except _WorkerLost as lost:
            log.info("%s: a decoding worker died (%s); trying another", name, lost)
        try:
            return self._do_once(job, data, name)
        except _WorkerLost as lost:
            raise ImageUnreadable(
                SkipReason.DECODER_CRASHED,
                f"two decoding processes died of it ({lost}); save it anew in another program",
            ) from lost

    def close(self) -> None:
        """End all workers, in whatever they are; calling it twice is no error."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
            busy = self._all.difference(idle)
        for worker in busy:
            # Its thread then finds the other end gone, and tidies up.
            worker.kill()
        for worker in idle:
            self._drop(worker)

    def _do_once(self, job: AnyJob, data: bytes, name: str) -> Answer:
        worker = self._take()
        try:
            answer = worker.do(job, data, name)
        except ImageUnreadable as refusal:
            if refusal.reason is SkipReason.DECODER_TIMED_OUT:
                self._drop(worker)
            else:
                self._give_back(worker)
            raise
        except BaseException as error:
            self._drop(worker)
            if self._is_closed:
                raise CancelledError("the decoding pool was closed") from error
            raise
        self._give_back(worker)
        return answer

    def _take(self) -> "_Worker":
        with self._lock:
            if self._is_closed:
                raise CancelledError("the decoding pool was closed")
            if self._idle:
                return self._idle.pop()
            try:
                worker = _Worker(self._module, self._time_limit_s)
            except OSError as error:
                raise EideticError(
                    f"a decoding process cannot be started ({error}); use fewer --workers"
                ) from error
            self._all.add(worker)
        try:
            worker.wait_until_ready()
        except BaseException as error:
            self._drop(worker)
            if self._is_closed:
                raise CancelledError("the decoding pool was closed") from error
            raise
        return worker

    def _give_back(self, worker: "_Worker") -> None:
        with self._lock:
            if not self._is_closed:
                self._idle.append(worker)
                return
        self._drop(worker)

    def _drop(self, worker: "_Worker") -> None:
        with self._lock:
            self._all.discard(worker)
        worker.close()


class _WorkerLost(Exception):
    """A worker ended in the middle of a job; says how."""


class _Worker:
    """One worker process, and this end of its channel."""

    def __init__(self, module: str, time_limit_s: float) -> None:
        self._time_limit_s = time_limit_s
        self._channel, theirs = socket.socketpair()
        # Not a pipe: nobody reads it while a decoder writes, and a full one would stop it.
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115
        # So that what is written after it was emptied begins at its start.
        fcntl.fcntl(self._complaints, fcntl.F_SETFL, os.O_APPEND)
        with theirs:
            self._process = subprocess.Popen(
                # -P: the current folder, which may be anybody's, is no place to import from.
                [
                    *(sys.executable, "-P", "-X", "faulthandler", "-m", module),
                    *(str(theirs.fileno()), str(time_limit_s)),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._complaints,
                stderr=self._complaints,
                env={**os.environ, **_ONE_THREAD, "PYTHONPATH": import_path()},
                # Ctrl-C in a terminal goes to this process alone, which then ends its workers.
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """Wait until the process can take a job.

        Raises:
            EideticError: It cannot be started; the message carries what it said.
        """
        self._channel.settimeout(START_LIMIT_S)
        try:
            said = receive_frame(self._channel)
        except (EOFError, OSError) as error:
            how = self._how_it_ended()
            raise EideticError(
                f"a decoding process cannot be started ({how}): {self._read_complaints()}"
            ) from error
        if said != READY:
            raise EideticError("a decoding process of another version answered; install again")

    def do(self, job: AnyJob, data: bytes, name: str) -> Answer:
        """Send a job and wait for the answer."""
        self._channel.settimeout(self._time_limit_s)
        try:
            send_frame(self._channel, pickle.dumps(job, pickle.HIGHEST_PROTOCOL))
            send_frame(self._channel, data)
            while (said := receive_frame(self._channel)) == BEAT:
                pass
            answer = pickle.loads(said)
        except TimeoutError as error:
            raise ImageUnreadable(
                SkipReason.DECODER_TIMED_OUT,
                f"it was not decoded within {self._time_limit_s:g} seconds; save it anew in "
                "another program",
            ) from error
        except (EOFError, OSError) as error:
            raise _WorkerLost(self._how_it_ended()) from error
        finally:
            complaints = self._read_complaints()
            if complaints:
                log.debug("%s: %s", name, complaints)
        match answer:
            case Decoded() | Segment() | np.ndarray():
                return answer
            case Refusal():
                raise ImageUnreadable(answer.reason, answer.detail)
            case Failure():
                raise EideticError(f"decoding {name} failed:\n{answer.traceback}")
            case _:
                raise _wrong(name, answer)

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the process, and let go of what belongs to it."""
        self.kill()
        self._channel.close()
        self._complaints.close()

    def _how_it_ended(self) -> str:
        try:
            status = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return "it no longer answers"
        return signal.Signals(-status).name if status < 0 else f"exit status {status}"

    def _read_complaints(self) -> str:
        """Return the end of what the process and its libraries have written since the last time."""
        size = os.fstat(self._complaints.fileno()).st_size
        if not size:
            return ""
        start = max(0, size - MOST_LOGGED_BYTES)
        said = os.pread(self._complaints.fileno(), MOST_LOGGED_BYTES, start)
        os.ftruncate(self._complaints.fileno(), 0)
        return said.decode("utf-8", "replace").strip()


def _wrong(name: str, answer: object) -> EideticError:
    return EideticError(f"decoding {name} gave {type(answer).__name__}")


def import_path() -> str:
    """Return where this process imports from, for another one to import the same."""
    return os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
