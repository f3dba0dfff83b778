"""What the words of names and metadata add to the vectors, and what they disturb.

    python -m scripts.benchmarks.hybrid [--kit DIR]

The kit's captioned images, with the built-in model, and its 100 images with genuine CLIP ViT-B/32
vectors. The query is an image's first caption; R@k is the share of queries whose image is among the
first k. The texts of the rows are made up:

    file numbers    the name that the file has: no caption says it
    own words       two words of the image's second caption, as of a file that someone has named
    wrong words     two words of another image's second caption
    wrong sentence  the whole second caption of another image, stop words and all

Then for names: every image gets one of 40 first names at random, and the query is a name and a word
that captions say ("anna dog"); wanted are the images of that name whose captions say the word, and
their share of the first as many hits as there are wanted ones is counted (R-precision).
"""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from embed.builtin import BuiltinEncoder
from embed.encoder import ToyEncoder
from schema import Collection, Embedded, ImageRecord, MemoryStore, Vectors, row_id
from scripts.benchmarks.captioned import builtin_images, vitb32_images
from search import Calibration, Query, Text, build_query, search
from search.grammar import Parsed, TextPart
from search.lexical import content_words
from search.neutral import NEUTRAL

DEPTHS = (1, 5, 10)
NAMES = [f"name{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(40)]


@dataclass(frozen=True, slots=True)
class Archive:
    """Images by file name, their captions, and the vectors of both."""

    files: list[str]
    captions: list[list[str]]
    images: Vectors
    texts: dict[str, np.ndarray]


class Replay(ToyEncoder):
    """Answers with vectors made before; the neutral captions, which do not rank, with any."""

    def __init__(self, archive: Archive) -> None:
        some = next(iter(archive.texts.values()))
        self._texts = dict.fromkeys(NEUTRAL, some) | archive.texts

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self._texts[text] for text in texts])


def builtin_archive(kit: Path) -> Archive:
    encoder = BuiltinEncoder()
    known = builtin_images(kit, encoder)
    captions = known.captions
    queries = [texts[0] for texts in captions]
    queries += [f"{name} {word}" for name in NAMES for word in frequent(captions)]
    texts = dict(zip(queries, encoder.encode_texts(queries), strict=True))
    return Archive(known.files, captions, known.images, texts)


def vitb32_archive(kit: Path) -> Archive:
    known, vectors = vitb32_images(kit)
    said = [caption for captions in known.captions for caption in captions]
    texts = dict(zip(said, vectors, strict=True))
    return Archive(known.files, known.captions, known.images, texts)


def frequent(captions: list[list[str]]) -> list[str]:
    """Content words that two captions say of at least 20 images."""
    says = [said(texts) for texts in captions]
    counts = {w: sum(w in one for one in says) for one in says for w in one}
    return sorted(w for w, n in counts.items() if n >= 20 and content_words(w) == (w,))[:30]


def said(texts: list[str]) -> set[str]:
    """Words that at least two of some captions say."""
    words = [set(re.findall("[a-z]+", text.lower())) - {"a", "the"} for text in texts]
    return {w for one in words for w in one if sum(w in other for other in words) >= 2}


def store_of(archive: Archive, texts: Sequence[str]) -> MemoryStore:
    dim = archive.images.shape[1]
    store = MemoryStore(Collection("hybrid", "uid", "any", dim, "any", "flat", 2))
    store.upsert(
        [
            Embedded(
                ImageRecord(row_id("r", f), "r", f, "c", 1, 1, 1, 1, "jpeg", text=text), vector
            )
            for f, text, vector in zip(archive.files, texts, archive.images, strict=True)
        ]
    )
    return store


def recall(
    archive: Archive, texts: Sequence[str], *, words: bool, captions: int = 1
) -> list[float]:
    store, encoder, calibration = store_of(archive, texts), Replay(archive), Calibration()
    ranks = []
    for file, own in zip(archive.files, archive.captions, strict=True):
        for caption in own[:captions]:
            # As a text in quotes is asked on the command line.
            query = build_query(
                str(Parsed(positives=(TextPart(caption),))), k=max(DEPTHS), words=words
            )
            matches = search(query, store=store, encoder=lambda: encoder, calibration=calibration)
            found = [match.record.path for match in matches]
            ranks.append(found.index(file) + 1 if file in found else np.inf)
    return [float(np.mean(np.array(ranks) <= depth)) for depth in DEPTHS]


def names_precision(archive: Archive, *, words: bool) -> tuple[float, int]:
    random = np.random.default_rng(0)
    drawn = [NAMES[n] for n in random.integers(len(NAMES), size=len(archive.files))]
    store, encoder = store_of(archive, [f"{name} 2019" for name in drawn]), Replay(archive)
    shares = []
    for name in NAMES:
        for word in frequent(archive.captions):
            wanted = {
                file
                for file, its, captions in zip(archive.files, drawn, archive.captions, strict=True)
                if its == name and word in said(captions)
            }
            if wanted:
                query = Query((Text(f"{name} {word}"),), k=len(wanted), words=words)
                found = search(query, store=store, encoder=lambda: encoder)
                shares.append(len(wanted & {m.record.path for m in found}) / len(wanted))
    return float(np.mean(shares)), len(shares)


def report(name: str, archive: Archive) -> None:
    random = np.random.default_rng(1)
    shifted = np.roll(np.arange(len(archive.files)), 1 + int(random.integers(10)))
    second = [captions[1] for captions in archive.captions]
    two = [" ".join(random.permutation(content_words(text))[:2]) for text in second]
    texts = {
        "file numbers": [Path(file).stem.replace("_", " ") for file in archive.files],
        "own words": two,
        "wrong words": [two[n] for n in shifted],
        "wrong sentence": [second[n] for n in shifted],
    }
    print(f"\n{name}, {len(archive.files)} images; R@1, R@5, R@10:")
    print(f"  {'vectors alone':16}", *(f"{r:6.3f}" for r in recall(archive, two, words=False)))
    if len(archive.texts) == 5 * len(archive.files):
        numbers = texts["file numbers"]
        shares = recall(archive, numbers, words=True, captions=5)
        print(f"  {'all captions':16}", *(f"{r:6.3f}" for r in shares), "(file numbers)")
    for kind, rows in texts.items():
        print(f"  {kind:16}", *(f"{r:6.3f}" for r in recall(archive, rows, words=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kit", type=Path, default=Path("../shared/kit"), help="test material")
    kit = parser.parse_args().kit
    report("ViT-B/32", vitb32_archive(kit))
    archive = builtin_archive(kit)
    report("builtin", archive)
    for words in (False, True):
        share, queries = names_precision(archive, words=words)
        with_words = "vectors and words" if words else "vectors alone"
        print(f"  a name and a word, {queries} queries, R-precision, {with_words}: {share:.3f}")


if __name__ == "__main__":
    main()
