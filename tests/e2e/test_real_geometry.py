"""With genuine CLIP vectors the whole system finds as well as exact search does.

The kit holds OpenAI ViT-B/32's vectors of 100 photographs and 500 captions. An encoder replays
them (an image by its pixels, a caption by its text) through decoding, ingestion, the index, and
search, on the embedded store and on a real server. Exact search over them gives R@1 0.832 and R@5
0.990 from text to image.
"""

import csv
import json
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest

import eidetic
from embed.encoder import Pixels, ToyEncoder
from embed.images import decode_image, default_max_pixels
from schema.records import Vectors
from search.grammar import Parsed, TextPart
from search.neutral import NEUTRAL

pytestmark = pytest.mark.kit


def key(pixels: Pixels) -> bytes:
    return blake2b(pixels.tobytes(), digest_size=16).digest()


class Replay(ToyEncoder):
    """Answers with the kit's vectors."""

    spec = "replay"
    dim = 512
    fingerprint = "replay-1"

    def __init__(self, folder: Path) -> None:
        images = np.load(folder / "image_embeddings.npy")
        texts = np.load(folder / "text_embeddings.npy")
        self.captions: dict[str, list[str]] = {}
        self._texts: dict[str, int] = {}
        self._images: dict[bytes, int] = {}
        with (folder / "metadata.csv").open(encoding="utf-8", newline="") as file:
            for row, line in enumerate(csv.DictReader(file)):
                name = Path(line["image_path"]).name
                self.captions.setdefault(name, []).append(line["caption"])
                self._texts[line["caption"]] = row
                decoded = decode_image(
                    (folder / "photos" / name).read_bytes(),
                    target_size=self.image_size,
                    max_pixels=default_max_pixels(),
                )
                self._images[key(self.resizing.apply(decoded.image))] = row
        self._image_vectors, self._text_vectors = images, texts

    def encode_images(self, batch: Sequence[Pixels]) -> Vectors:
        rows: Vectors = self._image_vectors[[self._images[key(pixels)] for pixels in batch]]
        return rows

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        # The neutral captions, which do not rank, are replayed as the first ones.
        known = self._texts | {text: n for n, text in enumerate(NEUTRAL)}
        rows: Vectors = self._text_vectors[[known[text] for text in texts]]
        return rows


@pytest.fixture(scope="module")
def replay(kit: Path) -> Replay:
    return Replay(kit / "vitb32")


def test_recall_of_genuine_vectors_survives_the_whole_system(
    kit: Path, replay: Replay, store_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eidetic.opening.load_encoder", lambda spec: replay)
    monkeypatch.setattr("eidetic.opening.resolve", lambda spec: spec)
    captions = tmp_path / "captions.jsonl"
    captions.write_text(
        "\n".join(
            json.dumps({"file": name, "captions": {"en": texts}})
            for name, texts in replay.captions.items()
        )
    )
    uri = store_uri if store_uri.startswith("http") else None
    with eidetic.open("geometry", model="replay", uri=uri, data_dir=tmp_path) as archive:
        assert archive.ingest([kit / "vitb32" / "photos"]).indexed == 100
        result = archive.evaluate(captions)
    assert (result.images, result.captions, result.missing) == (100, 500, 0)
    assert result.text_to_image.at[1] >= 0.83
    assert result.text_to_image.at[5] >= 0.98
    assert result.image_to_text.at[1] == pytest.approx(0.93)
    assert result.text_to_image.median_rank == 1


def test_it_survives_the_grammar_and_the_fusion_with_words_too(
    kit: Path, replay: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eidetic.opening.load_encoder", lambda spec: replay)
    monkeypatch.setattr("eidetic.opening.resolve", lambda spec: spec)
    # A caption of each image: all of them are asked by scripts/benchmarks/hybrid.py.
    asked = [(name, texts[0]) for name, texts in replay.captions.items()]
    ranks = []
    with eidetic.open("worded", model="replay", data_dir=tmp_path) as archive:
        archive.ingest([kit / "vitb32" / "photos"])
        assert archive.status().capabilities == {"bm25": True}
        for name, text in asked:
            query = str(Parsed(positives=(TextPart(text),)))
            found = [Path(hit.path).name for hit in archive.search(query, k=5)]
            ranks.append(found.index(name) + 1 if name in found else 99)
    assert np.mean(np.array(ranks) <= 1) >= 0.83
    assert np.mean(np.array(ranks) <= 5) >= 0.98
