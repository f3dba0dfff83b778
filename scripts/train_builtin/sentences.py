"""What the text tower learns from: sentences of several languages beside English ones."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.train_builtin.corpus import read_jsonl_gz
from scripts.train_builtin.teacher import TEMPLATES, whole_words

FLICKR_LANGUAGES = ("ar", "zh")
MULTI30K_LANGUAGES = ("de", "fr", "cs")


@dataclass(frozen=True, slots=True)
class Pair:
    """A sentence and the English sentences that say the same, as rows of `Material.english`.

    Attributes:
        anchors: One row where the translation is known; several where the sentence describes the
            same image as they do, and which of them it translates is to be found out.
    """

    text: str
    language: str
    anchors: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Material:
    """All distinct English sentences, and all pairs."""

    english: tuple[str, ...]
    pairs: tuple[Pair, ...]


def gather(material: Path, labels: Sequence[str]) -> Material:
    """Collect captions, translations, labels and single words; dev captions are left out."""
    rows: dict[str, int] = {}
    pairs: list[Pair] = []

    def row(sentence: str) -> int:
        return rows.setdefault(sentence, len(rows))

    def add_english(sentence: str) -> int:
        if sentence not in rows:
            pairs.append(Pair(sentence, "en", (row(sentence),)))
        return row(sentence)

    for entry in read_jsonl_gz(material / "text" / "flickr8k.jsonl.gz"):
        if entry["split"] != "train":
            continue
        anchors = tuple(add_english(sentence) for sentence in entry["en"])
        for language in FLICKR_LANGUAGES:
            pairs += [Pair(text, language, anchors) for text in entry.get(language) or ()]
    for entry in read_jsonl_gz(material / "text" / "multi30k.jsonl.gz"):
        anchor = add_english(entry["en"])
        pairs += [Pair(entry[la], la, (anchor,)) for la in MULTI30K_LANGUAGES if entry.get(la)]
    for label in labels:
        for template in TEMPLATES:
            add_english(template.format(label))
    for word in whole_words():
        add_english(word)
    return Material(tuple(rows), tuple(pairs))


def by_language(pairs: Sequence[Pair]) -> dict[str, int]:
    """Count pairs per language."""
    counts: dict[str, int] = defaultdict(int)
    for pair in pairs:
        counts[pair.language] += 1
    return dict(counts)
