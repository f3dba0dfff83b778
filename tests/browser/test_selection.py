"""Images that are selected: their paths in the clipboard, their files in a zip."""

import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import NewPage, ask, tiles

pytestmark = pytest.mark.browser


def bar(page: Page) -> Locator:
    return page.get_by_role("region", name="Selected images")


def test_a_range_is_selected_with_shift_and_its_paths_are_copied(
    new_page: NewPage, images: Path
) -> None:
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    ask(page, "in:originals/")
    page.locator(".tile").nth(1).hover()
    page.locator(".tile .check").nth(1).click()
    tiles(page).nth(4).click(modifiers=["Shift"])
    expect(bar(page)).to_contain_text("4 selected")
    tiles(page).nth(2).click(modifiers=["Control"])
    expect(bar(page)).to_contain_text("3 selected")
    bar(page).get_by_role("button", name="Copy paths").click()
    expect(page.locator(".notice")).to_have_text("3 paths are in the clipboard.")
    paths = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert len(paths) == 3
    assert all(Path(path).parent == images / "originals" for path in paths)


def test_the_selected_files_are_saved_as_a_zip(page: Page, tmp_path: Path, images: Path) -> None:
    ask(page, "in:originals/")
    names = []
    for n in (0, 2, 5):
        page.locator(".tile").nth(n).hover()
        page.locator(".tile .check").nth(n).click()
        names.append(tiles(page).nth(n).get_attribute("title"))
    with page.expect_download() as saved:
        bar(page).get_by_role("button", name="Download").click()
    saved.value.save_as(tmp_path / "images.zip")
    with zipfile.ZipFile(tmp_path / "images.zip") as packed:
        assert sorted(packed.namelist()) == sorted(str(name) for name in names)
        for name in packed.namelist():
            assert packed.read(name) == (images / "originals" / name).read_bytes()


def test_images_are_selected_by_keyboard_alone(page: Page) -> None:
    tiles(page).first.focus()
    page.keyboard.press("Space")
    expect(bar(page)).to_contain_text("1 selected")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    expect(bar(page)).to_contain_text("3 selected")
    page.keyboard.press("Escape")
    expect(bar(page)).to_have_count(0)
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(0)


def test_a_selection_lasts_through_other_questions(page: Page) -> None:
    tiles(page).first.focus()
    page.keyboard.press("Space")
    ask(page, "in:odd/")
    tiles(page).first.focus()
    page.keyboard.press("Space")
    expect(bar(page)).to_contain_text("2 selected")
