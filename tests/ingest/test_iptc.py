"""IPTC to facts: datasets, their character sets and dates, and that no bytes raise."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.facts import Facts
from ingest.iptc import read_iptc
from ingest.values import MAX_VALUES

UTF8 = (1, 90, b"\x1b%G")


def block(*datasets: tuple[int, int, bytes]) -> bytes:
    """Return datasets as the standard writes them."""
    return b"".join(
        bytes([0x1C, record, number]) + len(value).to_bytes(2, "big") + value
        for record, number, value in datasets
    )


def milliseconds(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1000  # type: ignore[arg-type, misc]


def test_no_block_is_all_unknown() -> None:
    assert read_iptc(b"") == read_iptc(b"\0\0\0") == Facts()


def test_title_keywords_caption_and_place_are_read() -> None:
    read = read_iptc(
        block(
            UTF8,
            (2, 0, b"\0\x04"),
            (2, 5, "Été".encode()),
            (2, 25, "بحر".encode()),
            (2, 25, b"red boat"),
            (2, 25, b"red boat"),
            (2, 120, b"A walk\r\non the beach"),
            (2, 90, b"Oslo"),
            (2, 101, b"Norway"),
        )
    )
    assert read == Facts(
        title="Été",
        tags=("بحر", "red boat"),
        description="A walk on the beach",
        place="Oslo",
        country="Norway",
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Zürich 湖".encode(), "Zürich 湖"),
        (b"caf\xe9", "café"),
        (b"na\xefve \x96 x", "naïve \u2013 x"),
    ],
)
def test_a_text_without_a_declared_character_set_is_utf8_if_it_can_be(
    written: bytes, expected: str
) -> None:
    assert read_iptc(block((2, 5, written))).title == expected


def test_declared_utf8_is_read_as_that_even_where_it_is_broken() -> None:
    assert read_iptc(block(UTF8, (2, 5, b"caf\xe9"))).title == "caf\ufffd"


@pytest.mark.parametrize(
    ("date", "time", "moment", "offset"),
    [
        (b"20190704", b"123005+0200", (2019, 7, 4, 12, 30, 5), 120),
        (b"20190704", b"123005-0930", (2019, 7, 4, 12, 30, 5), -570),
        (b"20190704", b"123005", (2019, 7, 4, 12, 30, 5), None),
        (b"20190704", b"", (2019, 7, 4), None),
        (b"20190700", b"", (2019, 7, 1), None),
        (b"20190000", b"", (2019, 1, 1), None),
        (b"1955:07:04", b"12:30:05+01:00", (1955, 7, 4, 12, 30, 5), 60),
    ],
)
def test_the_date_of_creation_is_read(
    date: bytes, time: bytes, moment: tuple[int, ...], offset: int | None
) -> None:
    read = read_iptc(block((2, 55, date), (2, 60, time)))
    assert read == Facts(taken_at=milliseconds(*moment), utc_offset_min=offset, taken_from="iptc")


def test_the_creation_counts_before_the_digitizing() -> None:
    digitized = ((2, 62, b"20020101"), (2, 63, b"010000"))
    assert read_iptc(block(*digitized)).taken_at == milliseconds(2002, 1, 1, 1)
    both = block(*digitized, (2, 55, b"20010101"))
    assert read_iptc(both).taken_at == milliseconds(2001, 1, 1)


@pytest.mark.parametrize("date", [b"00000000", b"        ", b""])
def test_a_blank_date_is_unknown_and_not_malformed(date: bytes) -> None:
    assert read_iptc(block((2, 55, date), (2, 60, b"123005"))) == Facts()


@pytest.mark.parametrize("date", [b"20191301", b"20190230", b"yesterday", b"2019"])
def test_a_date_that_is_none_is_malformed(date: bytes) -> None:
    assert read_iptc(block((2, 55, date))) == Facts(malformed=1)


@pytest.mark.parametrize("time", [b"250000+0000", b"noon", b"123005+9900"])
def test_a_time_that_is_none_leaves_the_day(time: bytes) -> None:
    read = read_iptc(block((2, 55, b"20190704"), (2, 60, time)))
    assert (read.taken_at, read.malformed) == (milliseconds(2019, 7, 4), 1)


def test_a_long_dataset_is_read() -> None:
    long = b"x" * 40_000
    data = b"\x1c\x02\x78\x80\x04" + len(long).to_bytes(4, "big") + long + block((2, 5, b"Beach"))
    read = read_iptc(data)
    assert (read.title, read.malformed) == ("Beach", 0)
    assert read.description is not None


@pytest.mark.parametrize(
    "rest",
    [b"\x1c\x02\x05\0", b"\x1c\x02\x05\xff\xff", b"\x1c\x02\x05\x01\x00ab", b"\x1c", b"rubbish"],
)
def test_what_stands_before_a_broken_dataset_counts(rest: bytes) -> None:
    assert read_iptc(block((2, 5, b"Beach")) + rest) == Facts(title="Beach", malformed=1)


def test_many_keywords_are_cut() -> None:
    data = block(*((2, 25, str(n).encode()) for n in range(MAX_VALUES + 50)))
    assert len(read_iptc(data).tags) == MAX_VALUES


DATASET = st.tuples(
    st.sampled_from([1, 2]), st.sampled_from([5, 25, 55, 60, 90, 120]), st.binary(max_size=20)
)


@given(st.lists(DATASET, max_size=8), st.binary(max_size=20))
def test_any_datasets_raise_nothing(datasets: list[tuple[int, int, bytes]], rest: bytes) -> None:
    read = read_iptc(block(*datasets) + rest)
    for text in (read.title, read.description, *read.tags):
        assert text is None or text.encode().decode() == text


@given(st.binary(max_size=300))
def test_any_bytes_raise_nothing(data: bytes) -> None:
    assert isinstance(read_iptc(b"\x1c" + data), Facts)
