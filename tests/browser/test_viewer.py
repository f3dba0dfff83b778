"""One image over everything: by keyboard, with what is known of it, and back to where one was."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage, ask, tiles, until

pytestmark = pytest.mark.browser


def test_keys_go_from_image_to_image_and_escape_leads_back_to_the_tile(page: Page) -> None:
    ask(page, "red")
    tiles(page).nth(3).focus()
    page.keyboard.press("Enter")
    viewer = page.get_by_role("dialog")
    expect(viewer).to_contain_text("4 of ")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(viewer).to_contain_text("6 of ")
    page.keyboard.press("ArrowLeft")
    expect(viewer).to_contain_text("5 of ")
    until(page, "document.querySelector('.canvas img:last-child').naturalWidth > 0")
    page.keyboard.press("Escape")
    expect(viewer).to_have_count(0)
    expect(page.locator(":focus")).to_have_attribute("data-hit", "4")


def test_the_keyboard_stays_in_the_viewer(page: Page) -> None:
    tiles(page).first.click()
    for _ in range(14):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body || "
            "document.activeElement.closest('dialog') !== null"
        )


def test_back_closes_the_viewer_and_keeps_the_question(page: Page) -> None:
    ask(page, "red")
    tiles(page).first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("#query")).to_have_value("red")


def test_the_panel_tells_what_is_known_and_links_to_the_position(page: Page) -> None:
    ask(page, "in:originals/ near:48.85,2.35,10km")
    expect(tiles(page)).to_have_count(1)
    tiles(page).first.click()
    page.keyboard.press("i")
    panel = page.get_by_role("complementary", name="Information about the image")
    for known in ("red-00.jpg", "D80", "5 January 2015", "160 \u00d7 120", "JPEG"):
        expect(panel).to_contain_text(known)
    link = panel.get_by_role("link", name="48.85000, 2.35000")
    expect(link).to_have_attribute("href", re.compile(r"^https://www\.openstreetmap\.org/\?mlat="))
    expect(link).to_have_attribute("rel", "noreferrer noopener")
    page.keyboard.press("i")
    expect(panel).to_have_count(0)


def test_an_image_is_shown_pixel_by_pixel_and_fitted_again(page: Page) -> None:
    tiles(page).first.click()
    page.get_by_role("button", name="Show it pixel by pixel").click()
    expect(page.locator(".stage.zoomed")).to_have_count(1)
    page.get_by_role("button", name="Fit it into the window").click()
    expect(page.locator(".stage.zoomed")).to_have_count(0)


def test_more_like_this_leaves_the_viewer_and_one_step_back_leads_to_the_old_question(
    page: Page,
) -> None:
    ask(page, "red")
    tiles(page).nth(1).click()
    page.get_by_role("dialog").get_by_role("button", name="More like this").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".chips .chip")).to_have_count(1)
    page.go_back()
    expect(page.locator(".chips .chip")).to_have_count(0)
    expect(page.locator("#query")).to_have_value("red")


def test_the_file_of_the_image_can_be_saved(page: Page) -> None:
    ask(page, "in:originals/ near:48.85,2.35,10km")
    tiles(page).first.click()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download the file").click()
    assert saved.value.suggested_filename == "red-00.jpg"


def test_arrows_are_mirrored_where_writing_is(new_page: NewPage) -> None:
    page = new_page(locale="ar")
    tiles(page).first.click()
    viewer = page.get_by_role("dialog")
    expect(viewer).to_contain_text("1 من")
    page.keyboard.press("ArrowLeft")
    expect(viewer).to_contain_text("2 من")
