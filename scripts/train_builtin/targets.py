"""What each training image is to be near: vectors of its label or of its captions."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.train_builtin.corpus import Corpus
from scripts.train_builtin.teacher import label_vectors, sentence_vectors


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """What the images are to be near: label and caption vectors of the teacher.

    Attributes:
        label_ids: Per image, a row of ``labels``, or -1.
        spans: Per image, the rows of ``captions`` that describe it; empty for labelled images.
    """

    names: tuple[str, ...]
    labels: NDArray[np.float32]
    captions: NDArray[np.float32]
    label_ids: NDArray[np.int64]
    spans: NDArray[np.int64]


def make_targets(train: Corpus, kept: Corpus, work: Path, device: str) -> Targets:
    """Teacher vectors of all labels and of all captions written by people."""
    names = tuple(sorted({label for label in train.labels + kept.labels if label}))
    position = {label: i for i, label in enumerate(names)}
    sentences: list[str] = []
    spans = np.zeros((len(train), 2), dtype=np.int64)
    for i, (captions, label) in enumerate(zip(train.captions, train.labels, strict=True)):
        if not label:
            spans[i] = (len(sentences), len(sentences) + len(captions))
            sentences += captions
    return Targets(
        names=names,
        labels=label_vectors(names, work / "labels.npy", device),
        captions=sentence_vectors(sentences, work / "captions.npy", device),
        label_ids=np.array([position.get(label, -1) for label in train.labels]),
        spans=spans,
    )
