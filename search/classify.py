"""Which of some labels fits an image: zero-shot classification with a dual encoder."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, overload

from embed.encoder import Encoder
from embed.resizing import Pixels
from embed.scoring import takes_no_words
from schema.errors import NoUsableImage, UsageError
from schema.records import Vectors
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
    names = check_labels(labels)
    check_template(template)
    files = [Path(path).expanduser() for path in paths]
    if not files:
        raise UsageError("nothing to classify: give at least one image file")
    model = encoder()
    if model.scoring is None:
        raise takes_no_words(model.spec)
    texts = model.encode_texts(fill(template, names))
    found: list[Classified] = []
    unusable: list[Unusable] = []
    for paths_read, vectors in _encode(files, model, unusable):
        for path, probabilities in zip(
            paths_read, model.scoring.probabilities(vectors @ texts.T), strict=True
        ):
            scores = [
                LabelScore(name, float(p)) for name, p in zip(names, probabilities, strict=True)
            ]
            scores.sort(key=lambda score: -score.score)
            found.append(Classified(path, tuple(scores)))
    if not found:
        raise NoUsableImage(
            f"none of {len(files)} files can be classified; the first: {unusable[0].detail}"
        )
    return Classification(tuple(found), tuple(unusable))


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
