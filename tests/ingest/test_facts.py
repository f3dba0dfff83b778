"""Several sources of facts become one: who is believed, and that nothing is lost."""

from dataclasses import fields, replace

import pytest

from ingest.facts import Facts, merge_facts

CAPTURED = {
    "taken_at": 1,
    "camera": "X100",
    "lens": "EF 50mm",
    "iso_speed": 400,
    "focal_mm": 50.0,
    "aperture": 2.8,
    "shutter_s": 0.004,
    "lat": 10.0,
}
EDITED = {
    "place": "Oslo",
    "country": "Norway",
    "rating": 3,
    "title": "A fjord",
    "description": "At dusk",
}
BY_BELIEF = {
    **dict.fromkeys(CAPTURED, ("exif", "xmp", "iptc", "sidecar")),
    **dict.fromkeys(EDITED, ("sidecar", "xmp", "iptc", "exif")),
}

NOTHING = {"sidecar": Facts(), "xmp": Facts(), "iptc": Facts(), "exif": Facts()}


@pytest.mark.parametrize(("fact", "sources"), BY_BELIEF.items(), ids=BY_BELIEF)
def test_each_fact_is_taken_from_the_first_source_that_knows_it(
    fact: str, sources: tuple[str, ...]
) -> None:
    said = {source: place for place, source in enumerate(sources, start=1)}
    for known in range(4):
        knowing = {source: Facts(**{fact: said[source]}) for source in sources[known:]}
        merged = merge_facts(**{**NOTHING, **knowing})
        assert getattr(merged, fact) == said[sources[known]]


def test_every_fact_is_merged() -> None:
    every = Facts(
        **{**CAPTURED, **EDITED},
        utc_offset_min=60,
        taken_from="exif",
        lon=20.0,
        tags=("sea",),
        malformed=1,
    )
    assert all(getattr(every, field.name) not in (None, (), 0) for field in fields(Facts))
    for source in NOTHING:
        assert merge_facts(**{**NOTHING, source: every}) == every


def test_a_time_keeps_its_own_offset_and_a_position_its_own_halves() -> None:
    exif = Facts(taken_at=5, taken_from="exif")
    xmp = Facts(taken_at=6, taken_from="xmp", utc_offset_min=120, lat=1.0, lon=2.0)
    merged = merge_facts(**{**NOTHING, "exif": exif, "xmp": xmp})
    assert merged == replace(exif, lat=1.0, lon=2.0)


def test_a_rating_that_was_taken_back_is_not_found_again_in_the_file() -> None:
    merged = merge_facts(**{**NOTHING, "sidecar": Facts(rating=0), "xmp": Facts(rating=4)})
    assert merged.rating == 0


def test_tags_are_the_union_of_all_and_malformed_values_add_up() -> None:
    merged = merge_facts(
        sidecar=Facts(tags=("b", "a"), malformed=1),
        xmp=Facts(tags=("a", "c")),
        iptc=Facts(tags=("d",), malformed=2),
        exif=Facts(tags=("c", "e"), malformed=4),
    )
    assert merged == Facts(tags=("b", "a", "c", "d", "e"), malformed=7)
