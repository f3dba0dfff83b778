"""One writer at a time."""

import os
import threading
import time
from pathlib import Path

import pytest

import eidetic
from eidetic.turns import find_writer, writing
from schema import ArchiveBusy
from tests.images import write_colours


def test_a_second_writer_is_told_of_the_first(tmp_path: Path) -> None:
    lock = tmp_path / "archive" / "writer.lock"
    with writing(lock, "ingest"):
        told = rf"process {os.getpid()} \(ingest, since \d\d:\d\d\) is writing into this archive"
        with pytest.raises(ArchiveBusy, match=told), writing(lock, "doctor --fix"):
            pass
    with writing(lock, "doctor --fix"):
        writer = find_writer(lock)
        assert writer is not None
        assert (writer.pid, writer.doing) == (os.getpid(), "doctor --fix")
    assert find_writer(lock) is None


def test_a_writer_that_waits_gets_its_turn(tmp_path: Path) -> None:
    lock, order = tmp_path / "writer.lock", []

    def wait() -> None:
        with writing(lock, "second", wait_s=60):
            order.append("second")

    second = threading.Thread(target=wait)
    with writing(lock, "first"):
        second.start()
        time.sleep(0.2)
        order.append("first")
    second.join()
    assert order == ["first", "second"]


@pytest.mark.parametrize("left", ["", "{", "[1]", '{"pid": 1}'])
def test_what_a_killed_writer_left_in_the_file_is_in_nobodys_way(tmp_path: Path, left: str) -> None:
    lock = tmp_path / "writer.lock"
    lock.write_text(left)
    with writing(lock, "ingest"):
        assert str(find_writer(lock)).startswith(f"process {os.getpid()} (ingest, since ")


def test_a_writer_tells_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eidetic.turns.TOLD_EVERY_S", 0)
    lock = tmp_path / "writer.lock"
    assert find_writer(lock) is None
    with writing(lock, "ingest") as turn:
        progress = turn.beside(None)
        progress.found(1000)
        progress.start(300)
        progress.advance(32)
        progress.advance(32)
        writer = find_writer(lock)
        assert writer is not None
        assert (writer.found, writer.total, writer.done) == (1000, 300, 64)


@pytest.mark.usefixtures("toy")
def test_searching_goes_on_while_another_writes_and_writing_does_not(tmp_path: Path) -> None:
    write_colours(tmp_path / "images", "red")
    with eidetic.open("shared", model="builtin") as archive:
        archive.ingest(tmp_path / "images")
        with writing(archive.settings.archive_dir / "writer.lock", "tag"):
            assert len(archive.search("anything")) == 1
            assert archive.status().rows == 1
            assert archive.ingest(tmp_path / "images", dry_run=True).scanned == 1
            with pytest.raises(ArchiveBusy, match="tag"):
                archive.ingest(tmp_path / "images")
