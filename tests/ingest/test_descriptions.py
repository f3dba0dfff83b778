"""Descriptions follow the rows, and only what has changed is embedded."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from embed.encoder import ToyEncoder
from ingest import Outdated, count_outdated, refresh_descriptions
from schema import Connection, DescriptionStore, Embedded, MemoryStore, Vectors
from tests.samples import a_collection, a_record, random_vectors


class Counting(ToyEncoder):
    """Keeps what it was asked to encode."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        return super().encode_texts(texts)


@pytest.fixture
def descriptions(tmp_path: Path) -> Iterator[DescriptionStore]:
    with DescriptionStore.create(
        Connection(str(tmp_path / "milvus.db")),
        "archive",
        model="toy",
        dim=48,
        fingerprint="toy-1",
    ) as store:
        yield store


def write(store: MemoryStore, **texts: str) -> None:
    vectors = random_vectors(len(texts))
    store.upsert(
        [
            Embedded(a_record(f"{name}.jpg", text=text), vectors[i])
            for i, (name, text) in enumerate(texts.items())
        ]
    )


def test_only_what_is_new_or_has_changed_is_embedded(descriptions: DescriptionStore) -> None:
    store, encoder = MemoryStore(a_collection()), Counting()
    write(store, a="red boat", b="green hill", c="")
    assert count_outdated(store, descriptions) == Outdated(2, 0, 0, 0, 1)
    report = refresh_descriptions(store, descriptions, encoder)
    assert (report.described, report.unchanged, report.removed) == (2, 0, 0)
    assert report.without_text == 1
    assert sorted(encoder.asked) == ["green hill", "red boat"]
    encoder.asked.clear()
    write(store, b="blue hill", d="yellow sun")
    assert count_outdated(store, descriptions) == Outdated(1, 1, 0, 1, 1)
    report = refresh_descriptions(store, descriptions, encoder)
    assert (report.described, report.unchanged, report.removed) == (2, 1, 0)
    assert sorted(encoder.asked) == ["blue hill", "yellow sun"]
    assert count_outdated(store, descriptions) == Outdated(0, 0, 0, 3, 1)
    assert count_outdated(store, descriptions).count == 0


def test_what_is_gone_or_has_no_text_any_more_is_dropped(descriptions: DescriptionStore) -> None:
    store, encoder = MemoryStore(a_collection()), Counting()
    write(store, a="red", b="green", c="blue")
    refresh_descriptions(store, descriptions, encoder)
    store.delete([a_record("a.jpg").id])
    write(store, b="")
    assert count_outdated(store, descriptions) == Outdated(0, 0, 2, 1, 1)
    report = refresh_descriptions(store, descriptions, encoder)
    assert (report.described, report.unchanged, report.removed) == (0, 1, 2)
    assert [i for i, _ in descriptions.iterate_digests()] == [a_record("c.jpg").id]


def test_what_an_interrupted_refresh_wrote_is_not_embedded_again(
    descriptions: DescriptionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.descriptions.TEXTS_PER_WRITE", 2)
    store, encoder = MemoryStore(a_collection()), Counting()
    write(store, **{f"n{i}": f"text {i}" for i in range(5)})

    class Interrupted(Counting):
        def encode_texts(self, texts: Sequence[str]) -> Vectors:
            if len(self.asked) >= 4:
                raise KeyboardInterrupt
            return super().encode_texts(texts)

    with pytest.raises(KeyboardInterrupt):
        refresh_descriptions(store, descriptions, Interrupted())
    report = refresh_descriptions(store, descriptions, encoder)
    assert (report.described, report.unchanged) == (1, 4)
    assert len(encoder.asked) == 1
