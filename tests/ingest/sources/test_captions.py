"""Texts beside images: WebDataset shards, and the tables img2dataset writes."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.sources.captions import is_caption, key_of, read_captions
from tests.ingest.small_archive import SmallArchive, counts
from tests.ingest.sources.packing import aged, image, make, make_tar, scope_of


@pytest.mark.parametrize(
    ("path", "key", "caption"),
    [
        ("a.jpg", "a", False),
        ("a.json", "a", True),
        ("x/a.b.txt", "x/a", False),
        ("x.y/a.txt", "x.y/a", True),
        ("a.CLS", "a", True),
        ("a", "a", False),
        ("a.jpg.json", "a", False),
    ],
)
def test_the_key_ends_at_the_first_dot_of_the_name(path: str, key: str, caption: bool) -> None:
    assert key_of(path) == key
    assert is_caption(path) is caption


@pytest.mark.parametrize(
    ("name", "data", "texts"),
    [
        ("a.txt", b"two  dogs\n on a beach ", ("two dogs on a beach",)),
        ("a.txt", b"", ()),
        ("a.cls", b"17", ()),
        ("a.cls", b"corgi", ("corgi",)),
        ("a.json", b'{"captions": ["x", "y", "x"], "label": "z", "url": "no"}', ("x", "y", "z")),
        ("a.json", b'{"caption": {"en": ["dog"], "de": ["Hund"]}}', ("dog", "Hund")),
        ("a.json", b'{"caption": null, "width": 3}', ()),
        ("a.json", b"[1, 2]", ()),
        ("a.json", b'{"caption": ', ()),
        ("a.json", b"[" * 100_000, ()),
        ("a.txt", b"caf\xe9", ("caf\ufffd",)),
    ],
)
def test_what_a_caption_file_says(name: str, data: bytes, texts: tuple[str, ...]) -> None:
    assert read_captions(name, data) == texts


@pytest.mark.parametrize("name", ["00000.tar", "00000.tar.gz", "00000.zip"])
def test_captions_are_in_the_text_of_their_row(
    tmp_path: Path, archive: SmallArchive, name: str
) -> None:
    members = {
        "000.png": image(1),
        "000.txt": b"two dogs",
        "000.json": json.dumps({"caption": "two dogs", "label": "beach"}).encode(),
        "001.json": b'{"caption": "comes before its image"}',
        "001.png": image(2),
        "002.png": image(3),
    }
    archive.ingest(scope_of(make(tmp_path / name, members)))
    texts = {record.path: record.text for record in archive.store.iterate()}
    assert texts == {
        "000.png": "000\ntwo dogs\nbeach",
        "001.png": "001\ncomes before its image",
        "002.png": "002",
    }


def test_the_table_beside_a_shard_captions_what_the_shard_does_not(
    tmp_path: Path, archive: SmallArchive
) -> None:
    shard = make_tar(
        tmp_path / "00000.tar",
        {"a.png": image(1), "b.png": image(2), "b.txt": b"of the shard", "c.png": image(3)},
    )
    rows = {"key": ["a", "b"], "caption": ["of the table", "of the table too"], "url": ["-", "-"]}
    pq.write_table(pa.table(rows), aged_table := tmp_path / "00000.parquet")
    aged(aged_table)
    archive.ingest(scope_of(shard))
    texts = {record.path: record.text for record in archive.store.iterate()}
    assert texts == {"a.png": "a\nof the table", "b.png": "b\nof the shard", "c.png": "c"}


@pytest.mark.parametrize("name", ["00000.tar", "00000.tar.gz", "00000.zip"])
def test_a_caption_that_changed_is_in_the_row_and_nothing_is_embedded(
    tmp_path: Path, archive: SmallArchive, name: str
) -> None:
    path = make(tmp_path / name, {"a.png": image(1), "a.txt": b"a dog"})
    archive.ingest(scope_of(path))
    aged(make(path, {"a.png": image(1), "a.txt": b"a cat"}), 60)
    assert counts(archive.ingest(scope_of(path))) == {"unchanged": 1}
    assert [record.text for record in archive.store.iterate()] == ["a\na cat"]
    assert archive.encoder.embedded == 1


def test_an_image_known_from_elsewhere_has_the_captions_of_its_shard(
    tmp_path: Path, archive: SmallArchive
) -> None:
    archive.ingest(scope_of(make(tmp_path / "0.zip", {"a.png": image(1)})))
    shard = make(tmp_path / "1.tar", {"b.png": image(1), "b.txt": b"a dog"})
    assert counts(archive.ingest(scope_of(shard))) == {"moved": 1}
    assert {record.text for record in archive.store.iterate()} == {"a", "b\na dog"}


@pytest.mark.kit
def test_a_real_shard_is_indexed_with_its_captions(archive: SmallArchive) -> None:
    shard = Path(__file__).parents[4] / "shared" / "train" / "coco.tar"
    if not shard.is_file():
        pytest.skip(f"{shard} is not there")
    scope = scope_of(shard)
    assert counts(archive.ingest(scope)) == {"indexed": 437}
    assert counts(archive.ingest(scope)) == {"unchanged": 437}
    record = archive.store.get([r.id for r in archive.store.iterate() if "636" in r.path])
    assert "a photo of a toilet" in next(iter(record.values())).text
    assert all("\n" in record.text for record in archive.store.iterate())
