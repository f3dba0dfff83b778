"""Everything known of one image is told, for indexed, skipped, changed and vanished files."""

import os
from pathlib import Path

import pytest

import eidetic
from eidetic.cli.portrait import coordinates, exposure, portray, taken
from eidetic.show import Facts
from schema import ArchiveError, row_id
from tests.images import write_colours, write_image
from tests.samples import a_record

pytestmark = pytest.mark.usefixtures("toy")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = write_colours(tmp_path / "images", "red", "green")
    (folder / "copies").mkdir()
    (folder / "copies" / "rouge.png").write_bytes((folder / "red.png").read_bytes())
    (folder / "broken.jpg").write_text("no image")
    with eidetic.open(model="builtin") as archive:
        archive.ingest([folder])
    return folder


def show(which: str | Path) -> Facts:
    with eidetic.open() as archive:
        return archive.show(which)


def test_an_indexed_image_is_shown_by_its_path_and_by_its_id(images: Path) -> None:
    facts = show(images / "red.png")
    told = facts.as_dict()
    assert told["path"] == str(images / "red.png")
    assert told["indexed"] is True
    assert (told["row"]["width"], told["row"]["format"]) == (64, "png")
    assert "camera" not in told["row"]
    assert told["file"] == {
        "there": True,
        "unchanged": True,
        "size_bytes": (images / "red.png").stat().st_size,
        "mtime_ns": (images / "red.png").stat().st_mtime_ns,
    }
    assert told["journal"]["state"] == "indexed"
    assert [same["path"] for same in told["same_content"]] == [str(images / "copies/rouge.png")]
    assert show(told["id"]) == facts


def test_a_skipped_file_is_shown_with_the_reason(images: Path) -> None:
    told = show(images / "broken.jpg").as_dict()
    assert (told["indexed"], told["id"], told["row"]) == (False, None, None)
    assert told["journal"]["reason"] == "not-an-image"
    assert told["same_content"] == []


def test_a_file_is_shown_by_a_relative_path_and_through_a_link(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(images)
    assert show("copies/../red.png").path == str(images / "red.png")
    (tmp_path / "link").symlink_to(images)
    assert show(tmp_path / "link" / "red.png").path == str(images / "red.png")


def test_a_changed_and_a_vanished_file_are_told_apart(images: Path) -> None:
    write_image(images / "red.png", "white", size=(9, 9))
    os.utime(images / "red.png", ns=(1, 1))
    assert show(images / "red.png").file.is_unchanged is False
    (images / "red.png").unlink()
    facts = show(images / "red.png")
    assert (facts.file.is_there, facts.file.is_unchanged) == (False, None)


def test_a_row_of_an_unknown_root_is_shown_by_what_results_call_it(
    images: Path, tmp_path: Path
) -> None:
    (tmp_path / "data" / "default" / "roots.json").unlink()
    with eidetic.open() as archive:
        path = archive.search("green", k=1)[0].path
        assert path.endswith(":green.png")
        facts = archive.show(path)
    assert facts.path == path
    assert facts.file.is_there is None


@pytest.mark.parametrize(
    ("name", "next_step"),
    [
        ("images/new.png", r"index it with: eidetic ingest .*new\.png"),
        ("images/nowhere.png", "check the spelling"),
        ("outside.png", r"index it with: eidetic ingest .*outside\.png"),
    ],
)
def test_a_file_the_archive_knows_nothing_of_is_an_error_with_the_next_step(
    images: Path, tmp_path: Path, name: str, next_step: str
) -> None:
    write_image(images / "new.png", "blue")
    write_image(tmp_path / "outside.png", "blue")
    with pytest.raises(ArchiveError, match=next_step):
        show(tmp_path / name)


def test_an_id_of_no_row_is_an_error_with_the_next_step(images: Path) -> None:
    with pytest.raises(ArchiveError, match="ids are shown by: eidetic search WORDS --json"):
        show(row_id("r", "nowhere.png"))


def test_no_model_is_loaded(images: Path, toy: list[str]) -> None:
    toy.clear()
    show(images / "red.png")
    assert toy == []


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        (
            {"shutter_s": 1 / 250, "aperture": 2.8, "iso_speed": 200, "focal_mm": 35.0},
            "1/250 s, f/2.8, ISO 200, 35 mm",
        ),
        ({"shutter_s": 2.5}, "2.5 s"),
        ({"shutter_s": 0.5, "focal_mm": 4.25}, "0.5 s, 4.25 mm"),
        ({"aperture": 11.0}, "f/11"),
        ({}, ""),
    ],
)
def test_an_exposure_reads_as_on_a_camera(facts: dict[str, object], text: str) -> None:
    assert exposure(a_record(**facts)) == text


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"taken_at": 1_562_243_400_000, "utc_offset_min": 120}, "2019-07-04 12:30:00 +02:00"),
        ({"taken_at": 1_562_243_400_000, "utc_offset_min": -210}, "2019-07-04 12:30:00 -03:30"),
        ({"taken_at": -1_000}, "1969-12-31 23:59:59"),
        ({}, ""),
    ],
)
def test_a_date_is_that_of_the_local_clock(facts: dict[str, object], text: str) -> None:
    assert taken(a_record(**facts)) == text


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        (
            {"lat": 48.8583, "lon": 2.2945, "place": "Paris", "country": "France"},
            "48.85830° N, 2.29450° E (Paris, France)",
        ),
        ({"lat": -33.5, "lon": -70.0}, "33.50000° S, 70.00000° W"),
        ({"lat": 0.0, "lon": 0.0}, "0.00000° N, 0.00000° E"),
        ({}, ""),
    ],
)
def test_coordinates_come_with_the_place(facts: dict[str, object], text: str) -> None:
    assert coordinates(a_record(**facts)) == text


def test_people_read_every_known_fact_and_no_unknown_one(images: Path) -> None:
    facts = dict(portray(show(images / "red.png")))
    assert facts["image"].startswith("png, 64 x 48 pixels, ")
    assert facts["file"].startswith("unchanged; ")
    assert facts["journal"].startswith("indexed, read 20")
    assert facts["same content"] == str(images / "copies/rouge.png")
    assert "camera" not in facts
    skipped = dict(portray(show(images / "broken.jpg")))
    assert skipped["journal"].startswith("skipped, read 20")
    assert skipped["because"].startswith("not-an-image: ")
