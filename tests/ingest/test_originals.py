"""The file of a row is read wherever its root is; what cannot be read is told with the reason."""

from pathlib import Path

import pytest

from ingest.originals import Originals
from schema import ImageUnreadable, Root, SkipReason
from tests.ingest.sources.packing import images, make
from tests.ingest.sources.servers import serving
from tests.samples import a_record

FILES = images("a.png", "deep/b.png", "line\nbreak.png")


def read(path: str, root: Root) -> bytes:
    with Originals() as originals:
        return originals.read(a_record(path, root.id), root)


def refusal(path: str, root: Root | None) -> ImageUnreadable:
    with Originals() as originals, pytest.raises(ImageUnreadable) as refused:
        originals.read(a_record(path), root)
    return refused.value


@pytest.fixture
def folder(tmp_path: Path) -> Root:
    for name, data in FILES.items():
        file = tmp_path / "images" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return Root.at(str(tmp_path / "images"))


def packed(file: Path) -> Root:
    kind = "zip" if file.suffix == ".zip" else "tar"
    return Root.at(f"{kind}://::{make(file, FILES)}")


def test_a_file_of_a_folder_is_read(folder: Root) -> None:
    assert {name: read(name, folder) for name in FILES} == FILES


@pytest.mark.parametrize("name", ["images.zip", "images.tar", "images.tar.gz"])
def test_members_of_a_packed_file_are_read_in_any_order(tmp_path: Path, name: str) -> None:
    root = packed(tmp_path / name)
    with Originals() as originals:
        for path in [*reversed(FILES), *FILES]:
            assert originals.read(a_record(path, root.id), root) == FILES[path]


def test_a_file_is_fetched_from_the_web(folder: Root) -> None:
    with serving(Path(folder.location)) as web:
        root = Root.at(f"{web.url}/")
        assert read("deep/b.png", root) == FILES["deep/b.png"]
        assert refusal("gone.png", root).reason == SkipReason.VANISHED


def test_a_packed_file_is_fetched_from_the_web_once(tmp_path: Path) -> None:
    make(tmp_path / "images.zip", FILES)
    with serving(tmp_path) as web, Originals() as originals:
        root = Root.at(f"zip://::{web.url}/images.zip")
        for path, data in FILES.items():
            assert originals.read(a_record(path, root.id), root) == data
        assert web.gets("images.zip") == 1


def test_a_file_that_is_gone_is_told(folder: Root, tmp_path: Path) -> None:
    assert refusal("gone.png", folder).reason == SkipReason.VANISHED
    assert refusal("gone.png", packed(tmp_path / "a.zip")).reason == SkipReason.VANISHED
    assert refusal("a.png", Root.at("zip://::/no/such.zip")).reason == SkipReason.VANISHED


def test_a_row_of_an_unknown_root_is_told() -> None:
    assert "no location on this machine" in str(refusal("a.png", None))


@pytest.mark.parametrize("path", ["../secret.png", "a/../../secret.png", "/etc/hostname"])
def test_a_path_that_leads_out_of_its_root_is_not_followed(
    folder: Root, tmp_path: Path, path: str
) -> None:
    (tmp_path / "secret.png").write_bytes(FILES["a.png"])
    assert refusal(path, folder).reason == SkipReason.OUTSIDE


def test_a_file_that_is_no_image_any_more_is_refused(folder: Root) -> None:
    Path(folder.location, "a.png").write_text("%PDF-1.7 no image at all")
    assert refusal("a.png", folder).reason == SkipReason.NOT_AN_IMAGE


def test_of_a_damaged_packed_file_the_whole_members_are_read(tmp_path: Path) -> None:
    root = packed(tmp_path / "images.tar")
    file = tmp_path / "images.tar"
    file.write_bytes(file.read_bytes()[: 512 * 3 + 20])
    assert read("a.png", root) == FILES["a.png"]
    assert refusal("line\nbreak.png", root).reason in (SkipReason.VANISHED, SkipReason.UNREADABLE)
    (tmp_path / "b.zip").write_text("no zip")
    assert refusal("a.png", Root.at(f"zip://::{tmp_path}/b.zip")).reason == SkipReason.UNREADABLE
