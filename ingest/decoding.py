"""What is done with a file's bytes away from the rest: decode, resize, read the facts, hash.

This runs in worker processes (`ingest.decoding_worker`), which the pool of the main process starts
(`ingest.decoding_pool`).
"""

from dataclasses import dataclass

from embed.images import decode_image, read_header
from embed.phash import perceptual_hash
from embed.resizing import Pixels, Resizing
from ingest.facts import Facts
from ingest.metadata import read_facts


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
