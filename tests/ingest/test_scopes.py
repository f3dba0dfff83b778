"""From the paths a person names to what is scanned."""

import logging
import os
from pathlib import Path

import pytest

from ingest.scopes import Scope, plan_scopes
from schema import Root, UsageError


def make(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"x")


def root(folder: Path) -> Root:
    return Root.at(str(folder))


def test_a_new_folder_is_a_new_root(tmp_path: Path) -> None:
    make(tmp_path, "a/1.jpg")
    assert plan_scopes([tmp_path / "a"], []) == [Scope(root(tmp_path / "a"))]


def test_relative_paths_and_the_home_folder_are_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "a/1.jpg", "home/b/1.jpg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert plan_scopes(["./x/../a/", "~/b"], []) == [
        Scope(root(tmp_path / "a")),
        Scope(root(tmp_path / "home" / "b")),
    ]


def test_a_known_root_is_found_again_wherever_its_id_came_from(tmp_path: Path) -> None:
    make(tmp_path, "a/1.jpg")
    known = Root("moved-here", str(tmp_path / "a"))
    assert plan_scopes([tmp_path / "a"], [known]) == [Scope(known)]


def test_a_folder_inside_a_known_root_is_a_part_of_it(tmp_path: Path) -> None:
    make(tmp_path, "a/b/c/1.jpg")
    known = root(tmp_path / "a")
    assert plan_scopes([tmp_path / "a/b/c"], [known]) == [Scope(known, "b/c")]


def test_a_file_is_scanned_alone_in_its_known_root(tmp_path: Path) -> None:
    make(tmp_path, "a/b/1.jpg")
    known = root(tmp_path / "a")
    assert plan_scopes([tmp_path / "a/b/1.jpg"], [known]) == [Scope(known, only="b/1.jpg")]


def test_a_file_elsewhere_makes_its_folder_a_root(tmp_path: Path) -> None:
    make(tmp_path, "a/1.jpg", "a/2.jpg")
    new = root(tmp_path / "a")
    assert plan_scopes([tmp_path / "a/1.jpg", tmp_path / "a/2.jpg"], []) == [
        Scope(new, only="1.jpg"),
        Scope(new, only="2.jpg"),
    ]


def test_a_folder_around_a_known_root_leaves_it_out_and_scans_it_too(tmp_path: Path) -> None:
    make(tmp_path, "a/b/1.jpg", "a/2.jpg")
    inner, outer = root(tmp_path / "a/b"), root(tmp_path / "a")
    assert plan_scopes([tmp_path / "a"], [inner]) == [
        Scope(outer, leave_out=("b",)),
        Scope(inner),
    ]


def test_the_innermost_root_takes_a_folder(tmp_path: Path) -> None:
    make(tmp_path, "a/b/c/1.jpg")
    inner, outer = root(tmp_path / "a/b"), root(tmp_path / "a")
    assert plan_scopes([tmp_path / "a/b/c"], [outer, inner]) == [Scope(inner, "c")]


def test_a_nested_root_that_is_away_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make(tmp_path, "a/2.jpg")
    away = root(tmp_path / "a/usb-stick")
    with caplog.at_level(logging.WARNING):
        scopes = plan_scopes([tmp_path / "a"], [away])
    assert scopes == [Scope(root(tmp_path / "a"), leave_out=("usb-stick",))]
    assert "usb-stick: this root" in caplog.text


def test_a_path_named_twice_is_scanned_once(tmp_path: Path) -> None:
    make(tmp_path, "a/b/1.jpg")
    paths = [tmp_path / "a/b/1.jpg", tmp_path / "a/b", tmp_path / "a", tmp_path / "a"]
    assert plan_scopes(paths, []) == [Scope(root(tmp_path / "a"))]


def test_a_folder_a_scan_would_pass_over_becomes_a_root_of_its_own(tmp_path: Path) -> None:
    make(tmp_path, "a/.private/b/1.jpg")
    known = root(tmp_path / "a")
    assert plan_scopes([tmp_path / "a/.private/b"], [known]) == [
        Scope(root(tmp_path / "a/.private/b"), leave_out=())
    ]


def test_a_link_to_a_known_root_is_that_root(tmp_path: Path) -> None:
    make(tmp_path, "a/b/1.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    known = root(tmp_path / "a")
    assert plan_scopes([tmp_path / "link" / "b"], [known]) == [Scope(known, "b")]


def test_a_new_root_keeps_the_path_it_was_named_by(tmp_path: Path) -> None:
    make(tmp_path, "disk7/1.jpg")
    (tmp_path / "images").symlink_to(tmp_path / "disk7")
    assert plan_scopes([tmp_path / "images"], []) == [Scope(root(tmp_path / "images"))]


def test_a_missing_path_is_named_with_what_to_check(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"/nowhere: there is no such .* mounted"):
        plan_scopes([tmp_path / "nowhere"], [])


def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> object:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UsageError, match=r"cannot be read \(Permission denied\); check its perm"):
        plan_scopes([tmp_path], [])


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    Path(folder).mkdir()
    with pytest.raises(UsageError, match="not UTF-8"):
        plan_scopes([folder], [])


def test_a_file_url_is_the_path_it_names(tmp_path: Path) -> None:
    make(tmp_path, "a/1.jpg")
    assert plan_scopes([f"file://{tmp_path}/a"], []) == [Scope(root(tmp_path / "a"))]


def test_packed_files_and_folders_are_planned_together(tmp_path: Path) -> None:
    make(tmp_path, "a/1.jpg", "a/b.zip", "a/c.tar.gz")
    packed = [tmp_path / "a/b.zip", f"tar://::{tmp_path}/a/c.tar.gz"]
    assert plan_scopes([*packed, tmp_path / "a", *packed], []) == [
        Scope(root(tmp_path / "a")),
        Scope(Root.at(f"zip://::{tmp_path}/a/b.zip")),
        Scope(Root.at(f"tar://::{tmp_path}/a/c.tar.gz")),
    ]


def test_a_folder_named_like_a_packed_file_is_a_folder(tmp_path: Path) -> None:
    make(tmp_path, "a.zip/1.jpg")
    assert plan_scopes([tmp_path / "a.zip"], []) == [Scope(root(tmp_path / "a.zip"))]
    with pytest.raises(UsageError, match="is a folder; name a packed file"):
        plan_scopes([f"zip://::{tmp_path}/a.zip"], [])


def test_a_link_to_a_known_packed_file_is_that_root(tmp_path: Path) -> None:
    make(tmp_path, "a.zip")
    (tmp_path / "link.zip").symlink_to(tmp_path / "a.zip")
    known = Root("of-old", f"zip://::{tmp_path}/a.zip")
    assert plan_scopes([tmp_path / "link.zip"], [known]) == [Scope(known)]


@pytest.mark.parametrize(
    ("location", "path", "found"),
    [
        ("/a/b", "c/d.jpg", "/a/b/c/d.jpg"),
        ("/", "d.jpg", "/d.jpg"),
        ("/a/b", "", "/a/b"),
        ("s3://bucket", "c/d.jpg", "s3://bucket/c/d.jpg"),
        ("https://host/set/", "c/d.jpg", "https://host/set/c/d.jpg"),
        ("https://host/set/list.txt", "c/d.jpg", "https://host/set/c/d.jpg"),
        ("zip://::/a/b.zip", "c/d.jpg", "zip://c/d.jpg::/a/b.zip"),
        ("tar://::s3://bucket/0.tar", "d.jpg", "tar://d.jpg::s3://bucket/0.tar"),
    ],
)
def test_a_root_says_where_its_files_can_be_opened(location: str, path: str, found: str) -> None:
    assert Root("id", location).locate(path) == found


def test_an_empty_path_does_not_mean_the_current_folder() -> None:
    with pytest.raises(UsageError, match="a path is empty"):
        plan_scopes([""], [])


def test_a_home_of_nobody_and_an_endless_name_are_errors_of_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such user"):
        plan_scopes(["~nobody-of-this-name/images"], [])
    with pytest.raises(UsageError, match="cannot be looked at"):
        plan_scopes([tmp_path / ("a" * 300)], [])
