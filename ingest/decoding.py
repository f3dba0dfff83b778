"""What is done with a file's bytes away from the rest: decode, resize, read the facts, hash.

This runs in worker processes (`ingest.decoding_worker`), which the pool of the main process starts
(`ingest.decoding_pool`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from embed.images import decode_image, read_header
from embed.phash import perceptual_hash
from embed.resizing import Pixels, Resizing
from embed.video import VideoFile
from ingest.facts import Facts, merge_facts
from ingest.metadata import read_facts
from ingest.scenes import Plan, select
from ingest.video_facts import read_video
from ingest.xmp import read_xmp
from schema.errors import ImageUnreadable, SkipReason


@dataclass(frozen=True, slots=True)
class Job:
    """What to do with one file's bytes.

    Attributes:
        sidecar: Bytes of its XMP sidecar, b"" where there is none.
        resizing: The encoder's; None to read the facts only and decode nothing.
        target_size: See `embed.images.decode_image`; so is ``max_pixels``.
    """

    sidecar: bytes
    resizing: Resizing | None
    target_size: int
    max_pixels: int


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """What became of a file's bytes.

    Attributes:
        facts: What its metadata and its sidecar say.
        pixels: None where the job was to read the facts only; so is ``phash``.
        width: Pixels of the full image after orientation; so is ``height``.
        format: Lower-case name of the format found in the bytes.
        phash: See `embed.phash.perceptual_hash`.
    """

    facts: Facts
    width: int
    height: int
    format: str
    pixels: Pixels | None = None
    phash: int | None = None


def decode(job: Job, data: bytes) -> Decoded:
    """Do a job.

    Raises:
        ImageUnreadable: The bytes are no image that can be read, and why.
    """
    if job.resizing is None:
        header = read_header(data)
        facts = read_facts(header, job.sidecar)
        return Decoded(facts, header.width, header.height, header.format)
    decoded = decode_image(data, target_size=job.target_size, max_pixels=job.max_pixels)
    return Decoded(
        facts=read_facts(decoded, job.sidecar),
        width=decoded.width,
        height=decoded.height,
        format=decoded.format,
        pixels=job.resizing.apply(decoded.image),
        phash=perceptual_hash(decoded.image),
    )


@dataclass(frozen=True, slots=True)
class VideoJob:
    """What to do with one segment of a video file, or with its beginning.

    Attributes:
        path: Where the file is; it is opened in the worker, and never read whole.
        format: See `embed.video_formats.video_format`.
        sidecar: Bytes of its XMP sidecar, b"" where there is none.
        resizing: The encoder's; None to read the facts only and decode nothing.
        max_pixels: Limit of one frame.
        plan: None for the first segment, which tells it.
        segment: From 0, see `ingest.scenes.Plan`.
    """

    path: str
    format: str
    sidecar: bytes
    resizing: Resizing | None
    max_pixels: int
    plan: Plan | None = None
    segment: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame that is worth a row.

    Attributes:
        offset_ms: See `embed.video`.
        width: Of the upright frame; so is ``height``.
    """

    offset_ms: int
    width: int
    height: int
    pixels: Pixels
    phash: int


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """What became of one segment of a video.

    Attributes:
        facts: What the metadata of the file and its sidecar say.
        plan: How the whole file is looked at.
    """

    facts: Facts
    plan: Plan
    frames: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class FrameJob:
    """Which frame of a video file to show.

    Attributes:
        offset_ms: See `embed.video.VideoFile.at`; the others are as in `VideoJob`.
    """

    path: str
    format: str
    offset_ms: int
    resizing: Resizing
    max_pixels: int


AnyJob = Job | VideoJob | FrameJob

Answer = Decoded | Segment | Pixels


def decode_frame(job: FrameJob, beat: Callable[[], None]) -> Pixels:
    """Do a job, see `decode_segment`."""
    with (
        _open(job.path) as file,
        VideoFile(file, job.format, max_pixels=job.max_pixels) as video,
    ):
        return job.resizing.apply(video.at(job.offset_ms, beat).image())


def decode_segment(job: VideoJob, beat: Callable[[], None]) -> Segment:
    """Do a job.

    Args:
        beat: Called at every step, however small.

    Raises:
        ImageUnreadable: The file is no video that can be read, and why.
    """
    with (
        _open(job.path) as file,
        VideoFile(file, job.format, max_pixels=job.max_pixels) as video,
    ):
        facts = merge_facts(
            sidecar=read_xmp(job.sidecar),
            xmp=Facts(),
            iptc=Facts(),
            exif=read_video(video.metadata),
        )
        if job.resizing is None:
            return Segment(facts, Plan.of(0), ())
        plan = job.plan or Plan.of(video.duration_ms or video.measure(beat))
        frames = []
        for candidate in select(video, plan, job.segment, beat):
            image = candidate.image()
            frames.append(
                Frame(
                    candidate.offset_ms,
                    image.width,
                    image.height,
                    job.resizing.apply(image),
                    perceptual_hash(image),
                )
            )
    return Segment(facts, plan, tuple(frames))


def _open(path: str) -> BufferedReader:
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise ImageUnreadable(
            SkipReason.UNREADABLE,
            f"the file cannot be read ({error.strerror}); check its permissions and disk",
        ) from error
