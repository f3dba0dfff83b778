"""Parquet tables whose rows hold images."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schema import SkipReason, UsageError
from tests.ingest.small_archive import SmallArchive, counts
from tests.ingest.sources.packing import aged, image, scope_of

NAMES = ["a", "b", "c"]


def make_table(path: Path, columns: dict[str, Any], **options: Any) -> Path:
    pq.write_table(pa.table(columns), path, **options)
    return aged(path)


def pixels(*seeds: int) -> list[bytes]:
    return [image(seed, "WEBP") for seed in seeds]


def test_each_row_is_an_image_named_after_its_key(tmp_path: Path, archive: SmallArchive) -> None:
    columns = {
        "key": NAMES,
        "webp": pixels(1, 2, 3),
        "caption": ["two dogs", None, "a cat"],
        "url": ["-"] * 3,
    }
    scope = scope_of(make_table(tmp_path / "a.parquet", columns))
    assert counts(archive.ingest(scope)) == {"indexed": 3}
    found = {record.path: record for record in archive.store.iterate()}
    assert {path: record.text for path, record in found.items()} == {
        "a.webp": "a\ntwo dogs",
        "b.webp": "b",
        "c.webp": "c\na cat",
    }
    assert found["a.webp"].size_bytes == len(pixels(1)[0])
    assert scope.root.locate("a.webp") == f"parquet://a.webp::{tmp_path / 'a.parquet'}"


@pytest.mark.parametrize(
    ("columns", "paths"),
    [
        ({"jpg": pixels(1, 2)}, ["000000000.jpg", "000000001.jpg"]),
        ({"key": ["x/1", "x/2"], "image": pixels(1, 2)}, ["x/1", "x/2"]),
        (
            {"image": [{"bytes": p, "path": f"{n}.png"} for n, p in enumerate(pixels(1, 2))]},
            ["0.png", "1.png"],
        ),
        ({"key": ["a", "a"], "webp": pixels(1, 2)}, ["a.webp", "a~1.webp"]),
        ({"id": [7, 8], "img": pixels(1, 2), "label": [0, 1]}, ["7", "8"]),
        ({"key": ["a", "b"], "webp": [*pixels(1), None]}, ["a.webp"]),
    ],
)
def test_the_layouts_that_people_have(
    tmp_path: Path, archive: SmallArchive, columns: dict[str, Any], paths: list[str]
) -> None:
    archive.ingest(scope_of(make_table(tmp_path / "a.parquet", columns)))
    assert archive.paths() == paths


def test_a_second_run_does_not_open_the_table(
    tmp_path: Path, archive: SmallArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = scope_of(make_table(tmp_path / "a.parquet", {"key": NAMES, "webp": pixels(1, 2, 3)}))
    archive.ingest(scope)
    monkeypatch.setattr("ingest.sources.packed.PackedSource._open", None)
    assert counts(archive.ingest(scope)) == {"unchanged": 3}


def test_rows_that_stay_are_not_embedded_when_others_change(
    tmp_path: Path, archive: SmallArchive
) -> None:
    path = make_table(tmp_path / "a.parquet", {"key": NAMES, "webp": pixels(1, 2, 3)})
    scope = scope_of(path)
    archive.ingest(scope)
    aged(make_table(path, {"key": ["d", "b", "c"], "webp": pixels(4, 2, 9)}), 60)
    assert counts(archive.ingest(scope)) == {"indexed": 2, "unchanged": 1, "removed": 1}
    assert archive.paths() == ["b.webp", "c.webp", "d.webp"]


def test_many_rows_and_row_groups_are_read_by_many_threads(
    tmp_path: Path, archive: SmallArchive
) -> None:
    rows = 300
    columns = {"key": [f"{n:03}" for n in range(rows)], "webp": pixels(*range(rows))}
    path = make_table(tmp_path / "a.parquet", columns, row_group_size=50)
    assert counts(archive.ingest(scope_of(path), workers=8)) == {"indexed": rows}


def test_a_row_that_is_no_image_is_named(tmp_path: Path, archive: SmallArchive) -> None:
    columns = {"key": ["a", "b"], "webp": [*pixels(1), b"just words, and no image at all"]}
    report = archive.ingest(scope_of(make_table(tmp_path / "a.parquet", columns)))
    assert counts(report) == {"indexed": 1, "skipped": 1}
    assert report.skips[0].reason is SkipReason.NOT_AN_IMAGE
    assert report.skips[0].path.startswith("parquet://b.webp::")


def test_a_table_of_addresses_says_that_it_holds_no_images(
    tmp_path: Path, archive: SmallArchive
) -> None:
    path = make_table(tmp_path / "a.parquet", {"url": ["http://x/a.jpg"], "caption": ["x"]})
    with pytest.raises(UsageError, match=r"no column of this table holds images.*url, caption"):
        archive.ingest(scope_of(path))


def test_a_file_that_is_no_table_is_named(tmp_path: Path, archive: SmallArchive) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no table PAR1" * 10)
    with pytest.raises(Exception, match="can be listed"):
        archive.ingest(scope_of(aged(tmp_path / "a.parquet")))
