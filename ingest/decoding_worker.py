"""A process that decodes files for another one, and may crash, hang or be killed at any moment.

    python -m ingest.decoding_worker FD TIME_LIMIT_S

FD is its end of the channel of `ingest.decoding_wire`. It ends when the other end is gone, however
that happened. Started by `ingest.decoding_pool` only.
"""

import contextlib
import pickle
import resource
import signal
import socket
import sys
import time
import traceback
from pathlib import Path

from embed.images import BYTES_PER_PIXEL
from ingest.decoding import (
    Answer,
    AnyJob,
    FrameJob,
    VideoJob,
    decode,
    decode_frame,
    decode_segment,
)
from ingest.decoding_wire import BEAT, READY, Failure, Refusal, receive_frame, send_frame
from schema.errors import ImageUnreadable, SkipReason

SPARE_BYTES = 512 << 20
"""Memory a job may take beyond its pixels and its file: for the libraries that are loaded when
their first file comes, and for what they keep."""

MOST_WRITTEN_BYTES = 1 << 20
"""Libraries complain to standard error, which is a file here; a worker writes nowhere else."""

ORPHAN_GRACE_S = 5
"""The main process ends what takes too long. Should it have been killed, the worker ends itself a
little later."""


BEAT_EVERY_S = 1.0
"""A long job says this often that it goes on."""


def main() -> None:
    """Do jobs until the other end is gone."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    time_limit_s = float(sys.argv[2])
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, MOST_WRITTEN_BYTES)
    # Ctrl-C is for the main process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(EOFError, OSError):
        send_frame(channel, READY)
        while True:
            job: AnyJob = pickle.loads(receive_frame(channel))
            data = receive_frame(channel)
            heart = _Heart(channel, time_limit_s)
            answer = _answer(job, data, heart)
            heart.stop()
            send_frame(channel, pickle.dumps(answer, pickle.HIGHEST_PROTOCOL))


class _Heart:
    """Ends this process when a job shows no progress for too long, and says that there is some."""

    def __init__(self, channel: socket.socket, time_limit_s: float) -> None:
        self._channel = channel
        self._alarm_s = int(time_limit_s) + ORPHAN_GRACE_S
        self._last_s = time.monotonic()
        signal.alarm(self._alarm_s)

    def beat(self) -> None:
        """Note progress; the other end is told once a second at most."""
        now_s = time.monotonic()
        if now_s - self._last_s >= BEAT_EVERY_S:
            self._last_s = now_s
            send_frame(self._channel, BEAT)
            signal.alarm(self._alarm_s)

    def stop(self) -> None:
        """Wait for as long as it takes from now on: for the next job."""
        signal.alarm(0)


def _answer(job: AnyJob, data: bytes, heart: _Heart) -> Answer | Refusal | Failure:
    _limit(resource.RLIMIT_AS, _memory_limit(job, data))
    # The boundary of the process: whatever went wrong is told to the other end.
    try:
        if isinstance(job, VideoJob):
            return decode_segment(job, heart.beat)
        if isinstance(job, FrameJob):
            return decode_frame(job, heart.beat)
        return decode(job, data)
    except ImageUnreadable as refusal:
        return Refusal(refusal.reason, refusal.detail)
    except MemoryError:
        return Refusal(
            SkipReason.TOO_LARGE, "there was not enough memory to decode it; save a smaller copy"
        )
    except Exception:  # noqa: BLE001
        return Failure(traceback.format_exc())


def _memory_limit(job: AnyJob, data: bytes) -> int:
    """Return how much address space the process may have while it does a job, in bytes."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:
        # No Linux: there the limits of pixels alone bound a job.
        return resource.RLIM_INFINITY
    taken = pages * resource.getpagesize()
    return taken + BYTES_PER_PIXEL * job.max_pixels + 2 * len(data) + SPARE_BYTES


def _limit(what: int, value: int) -> None:
    """Set a soft limit, as far as the system lets it."""
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        value = hard if value == resource.RLIM_INFINITY else min(value, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(what, (value, hard))


if __name__ == "__main__":
    main()
