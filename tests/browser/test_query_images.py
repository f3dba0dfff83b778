"""Images as questions: dropped, pasted, chosen, those of the archive; several, with words."""

import re
from base64 import b64encode

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage, Reports, ask, png, tiles

pytestmark = pytest.mark.browser

CHIPS = ".chips .chip"

DROP = """([data, target]) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], "dropped.png", { type: "image/png" }));
  for (const type of ["dragenter", "dragover", "drop"]) {
    const event = new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true });
    document.querySelector(target).dispatchEvent(event);
  }
}"""

PASTE = """async (data) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const blob = new Blob([bytes], { type: "image/png" });
  await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
}"""


def drop(page: Page, colour: str) -> None:
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.evaluate(DROP, [b64encode(png(colour)).decode(), "main"])


def test_an_image_that_is_dropped_is_searched_for(page: Page) -> None:
    drop(page, "red")
    expect(page.locator(CHIPS)).to_have_count(1)
    expect(tiles(page).first).to_be_visible()
    expect(page.locator(".drop")).to_have_count(0)


def test_an_image_that_is_pasted_is_searched_for(new_page: NewPage) -> None:
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    expect(tiles(page).first).to_be_visible()
    page.evaluate(PASTE, b64encode(png("blue")).decode())
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.locator("#query").press("Control+V")
    expect(page.locator(CHIPS)).to_have_count(1)


def test_several_images_and_words_are_asked_for_together(page: Page) -> None:
    ask(page, "a wall camera:D80")
    files = [
        {"name": f"{colour}.png", "mimeType": "image/png", "buffer": png(colour)}
        for colour in ("red", "green")
    ]
    with page.expect_response(lambda answer: answer.request.method == "POST") as asked:
        page.locator("input[type=file]").set_input_files(files)
    expect(page.locator(CHIPS)).to_have_count(2)
    answer = asked.value.json()
    assert answer["query"] == 'a wall camera:D80 +"red.png" +"green.png"'
    assert {hit["camera"] for hit in answer["hits"]} == {"D80"}


def test_a_file_that_is_no_image_is_refused_with_its_reason(page: Page, reports: Reports) -> None:
    reports.expected.append("422")
    file = {"name": "broken.png", "mimeType": "image/png", "buffer": b"no image"}
    page.locator("input[type=file]").set_input_files([file])
    expect(page.get_by_role("alert")).to_contain_text("broken.png")
    reports.expected.append("ERR_")
    page.locator(CHIPS).get_by_role("button").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(tiles(page).first).to_be_visible()


def test_more_like_this_adds_the_image_to_the_question(page: Page) -> None:
    ask(page, "red")
    tile = page.locator(".tile").nth(2)
    name = tile.locator(".open").get_attribute("title")
    tile.hover()
    tile.get_by_role("button", name="More like this").click()
    expect(page).to_have_url(re.compile(r"q=red\+%2B[0-9a-f]{40}$"))
    expect(page.locator(CHIPS)).to_have_count(1)
    expect(page.locator("#query")).to_have_value("red")
    assert name


def test_not_like_this_leaves_the_image_out(page: Page) -> None:
    ask(page, "red")
    tile = page.locator(".tile").first
    tile.hover()
    tile.get_by_role("button", name="Not like this").click()
    expect(page).to_have_url(re.compile(r"q=red\+-[0-9a-f]{40}$"))
    expect(page.locator(f"{CHIPS}.not")).to_have_count(1)
    page.locator(CHIPS).get_by_role("button", name="Not like this image").click()
    expect(page).to_have_url(re.compile(r"q=red\+%2B[0-9a-f]{40}$"))
    page.locator(CHIPS).get_by_role("button", name="Remove this image").click()
    expect(page).to_have_url(re.compile(r"q=red$"))


def test_an_image_of_the_page_can_be_dragged_to_the_search(page: Page) -> None:
    ask(page, "red")
    tiles(page).first.drag_to(page.locator(".box"))
    expect(page.locator(CHIPS)).to_have_count(1)
    expect(page).to_have_url(re.compile(r"%2B[0-9a-f]{40}$"))


def test_an_address_with_images_of_the_archive_shows_them(page: Page, new_page: NewPage) -> None:
    ask(page, "red")
    tile = page.locator(".tile").first
    tile.hover()
    tile.get_by_role("button", name="More like this").click()
    page.wait_for_url(re.compile("%2B"))
    other = new_page(page.url)
    expect(other.locator(CHIPS)).to_have_count(1)
    expect(other.locator("#query")).to_have_value("red")


def test_going_back_to_a_question_with_a_dropped_image_shows_it_again(page: Page) -> None:
    drop(page, "red")
    expect(page.locator(CHIPS)).to_have_count(1)
    page.locator(CHIPS).get_by_role("button", name="Remove this image").click()
    expect(page.locator(CHIPS)).to_have_count(0)
    page.go_back()
    expect(page.locator(CHIPS)).to_have_count(1)
