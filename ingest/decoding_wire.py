"""How the main process and a decoding worker speak: frames over a pair of connected sockets.

A frame is its length in eight bytes, big-endian, and its bytes. A job is two frames, the pickled
`ingest.decoding.Job` and the file's bytes as they are (none of a video, which the worker opens
itself); the answer is one, pickled, after any number of beats. Only the two
ends that the main process made ever speak here, so that a pickle comes from nobody else.
"""

import socket
from dataclasses import dataclass

from schema.errors import SkipReason

READY = b"ready"
"""What a worker says when it can take its first job."""

BEAT = b"beat"
"""What a worker says while a long job goes on; no pickle is equal to it."""

_LENGTH_BYTES = 8


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer for bytes that cannot be read; see `schema.errors.ImageUnreadable`."""

    reason: SkipReason
    detail: str


@dataclass(frozen=True, slots=True)
class Failure:
    """The answer where the program itself failed.

    Attributes:
        traceback: As Python prints it.
    """

    traceback: str


def send_frame(channel: socket.socket, payload: bytes) -> None:
    """Send one frame.

    Raises:
        OSError: The other end is gone.
    """
    channel.sendall(len(payload).to_bytes(_LENGTH_BYTES))
    channel.sendall(payload)


def receive_frame(channel: socket.socket) -> bytes:
    """Wait for one frame.

    Raises:
        EOFError: The other end is gone.
        TimeoutError: The channel has a time limit, and nothing came within it.
    """
    return _receive(channel, int.from_bytes(_receive(channel, _LENGTH_BYTES)))


def _receive(channel: socket.socket, size: int) -> bytes:
    # In a channel without a time limit one call takes it all, in one piece of memory.
    parts = [channel.recv(size, socket.MSG_WAITALL)] if size else []
    missing = size - sum(map(len, parts))
    while missing:
        if not parts[-1]:
            raise EOFError("the other end is gone")
        parts.append(channel.recv(missing))
        missing -= len(parts[-1])
    return parts[0] if len(parts) == 1 else b"".join(parts)
