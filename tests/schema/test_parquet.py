"""Rows written to a Parquet file come back to the bit, and nothing but such a file is believed."""

import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schema import Embedded, ImageRecord, Root, UsageError, row_id
from schema.fields import SCHEMA_VERSION
from schema.parquet import KEY, Origin, RowsFile, write_rows
from schema.store import packed
from tests.samples import a_collection, a_record, random_vectors

ORIGIN = Origin(
    replace(a_collection(), schema_version=SCHEMA_VERSION),
    (Root("r" * 16, "/home/ada/Bilder ä"),),
)

KNOWN = a_record(
    "holidays/Straße 東京.jpg",
    taken_at=-5,
    utc_offset_min=-210,
    taken_from="exif",
    camera="NIKON",
    lens="50 mm",
    iso_speed=100,
    focal_mm=0.1 + 0.2,
    aperture=1.8,
    shutter_s=1 / 3,
    lat=-33.86785,
    lon=151.20732,
    place="Sydney",
    country="Australia",
    rating=-1,
    tags=("a", "ünder, comma"),
    labels=("dog",),
    text="words\nand lines",
    phash=-(2**63),
)


def some_rows(*records: ImageRecord) -> list[Embedded]:
    vectors = random_vectors(len(records))
    rows = [Embedded(record, vectors[i]) for i, record in enumerate(records)]
    return sorted(rows, key=lambda row: row.record.id)


ROWS = some_rows(KNOWN, a_record("unknown.png"), *(a_record(f"{i}.png") for i in range(5)))


def read(path: Path) -> list[Embedded]:
    with RowsFile.open(path) as file:
        return [row for batch in file.batches() for row in batch]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "rows.parquet"
    assert write_rows(path, [ROWS[:4], ROWS[4:]], ORIGIN) == len(ROWS)
    return path


class TestRoundTrip:
    def test_every_field_and_every_bit_of_the_vectors_comes_back(self, written: Path) -> None:
        found = read(written)
        assert [row.record for row in found] == [row.record for row in ROWS]
        for field in fields(ImageRecord):
            values = [getattr(row.record, field.name) for row in found]
            assert values == [getattr(row.record, field.name) for row in ROWS]
            assert [type(v) for v in values] == [type(getattr(r.record, field.name)) for r in ROWS]
        assert [r.vector.tobytes() for r in found] == [r.vector.tobytes() for r in ROWS]

    def test_the_file_says_where_its_rows_come_from(self, written: Path) -> None:
        with RowsFile.open(written) as file:
            assert file.rows == len(ROWS)
            assert replace(file.origin, product="") == ORIGIN
            assert file.origin.product

    def test_any_program_reads_unknowns_as_nulls_and_vectors_as_lists_of_their_length(
        self, written: Path
    ) -> None:
        table = pq.read_table(written)
        assert table.schema.field("vector").type == pa.list_(pa.float32(), 8)
        unknown = next(r for r in table.to_pylist() if r["path"] == "unknown.png")
        assert unknown["taken_at"] is unknown["camera"] is unknown["lat"] is None

    def test_a_batch_is_a_row_group(self, written: Path) -> None:
        groups = pq.ParquetFile(written).metadata
        assert [groups.row_group(i).num_rows for i in range(groups.num_row_groups)] == [4, 3]

    def test_without_vectors_there_is_no_column_of_them(self, tmp_path: Path) -> None:
        path = tmp_path / "table.parquet"
        write_rows(path, [ROWS], replace(ORIGIN, has_vectors=False))
        assert "vector" not in pq.read_schema(path).names
        with RowsFile.open(path) as file:
            assert not file.origin.has_vectors

    def test_an_archive_without_rows_has_a_file_without_rows(self, tmp_path: Path) -> None:
        path = tmp_path / "empty.parquet"
        assert write_rows(path, [], ORIGIN) == 0
        assert read(path) == []


class TestWriting:
    def test_a_write_that_fails_leaves_the_file_that_was_there_and_nothing_else(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "rows.parquet"
        path.write_text("before")

        def breaks() -> Any:
            yield ROWS
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write_rows(path, breaks(), ORIGIN)
        assert path.read_text() == "before"
        assert list(tmp_path.iterdir()) == [path]

    def test_a_folder_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="cannot be written"):
            write_rows(tmp_path / "none" / "rows.parquet", [ROWS], ORIGIN)


def altered(source: Path, change: Callable[[list[dict[str, Any]]], None]) -> Path:
    """Write the file again, its rows changed as another program might."""
    table = pq.read_table(source)
    rows = table.to_pylist()
    change(rows)
    target = source.with_name("altered.parquet")
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), target)
    return target


def restated(source: Path, **facts: Any) -> Path:
    """Write the file again, what it says of its archive changed."""
    table = pq.read_table(source)
    said = json.loads(table.schema.metadata[KEY])
    for key, value in facts.items():
        (said["collection"] if key in said["collection"] else said)[key] = value
    target = source.with_name("restated.parquet")
    pq.write_table(table.replace_schema_metadata({KEY: json.dumps(said).encode()}), target)
    return target


class TestDamage:
    @pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
    def test_a_file_that_was_cut_short_is_refused(self, written: Path, share: float) -> None:
        data = written.read_bytes()
        written.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(UsageError, match="not a Parquet file, or one that was cut short"):
            read(written)

    def test_a_flipped_byte_is_found_or_changes_nothing(self, written: Path) -> None:
        data = written.read_bytes()
        want = [(row.record, row.vector.tobytes()) for row in ROWS]
        pages = data[: int.from_bytes(data[-8:-4], "little") * -1 - 8]
        for place in np.random.default_rng(1).integers(4, len(pages), 150):
            broken = bytearray(data)
            broken[place] ^= 0xFF
            written.write_bytes(broken)
            try:
                found = read(written)
            except UsageError:
                continue
            assert [(row.record, row.vector.tobytes()) for row in found] == want

    def test_a_damaged_footer_ends_in_a_clear_error_if_in_any(self, written: Path) -> None:
        data = written.read_bytes()
        footer = int.from_bytes(data[-8:-4], "little")
        refused = 0
        for place in np.random.default_rng(1).integers(len(data) - footer - 8, len(data), 100):
            broken = bytearray(data)
            broken[place] ^= 0xFF
            written.write_bytes(broken)
            try:
                read(written)
            except UsageError:
                refused += 1
        assert refused > 0

    def test_no_file_and_a_folder_are_told(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="there is no such file"):
            RowsFile.open(tmp_path / "none.parquet")
        with pytest.raises(UsageError):
            RowsFile.open(tmp_path)

    def test_another_programs_table_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "table.parquet"
        pq.write_table(pa.table({"id": ["1"], "image": [b"x"]}), path)
        with pytest.raises(UsageError, match="not one of eidetic export"):
            RowsFile.open(path)

    def test_a_file_of_a_newer_eidetic_is_refused_with_its_version(self, written: Path) -> None:
        newer = restated(written, schema_version=SCHEMA_VERSION + 1, product="9.9")
        with pytest.raises(UsageError, match=r"written by Eidetic 9\.9.*import it with that"):
            RowsFile.open(newer)

    @pytest.mark.parametrize(
        "facts",
        [
            {"dim": 0},
            {"dim": 2**40},
            {"dim": "many"},
            {"model": 7},
            {"schema_version": 0},
            {"neutral": 3},
            {"neutral": "no base64"},
            {"neutral": packed(np.zeros(7, np.float32))},
            {"neutral": packed(np.full(8, np.nan, np.float32))},
            {"neutral": packed(np.full(8, 1.0, np.float32))},
            {"roots": [{"id": 3}]},
            {"roots": 5},
            {"collection": []},
        ],
    )
    def test_what_it_says_of_its_archive_must_make_sense(
        self, written: Path, facts: dict[str, Any]
    ) -> None:
        with pytest.raises(UsageError, match="what it says of its archive cannot be read"):
            RowsFile.open(restated(written, **facts))

    def test_a_column_of_another_type_is_named(self, written: Path) -> None:
        table = pq.read_table(written)
        place = table.schema.get_field_index("width")
        changed = table.set_column(place, "width", table["width"].cast(pa.float64()))
        pq.write_table(changed, written)
        with pytest.raises(UsageError, match="its column 'width' is double, not one of int64"):
            RowsFile.open(written)

    def test_vectors_of_another_length_than_said_are_refused(self, written: Path) -> None:
        with pytest.raises(UsageError, match="its column 'vector'"):
            RowsFile.open(restated(written, dim=9))

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"path": "../../etc/passwd"}, "does not lie in its root"),
            ({"path": "/etc/passwd"}, "does not lie in its root"),
            ({"path": "a//b.jpg"}, "does not lie in its root"),
            ({"path": "a\0.jpg"}, "does not lie in its root"),
            ({"path": "x" * 5000}, "4,096 bytes"),
            ({"root": '" or root != "'}, "is no id"),
            ({"content": '" or id != "'}, "is no hash"),
            ({"view": "hologram"}, "the view 'hologram' is unknown"),
            ({"taken_from": "hearsay"}, "taken_from 'hearsay' is unknown"),
            ({"lat": 5.0, "lon": None}, "one coordinate without the other"),
            ({"focal_mm": float("nan")}, "focal_mm is nan"),
            ({"width": None}, "width is unknown"),
            ({"tags": None}, "tags is unknown"),
            ({"tags": ["a", None]}, "tags has one that is no text"),
            ({"vector": [float("inf")] * 8}, "its vector is not finite"),
            ({"vector": None}, "its vector is not whole"),
        ],
    )
    def test_a_row_that_eidetic_would_not_write_is_named(
        self, written: Path, change: dict[str, Any], told: str
    ) -> None:
        def alter(rows: list[dict[str, Any]]) -> None:
            rows[2] |= change
            rows[2]["id"] = row_id(rows[2]["root"], rows[2]["path"], rows[2]["view"] or "photo")

        with pytest.raises(UsageError, match=told):
            read(altered(written, alter))

    def test_an_id_that_is_not_that_of_its_place_is_named(self, written: Path) -> None:
        with pytest.raises(UsageError, match="is not that of"):
            read(altered(written, lambda rows: rows[0].update(id="0" * 40)))

    def test_a_row_that_is_there_twice_is_named(self, written: Path) -> None:
        with pytest.raises(UsageError, match=r"row 2: .* or there twice"):
            read(altered(written, lambda rows: rows.insert(0, rows[0])))


class TestVersions:
    def test_a_file_of_an_older_version_may_lack_fields_which_are_unknown_then(
        self, written: Path
    ) -> None:
        older = restated(written, schema_version=1)
        pq.write_table(pq.read_table(older).drop_columns(["labels", "taken_from"]), older)
        found = {row.record.path: row.record for row in read(older)}
        assert found[KNOWN.path] == replace(KNOWN, labels=(), taken_from=None)

    def test_a_file_of_this_version_may_not(self, written: Path) -> None:
        pq.write_table(pq.read_table(written).drop_columns(["labels"]), written)
        with pytest.raises(UsageError, match="its column 'labels' is 0 columns"):
            RowsFile.open(written)
