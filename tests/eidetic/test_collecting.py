"""Hits are gathered in a folder under safe names, and nothing there is ever lost."""

import os
from pathlib import Path

import pytest

from eidetic.collecting import copy_hits, link_hits
from eidetic.files import Files
from eidetic.results import Hit
from schema import ImageRecord, Root, UsageError
from tests.eidetic.found import HOSTILE, found, write_named
from tests.images import write_image
from tests.ingest.sources.packing import images, make
from tests.samples import a_record


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path, colour in (("a/dog.png", "red"), ("b/dog.png", "green"), ("cat.png", "blue")):
        write_image(tmp_path / "images" / path, colour)
    return tmp_path / "images"


def test_copies_are_named_by_rank_so_that_namesakes_stay_apart(
    folder: Path, tmp_path: Path
) -> None:
    hits, files = found(folder, "b/dog.png", "a/dog.png", "cat.png")
    made = copy_hits(hits, tmp_path / "new" / "out", files)
    out = tmp_path / "new" / "out"
    assert listing(out) == ["001-dog.png", "002-dog.png", "003-cat.png"]
    assert (out / "001-dog.png").read_bytes() == (folder / "b/dog.png").read_bytes()
    assert (out / "002-dog.png").read_bytes() == (folder / "a/dog.png").read_bytes()
    assert [m.path for m in made.made] == [str(out / name) for name in listing(out)]
    assert (made.folder, made.left_out) == (str(out), ())


def test_a_copy_has_the_date_of_its_file(folder: Path, tmp_path: Path) -> None:
    hits, files = found(folder, "cat.png", mtime_ns=1_600_000_000_000_000_000)
    copy_hits(hits, tmp_path / "out", files)
    assert (tmp_path / "out" / "001-cat.png").stat().st_mtime_ns == 1_600_000_000_000_000_000


@pytest.mark.parametrize("gather", [copy_hits, link_hits])
def test_a_name_that_is_taken_stays_and_the_next_one_is_used(
    folder: Path, tmp_path: Path, gather: object
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "001-cat.png").write_text("somebody's own")
    (out / "001-cat~2.png").symlink_to("/nowhere")
    hits, files = found(folder, "cat.png")
    made = gather(hits, out, files)  # type: ignore[operator]
    assert (out / "001-cat.png").read_text() == "somebody's own"
    assert (out / "001-cat~2.png").readlink() == Path("/nowhere")
    assert made.made[0].path == str(out / "001-cat~3.png")
    assert (out / "001-cat~3.png").read_bytes() == (folder / "cat.png").read_bytes()


@pytest.mark.parametrize("gather", [copy_hits, link_hits])
def test_gathering_again_makes_nothing_twice(folder: Path, tmp_path: Path, gather: object) -> None:
    hits, files = found(folder, "a/dog.png", "cat.png")
    first = gather(hits, tmp_path / "out", files)  # type: ignore[operator]
    again = gather(hits, tmp_path / "out", files)  # type: ignore[operator]
    assert [made.is_new for made in first.made] == [True, True]
    assert [made.is_new for made in again.made] == [False, False]
    assert len(listing(tmp_path / "out")) == 2


@pytest.mark.parametrize("gather", [copy_hits, link_hits])
def test_a_file_that_is_gone_is_left_out_with_the_reason(
    folder: Path, tmp_path: Path, gather: object
) -> None:
    hits, files = found(folder, "a/dog.png", "gone.png", "cat.png")
    made = gather(hits, tmp_path / "out", files)  # type: ignore[operator]
    assert listing(tmp_path / "out") == ["001-dog.png", "003-cat.png"]
    assert [left.hit.path for left in made.left_out] == [str(folder / "gone.png")]
    assert "no such file any more" in made.left_out[0].reason


@pytest.mark.parametrize("gather", [copy_hits, link_hits])
@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_a_file_can_have_is_gathered_within_the_folder(
    tmp_path: Path, gather: object, name: str
) -> None:
    folder = write_named(tmp_path / "images", name)
    hits, files = found(folder, name)
    made = gather(hits, tmp_path / "out", files)  # type: ignore[operator]
    (only,) = listing(tmp_path / "out")
    assert made.made[0].path == str(tmp_path / "out" / only)
    assert only.startswith("001-")
    assert (tmp_path / "out" / only).read_bytes() == (folder / name).read_bytes()


def test_a_long_name_keeps_its_extension_and_its_variations_fit(tmp_path: Path) -> None:
    name = "é" * 120 + ".jpeg"
    write_image(tmp_path / "images" / name)
    hits, files = found(tmp_path / "images", name)
    (tmp_path / "out").mkdir()
    for _ in range(2):
        copy_hits(hits, tmp_path / "out", files)
        write_image(tmp_path / "images" / name, "green")
    names = listing(tmp_path / "out")
    assert len(names) == 2
    assert all(n.endswith(".jpeg") and len(os.fsencode(n)) <= 255 for n in names)


@pytest.mark.parametrize("path", ["../outside.png", "/etc/hostname", "a/../../outside.png"])
def test_a_row_that_points_out_of_its_root_is_not_copied(
    folder: Path, tmp_path: Path, path: str
) -> None:
    write_image(tmp_path / "outside.png")
    hits, files = found(folder, path)
    made = copy_hits(hits, tmp_path / "out", files)
    assert made.made == ()
    assert "leads out of its root" in made.left_out[0].reason


def test_what_lies_in_a_packed_file_is_copied_and_cannot_be_linked(tmp_path: Path) -> None:
    members = images("z/red.png")
    root = Root.at(f"zip://::{make(tmp_path / 'images.zip', members)}")
    hit = Hit(1, 0.5, root.locate("z/red.png"), a_record("z/red.png", root.id))
    copy_hits([hit], tmp_path / "out", Files({root.id: root}))
    assert (tmp_path / "out" / "001-red.png").read_bytes() == members["z/red.png"]
    linked = link_hits([hit], tmp_path / "links", Files({root.id: root}))
    assert "copy it with --copy-to" in linked.left_out[0].reason


@pytest.mark.parametrize("gather", [copy_hits, link_hits])
def test_a_row_of_an_unknown_root_is_left_out(tmp_path: Path, gather: object) -> None:
    record: ImageRecord = a_record("a.png")
    hit = Hit(1, 0.5, f"{record.root}:a.png", record)
    made = gather([hit], tmp_path / "out", Files({}))  # type: ignore[operator]
    assert "no location on this machine" in made.left_out[0].reason


@pytest.mark.parametrize("place", ["file/below", "file", "nul\0", "~nobody-of-this-name/x"])
def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("in the way")
    hits, files = found(folder, "cat.png")
    with pytest.raises(UsageError, match="give another folder"):
        copy_hits(hits, Path(place), files)
