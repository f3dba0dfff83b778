"""Which names may be images'."""

import pytest
from PIL import Image

from embed.formats import FORMATS
from ingest.companions import RAW_EXTENSIONS
from ingest.names import NOT_IMAGES, is_candidate


@pytest.mark.parametrize(
    "name",
    ["a.MP4", "a.jpg", "a.JPG", "a.HEIC", "a.jxl", "a.nef", "a", "jpg", "a.b.cc2", "a.", "a.eps"],
)
def test_a_name_that_says_nothing_else_is_a_candidate(name: str) -> None:
    assert is_candidate(name)


@pytest.mark.parametrize(
    "name", ["a.pdf", "a.TS", "a.xmp", "a.jpg.xmp", "a.AAE", "a.zip", "a.txt", "a.db"]
)
def test_a_name_of_another_kind_of_file_is_none(name: str) -> None:
    assert not is_candidate(name)


def test_no_extension_of_a_format_that_is_read_is_passed_over() -> None:
    Image.init()
    read = {
        extension[1:].lower()
        for extension, name in Image.registered_extensions().items()
        if name in FORMATS
    }
    assert NOT_IMAGES.isdisjoint(read | RAW_EXTENSIONS | {"heic", "heif", "hif", "jxl", "mpo"})


def test_extensions_are_written_in_lower_case_without_a_dot() -> None:
    assert all(name == name.lower() and name.isalnum() for name in NOT_IMAGES)
