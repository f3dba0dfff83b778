"""Which of some labels fits an image: zero-shot classification with a dual encoder."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, overload

import numpy as np

from embed.encoder import Encoder
from embed.resizing import Pixels
from embed.scoring import takes_no_words
from schema.errors import NoUsableImage, UsageError
from schema.records import Vectors
from schema.store import Store
from search.labels import DEFAULT_TEMPLATE, check_labels, check_template, fill
from search.query import image_term
from search.whole import prepare_whole

IMAGES_AT_ONCE = 32
"""Images that are prepared, by a thread per core, and then encoded: some 20 MB of pixels."""


@dataclass(frozen=True, slots=True)
class LabelScore:
    """How well a label fits an image: a probability in [0, 1], see `embed.scoring.Scoring`."""

    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Classified:
    """One image: its absolute path, and every label, the best first."""

    path: str
    scores: tuple[LabelScore, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the keys of the command line's contract."""
        return {"path": self.path, "scores": [asdict(score) for score in self.scores]}


@dataclass(frozen=True, slots=True)
class Unusable:
    """A file that could not be classified, and why."""

    path: str
    detail: str


@dataclass(frozen=True, slots=True)
class Classification(Sequence[Classified]):
    """The images that were classified, in the order they were given in.

    Attributes:
        unusable: The files that were not.
    """

    images: tuple[Classified, ...]
    unusable: tuple[Unusable, ...]

    @overload
    def __getitem__(self, index: int) -> Classified: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Classified, ...]: ...
    def __getitem__(self, index: int | slice) -> Classified | tuple[Classified, ...]:
        return self.images[index]

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[Classified]:
        return iter(self.images)

    def as_list(self) -> list[dict[str, Any]]:
        """Return the list of the command line's contract."""
        return [image.as_dict() for image in self.images]


def classify(
    paths: Iterable[str | Path],
    labels: Sequence[str],
    *,
    encoder: Callable[[], Encoder],
    template: str = DEFAULT_TEMPLATE,
) -> Classification:
    """Score each of some labels for each of some images.

    A label's score is what transformers' ``zero-shot-image-classification`` pipeline gives it:
    with a softmax over the labels or, where the model was trained to judge each text by itself
    (SigLIP), with a sigmoid.

    Args:
        paths: Image files.
        labels: At least one, without duplicates.
        encoder: Called once the labels are known to be sound.
        template: What is said of an image; ``{}`` stands for the label.

    Raises:
        UsageError: The labels or the template cannot be used, there is no path, or the model
            takes images only.
        NoUsableImage: None of the files can be read.
        ModelUnavailable: The model cannot be loaded.
    """
    files = [Path(path).expanduser() for path in paths]
    if not files:
        raise UsageError("nothing to classify: give at least one image file")
    judge = _Judge(labels, template, encoder)
    found: list[Classified] = []
    unusable: list[Unusable] = []
    for paths_read, vectors in _encode(files, judge.model, unusable):
        scores = judge.score(vectors)
        found += [Classified(path, each) for path, each in zip(paths_read, scores, strict=True)]
    if not found:
        raise NoUsableImage(
            f"none of {len(files)} files can be classified; the first: {unusable[0].detail}"
        )
    return Classification(tuple(found), tuple(unusable))


def classify_rows(
    ids: Sequence[str],
    labels: Sequence[str],
    *,
    store: Store,
    encoder: Callable[[], Encoder],
    template: str = DEFAULT_TEMPLATE,
) -> list[tuple[LabelScore, ...]]:
    """Score each of some labels for each of some rows, by their stored vectors.

    No file is read. Large JPEGs are indexed at reduced scale, so that a score may differ by a
    thousandth or two from that of `classify`.

    Returns:
        Scores by row in the order of ``ids``, the best label first.

    Raises:
        UsageError: As `classify` does, or an id is of no row.
        ModelUnavailable: The model cannot be loaded.
        StoreError: Milvus failed.
    """
    if not ids:
        raise UsageError("nothing to classify: give the id of at least one row")
    judge = _Judge(labels, template, encoder)
    stored = store.vectors(ids)
    missing = next((row for row in ids if row not in stored), None)
    if missing is not None:
        raise UsageError(f"{missing!r} is the id of no row in this archive; search tells ids")
    return judge.score(np.stack([stored[row] for row in ids]))


class _Judge:
    """The labels of one call, encoded by a model that can judge them."""

    def __init__(
        self, labels: Sequence[str], template: str, encoder: Callable[[], Encoder]
    ) -> None:
        self._names = check_labels(labels)
        check_template(template)
        self.model = encoder()
        if self.model.scoring is None:
            raise takes_no_words(self.model.spec)
        self._scoring = self.model.scoring
        self._texts = self.model.encode_texts(fill(template, self._names))

    def score(self, vectors: Vectors) -> list[tuple[LabelScore, ...]]:
        """Return the labels of each vector, best first; shape (n, dim) in, n tuples out."""
        scores = [
            [LabelScore(name, float(p)) for name, p in zip(self._names, row, strict=True)]
            for row in self._scoring.probabilities(vectors @ self._texts.T)
        ]
        return [tuple(sorted(row, key=lambda score: -score.score)) for row in scores]


def _encode(
    files: Sequence[Path], model: Encoder, unusable: list[Unusable]
) -> Iterator[tuple[list[str], Vectors]]:
    """Yield absolute paths and vectors of the images that can be read; add the others."""

    def read(file: Path) -> Pixels | NoUsableImage:
        try:
            return prepare_whole(image_term(file), model)
        except NoUsableImage as error:
            return error

    rest = iter(files)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while batch := list(islice(rest, IMAGES_AT_ONCE)):
            paths, pixels = [], []
            for file, prepared in zip(batch, pool.map(read, batch), strict=True):
                path = os.path.abspath(file)  # noqa: PTH100 - links stay as they are
                if isinstance(prepared, NoUsableImage):
                    unusable.append(Unusable(path, str(prepared)))
                else:
                    paths.append(path)
                    pixels.append(prepared)
            if paths:
                yield paths, model.encode_images(pixels)
