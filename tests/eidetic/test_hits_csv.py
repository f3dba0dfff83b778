"""Hits as CSV can be read back whole, and a spreadsheet runs nothing of them."""

import csv
import io
import os
from pathlib import Path

import pytest

from eidetic.cli.hits_csv import as_csv
from eidetic.results import Hit
from tests.eidetic.found import HOSTILE, found


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline="")))


def test_columns_are_the_keys_of_json_whether_there_are_hits_or_none() -> None:
    hits, _ = found(Path("/images"), "a.png")
    columns = as_csv(hits).decode().splitlines()[0].split(",")
    assert columns == list(hits[0].as_dict())
    assert as_csv([]).decode().splitlines() == [",".join(columns)]


def test_values_are_those_of_json_lists_joined_and_the_unknown_empty() -> None:
    hits, _ = found(Path("/images"), "a.png", tags=("sea", "sun, sand"), lat=-33.5, lon=0.0)
    (row,) = rows(as_csv(hits))
    assert (row["rank"], row["score"], row["path"]) == ("1", "0.99", "/images/a.png")
    assert (row["tags"], row["lat"], row["lon"]) == ("sea|sun, sand", "-33.5", "0.0")
    assert (row["camera"], row["taken_at"]) == ("", "")


@pytest.mark.parametrize("name", [*HOSTILE, "carriage\rreturn.png", "both\r\n.png"])
def test_any_path_is_read_back_as_it_is(name: str) -> None:
    hits, _ = found(Path("/images"), name, "second.png")
    first, second = rows(as_csv(hits))
    assert first["path"] == f"/images/{name}"
    assert second["path"] == "/images/second.png"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_text_that_looks_like_a_formula_is_marked_as_text(text: str) -> None:
    hits, _ = found(Path("/images"), "a.png", camera=text, tags=(text, "b"))
    (row,) = rows(as_csv(hits))
    assert (row["camera"], row["tags"]) == (f"'{text}", f"'{text}|b")


def test_a_number_below_zero_stays_a_number() -> None:
    hits, _ = found(Path("/images"), "a.png")
    (row,) = rows(as_csv([Hit(1, -0.25, "/a.png", hits[0].record)]))
    assert row["score"] == "-0.25"


def test_a_byte_that_is_not_utf8_is_shown_as_an_escape() -> None:
    hits, _ = found(Path(os.fsdecode(b"/caf\xe9")), "a.png")
    (row,) = rows(as_csv(hits))
    assert row["path"] == r"/caf\udce9/a.png"
