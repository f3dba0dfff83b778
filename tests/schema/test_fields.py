"""A record goes into a row and comes back the same; what does not fit is cut and counted."""

from dataclasses import fields, replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema import Embedded, ImageRecord, StoreError
from schema.fields import (
    FIELDS,
    MAX_TAGS,
    RECORD_FIELDS,
    UNKNOWN_FLOAT,
    UNKNOWN_INT,
    VECTOR_FIELD,
    from_row,
    to_row,
)
from schema.records import TakenFrom
from tests.samples import a_record

VECTOR = np.array([0.6, 0.8], dtype=np.float32)


def test_every_fact_of_a_record_has_a_field() -> None:
    assert {field.name for field in fields(ImageRecord)} == set(RECORD_FIELDS)


def test_folder_and_name_are_stored_beside_the_path() -> None:
    row, _ = to_row(Embedded(a_record("a/b/c.jpg"), VECTOR))
    assert (row["folder"], row["name"]) == ("a/b", "c.jpg")


def test_an_unknown_fact_is_stored_as_its_sentinel_and_comes_back_as_none() -> None:
    row, _ = to_row(Embedded(a_record(), VECTOR))
    assert row["taken_at"] == UNKNOWN_INT
    assert row["lat"] == UNKNOWN_FLOAT
    assert row["camera"] == ""
    assert row["has_gps"] is False
    record = from_row(row)
    assert record.taken_at is record.lat is record.camera is None


def test_zero_is_a_known_value() -> None:
    record = a_record(taken_at=0, rating=0, lat=0.0, lon=0.0, phash=0)
    row, _ = to_row(Embedded(record, VECTOR))
    assert row["has_gps"] is True
    assert from_row(row) == record


def test_a_long_text_is_cut_at_a_character_and_counted() -> None:
    row, cut = to_row(Embedded(a_record(camera="é" * 200, text="x" * 9000), VECTOR))
    assert row["camera"] == "é" * 128
    assert len(row["text"]) == 8192
    assert cut == 2


def test_too_many_tags_and_too_long_ones_are_cut_and_counted() -> None:
    tags = ("t" * 500, *(f"tag {i}" for i in range(MAX_TAGS + 5)))
    row, cut = to_row(Embedded(a_record(tags=tags), VECTOR))
    assert len(row["tags"]) == MAX_TAGS
    assert row["tags"][0] == "t" * 128
    assert cut == 2


def test_a_path_is_never_cut_because_it_names_the_file() -> None:
    with pytest.raises(StoreError, match=r"path has 5,004 bytes, the store holds 4,096"):
        to_row(Embedded(a_record("p" * 5000 + ".jpg"), VECTOR))


def test_a_path_that_is_not_utf8_is_refused_by_name() -> None:
    with pytest.raises(StoreError, match="not valid UTF-8"):
        to_row(Embedded(replace(a_record(), path="\udcff.jpg"), VECTOR))


def test_a_text_with_a_lone_surrogate_is_stored_all_the_same() -> None:
    row, _ = to_row(Embedded(a_record(camera="a\udcffb"), VECTOR))
    assert row["camera"] == "a?b"


_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@st.composite
def records(draw: st.DrawFn) -> ImageRecord:
    def maybe(values: st.SearchStrategy[object]) -> object:
        return draw(st.none() | values)

    whole = st.integers(-(2**61), 2**63 - 1)
    number = st.floats(0, 1e6)
    gps = draw(st.none() | st.tuples(st.floats(-90, 90), st.floats(-180, 180)))
    return a_record(
        draw(_text.filter(lambda t: "/" not in t)) + "/x.jpg",
        taken_at=maybe(whole),
        utc_offset_min=maybe(st.integers(-840, 840)),
        taken_from=maybe(st.sampled_from(get_args(TakenFrom))),
        camera=maybe(_text),
        lens=maybe(_text),
        iso_speed=maybe(st.integers(0, 10**7)),
        focal_mm=maybe(number),
        aperture=maybe(number),
        shutter_s=maybe(number),
        lat=gps and gps[0],
        lon=gps and gps[1],
        place=maybe(_text),
        country=maybe(_text),
        rating=maybe(st.integers(-1, 5)),
        tags=tuple(draw(st.lists(_text, max_size=5))),
        text=draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=50)),
        phash=maybe(whole),
    )


@given(records())
def test_any_record_comes_back_as_it_was(record: ImageRecord) -> None:
    row, cut = to_row(Embedded(record, VECTOR))
    assert from_row(row) == record
    assert cut == 0
    assert set(row) == {field.name for field in FIELDS} | {VECTOR_FIELD}
