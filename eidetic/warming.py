"""Preparing a model for this machine's processor, once: when asked, and before long work."""

import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eidetic.own_models import spelled_out
from embed import (
    Encoder,
    Exportable,
    Manifest,
    export_model,
    find_export,
    load_encoder,
    remove_export,
    resolve,
    runs_on_cpu,
)
from schema import ModelUnavailable

log = logging.getLogger("eidetic")

WORTHWHILE = 500
"""Images to embed from which preparing pays: it takes as long as embedding some hundred."""

MEMORY_TIMES = 5
"""How many times a model's size its preparation takes in memory, at most."""


@dataclass(frozen=True, slots=True)
class Warmed:
    """What was prepared of a model.

    Attributes:
        model: Its spec.
        folder: Where it lies, in the user's cache.
        size_bytes: Of all files in it.
        seconds: What preparing took; 0 where it was there already.
        half: Whether images are computed in half precision (see `embed.Manifest`).
        half_cosine: How close that is to the model's own vectors at least; None where this
            processor is not faster so.
    """

    model: str
    folder: str
    size_bytes: int
    seconds: float
    half: bool
    half_cosine: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return every fact by name."""
        return asdict(self)


def warm(spec: str, *, single: bool = False) -> Warmed:
    """Prepare a model, unless that was done before.

    Args:
        spec: A model, by any of its names.
        single: Compute images in single precision, also where half is faster.

    Raises:
        ModelUnavailable: It cannot be loaded, or cannot be prepared; says why.
    """
    spec = resolve(spelled_out(spec))
    known = find_export(spec)
    began = time.monotonic()
    folder = known or export_model(spec)
    seconds = 0.0 if known else time.monotonic() - began
    manifest = Manifest.read(folder)
    if manifest is None:
        raise ModelUnavailable(f"{spec}: what was prepared of it was just removed; run it again")
    chosen = manifest.in_precision(single=single)
    try:
        if chosen != manifest:
            chosen.write(folder)
        size = sum(file.stat().st_size for file in folder.iterdir())
    except OSError as error:
        raise ModelUnavailable(
            f"{spec}: what was prepared of it cannot be changed in {folder} ({error.strerror}); "
            "give it back the right to be written, or room on its disk"
        ) from error
    return Warmed(spec, str(folder), size, round(seconds, 1), chosen.half, chosen.half_cosine)


def cool(spec: str) -> bool:
    """Remove what was prepared of a model; whether there was anything."""
    return remove_export(resolve(spelled_out(spec)))


def warmed(encoder: Encoder, images: int) -> Encoder:
    """Return the encoder to embed many images with: that of a model prepared for it, where it pays.

    A model that cannot be prepared goes on in torch, and the log says why.

    Args:
        encoder: One that is loaded.
        images: How many are to be embedded.
    """
    if images < WORTHWHILE or not runs_on_cpu() or not isinstance(encoder, Exportable):
        return encoder
    try:
        if not _has_memory(encoder):
            return encoder
        log.info("preparing %s for this processor, once; this may take minutes", encoder.spec)
        export_model(encoder.spec)
    except ModelUnavailable as error:
        log.warning("%s; it runs in torch", error)
        return encoder
    return load_encoder(encoder.spec)


def _has_memory(encoder: Exportable) -> bool:
    """Whether there is memory to prepare a model in; where the system does not tell, yes."""
    weights = encoder.towers().images.parameters()
    needed = MEMORY_TIMES * sum(each.numel() * each.element_size() for each in weights)
    try:
        facts = Path("/proc/meminfo").read_text(encoding="ascii")
        free = int(facts.partition("MemAvailable:")[2].split()[0]) * 1024
    except (OSError, ValueError, IndexError):
        return True
    if needed > free:
        log.info(
            "the model is not prepared for this processor: that takes some %.0f GB of memory, and "
            "%.0f GB are free; later: eidetic models warm",
            needed / 1e9, free / 1e9,
        )  # fmt: skip
    return needed <= free
