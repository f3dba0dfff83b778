"""Small videos, made with the encoders of PyAV's wheel."""

import io
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from tests.ingest.small_archive import write

Rgb = NDArray[np.uint8]

SIZE = (96, 64)
FPS = 10

RED, GREEN, BLUE = (220, 20, 20), (20, 200, 20), (20, 20, 220)
WHITE, BLACK, YELLOW = (235, 235, 235), (10, 10, 10), (220, 220, 20)


def scene(colour: Sequence[int], seed: int = 0, size: tuple[int, int] = SIZE) -> Rgb:
    """A frame of one colour with a bright square, whose place is the seed's."""
    image = np.empty((size[1], size[0], 3), np.uint8)
    image[:] = colour
    x, y = 8 + 16 * (seed % 4), 8 + 16 * (seed // 4 % 3)
    image[y : y + 16, x : x + 16] = (250, 250, 250)
    return image


def video(
    scenes: Sequence[tuple[Rgb, float]],
    *,
    codec: str = "libx264",
    container: str = "mp4",
    fps: int = FPS,
    key_every: int = 10,
    metadata: Mapping[str, str] | None = None,
    bit_rate: int = 2_000_000,
    codec_options: Mapping[str, str] | None = None,
    live: bool = False,
    aspect: Fraction | None = None,
) -> bytes:
    """Return a file that shows each frame for so many seconds.

    Args:
        live: Whether it is written as it comes, so that its header does not say its length.
        aspect: Of a pixel, width to height.
    """
    file = _Pipe() if live else io.BytesIO()
    with av.open(file, "w", format=container) as out:
        out.metadata.update(metadata or {})
        stream = out.add_stream(codec, rate=fps, options=dict(codec_options or {}))
        stream.height, stream.width = scenes[0][0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = bit_rate
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        stream.codec_context.gop_size = key_every
        number = 0
        for image, seconds in scenes:
            for _ in range(round(seconds * fps)):
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts = number
                frame.time_base = Fraction(1, fps)
                number += 1
                out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


class _Pipe(io.BytesIO):
    """A file that cannot go back."""

    def seekable(self) -> bool:
        return False

    seek = None  # type: ignore[assignment]


def three_scenes(**options: object) -> bytes:
    """Return a video of nine seconds: red, green from 3 s on, blue from 6 s on."""
    scenes = [(scene(RED, 0), 3.0), (scene(GREEN, 5), 3.0), (scene(BLUE, 10), 3.0)]
    return video(scenes, **options)  # type: ignore[arg-type]


def sound() -> bytes:
    """Return an MP4 file without a video."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
        frame.rate = 8000
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def turned(data: bytes) -> bytes:
    """Return an MP4 file that says to be shown a quarter turn clockwise."""
    at = data.index(b"tkhd") + 4 + 40
    matrix = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    return data[:at] + b"".join(n.to_bytes(4, signed=True) for n in matrix) + data[at + 36 :]


def save(path: Path, data: bytes) -> Path:
    """Write a video as a file of an old date."""
    return write(path, data)
