"""Recall by captions, checked against ranks worked out by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from embed.encoder import ToyEncoder
from schema import Embedded, Match, MemoryStore, NoUsableImage, UsageError
from schema.records import Vectors
from search import Captioned, evaluate, read_captions
from tests.samples import a_collection, a_record


class Angles(ToyEncoder):
    """Embeds a text that is a number of degrees as that direction in the plane."""

    dim = 2

    def encode_texts(self, texts: object) -> Vectors:
        radians = np.radians([float(text) for text in texts])  # type: ignore[attr-defined]
        return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


ENCODER = Angles()


def archive_of(angles: dict[str, float]) -> MemoryStore:
    store = MemoryStore(a_collection(2))
    for name, degrees in angles.items():
        vector = ENCODER.encode_texts([str(degrees)])[0]
        store.upsert([Embedded(a_record(f"folder/{name}"), vector)])
    return store


def test_captions_that_point_at_their_images_score_one() -> None:
    store = archive_of({"a.jpg": 0, "b.jpg": 90})
    captions = [Captioned("a.jpg", ("1", "2")), Captioned("b.jpg", ("89",))]
    result = evaluate(captions, store=store, encoder=ENCODER).as_dict()
    whole = [1.0, 1.0]
    perfect = {
        "R@1": 1.0,
        "R@5": 1.0,
        "R@10": 1.0,
        "median_rank": 1.0,
        "MRR": 1.0,
        "CI95": {"R@1": whole, "R@5": whole, "R@10": whole, "MRR": whole},
    }
    latency = result.pop("latency_ms")
    assert result == {
        "pictures": 2,
        "captions": 3,
        "missing": 0,
        "rows": 2,
        "model": "toy",
        "text_to_image": perfect,
        "image_to_text": perfect,
        "ann_recall@10": 1.0,
    }
    assert isinstance(latency, dict)
    assert latency["samples"] == 3
    for part in ("text_encoding", "store_search"):
        assert 0 < latency[part]["p50"] <= latency[part]["p95"] <= latency[part]["p99"]


def test_ranks_are_counted_both_ways() -> None:
    store = archive_of({f"{i}.jpg": 10 * i for i in range(12)})
    # Nearest images of 31 degrees: 3, 4, 2 ... so image 0 has rank 4 or worse.
    captions = [Captioned("0.jpg", ("31",)), Captioned("5.jpg", ("50", "110"))]
    result = evaluate(captions, store=store, encoder=ENCODER)
    # Image 0 is 31 away; images 1 to 6 are nearer: rank 7. Image 5 has rank 1 for "50"; for "110"
    # images 11 to 6 are nearer: rank 7.
    assert result.text_to_image.at == pytest.approx({1: 1 / 3, 5: 1 / 3, 10: 1.0})
    # Image 0 prefers its own caption (31 away, the others 50 and 110); image 5 its "50".
    assert result.image_to_text.at == {1: 1.0, 5: 1.0, 10: 1.0}
    # Among the two captioned images alone, "31" and "110" are nearer to 5 (19, 60) than 0.
    assert result.text_to_image.median_rank == 1.0
    # Reciprocal ranks among all images: 1/7, 1, 1/7.
    assert result.text_to_image.mrr == pytest.approx((1 / 7 + 1 + 1 / 7) / 3)
    assert result.image_to_text.mrr == 1.0


def test_a_caption_whose_image_is_beyond_the_first_ten_counts_as_missed() -> None:
    store = archive_of({f"{i}.jpg": 3 * i for i in range(30)})
    result = evaluate([Captioned("0.jpg", ("87",))], store=store, encoder=ENCODER)
    assert result.text_to_image.at == {1: 0.0, 5: 0.0, 10: 0.0}


def test_a_rank_beyond_the_first_ten_counts_in_the_mean_reciprocal_rank() -> None:
    store = archive_of({f"{i}.jpg": 3 * i for i in range(30)})
    result = evaluate([Captioned("0.jpg", ("87",))], store=store, encoder=ENCODER)
    assert result.text_to_image.mrr == pytest.approx(1 / 30)


def test_failures_come_worst_first_and_one_an_image() -> None:
    store = archive_of({f"{i}.jpg": 10 * i for i in range(9)})
    captions = [
        Captioned("0.jpg", ("1", "12", "21")),
        Captioned("3.jpg", ("32", "48")),
        Captioned("8.jpg", ("79",)),
    ]
    failures = evaluate(captions, store=store, encoder=ENCODER, failures=9).failures
    assert [(f.caption, f.wanted.name, f.rank, f.first.record.name) for f in failures] == [
        ("21", "0.jpg", 5, "2.jpg"),
        ("48", "3.jpg", 4, "5.jpg"),
    ]
    assert failures[0].score == pytest.approx(np.cos(np.radians(21)), abs=1e-6)
    assert failures[0].first.score == pytest.approx(np.cos(np.radians(1)), abs=1e-6)
    assert len(evaluate(captions, store=store, encoder=ENCODER, failures=1).failures) == 1


def test_what_the_index_does_not_find_is_in_its_recall() -> None:
    class Forgetful(MemoryStore):
        def search(self, queries: Vectors, k: int, **options: object) -> list[list[Match]]:
            return [matches[: k // 2] for matches in super().search(queries, k)]

    store = Forgetful(a_collection(2))
    for i in range(20):
        vector = ENCODER.encode_texts([str(i)])[0]
        store.upsert([Embedded(a_record(f"{i}.jpg"), vector)])
    result = evaluate([Captioned("0.jpg", ("1", "5"))], store=store, encoder=ENCODER)
    assert result.ann_recall_at_10 == 0.5


def test_the_memory_of_scores_is_bounded_and_the_ranks_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = np.random.default_rng(3)
    images = {f"{i}.jpg": float(d) for i, d in enumerate(generator.uniform(0, 360, 40))}
    captions = [
        Captioned(name, tuple(str(d) for d in generator.uniform(0, 360, 3))) for name in images
    ]
    whole = evaluate(captions, store=archive_of(images), encoder=ENCODER)
    monkeypatch.setattr("search.ranking.SCORES_AT_ONCE", 100)
    monkeypatch.setattr("search.confidence.NUMBERS_AT_ONCE", 100)
    blocked = evaluate(captions, store=archive_of(images), encoder=ENCODER)
    assert blocked.text_to_image.at == whole.text_to_image.at
    assert blocked.text_to_image.mrr == whole.text_to_image.mrr
    assert blocked.image_to_text.median_rank == whole.image_to_text.median_rank
    # And they are those of the whole matrix.
    texts = ENCODER.encode_texts([t for c in captions for t in c.captions])
    pixels = ENCODER.encode_texts([str(d) for d in images.values()])
    scores = texts @ pixels.T
    own = scores[np.arange(120), np.repeat(np.arange(40), 3)]
    ranks = 1 + (scores > own[:, None] + 1e-6).sum(axis=1)
    assert whole.text_to_image.mrr == pytest.approx(float(np.mean(1 / ranks)))


def test_files_that_are_not_in_the_archive_are_counted_not_judged() -> None:
    store = archive_of({"a.jpg": 0})
    captions = [Captioned("a.jpg", ("0",)), Captioned("gone.jpg", ("0",))]
    result = evaluate(captions, store=store, encoder=ENCODER)
    assert (result.images, result.captions, result.missing) == (1, 1, 1)


def test_several_lines_of_one_file_count_together() -> None:
    store = archive_of({"a.jpg": 0})
    captions = [Captioned("a.jpg", ("0",)), Captioned("a.jpg", ("1", "2"))]
    assert evaluate(captions, store=store, encoder=ENCODER).captions == 3


def test_two_files_of_one_name_are_both_right_answers() -> None:
    store = archive_of({"a.jpg": 90, "b.jpg": 45})
    near = ENCODER.encode_texts(["0"])[0]
    store.upsert([Embedded(a_record("elsewhere/a.jpg"), near)])
    result = evaluate([Captioned("a.jpg", ("1",))], store=store, encoder=ENCODER)
    assert result.text_to_image.at[1] == 1.0


def test_no_captioned_file_in_the_archive_is_an_error_with_the_next_step() -> None:
    with pytest.raises(NoUsableImage, match="none of the 1 captioned files"):
        evaluate([Captioned("x.jpg", ("0",))], store=archive_of({"a.jpg": 0}), encoder=ENCODER)


def test_no_captions_in_the_language_is_an_error_of_its_own() -> None:
    with pytest.raises(UsageError, match="check --language"):
        evaluate([], store=archive_of({"a.jpg": 0}), encoder=ENCODER)


def test_lines_are_read_in_the_language_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "captions.jsonl"
    lines = [
        {"file": "a.jpg", "split": "dev", "captions": {"en": ["a dog"], "ar": ["كلب"]}},
        {"file": "b.jpg", "captions": {"en": ["a cat"]}},
    ]
    file.write_text("\n".join(json.dumps(line) for line in lines) + "\n\n", encoding="utf-8")
    assert list(read_captions(file, "ar")) == [Captioned("a.jpg", ("كلب",))]
    assert len(list(read_captions(file, "en"))) == 2


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "3", '{"captions": {"en": ["x"]}}', '{"file": 3, "captions": {"en": ["x"]}}',
     '{"file": "a", "captions": {"en": "x"}}', '{"file": "a", "captions": {"en": [3]}}'],
)  # fmt: skip
def test_a_line_of_another_form_is_named_by_its_number(tmp_path: Path, line: str) -> None:
    file = tmp_path / "captions.jsonl"
    file.write_text('{"file": "a", "captions": {"en": ["x"]}}\n' + line, encoding="utf-8")
    with pytest.raises(UsageError, match=r"captions\.jsonl, line 2: not of the form"):
        list(read_captions(file, "en"))


def test_a_captions_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.jsonl: cannot be read"):
        list(read_captions(tmp_path / "none.jsonl", "en"))
