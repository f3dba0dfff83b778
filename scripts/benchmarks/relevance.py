"""How well the line between likely and weak hits is drawn: precision and recall.

    python -m scripts.benchmarks.relevance [--kit DIR]

Words: the query is a word that captions say; an image is wanted where two of its captions say it,
unwanted where none does, and else not counted. Precision and recall of the line are averages over
the queries that have any likely hit, and over all; "nothing" is the share of queries without a
likely hit. Absent: queries for what no caption says; "nothing" is then right.

Captions: the query is an image's first caption, wanted is that image, unwanted are all others,
which it may well describe too: so precision is a lower bound here.

Images: the query is an image; wanted are those of which two captions say two of the content words
that two of its own say, unwanted those with none of these words in any caption.

Two archives: the kit's captioned images with the built-in model and the product's neutral captions;
and its genuine CLIP ViT-B/32 vectors, where there is no text encoder: a word is the mean of the
captions that say it, from one half of the images and asked of the other, and the neutral captions
are those of that first half. Absent there are words that only the first half says.
"""

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from embed.builtin import BuiltinEncoder
from schema import Vector, Vectors
from scripts.benchmarks.exclusion import STOP, Words, mean_of
from scripts.benchmarks.hybrid import builtin_archive, vitb32_archive
from search.calibration import Neutral
from search.neutral import NEUTRAL
from search.relevance import Line, line_of_images, line_of_words

ABSENT = (
    "a purple submarine",
    "a giraffe in the savanna",
    "a page of sheet music",
    "a computer motherboard",
    "a plate of sushi",
    "a rocket launch",
    "a microscope",
    "a chessboard",
    "a bowl of cherries",
    "an elephant",
    "a penguin",
    "a piano",
    "a windmill",
    "a lighthouse",
    "a nuclear power station",
    "a spreadsheet",
    "a teapot",
    "an x-ray of a hand",
    "a pyramid in the desert",
    "a cactus",
    "a wedding cake",
    "a typewriter",
    "a satellite in space",
)
"""What no caption of the kit says."""


@dataclass(frozen=True, slots=True)
class Case:
    """One query over one set of images: its line, and which images are wanted and unwanted."""

    images: Vectors
    line: Line
    wanted: np.ndarray
    unwanted: np.ndarray
    cosines: np.ndarray


def word_cases(
    images: Vectors, words: Words, texts: dict[str, Vector], neutral: Vectors
) -> list[Case]:
    return [
        Case(
            images,
            line_of_words(text, images, Neutral.of(neutral, images), rows=len(images)),
            words.said(word, 2),
            ~words.said(word, 1),
            images @ text,
        )
        for word, text in texts.items()
    ]


def caption_cases(
    images: Vectors, captions: list[list[str]], texts: dict[str, Vector], neutral: Vectors
) -> list[Case]:
    cases, measured = [], Neutral.of(neutral, images)
    for n, own in enumerate(captions):
        line = line_of_words(texts[own[0]], images, measured, rows=len(images))
        is_own = np.arange(len(images)) == n
        cases.append(Case(images, line, is_own, ~is_own, images @ texts[own[0]]))
    return cases


def image_cases(images: Vectors, words: Words) -> list[Case]:
    strong = [{w for w, n in c.items() if n >= 2 and w not in STOP} for c in words.counts]
    weak = [set(c) for c in words.counts]
    cases = []
    for n, own in enumerate(strong):
        others = np.arange(len(images)) != n
        wanted = np.array([len(own & other) >= 2 for other in strong]) & others
        unwanted = np.array([not own & other for other in weak]) & others
        line = line_of_images(images[n], images, rows=len(images))
        if line is not None and wanted.sum() >= 3:
            cases.append(Case(images, line, wanted, unwanted, images @ images[n]))
    return cases


def likely_by_line(case: Case, height: float | None) -> np.ndarray:
    return case.line.evidence(case.images) >= (case.line.height if height is None else height)


def measure(cases: list[Case], likely_of: Callable[[Case], np.ndarray]) -> tuple[str, float]:
    """Return what is told of the cases, and their recall."""
    shares, found, nothing, counts = [], [], 0, []
    for case in cases:
        likely = likely_of(case)
        good, bad = int((likely & case.wanted).sum()), int((likely & case.unwanted).sum())
        counts.append(int(likely.sum()))
        nothing += counts[-1] == 0
        if good + bad:
            shares.append(good / (good + bad))
        if case.wanted.any():
            found.append(good / case.wanted.sum())
    told = (
        f"{len(cases):4} queries, nothing {nothing / len(cases):.2f}, likely {np.mean(counts):5.1f}"
    )
    if shares and found:
        told += f", precision {np.mean(shares):.2f}, recall {np.mean(found):.2f}"
        told += f", wanted {np.mean([c.wanted.sum() for c in cases]):.1f}"
    return told, float(np.mean(found)) if found else 0.0


def flat(cases: list[Case], recall: float) -> str:
    """Return what the one cosine for all queries tells that finds as much as the line does."""
    for limit in np.arange(1, -1, -0.002):
        told, found = measure(cases, lambda case, limit=limit: case.cosines >= limit)
        if found >= recall:
            return f"at {limit:.2f}  {told}"
    raise AssertionError("no cosine is below -1")


def sweep(name: str, cases: list[Case], heights: list[float | None]) -> None:
    for height in heights:
        at = "the line" if height is None else f"at {height:.2f}"
        told, recall = measure(cases, lambda case, height=height: likely_by_line(case, height))
        print(f"  {name:24} {at:9} {told}")
        if height is None and recall:
            print(f"  {name + ', one cosine':24} {flat(cases, recall)}")


Cases = tuple[list[Case], list[Case], list[Case], list[Case]]


def builtin(kit: Path) -> Cases:
    encoder, archive = BuiltinEncoder(), builtin_archive(kit)
    words = Words(archive.captions)
    said = " ".join(text.lower() for texts in archive.captions for text in texts)
    for text in ABSENT:
        assert not re.search(rf"\b{re.escape(text)}\b", said), text
    vocabulary = words.frequent(8)
    texts = dict(zip(vocabulary, encoder.encode_texts(vocabulary), strict=True))
    absent = dict(zip(ABSENT, encoder.encode_texts(ABSENT), strict=True))
    neutral = encoder.encode_texts(NEUTRAL)
    return (
        word_cases(archive.images, words, texts, neutral),
        word_cases(archive.images, words, absent, neutral),
        caption_cases(archive.images, archive.captions, archive.texts, neutral),
        image_cases(archive.images, words),
    )


def vitb32(kit: Path) -> Cases:
    archive = vitb32_archive(kit)
    said = [text for texts in archive.captions for text in texts]
    vectors = np.stack([archive.texts[text] for text in said])
    half = np.arange(len(archive.files)) % 2
    whole = Words(archive.captions)
    vocabulary = sorted({w for count in whole.counts for w in count} - STOP)
    present: list[Case] = []
    absent: list[Case] = []
    captions: list[Case] = []
    for asked in (0, 1):
        here = half == asked
        words = Words([texts for texts, asks in zip(archive.captions, here, strict=True) if asks])
        others = np.repeat(~here, 5)
        there: dict[str, Vector] = {}
        not_there: dict[str, Vector] = {}
        for word in vocabulary:
            mean = mean_of(vectors, said, word, others)
            if mean is None:
                continue
            if words.said(word, 2).sum() >= 2:
                there[word] = mean
            elif not words.said(word, 1).any() and whole.said(word, 2).any():
                not_there[word] = mean
        images, neutral = archive.images[here], vectors[others]
        present += word_cases(images, words, there, neutral)
        absent += word_cases(images, words, not_there, neutral)
        asked_of = [texts for texts, asks in zip(archive.captions, here, strict=True) if asks]
        captions += caption_cases(images, asked_of, archive.texts, neutral)
    return present, absent, captions, image_cases(archive.images, whole)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kit", type=Path, default=Path("../shared/kit"), help="test material")
    parser.add_argument("--sweep", action="store_true", help="other heights of the line too")
    given = parser.parse_args()
    heights: list[float | None] = [None]
    if given.sweep:
        heights += list(np.arange(1.5, 4.1, 0.25))
    for name, make in (("builtin", builtin), ("ViT-B/32", vitb32)):
        present, absent, captions, images = make(given.kit)
        print(name)
        sweep("words", present, heights)
        sweep("absent words", absent, heights)
        sweep("captions", captions, heights)
        sweep("images", images, heights)


if __name__ == "__main__":
    main()
