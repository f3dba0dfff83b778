"""What is suggested while a query is typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search import Count, suggest
from search.conditions import READERS
from search.grammar import parse

COUNTS = {
    "camera": (Count("NIKON D80", 5), Count("Canon EOS", 3), Count("D800", 1)),
    "tag": (Count("beach", 4), Count('a "b"', 1)),
    "year": (Count("2019", 2),),
    "month": (Count("2019-06", 2),),
}


def texts(query: str, cursor: int | None = None) -> list[str]:
    found = suggest(query, len(query) if cursor is None else cursor, COUNTS)
    return [item.text for item in found.items]


def test_the_beginning_of_a_filters_name_is_completed() -> None:
    assert texts("dogs ca") == ["camera:"]
    assert texts("dogs -RA") == ["-rating:"]
    assert texts("dogs") == []


def test_nothing_typed_yet_gives_all_filters() -> None:
    assert texts("") == texts("dogs ") == [f"{name}:" for name in READERS]


def test_values_are_those_of_the_archive_the_best_beginning_first() -> None:
    assert texts("camera:") == ['camera:"NIKON D80"', 'camera:"Canon EOS"', "camera:D800"]
    assert texts("camera:d8") == ["camera:D800", 'camera:"NIKON D80"']
    assert texts("date:20") == ["date:2019", "date:2019-06"]
    assert texts("type:f") == ["type:frame"]
    assert texts("nonsense:x") == []


def test_one_of_several_values_is_completed() -> None:
    assert texts("-tag:sea|be") == ["-tag:sea|beach"]


def test_an_open_quote_is_part_of_the_value() -> None:
    found = suggest('dogs camera:"nikon d', 20, COUNTS)
    assert (found.start, found.end) == (5, 20)
    assert [item.text for item in found.items] == ['camera:"NIKON D80"']


def test_what_stands_behind_the_cursor_is_replaced_as_well() -> None:
    found = suggest("dogs cam beach", 6, COUNTS)
    assert (found.start, found.end) == (5, 8)


@pytest.mark.parametrize("value", ['a "b"', "back\\slash", "a|b", "//x", "two words"])
def test_a_suggested_value_reads_as_itself(value: str) -> None:
    (item,) = suggest("tag:", 4, {"tag": (Count(value, 1),)}).items
    assert parse(item.text).filters[0].values == (value,)


@given(st.text(), st.integers(-3, 100))
def test_whatever_is_typed_something_can_be_answered(query: str, cursor: int) -> None:
    found = suggest(query, cursor, COUNTS)
    assert 0 <= found.start <= found.end <= len(query)
