"""Ids and hashes are stable: archives on disk depend on them."""

from schema import content_hash, row_id
from tests.samples import a_record


def test_the_id_of_a_row_never_changes() -> None:
    assert row_id("root", "a/b.jpg") == "539a6b5872e2c30e516c35281f547b6300b1b70f"


def test_root_path_view_and_time_each_make_another_row() -> None:
    ids = {
        row_id("r", "a"),
        row_id("s", "a"),
        row_id("r", "b"),
        row_id("r", "a", "frame"),
        row_id("r", "a", "frame", 1),
    }
    assert len(ids) == 5


def test_the_hash_of_a_content_has_32_digits() -> None:
    assert content_hash(b"") == "cae66941d9efbd404e4d88758ea67670"


def test_an_image_in_its_root_has_no_folder() -> None:
    record = a_record("x.jpg")
    assert (record.folder, record.name) == ("", "x.jpg")
