"""A gallery is one file that shows every hit, runs nothing, and asks nothing of any network."""

import os
from pathlib import Path

import pytest
from PIL import Image

from eidetic.gallery import write_gallery
from eidetic.html_file import check_page_file, page, write_page
from eidetic.results import Hit, Hits
from schema import UsageError
from tests.eidetic.found import HOSTILE, found, write_named
from tests.eidetic.pages import Page
from tests.images import write_colours, write_image


def gallery(folder: Path, *paths: str, **facts: object) -> Page:
    hits, files = found(folder, *paths, **facts)
    write_gallery(hits, folder / "out.html", files)
    return Page.read(folder / "out.html")


def test_every_hit_is_shown_with_its_caption_and_leads_to_its_file(tmp_path: Path) -> None:
    write_colours(tmp_path, "red", "green")
    facts = {"camera": "NIKON D70", "taken_at": 1_562_243_400_000, "tags": ("sea", "sun")}
    shown = gallery(tmp_path, "red.png", "green.png", **facts)
    assert [image["alt"] for image in shown.named("img")] == ["red.png", "green.png"]
    assert [link["href"] for link in shown.named("a")] == [
        (tmp_path / name).as_uri() for name in ("red.png", "green.png")
    ]
    assert "1.  red.png  0.990" in shown.texts
    assert "2019-07-04 12:30 · NIKON D70 · 640 x 480" in shown.texts
    assert "sea, sun" in shown.texts
    assert "2 of 100 images, model toy" in shown.texts
    red, green = (image.convert("RGB").getpixel((5, 5)) for image in shown.images())
    assert red[0] > 240 > 30 > red[1]
    assert green[1] > 110 > 30 > green[0]


def test_images_stand_upright_and_are_small(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    write_image(tmp_path / "turned.jpg", size=(900, 600), exif=turned)
    (image,) = gallery(tmp_path, "turned.jpg").images()
    assert image.size == (213, 320)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_becomes_part_of_the_page(tmp_path: Path, name: str) -> None:
    usual = gallery(write_colours(tmp_path / "usual/a", "red").parent, "a/red.png", tags=("a",))
    shown = gallery(
        write_named(tmp_path, f"a/{name}"),
        f"a/{name}",
        tags=(name, '"><img src=x onerror=alert(1)>'),
    )
    assert [tag for tag, _ in shown.elements] == [tag for tag, _ in usual.elements]
    assert all(not key.startswith("on") for _, attributes in shown.elements for key in attributes)
    assert len(shown.images()) == 1
    (link,) = shown.named("a")
    assert link["href"] == (tmp_path / "a" / name).as_uri()
    assert not any(control in text for text in shown.texts for control in "\x1b\x07\u202e\n")


def test_the_page_forbids_itself_scripts_and_requests(tmp_path: Path) -> None:
    shown = gallery(write_colours(tmp_path, "red"), "red.png")
    (policy,) = [m for m in shown.named("meta") if m.get("http-equiv")]
    assert policy["http-equiv"] == "Content-Security-Policy"
    assert policy["content"] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert {tag for tag, _ in shown.elements}.isdisjoint({"script", "link", "iframe", "base"})
    assert "url(" not in (tmp_path / "out.html").read_text()


def test_an_image_that_cannot_be_had_is_told_in_its_place(tmp_path: Path) -> None:
    write_colours(tmp_path, "red")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    hits, files = found(tmp_path, "gone.png", "red.png", "broken.png")
    left_out = write_gallery(hits, tmp_path / "out.html", files)
    assert [left.hit.rank for left in left_out] == [1, 3]
    shown = Page.read(tmp_path / "out.html")
    assert len(shown.images()) == 1
    assert any("no such file any more" in text for text in shown.texts)


def test_only_what_a_browser_can_open_is_a_link(tmp_path: Path) -> None:
    hits, files = found(tmp_path, "a.png")
    places = ["zip://a.png::/b.zip", "s3://b/a.png", "https://h/a.png?b&c", "javascript:alert(1)"]
    several = tuple(Hit(n, None, path, hits[0].record) for n, path in enumerate(places, 1))
    write_gallery(Hits("", "toy", 1.0, 4, several), tmp_path / "out.html", files)
    shown = Page.read(tmp_path / "out.html")
    assert [link["href"] for link in shown.named("a")] == ["https://h/a.png?b&c"]


def test_a_path_that_is_not_utf8_has_a_link_that_opens_it(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    write_image(folder / "red.png")
    shown = gallery(folder, "red.png")
    assert shown.named("a")[0]["href"].endswith("/caf%E9/red.png")  # type: ignore[union-attr]
    assert len(shown.images()) == 1


def test_a_gallery_of_nothing_is_a_page_all_the_same(tmp_path: Path) -> None:
    write_gallery(Hits("dogs", "toy", 1.0, 7, ()), tmp_path / "out.html", found(tmp_path)[1])
    assert "0 of 7 images, model toy" in Page.read(tmp_path / "out.html").texts


def test_an_older_page_is_replaced_only_by_a_whole_one(tmp_path: Path) -> None:
    (tmp_path / "out.html").write_text("older")

    def broken() -> object:
        yield "<p>"
        raise UsageError("the host is away")

    with pytest.raises(UsageError, match="the host is away"):
        write_page(tmp_path / "out.html", page("x", broken()))  # type: ignore[arg-type]
    assert (tmp_path / "out.html").read_text() == "older"
    assert [path.name for path in tmp_path.iterdir()] == ["out.html"]
    write_page(tmp_path / "out.html", page("x", []))
    assert "<h1>x</h1>" in (tmp_path / "out.html").read_text()


@pytest.mark.parametrize("place", ["folder", "none/out.html"])
def test_a_place_for_no_page_is_refused_beforehand(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match=place.partition("/")[0]):
        check_page_file(tmp_path / place)
