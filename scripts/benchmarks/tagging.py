"""How rightly labels are given: the product's score against others, at every threshold.

    python -m scripts.benchmarks.tagging [--kit DIR]

A label fits an image where two of its captions say one of the label's words, and does not where
none says any; pairs that one caption alone speaks for are left out. Scores are compared by the
greatest F1 over all thresholds, one threshold for all labels, which is what a user has.

Two archives: the kit's captioned images with the built-in model and labels of people's making, a
third of them of things that no image shows; and its genuine CLIP ViT-B/32 vectors, where a label
is the mean of the captions of one half of the images that say a word, asked of the other half, and
the neutral texts are that half's captions.
"""

import argparse
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embed.builtin import BuiltinEncoder
from embed.encoder import unit
from schema import Vectors
from scripts.benchmarks.captioned import builtin_images, vitb32_images
from scripts.benchmarks.exclusion import STOP
from search import DEFAULT_TAG_THRESHOLD, DEFAULT_TEMPLATE
from search.labels import fill
from search.tagging import NEUTRAL, standout

LABELS = {
    "dog": "dog dogs", "beach": "beach", "snow": "snow snowy", "water": "water",
    "bicycle": "bicycle bike biker bicyclist", "grass": "grass grassy", "man": "man men",
    "child": "child children kid kids", "woman": "woman women", "ball": "ball",
    "swimming pool": "pool", "mountain": "mountain mountains", "car": "car", "street": "street",
    "soccer": "soccer", "skateboard": "skateboard skateboarder skateboarding", "boat": "boat",
    "surfing": "surf surfer surfing surfboard surfboards", "horse": "horse horses",
    "football": "football", "motorcycle": "motorcycle motorbike", "crowd": "crowd",
    "rock climbing": "climbing climber climbs", "baby": "baby toddler infant", "tennis": "tennis",
    "guitar": "guitar", "bird": "bird birds", "flowers": "flower flowers", "tree": "tree trees",
    "baseball": "baseball", "swing": "swing", "skiing": "ski skier skiing skis", "dress": "dress",
    "submarine": "submarine", "giraffe": "giraffe", "pizza": "pizza", "elephant": "elephant",
    "airplane": "airplane plane", "penguin": "penguin", "castle": "castle", "zebra": "zebra",
    "laptop": "laptop", "piano": "piano", "rocket": "rocket", "sushi": "sushi",
    "hospital bed": "hospital", "steam locomotive": "locomotive train", "cake": "cake",
    "lighthouse": "lighthouse", "microscope": "microscope", "church": "church",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """Images, labels, and which fit: 1, 0, or -1 where that is not known: shape (n, m)."""

    images: Vectors
    texts: Vectors
    neutral: Vectors
    fits: NDArray[np.int8]


def says(captions: list[set[str]], words: set[str]) -> int:
    count = sum(bool(caption & words) for caption in captions)
    return 1 if count >= 2 else -1 if count else 0


def words_of(caption: str) -> set[str]:
    return set(re.findall("[a-z]+", caption.lower()))


def builtin_case(kit: Path) -> Case:
    encoder = BuiltinEncoder()
    known = builtin_images(kit, encoder)
    captions = [[words_of(text) for text in texts] for texts in known.captions]
    return Case(
        known.images,
        encoder.encode_texts(fill(DEFAULT_TEMPLATE, list(LABELS))),
        encoder.encode_texts(fill(DEFAULT_TEMPLATE, NEUTRAL)),
        np.array([[says(c, set(w.split())) for w in LABELS.values()] for c in captions], np.int8),
    )


def vitb32_cases(kit: Path) -> list[Case]:
    known, texts = vitb32_images(kit)
    images = known.images
    by_image = [[words_of(text) for text in five] for five in known.captions]
    captions = [words for five in by_image for words in five]
    frequency = Counter(
        word for five in by_image for word in set().union(*five) if says(five, {word}) == 1
    )
    words = sorted(word for word, n in frequency.items() if n >= 4 and word not in STOP)
    cases = []
    for half in (0, 1):
        known = np.repeat(np.arange(len(images)) % 2 != half, 5)
        saying = {w: [n for n in np.flatnonzero(known) if w in captions[n]] for w in words}
        labels = [word for word in words if len(saying[word]) >= 2]
        means = np.stack([texts[saying[word]].mean(axis=0) for word in labels])
        asked = np.flatnonzero(np.arange(len(images)) % 2 == half)
        fits = [[says(by_image[n], {word}) for word in labels] for n in asked]
        cases.append(Case(images[asked], unit(means), texts[known], np.array(fits, np.int8)))
    return cases


def over_collection(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    return (scores - scores.mean(axis=0)) / scores.std(axis=0)


def scores_of(case: Case) -> dict[str, NDArray[np.floating]]:
    cosines = case.images @ case.texts.T
    neutral = standout(case.images, case.texts, case.neutral)
    return {
        "cosine": cosines,
        "z over the collection": over_collection(cosines),
        "cosine less mean neutral one": cosines
        - (case.images @ case.neutral.T).mean(axis=1, keepdims=True),
        "z over neutral texts (product)": neutral,
        "that, z over the collection": over_collection(neutral),
        "the lesser of both z": np.minimum(neutral, over_collection(cosines)),
    }


def report(name: str, cases: list[Case]) -> None:
    pairs = sum(int((case.fits >= 0).sum()) for case in cases)
    right = sum(int((case.fits == 1).sum()) for case in cases)
    print(f"\n{name}: {pairs:,} pairs of image and label, {right:,} fit")
    print(f"  {'':32} greatest F1   precision  recall  at threshold")
    scored = [scores_of(case) for case in cases]
    for kind in scored[0]:
        scores = np.concatenate(
            [each[kind][case.fits >= 0] for each, case in zip(scored, cases, strict=True)]
        )
        fits = np.concatenate([case.fits[case.fits >= 0] for case in cases])
        order = np.argsort(-scores)
        hits = np.cumsum(fits[order])
        precision, recall = hits / np.arange(1, len(hits) + 1), hits / hits[-1]
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
        best = int(f1.argmax())
        print(
            f"  {kind:32} {f1[best]:11.3f} {precision[best]:11.2f} {recall[best]:7.2f} "
            f"{scores[order[best]]:13.2f}"
        )
        if "product" in kind:
            for threshold in (2.2, DEFAULT_TAG_THRESHOLD, 3.0, 3.5):
                given = int((scores >= threshold).sum())
                at = max(given - 1, 0)
                print(
                    f"    at {threshold:<27} {f1[at]:11.3f} {precision[at]:11.2f} {recall[at]:7.2f}"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kit", type=Path, default=Path("../shared/kit"), help="test material")
    kit = parser.parse_args().kit
    report("builtin", [builtin_case(kit)])
    report("ViT-B/32", vitb32_cases(kit))


if __name__ == "__main__":
    main()
