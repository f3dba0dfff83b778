"""Roots are listed, moved without embedding anything, and dropped with all that came from them."""

import logging
import shutil
from pathlib import Path

import pytest

import eidetic
from schema import NoUsableImage, UsageError
from tests.images import write_colours

pytestmark = pytest.mark.usefixtures("toy")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = write_colours(tmp_path / "images", "red", "green", "blue", "yellow")
    with eidetic.open(model="builtin") as archive:
        archive.ingest([folder])
    return folder


class TestList:
    def test_a_root_is_listed_with_its_rows_and_whether_it_is_there(self, images: Path) -> None:
        with eidetic.open() as archive:
            (root,) = archive.roots()
            assert (root.location, root.rows, root.is_there) == (str(images), 4, True)
            images.rename(images.with_name("elsewhere"))
            assert archive.roots()[0].is_there is False

    def test_roots_that_only_rows_know_of_are_listed_without_a_location(
        self, images: Path, tmp_path: Path
    ) -> None:
        more = write_colours(tmp_path / "more", "black", "white")
        with eidetic.open() as archive:
            archive.ingest([more])
            known = {root.id: root.rows for root in archive.roots()}
            archive.settings.roots_file.unlink()
            unknown = archive.roots()
        assert {root.id: root.rows for root in unknown} == known
        assert {root.location for root in unknown} == {None}


class TestMove:
    def test_a_moved_root_keeps_its_rows_and_nothing_is_embedded(
        self, images: Path, tmp_path: Path
    ) -> None:
        new = tmp_path / "new place"
        images.rename(new)
        with eidetic.open() as archive:
            moved = archive.move_root(images, new)
            assert (moved.before, moved.location) == (str(images), str(new))
            assert (moved.rows, moved.sampled, moved.found) == (4, 4, 4)
            assert archive.search("red", k=1)[0].path == str(new / "red.png")
            report = archive.ingest([new])
            assert (report.unchanged, report.indexed, report.moved) == (4, 0, 0)
            assert archive.doctor().problems == ()

    def test_a_copy_on_another_disk_is_read_and_not_embedded(
        self, images: Path, tmp_path: Path, toy: list[str]
    ) -> None:
        new = tmp_path / "copy"
        shutil.copytree(images, new)
        shutil.rmtree(images)
        with eidetic.open() as archive:
            archive.move_root(archive.roots()[0].id, new)
            report = archive.ingest([new])
            assert (report.unchanged, report.indexed) == (4, 0)

    def test_an_unknown_root_is_given_its_place_by_id(self, images: Path, tmp_path: Path) -> None:
        with eidetic.open() as archive:
            archive.settings.roots_file.unlink()
            (root,) = archive.roots()
            moved = archive.move_root(root.id, images)
            assert (moved.before, moved.location) == (None, str(images))
            assert archive.search("red", k=1)[0].path == str(images / "red.png")

    def test_a_folder_without_its_files_is_refused_unless_that_is_meant(
        self, images: Path, tmp_path: Path
    ) -> None:
        other = write_colours(tmp_path / "other", "red")
        with eidetic.open() as archive:
            with pytest.raises(UsageError, match=r"only 1 of 4 files .* insist with --yes"):
                archive.move_root(images, other)
            assert archive.roots()[0].location == str(images)
            moved = archive.move_root(images, other, allow_mismatch=True)
            assert (moved.found, archive.roots()[0].location) == (1, str(other))

    def test_files_of_another_size_do_not_count_as_found(
        self, images: Path, tmp_path: Path
    ) -> None:
        other = tmp_path / "other"
        other.mkdir()
        for file in images.iterdir():
            (other / file.name).write_bytes(b"x")
        with eidetic.open() as archive, pytest.raises(UsageError, match="only 0 of 4"):
            archive.move_root(images, other)

    @pytest.mark.parametrize(
        ("folder", "message"),
        [
            ("nowhere", "no such file or folder"),
            ("images/red.png", "this is a file"),
            ("more", "lies in another root, .*eidetic roots forget"),
            ("more/inner", "lies in another root"),
            (".", "holds other roots"),
        ],
    )
    def test_a_folder_that_cannot_be_the_roots_is_refused(
        self, images: Path, tmp_path: Path, folder: str, message: str
    ) -> None:
        more = write_colours(tmp_path / "more", "black")
        (more / "inner").mkdir()
        with eidetic.open() as archive:
            archive.ingest([more])
            with pytest.raises(UsageError, match=message):
                archive.move_root(images, tmp_path / folder)

    def test_a_root_that_the_archive_does_not_have_is_refused_with_those_it_has(
        self, images: Path, tmp_path: Path
    ) -> None:
        with eidetic.open() as archive, pytest.raises(UsageError, match=str(images)):
            archive.move_root(tmp_path / "nowhere", images)

    def test_an_ingest_of_a_moved_folder_names_the_better_way(
        self, images: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        new = tmp_path / "new"
        images.rename(new)
        other = write_colours(tmp_path / "other", "white")
        with eidetic.open() as archive, caplog.at_level(logging.WARNING, "eidetic"):
            (root,) = archive.roots()
            archive.ingest([other])
            assert caplog.messages == []
            archive.ingest([new])
            assert f"eidetic roots move {root.id} {new}" in caplog.messages[0]
            # After all: the second set of rows goes, the first one moves.
            archive.forget_root(new)
            archive.move_root(root.id, new)
            assert archive.doctor().problems == ()


class TestForget:
    def test_a_root_goes_with_its_rows_and_entries_and_its_files_stay(
        self, images: Path, tmp_path: Path
    ) -> None:
        more = write_colours(tmp_path / "more", "black", "white")
        with eidetic.open() as archive:
            archive.ingest([more])
            gone = archive.forget_root(images)
            assert (gone.location, gone.rows, gone.entries) == (str(images), 4, 4)
            assert [root.location for root in archive.roots()] == [str(more)]
            assert archive.status().rows == 2
            assert len(list(images.iterdir())) == 4
            assert archive.doctor().problems == ()

    def test_an_unknown_root_is_dropped_by_id(self, images: Path) -> None:
        with eidetic.open() as archive:
            archive.settings.roots_file.unlink()
            (root,) = archive.roots()
            assert archive.forget_root(root.id).rows == 4
            assert archive.roots() == ()


class TestFoldersOfNoUse:
    @pytest.fixture
    def useless(self, tmp_path: Path) -> Path:
        folder = tmp_path / "useless"
        folder.mkdir()
        (folder / "broken.jpg").write_text("no image")
        return folder

    def test_a_folder_that_gave_no_row_is_no_root(self, images: Path, useless: Path) -> None:
        with eidetic.open() as archive:
            with pytest.raises(NoUsableImage):
                archive.ingest([useless])
            assert [root.location for root in archive.roots()] == [str(images)]
            assert archive.status().skipped == 0
            assert archive.doctor().problems == ()

    def test_it_is_none_either_beside_one_that_gave_some(
        self, images: Path, useless: Path, tmp_path: Path
    ) -> None:
        more = write_colours(tmp_path / "more", "black")
        with eidetic.open() as archive:
            assert archive.ingest([useless, more]).skipped == 1
            locations = {root.location for root in archive.roots()}
        assert locations == {str(images), str(more)}

    def test_a_root_that_has_lost_its_last_row_stays_one(self, images: Path) -> None:
        for file in images.iterdir():
            file.unlink()
        with eidetic.open() as archive:
            archive.ingest([images])
            assert [(root.location, root.rows) for root in archive.roots()] == [(str(images), 0)]
