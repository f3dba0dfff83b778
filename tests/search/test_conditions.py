"""Each filter of the query language by what its value says, and by what it refuses."""

from datetime import UTC, datetime

import pytest

from schema import UsageError
from schema.filters import AnyOf, Between, Coded, Contains, Filter, InFolder, Near, Not, Tagged
from search import QuerySyntaxError, build_query


def filters(query: str) -> tuple[Filter, ...]:
    return build_query(query).filters


def ms(*when: int) -> int:
    return round(datetime(*when, tzinfo=UTC).timestamp()) * 1000  # type: ignore[misc, arg-type]


DOOMSDAY = ms(9999, 12, 31)


@pytest.mark.parametrize(
    ("query", "means"),
    [
        ("camera:nikon", Contains("camera", "nikon")),
        ("lens:50mm", Contains("lens", "50mm")),
        ("place:Paris", Contains("place", "Paris")),
        ("country:france", Contains("country", "france")),
        ("name:img_", Contains("name", "img_")),
        ("tag:sea", Tagged("sea")),
        ("in:holidays/", InFolder("holidays")),
        ("in:./holidays//2019", InFolder("holidays/2019")),
        ("in:/", InFolder("")),
        ("type:photo|FRAME", AnyOf((Coded("view", "photo"), Coded("view", "frame")))),
        ("format:JPG", Coded("format", "jpeg")),
        ("format:heic", Coded("format", "heic")),
        ("rating:4", Between("rating", 4, 4)),
        ("rating:=4", Between("rating", 4, 4)),
        ("rating:>=4", Between("rating", 4, None)),
        ("rating:>3", Between("rating", 4, None)),
        ("rating:<=-1", Between("rating", None, -1)),
        ("width:<3000", Between("width", None, 2999)),
        ("height:100..200", Between("height", 100, 200)),
        ("iso:..800", Between("iso_speed", None, 800)),
        ("-rating:>=4", Not(Between("rating", 4, None))),
        ("near:48.85,2.35,10km", Near(48.85, 2.35, 10)),
        ("near:-33.8,151,500m", Near(-33.8, 151, 0.5)),
        ('near:"0, 0, 1 mi"', Near(0, 0, 1.609344)),
        ("date:2019", Between("taken_at", ms(2019, 1, 1), ms(2020, 1, 1) - 1)),
        ("date:2020-02", Between("taken_at", ms(2020, 2, 1), ms(2020, 3, 1) - 1)),
        ("date:2020-12-31", Between("taken_at", ms(2020, 12, 31), ms(2021, 1, 1) - 1)),
        ("date:2019..2021-06", Between("taken_at", ms(2019, 1, 1), ms(2021, 7, 1) - 1)),
        ("date:2019..", Between("taken_at", ms(2019, 1, 1), None)),
        ("date:..2020", Between("taken_at", None, ms(2021, 1, 1) - 1)),
        ("date:>2019", Between("taken_at", ms(2020, 1, 1), None)),
        ("date:9999-12-31", Between("taken_at", DOOMSDAY, DOOMSDAY + 86_399_999)),
    ],
)  # fmt: skip
def test_a_filter_says(query: str, means: Filter) -> None:
    assert filters(query) == (means,)


def test_several_filters_must_all_hold() -> None:
    assert filters("dog tag:sea tag:sand") == (Tagged("sea"), Tagged("sand"))


@pytest.mark.parametrize(
    ("query", "position", "reason"),
    [
        ("dog camra:nikon", 4, r"no filter 'camra', did you mean 'camera'\? Filters are date, cam"),
        ("xyzzy:1", 0, r"no filter 'xyzzy'\. Filters are date"),
        ("std::vector", 0, "put them in quotes"),
        ("date:yesterday", 5, "'yesterday' is not a date; write 2019, 2019-06"),
        ("date:2019-13", 5, "not a day of the calendar"),
        ("date:0000", 5, "not a day of the calendar"),
        ("date:2021..2019", 5, "ends before it begins"),
        ("date:..", 5, "'..' has no end"),
        ("rating:good", 7, "'good' is not a whole number"),
        ("rating:>=", 7, "is not a whole number"),
        ("width:9999999999999", 6, "at most twelve digits"),
        ("rating:1..2..3", 7, "is not a whole number"),
        ("type:video", 5, "photo, frame, crop"),
        ("in:../secrets", 3, "leads out of the root"),
        ("near:Paris", 5, "write degrees north"),
        ("near:91,0,1km", 5, "from -90 to 90"),
        ("near:0,181,1km", 5, "from -180 to 180"),
        ("near:0,0,0km", 5, "above 0"),
        ("near:0,0,50000km", 5, "at most 20,040 km"),
    ],
)
def test_what_is_no_filter_is_refused_with_its_place(
    query: str, position: int, reason: str
) -> None:
    with pytest.raises(QuerySyntaxError, match=reason) as refused:
        filters(query)
    assert refused.value.position == position


def test_leaving_out_alone_is_refused() -> None:
    for query in ("-people", "-people date:2019"):
        with pytest.raises(UsageError, match="not what to look for"):
            build_query(query)


def test_a_query_from_elsewhere_reads_no_files_of_this_machine() -> None:
    for query in ("+./a.jpg", "dog -/etc/passwd"):
        with pytest.raises(QuerySyntaxError, match="cannot read files of this machine"):
            build_query(query, local_files=False)
