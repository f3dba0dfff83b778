"""An opened video file and its frames, by PyAV, which carries FFmpeg's libraries.

Times are milliseconds from the beginning as a player counts it, rounded up, so that a player asked
for the moment shows this frame and not the one before. Frames are upright (the file's rotation),
in square pixels, RGB.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from io import BufferedReader
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from embed.refusals import broken, too_large
from embed.video_formats import READERS, missing_reader
from schema.closing import Closing
from schema.errors import ImageUnreadable, SkipReason

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    Packets = Iterator[Packet[VideoStream]]

log = logging.getLogger(__name__)

READ_BYTES = 256 << 10
"""Read from the file at a time: FFmpeg's 32 kB would go through Python eight times as often."""

SEEK_SLACK_MS = 1000
"""In formats without an index FFmpeg seeks by the order of decoding, and may land behind a frame
that is shown later than it is decoded."""

SEEK_TRIES_MS = (0, SEEK_SLACK_MS, 10_000)
"""How much earlier is tried for one frame, where FFmpeg has landed behind it; at last the
beginning."""

SMALL_SIDE = 32
"""Pixels a side of what colours are counted on."""

_TURNS = {
    90: Image.Transpose.ROTATE_90,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_270,
}

Beat = Callable[[], None]
"""Called while something goes on, so that whoever waits sees progress."""


def _quiet() -> None:
    pass


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One decoded frame, whose pixels are made on demand.

    Attributes:
        offset_ms: Its time.
    """

    offset_ms: int
    _frame: "VideoFrame"
    _stretch: Fraction

    def colours(self) -> NDArray[np.float64]:
        """Return shares of 64 colours: shape (64,), float64, sum 1."""
        small = self._frame.reformat(width=SMALL_SIDE, height=SMALL_SIDE, format="rgb24")
        levels = np.asarray(small.to_ndarray(), np.uint8).astype(np.intp) >> 6
        bins = levels[..., 0] * 16 + levels[..., 1] * 4 + levels[..., 2]
        shares: NDArray[np.float64] = np.bincount(bins.ravel(), minlength=64) / bins.size
        return shares

    def image(self) -> Image.Image:
        """Return the frame as a player shows it: RGB, upright, square pixels."""
        image: Image.Image = self._frame.to_image()  # type: ignore[no-untyped-call]
        if self._stretch != 1:
            width = max(1, round(image.width * self._stretch))
            image = image.resize((width, image.height), Image.Resampling.BICUBIC)
        turn = _TURNS.get(round(self._frame.rotation) % 360)
        return image if turn is None else image.transpose(turn)


class VideoFile(Closing):
    """A video that is open for reading. Close it, or use it in a ``with`` statement.

    Attributes:
        duration_ms: As the file says; None where it does not.
        metadata: Texts of the file and of its video stream, by lower-case name.
    """

    def __init__(self, file: BufferedReader, format: str, *, max_pixels: int) -> None:
        """Read the header.

        Args:
            file: Closed by the caller.
            format: See `embed.video_formats.video_format`.
            max_pixels: Limit of one frame.

        Raises:
            ImageUnreadable: PyAV is missing, or the file is no video that can be read.
        """
        refusal = missing_reader()
        if refusal is not None:
            raise refusal
        import av

        # What FFmpeg complains of is in its errors; it would write it to standard error besides.
        av.logging.set_level(av.logging.PANIC)
        self._file = file
        self._reader = READERS[format]
        self._max_pixels = max_pixels
        self._open()
        self._start = Fraction(self._container.start_time or 0, av.time_base)
        duration = self._container.duration
        self.duration_ms = None if not duration or duration < 0 else duration * 1000 // av.time_base
        self.metadata = _texts(self._stream.metadata) | _texts(self._container.metadata)

    def close(self) -> None:
        """Let go of the decoder; calling it twice is no error."""
        self._container.close()

    def measure(self, beat: Beat = _quiet) -> int:
        """Return the time of the last frame, found by reading the whole file but decoding none."""
        last = 0
        for packet in self._packets(beat):
            last = max(last, self._offset(packet.pts, packet.dts) or 0)
        return last

    def key_times(self, start_ms: int, end_ms: int, beat: Beat = _quiet) -> list[int]:
        """Return the times of what `keys` yields, without decoding any, in their order."""
        packets = self._key_packets(start_ms, end_ms, beat)
        times = (self._offset(packet.pts, packet.dts) for packet in packets)
        return sorted(time for time in times if time is not None)

    def keys(self, start_ms: int, end_ms: int, beat: Beat = _quiet) -> Iterator[Candidate]:
        """Yield the frames of a span that stand by themselves; all others are not decoded.

        Args:
            start_ms: The first time that belongs to it; ``end_ms`` the first that no longer does.
        """
        for candidate in self._decode(self._key_packets(start_ms, end_ms, beat), beat):
            if start_ms <= candidate.offset_ms < end_ms:
                yield candidate

    def all(self, start_ms: int, end_ms: int, beat: Beat = _quiet) -> Iterator[Candidate]:
        """Yield all frames of a span, see `keys`; each is decoded."""
        self._seek(start_ms - SEEK_SLACK_MS)
        for candidate in self._decode(self._packets(beat), beat):
            if candidate.offset_ms >= end_ms:
                return
            if candidate.offset_ms >= start_ms:
                yield candidate

    def at(self, offset_ms: int, beat: Beat = _quiet) -> Candidate:
        """Return the first frame that is not before a time, or the last one there is.

        Raises:
            ImageUnreadable: There is none that can be decoded.
        """
        last = None
        for slack_ms in (*SEEK_TRIES_MS, None):
            self._seek(-SEEK_SLACK_MS if slack_ms is None else offset_ms - slack_ms)
            is_first = True
            for candidate in self._decode(self._packets(beat), beat):
                if is_first and slack_ms is not None and candidate.offset_ms > offset_ms:
                    break
                is_first = False
                last = candidate
                if candidate.offset_ms >= offset_ms:
                    return candidate
            if last is not None:
                return last
        raise no_frames()

    def _open(self) -> None:
        import av

        try:
            self._file.seek(0)
            self._container: InputContainer = av.open(
                self._file,
                "r",
                format=self._reader,
                buffer_size=READ_BYTES,
                metadata_errors="replace",
            )
        except (av.FFmpegError, ValueError, OverflowError) as error:
            raise _unreadable(error) from error
        try:
            self._stream = self._choose_stream()
        except BaseException:
            self._container.close()
            raise

    def _choose_stream(self) -> "VideoStream":
        from av.stream import Disposition

        for stream in self._container.streams.video:
            # The cover of a sound file is a stream of one image.
            if not stream.disposition & Disposition.attached_pic:
                break
        else:
            raise ImageUnreadable(
                SkipReason.NOT_AN_IMAGE, "it has no video, only sound or nothing at all"
            )
        context = stream.codec_context
        if context is None:
            raise ImageUnreadable(
                SkipReason.UNSUPPORTED,
                "its video is coded in a way that FFmpeg does not know; save it as MP4",
            )
        if context.width * context.height > self._max_pixels:
            raise too_large(context.width, context.height, self._max_pixels)
        # Frames may be larger than the header says.
        context.options = {"max_pixels": str(self._max_pixels)}
        # There is a process for every core.
        context.thread_count = 1
        return stream

    def _seek(self, offset_ms: int) -> None:
        import av

        start = int(self._start * av.time_base)
        target = max(min(start, 0), start + offset_ms * av.time_base // 1000)
        try:
            self._container.seek(target)
        except (av.FFmpegError, OverflowError) as error:
            log.debug("cannot seek to %d ms (%s); reading from the beginning", offset_ms, error)
            self._container.close()
            self._open()

    def _key_packets(self, start_ms: int, end_ms: int, beat: Beat) -> "Packets":
        """Yield what a decoder needs for the frames of a span that stand by themselves."""
        self._seek(start_ms - SEEK_SLACK_MS)
        for packet in self._packets(beat):
            offset = self._offset(packet.pts, packet.dts) if packet.is_keyframe else None
            if offset is not None and offset >= end_ms:
                return
            if offset is not None and offset >= start_ms:
                yield packet

    def _packets(self, beat: Beat) -> "Packets":
        """Yield coded frames from here on, as far as the file can be read."""
        import av

        packets = self._container.demux(self._stream)
        while True:
            beat()
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:
                # What stands before a damage can be shown all the same.
                log.debug("the file cannot be read further: %s", error)
                return
            if packet is None:
                return
            if packet.size:
                yield packet

    def _decode(self, packets: "Packets", beat: Beat) -> Iterator[Candidate]:
        import av

        shape = self._stream.sample_aspect_ratio
        stretch = Fraction(shape) if shape and Fraction(1, 16) <= shape <= 16 else Fraction(1)
        for packet in _then_none(packets):
            beat()
            try:
                frames = self._stream.codec_context.decode(packet)
            except av.FFmpegError as error:
                log.debug("a frame cannot be decoded: %s", error)
                continue
            for frame in frames:
                offset = self._offset(frame.pts, frame.dts)
                if offset is None or (frame.is_corrupt and not frame.key_frame):
                    continue
                yield Candidate(offset, frame, stretch)

    def _offset(self, pts: int | None, dts: int | None) -> int | None:
        time = dts if pts is None else pts
        if time is None or self._stream.time_base is None:
            return None
        return max(0, ceil((time * self._stream.time_base - self._start) * 1000))


def frame_at(file: BufferedReader, format: str, offset_ms: int, *, max_pixels: int) -> Image.Image:
    """Return the frame of a video at a time; see `VideoFile.at`.

    Raises:
        ImageUnreadable: The file is no video that can be read, and why.
    """
    with VideoFile(file, format, max_pixels=max_pixels) as video:
        return video.at(offset_ms).image()


def no_frames() -> ImageUnreadable:
    """Return the refusal of a video of which nothing can be shown."""
    return ImageUnreadable(
        SkipReason.CORRUPT, "no frame of it can be decoded; copy it again, or save it anew"
    )


def _then_none(packets: "Packets") -> "Iterator[Packet[VideoStream] | None]":
    """Yield packets and a last None, on which a decoder gives what it still holds."""
    yield from packets
    yield None


def _texts(metadata: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in metadata.items()}


def _unreadable(error: Exception) -> ImageUnreadable:
    words = str(getattr(error, "strerror", None) or error) or type(error).__name__
    return broken(b"", words, known_truncated=isinstance(error, EOFError))
