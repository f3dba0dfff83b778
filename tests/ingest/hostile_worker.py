"""A decoding worker whose decoders misbehave on request, as the bytes it is sent say.

It is a real worker in all else.
"""

import contextlib
import ctypes
import os
import sys
import time
from collections.abc import Callable

from ingest import decoding_worker
from ingest.decoding import Decoded, Job, Segment, VideoJob, decode, decode_segment

SEGFAULT, SLEEP, ALLOCATE, EXIT, BUG = b"segfault", b"sleep", b"allocate", b"exit", b"bug"
SHOUT, KILLED_ONCE = b"shout", b"killed once "


LIKE_A_JPEG = b"\xff\xd8\xff\xe0"
"""May stand before a request, so that a run takes the file for an image at sight."""


def misbehave(job: Job, data: bytes) -> Decoded:
    """Do what the first words of the bytes say; decode them if they are an image."""
    request = data.removeprefix(LIKE_A_JPEG)
    if request.startswith(SEGFAULT):
        ctypes.string_at(0)
    elif request.startswith(SLEEP):
        time.sleep(3600)
    elif request.startswith(ALLOCATE):
        hoard = []
        while True:
            hoard.append(bytearray(64 << 20))
    elif request.startswith(EXIT):
        os._exit(3)
    elif request.startswith(BUG):
        raise KeyError("a bug in the program")
    elif request.startswith(KILLED_ONCE):
        # The rest names a file that is there when the first worker is gone.
        path = os.fsdecode(request.removeprefix(KILLED_ONCE))
        if not os.path.exists(path):  # noqa: PTH110
            open(path, "x").close()  # noqa: PTH123
            os.kill(os.getpid(), 9)
        raise KeyError("the second worker got it")
    elif request.startswith(SHOUT):
        for _ in range(100_000):
            # As libraries in C do: what cannot be written is lost.
            with contextlib.suppress(OSError):
                os.write(2, b"libtiff: warning: " * 10)
    return decode(job, data)


def die_at(job: VideoJob, beat: Callable[[], None]) -> Segment:
    """Decode a segment of a video, but misbehave at those that the environment names."""
    if os.environ.get("EIDETIC_TEST_DIES_AT") == str(job.segment):
        ctypes.string_at(0)
    if os.environ.get("EIDETIC_TEST_TOILS_AT") == str(job.segment):
        decoding_worker.BEAT_EVERY_S = 0.0
        for _ in range(100):
            beat()
    return decode_segment(job, beat)


if __name__ == "__main__":
    decoding_worker.decode = misbehave  # type: ignore[attr-defined]
    decoding_worker.decode_segment = die_at  # type: ignore[attr-defined]
    sys.exit(decoding_worker.main())
