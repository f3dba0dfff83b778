"""How well an archive is found by captions: recall at k and median rank, both ways.

The measures are those of image-caption retrieval since Hodosh, Young and Hockenmaier, "Framing
image description as a ranking task" (JAIR 2013): R@k is the share of queries with a right answer
among the first k.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embed.encoder import Encoder
from schema.errors import NoUsableImage, UsageError
from schema.records import Vectors
from schema.store import Store

DEPTHS = (1, 5, 10)
QUERIES_PER_CALL = 64


@dataclass(frozen=True, slots=True)
class Captioned:
    """An image by its file name, and captions of it in one language."""

    file: str
    captions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recall:
    """Results one way.

    Attributes:
        at: Share of queries answered rightly among the first k, in [0, 1], by k.
        median_rank: Median of the best right answer's rank, from 1.
    """

    at: dict[int, float]
    median_rank: float

    def as_dict(self) -> dict[str, float]:
        """Return the keys of the command line's contract."""
        return {
            **{f"R@{k}": share for k, share in self.at.items()},
            "median_rank": self.median_rank,
        }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Recall over the images that are both captioned and in the archive."""

    images: int
    captions: int
    missing: int
    text_to_image: Recall
    image_to_text: Recall

    def as_dict(self) -> dict[str, object]:
        """Return the keys of the command line's contract."""
        return {
            "pictures": self.images,
            "captions": self.captions,
            "missing": self.missing,
            "text_to_image": self.text_to_image.as_dict(),
            "image_to_text": self.image_to_text.as_dict(),
        }


def read_captions(path: Path, language: str) -> Iterator[Captioned]:
    """Yield the images of a JSON Lines file that have captions in a language.

    A line reads ``{"file": NAME, "captions": {"en": ["...", ...]}}``; other keys are ignored.

    Raises:
        UsageError: The file cannot be read, or a line is not of that form.
    """
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    captioned = _parse(line, language, f"{path}, line {number}")
                    if captioned.captions:
                        yield captioned
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"captions file {path}: cannot be read ({error})") from error


def evaluate(captioned: Iterable[Captioned], *, store: Store, encoder: Encoder) -> Evaluation:
    """Measure recall of an archive by captions of its images.

    Text to image goes the whole way, index included, among all rows of the archive; its median
    rank, and image to text, are exact among the captioned images.

    Raises:
        UsageError: There are no captions.
        NoUsableImage: No captioned file is in the archive.
    """
    wanted: dict[str, tuple[str, ...]] = {}
    for item in captioned:
        wanted[item.file] = (*wanted.get(item.file, ()), *item.captions)
    if not wanted:
        raise UsageError("no line has captions in the language asked for; check --language")
    ids: dict[str, str] = {}
    namesakes: dict[str, str] = {}
    for record in store.iterate():
        if record.name in wanted:
            ids.setdefault(record.name, record.id)
            namesakes[record.id] = record.name
    if not ids:
        raise NoUsableImage(
            f"none of the {len(wanted):,} captioned files is in the archive; ingest their folder "
            "first, and check that 'file' is the bare file name"
        )
    names = sorted(ids)
    stored = store.vectors([ids[name] for name in names])
    images = np.stack([stored[ids[name]] for name in names])
    texts = [caption for name in names for caption in wanted[name]]
    owner = np.repeat(np.arange(len(names)), [len(wanted[name]) for name in names])
    vectors = np.concatenate(list(_encode(encoder, texts)))
    scores = vectors @ images.T
    by_index = _ranks_in_index(vectors, [names[i] for i in owner], namesakes, store)
    by_image = _image_ranks(scores, owner)
    return Evaluation(
        images=len(names),
        captions=len(texts),
        missing=len(wanted) - len(names),
        text_to_image=Recall(_shares(by_index), _median(_text_ranks(scores, owner))),
        image_to_text=Recall(_shares(by_image), _median(by_image)),
    )


def _parse(line: str, language: str, where: str) -> Captioned:
    form = '{"file": NAME, "captions": {"en": ["...", ...]}}'
    try:
        data = json.loads(line)
        captions = data["captions"].get(language, [])
        if not isinstance(data["file"], str) or not isinstance(captions, list):
            raise TypeError
        if not all(isinstance(caption, str) for caption in captions):
            raise TypeError
        return Captioned(data["file"], tuple(captions))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{where}: not of the form {form}") from error


def _encode(encoder: Encoder, texts: Sequence[str]) -> Iterator[Vectors]:
    queue = iter(texts)
    while batch := list(islice(queue, QUERIES_PER_CALL)):
        yield encoder.encode_texts(batch)


def _ranks_in_index(
    queries: Vectors, owners: Sequence[str], namesakes: dict[str, str], store: Store
) -> NDArray[np.float64]:
    """Rank, from 1, of the first right row among the first ten; infinity where there is none."""
    ranks = np.full(len(queries), np.inf)
    for start in range(0, len(queries), QUERIES_PER_CALL):
        found = store.search(queries[start : start + QUERIES_PER_CALL], max(DEPTHS))
        for i, matches in enumerate(found, start=start):
            right = [r for r, m in enumerate(matches, 1) if namesakes.get(m.record.id) == owners[i]]
            ranks[i] = min(right, default=np.inf)
    return ranks


def _text_ranks(scores: NDArray[np.float32], owner: NDArray[np.intp]) -> NDArray[np.float64]:
    """Rank of each caption's image: scores has shape (captions, images)."""
    own = scores[np.arange(len(owner)), owner]
    ranks: NDArray[np.float64] = 1.0 + (scores > own[:, None]).sum(axis=1)
    return ranks


def _image_ranks(scores: NDArray[np.float32], owner: NDArray[np.intp]) -> NDArray[np.float64]:
    """Rank of each image's best own caption among all captions."""
    ranks = np.empty(scores.shape[1])
    for image in range(scores.shape[1]):
        best = scores[owner == image, image].max()
        ranks[image] = 1.0 + (scores[owner != image, image] > best).sum()
    return ranks


def _shares(ranks: NDArray[np.float64]) -> dict[int, float]:
    return {k: float(np.mean(ranks <= k)) for k in DEPTHS}


def _median(ranks: NDArray[np.float64]) -> float:
    return float(np.median(ranks))
