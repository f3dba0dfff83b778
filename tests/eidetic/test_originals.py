"""What may be shown of an archive: the bytes its rows were made from, and nothing else."""

import os
from pathlib import Path

import pytest

from eidetic.originals import read_original
from schema import ImageRecord, NoUsableImage, Root, content_hash
from tests.images import write_image
from tests.samples import a_record


@pytest.fixture
def root(tmp_path: Path) -> Root:
    write_image(tmp_path / "images" / "red.png", "red")
    return Root("r" * 16, str(tmp_path / "images"))


@pytest.fixture
def record(root: Root) -> ImageRecord:
    data = Path(root.locate("red.png")).read_bytes()
    return a_record("red.png", size_bytes=len(data), content=content_hash(data))


def read(record: ImageRecord, *roots: Root) -> bytes:
    return read_original(record, {root.id: root for root in roots})


def test_a_file_is_read_as_it_was_indexed(record: ImageRecord, root: Root) -> None:
    assert read(record, root) == Path(root.locate("red.png")).read_bytes()


def test_a_link_that_took_the_place_of_an_image_shows_nothing(
    record: ImageRecord, root: Root, tmp_path: Path
) -> None:
    file = Path(root.locate("red.png"))
    secret = tmp_path / "secret.png"
    secret.write_bytes(bytes(record.size_bytes))
    file.unlink()
    file.symlink_to(secret)
    with pytest.raises(NoUsableImage, match="not what it was when it was indexed"):
        read(record, root)


def test_a_file_of_another_size_is_not_even_read(record: ImageRecord, root: Root) -> None:
    Path(root.locate("red.png")).write_bytes(b"")
    with pytest.raises(NoUsableImage, match="ingest its folder again"):
        read(record, root)


def test_a_fifo_is_refused_and_not_waited_for(record: ImageRecord, root: Root) -> None:
    file = Path(root.locate("red.png"))
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(NoUsableImage, match="not what it was"):
        read(record, root)


def test_a_file_that_is_gone_says_how_to_go_on(record: ImageRecord, root: Root) -> None:
    Path(root.locate("red.png")).unlink()
    with pytest.raises(NoUsableImage, match="eidetic roots move"):
        read(record, root)


@pytest.mark.parametrize("location", ["zip://::/images.zip", "s3://bucket/images", "https://x/y"])
def test_what_is_on_no_disk_of_this_machine_is_not_fetched(
    record: ImageRecord, root: Root, location: str
) -> None:
    with pytest.raises(NoUsableImage, match="only such files are shown"):
        read(record, Root(root.id, location))
    with pytest.raises(NoUsableImage, match="only such files are shown"):
        read(record)
