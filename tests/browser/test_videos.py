"""Videos on the page: the moment on the tile, the file played from it, or else its frame."""

import os
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import EIDETIC, NewPage, serving, tiles, until
from tests.videos import BLACK, YELLOW, save, scene, three_scenes, video

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def films(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an archive of one video that Chromium plays and one that it does not."""
    place = tmp_path_factory.mktemp("films")
    save(place / "images" / "plays.webm", three_scenes(codec="libvpx-vp9", container="webm"))
    other = video([(scene(YELLOW, 3), 6.0), (scene(BLACK, 8), 3.0)], codec="mpeg4", container="avi")
    save(place / "images" / "stays.avi", other)
    environ = {
        **os.environ,
        "EIDETIC_DATA_DIR": str(place / "data"),
        "XDG_CONFIG_HOME": str(place / "config"),
        "EIDETIC_MODEL": "builtin",
    }
    subprocess.run(
        [EIDETIC, "ingest", str(place / "images")], env=environ, check=True, capture_output=True
    )
    with serving(environ) as address:
        yield address


@pytest.fixture
def page(new_page: NewPage, films: str) -> Page:
    page = new_page("/?q=type:frame", base_url=films)
    expect(tiles(page)).to_have_count(2)
    return page


def named(page: Page, name: str) -> int:
    return [tiles(page).nth(n).get_attribute("title") for n in range(2)].index(name)


def test_a_tile_shows_the_moment(page: Page) -> None:
    expect(page.locator(".tile .time").first).to_have_text("0:06")
    until(page, "document.querySelector('.tile img').naturalWidth > 0")


def test_a_video_is_played_from_its_moment_and_from_the_others(page: Page) -> None:
    tiles(page).nth(named(page, "plays.webm")).click()
    until(page, "document.querySelector('.film')?.readyState > 0")
    until(page, "document.querySelector('.film').currentTime === 6")
    page.keyboard.press("i")
    panel = page.get_by_role("complementary", name="Information about the image")
    expect(panel).to_contain_text("Other moments")
    panel.get_by_role("button", name="0:03").click()
    until(page, "document.querySelector('.film').currentTime === 3")


def test_of_a_video_that_the_browser_cannot_play_the_frame_is_shown(page: Page) -> None:
    tiles(page).nth(named(page, "stays.avi")).click()
    until(page, "document.querySelector('.canvas img:last-child')?.naturalWidth > 0")
    expect(page.locator(".film")).to_have_count(0)
