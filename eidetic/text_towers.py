"""Whether an archive may be asked in the words of another model.

Some models share one image tower: AltCLIP's words were trained for CLIP ViT-L/14's images, LAION's
XLM-R for those of its ViT-H/14. An archive of the one can be asked through the other. That two
models share it is not taken from their names but measured on the archive's own images.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from embed import Encoder, load_model
from embed.scoring import takes_no_words
from schema import (
    ArchiveError,
    ArchiveMismatch,
    Collection,
    ImageRecord,
    NoUsableImage,
    Root,
    Store,
    UsageError,
    Vector,
    content_hash,
)
from schema.atomic import write_atomically
from search import Image
from search.engine import prepare

MIN_COSINE = 0.999
"""Between the archive's vector of an image and the other model's: one tower on another machine or
in another library's code stays above, a tower trained on does not."""

SAMPLE = 16
"""Images that are compared. Ids are hashes: the rows that come first are drawn by chance."""

MIN_IMAGES = 4
"""Fewer say too little; an archive whose files are away is not asked in other words."""

ROWS_LOOKED_AT = 1000
"""Rows among which files are looked for that are still there and as they were."""


@dataclass(frozen=True, slots=True)
class TowerCheck:
    """What comparing a model's image tower with an archive's vectors gave.

    Attributes:
        collection: Unique id of the archive's collection.
        text_model: Spec of the other model; ``fingerprint`` is its pre-processing.
        images: How many were compared.
        lowest: The least cosine; ``mean`` is that of all.
    """

    collection: str
    text_model: str
    fingerprint: str
    images: int
    lowest: float
    mean: float


def load_words(spec: str, collection: Collection) -> Encoder:
    """Load a model whose words may be put in the place of the archive's.

    Raises:
        ArchiveMismatch: Its vectors have another length than the archive's.
        UsageError: It has no words, or no image tower that could be compared.
        ModelUnavailable: It cannot be loaded.
    """
    model = load_model(spec)
    if not isinstance(model, Encoder):
        raise UsageError(
            f"text model {spec}: it has no image tower that could be compared with the archive's; "
            "name a model of images and words that shares the archive's images, see `eidetic "
            "models`"
        )
    if model.scoring is None:
        raise takes_no_words(spec)
    if model.dim != collection.dim:
        raise ArchiveMismatch(
            f"text model {spec}: its vectors have {model.dim} dimensions, those of the archive "
            f"({collection.model}) {collection.dim}; leave --text-model out, or ingest into "
            f"another archive with --model {spec}"
        )
    return model


def require_same_tower(
    words: Encoder, *, store: Store, roots: tuple[Root, ...], file: Path
) -> None:
    """Refuse a model whose image tower is not the one behind an archive's vectors.

    What passed is remembered and not measured again; what did not is measured anew when it is
    asked for again.

    Args:
        words: The model.
        store: The archive's rows.
        roots: Where its files are.
        file: Where outcomes are remembered.

    Raises:
        ArchiveMismatch: The towers differ; carries what was measured.
        NoUsableImage: Fewer than `MIN_IMAGES` of the archive's images can be read.
        ArchiveError: The outcome cannot be written.
    """
    collection = store.collection
    asked = (collection.uid, words.spec, words.fingerprint)
    passed = _read(file)
    if asked in [(check.collection, check.text_model, check.fingerprint) for check in passed]:
        return
    check = compare_towers(words, store=store, roots=roots)
    if check.lowest < MIN_COSINE:
        raise ArchiveMismatch(
            f"text model {words.spec}: its image tower is not that of {collection.model}, which "
            f"made the archive's vectors: on {check.images} of its images their cosine is "
            f"{check.lowest:.4f} at least and {check.mean:.4f} on average, and {MIN_COSINE} is "
            "needed; leave --text-model out, or ingest into another archive with --model "
            f"{words.spec}"
        )
    try:
        write_atomically(file, json.dumps([asdict(each) for each in (*passed, check)], indent=2))
    except OSError as error:
        raise ArchiveError(
            f"{file}: cannot be written ({error.strerror}); check the permissions of the data "
            "folder and that its disk has room"
        ) from error


def compare_towers(words: Encoder, *, store: Store, roots: tuple[Root, ...]) -> TowerCheck:
    """Encode a few of an archive's images, as ingestion does, and compare with its vectors.

    Raises:
        NoUsableImage: Fewer than `MIN_IMAGES` of them can be read.
    """
    sample = list(islice(_readable(store, {root.id: root for root in roots}), SAMPLE))
    if len(sample) < MIN_IMAGES:
        raise NoUsableImage(
            f"text model {words.spec}: whether it shares the archive's image tower is measured on "
            f"at least {MIN_IMAGES} of its images, and {len(sample)} of them can be read from "
            "disk as they were; mount their disk, or ingest what has changed"
        )
    made = words.encode_images([prepare(image, words) for image, _ in sample])
    cosines = np.einsum("nd,nd->n", made, np.stack([vector for _, vector in sample]))
    return TowerCheck(
        collection=store.collection.uid,
        text_model=words.spec,
        fingerprint=words.fingerprint,
        images=len(sample),
        lowest=float(cosines.min()),
        mean=float(cosines.mean()),
    )


def _readable(store: Store, roots: dict[str, Root]) -> Iterator[tuple[Image, Vector]]:
    """Yield images that are on this disk as they were when they were embedded, none of them twice,
    and their vectors.
    """
    seen: set[str] = set()
    for record in islice(store.iterate(), ROWS_LOOKED_AT):
        root = roots.get(record.root)
        if record.view != "photo" or record.content in seen or root is None or not root.is_local:
            continue
        data = _read_unchanged(record, Path(root.locate(record.path)))
        vector = store.vectors([record.id]).get(record.id)
        if data is not None and vector is not None:
            seen.add(record.content)
            yield Image(data, record.path), vector


def _read_unchanged(record: ImageRecord, path: Path) -> bytes | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return data if content_hash(data) == record.content else None


def _read(file: Path) -> list[TowerCheck]:
    """Return the remembered outcomes; a file that cannot be read remembers none."""
    try:
        return [TowerCheck(**each) for each in json.loads(file.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return []
