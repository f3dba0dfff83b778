"""What video files say of themselves becomes the facts that images have."""

import pytest

from ingest.video_facts import read_video

APPLE = "com.apple.quicktime."


def test_a_telephones_video_says_when_where_and_with_what() -> None:
    facts = read_video(
        {
            f"{APPLE}creationdate": "2024-05-01T14:30:00+0200",
            "creation_time": "2024-05-01T12:30:00.000000Z",
            f"{APPLE}location.iso6709": "+48.8577+002.2950+035.000/",
            f"{APPLE}make": "Apple",
            f"{APPLE}model": "iPhone 15",
        }
    )
    # 14:30 of the wall clock.
    assert (facts.taken_at, facts.utc_offset_min) == (1_714_573_800_000, 120)
    assert (facts.lat, facts.lon) == (48.8577, 2.295)
    assert facts.camera == "Apple iPhone 15"
    assert (facts.taken_from, facts.malformed) == ("video", 0)


def test_a_time_in_utc_is_told_by_this_machines_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = read_video({"creation_time": "2024-05-01T12:30:00.000000Z"})
    assert facts.taken_at is not None
    assert facts.utc_offset_min is not None
    assert facts.taken_at - facts.utc_offset_min * 60_000 == 1_714_566_600_000


@pytest.mark.parametrize("never_set", ["1904-01-01T00:00:00.000000Z", "1970-01-01T00:00:00Z"])
def test_a_clock_that_was_never_set_says_nothing(never_set: str) -> None:
    facts = read_video({"creation_time": never_set})
    assert (facts.taken_at, facts.taken_from) == (None, None)


def test_titles_and_comments_are_words_to_search_by() -> None:
    facts = read_video({"title": "First steps", "comment": "in the\ngarden"})
    assert (facts.title, facts.description) == ("First steps", "in the garden")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("creation_time", "yesterday"),
        ("creation_time", "9999-99-99T00:00:00Z"),
        ("location", "+99.0000+002.0000/"),
        ("location", "here"),
    ],
)
def test_what_cannot_be_used_is_counted_and_unknown(name: str, value: str) -> None:
    facts = read_video({name: value})
    assert (facts.taken_at, facts.lat, facts.malformed) == (None, None, 1)
