"""How well "dog -beach" leaves beaches out: the product's rule against subtraction alone.

    python -m scripts.benchmarks.exclusion [--kit DIR]

Queries are pairs of words from captions; an image is wanted where two of its captions say the first
word and none says the second, and excluded where two say the second. Wanted and excluded images
among the first ten are counted, on average over the pairs. Subtraction looks for
``unit(wanted - share * excluded)``, at the share that leaves the fewest excluded images while it
finds at least as many wanted ones as the product does ("equal recall").

Two archives: the kit's captioned images with the built-in model; and its genuine CLIP ViT-B/32
vectors, where a word is the mean of the captions that say it. There words come from one half of the
images and are asked of the other, so that no image is sought by its own captions.
"""

import argparse
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from embed.builtin import BuiltinEncoder
from embed.encoder import unit
from schema import Collection, Embedded, ImageRecord, MemoryStore, Vector, Vectors, row_id
from scripts.benchmarks.captioned import builtin_images, vitb32_images
from search import Query, Text
from search.exclusion import Exclusion

SHARES = np.arange(0, 2.01, 0.05)
DEPTH = 10

# Words of captions that name no thing, or one that stands in every second image.
_STOP = """
    a an the and or of in on at to with is are while by for from up its it his her their as
    over through into down front two three one man's near behind around other another out
    off some there be being has that which who along next across group wearing looking
    standing sitting running walking playing jumping holds holding top large small young
    little white black brown red blue green yellow
"""
STOP = frozenset(_STOP.split())


@dataclass(frozen=True, slots=True)
class Case:
    """One query over one set of images: which of them are wanted and which excluded."""

    images: Vectors
    wanted: np.ndarray
    excluded: np.ndarray
    look_for: Vector
    leave_out: Vector


class Words:
    """Which images say which words: once, or in two captions."""

    def __init__(self, captions: Sequence[Sequence[str]]) -> None:
        self.counts = [
            Counter(word for text in texts for word in set(re.findall("[a-z]+", text.lower())))
            for texts in captions
        ]

    def said(self, word: str, times: int) -> np.ndarray:
        return np.array([count[word] >= times for count in self.counts])

    def frequent(self, images: int) -> list[str]:
        frequency = Counter(w for count in self.counts for w, n in count.items() if n >= 2)
        return sorted(w for w, n in frequency.items() if n >= images and w not in STOP)

    def pairs(self, vocabulary: list[str], both: int, first: int) -> Iterable[tuple[str, str]]:
        for one in vocabulary:
            for other in vocabulary:
                says, says_other = self.said(one, 2), self.said(other, 2)
                if (
                    one != other
                    and (says & says_other).sum() >= both
                    and (says & ~self.said(other, 1)).sum() >= first
                ):
                    yield one, other


def builtin_cases(kit: Path) -> list[Case]:
    encoder = BuiltinEncoder()
    known = builtin_images(kit, encoder)
    images = known.images
    words = Words(known.captions)
    vocabulary = words.frequent(15)
    texts = dict(zip(vocabulary, encoder.encode_texts(vocabulary), strict=True))
    return [
        Case(
            images,
            words.said(one, 2) & ~words.said(other, 1),
            words.said(other, 2),
            texts[one],
            texts[other],
        )
        for one, other in words.pairs(vocabulary, both=5, first=10)
    ]


def vitb32_cases(kit: Path) -> list[Case]:
    known, texts = vitb32_images(kit)
    images, captions = known.images, [text for texts_of in known.captions for text in texts_of]
    words = Words(known.captions)
    half = np.arange(len(images)) % 2
    cases = []
    for one, other in words.pairs(words.frequent(6), both=2, first=4):
        for asked in (0, 1):
            here = half == asked
            means = [mean_of(texts, captions, word, np.repeat(~here, 5)) for word in (one, other)]
            wanted = words.said(one, 2) & ~words.said(other, 1)
            both = words.said(one, 2) & words.said(other, 2)
            if (
                all(mean is not None for mean in means)
                and wanted[here].sum() >= 2
                and both[here].any()
            ):
                excluded = words.said(other, 2)[here]
                cases.append(Case(images[here], wanted[here], excluded, *means))
    return cases


def mean_of(texts: Vectors, captions: list[str], word: str, usable: np.ndarray) -> Vector | None:
    saying = [n for n, text in enumerate(captions) if word in re.findall("[a-z]+", text.lower())]
    rows = [n for n in saying if usable[n]]
    return unit(texts[rows].mean(axis=0)[None])[0] if len(rows) >= 2 else None


def search_minus(case: Case) -> list[int]:
    """Rows by the product's rule."""
    store = MemoryStore(
        Collection("exclusion", "uid", "any", case.images.shape[1], "any", "flat", 2)
    )
    store.upsert([Embedded(_record(n), vector) for n, vector in enumerate(case.images)])
    query = Query((Text("wanted"),), k=DEPTH, excluded=(Text("excluded"),))
    exclusion = Exclusion(
        query, case.look_for, case.leave_out[None], store=store, sample=case.images
    )
    found = exclusion.nearest(query.k, query.offset)
    return [int(match.record.path) for match in found]


def subtraction(share: float) -> Callable[[Case], list[int]]:
    def rank(case: Case) -> list[int]:
        query = unit((case.look_for - share * case.leave_out)[None])[0]
        return [int(n) for n in np.argsort(-(case.images @ query), kind="stable")[:DEPTH]]

    return rank


def _record(n: int) -> ImageRecord:
    return ImageRecord(row_id("r", str(n)), "r", str(n), "c", 1, 1, 1, 1, "jpeg")


def measure(cases: list[Case], rank: Callable[[Case], list[int]]) -> tuple[float, float]:
    """Return the mean numbers of wanted and of excluded images among the first ten."""
    ranked = [rank(case) for case in cases]
    wanted = [case.wanted[rows].sum() for case, rows in zip(cases, ranked, strict=True)]
    excluded = [case.excluded[rows].sum() for case, rows in zip(cases, ranked, strict=True)]
    return float(np.mean(wanted)), float(np.mean(excluded))


def report(name: str, cases: list[Case]) -> None:
    curve = [(*measure(cases, subtraction(share)), share) for share in SHARES]
    wanted, excluded = measure(cases, search_minus)
    print(f"\n{name}: {len(cases)} queries over {len(cases[0].images)} images; in the first ten:")
    print(f"  {'':34} wanted  excluded")
    print(f"  {'nothing left out':34} {curve[0][0]:6.2f} {curve[0][1]:9.2f}")
    full = measure(cases, subtraction(1.0))
    print(f"  {'subtraction of all of it':34} {full[0]:6.2f} {full[1]:9.2f}")
    equal = [(bad, good, share) for good, bad, share in curve if good >= wanted]
    if equal:
        bad, good, share = min(equal)
        print(f"  {f'subtraction, best share {share:.2f}':34} {good:6.2f} {bad:9.2f}")
    else:
        good, bad, share = max(curve)
        print("  no share of subtraction finds as many wanted images; the most:")
        print(f"  {f'subtraction, share {share:.2f}':34} {good:6.2f} {bad:9.2f}")
    print(f"  {'search -word':34} {wanted:6.2f} {excluded:9.2f}   {bad / excluded:.2f} times fewer")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kit", type=Path, default=Path("../shared/kit"), help="test material")
    kit = parser.parse_args().kit
    report("builtin", builtin_cases(kit))
    report("ViT-B/32", vitb32_cases(kit))


if __name__ == "__main__":
    main()
