"""Which files of one folder belong together."""

import pytest

from ingest.companions import Companions


@pytest.mark.parametrize(
    ("names", "name", "sidecar"),
    [
        (["a.jpg", "a.xmp"], "a.jpg", "a.xmp"),
        (["a.jpg", "a.jpg.xmp", "a.xmp"], "a.jpg", "a.jpg.xmp"),
        (["A.JPG", "a.Xmp"], "A.JPG", "a.Xmp"),
        (["a.jpg", "a.png.xmp"], "a.jpg", ""),
        (["a.jpg", "b.xmp"], "a.jpg", ""),
        (["a.b.jpg", "a.xmp"], "a.b.jpg", ""),
        (["IMG", "IMG.xmp"], "IMG", "IMG.xmp"),
    ],
)
def test_a_sidecar_has_the_name_of_its_image(names: list[str], name: str, sidecar: str) -> None:
    assert Companions(names).sidecar(name) == sidecar


@pytest.mark.parametrize(
    ("names", "name", "developed"),
    [
        (["a.CR2", "a.JPG"], "a.CR2", "a.JPG"),
        (["a.dng", "a.heic", "a.jpg"], "a.dng", "a.jpg"),
        (["a.nef", "b.jpg"], "a.nef", ""),
        (["a.nef", "a.png"], "a.nef", ""),
        (["a.jpg", "a.heic"], "a.jpg", ""),
    ],
)
def test_a_raw_file_has_the_image_its_camera_developed(
    names: list[str], name: str, developed: str
) -> None:
    assert Companions(names).developed(name) == developed
