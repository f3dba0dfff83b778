"""The search box: words, filters, suggestions, mistakes, and the question in the address."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import QUESTION, NewPage, Reports, ask, summary, tiles, until

pytestmark = pytest.mark.browser


def test_the_newest_images_are_there_before_anything_is_asked(new_page: NewPage) -> None:
    page = new_page()
    expect(summary(page)).to_contain_text("newest")
    expect(tiles(page).nth(8)).to_be_visible()


def test_words_find_images_whose_thumbnails_are_shown(page: Page) -> None:
    ask(page, "a red wall")
    expect(page).to_have_url(re.compile(r"\?q=a\+red\+wall$"))
    until(
        page,
        "[...document.querySelectorAll('.tile img')].slice(0, 8).every((i) => i.naturalWidth > 0)",
    )
    expect(page.locator(".summary")).to_contain_text(" ms")


def test_thumbnails_are_no_larger_than_their_tiles_need(page: Page) -> None:
    until(page, "document.querySelector('.tile img').currentSrc")
    shown = page.locator(".tile img").first.evaluate("(image) => image.currentSrc")
    assert re.search(r"size=(160|320)$", shown)


def test_a_filter_narrows_what_is_found(page: Page) -> None:
    ask(page, "red camera:X100 date:2016")
    tiles(page).first.click()
    page.keyboard.press("i")
    panel = page.locator(".metadata")
    expect(panel).to_contain_text("X100")
    expect(panel).to_contain_text("2016")


def test_filters_are_suggested_as_they_are_typed_and_then_their_values(page: Page) -> None:
    page.fill("#query", "")
    page.locator("#query").press_sequentially("red cam")
    options = page.get_by_role("option")
    expect(options).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(page.locator("#query")).to_have_attribute("aria-activedescendant", "suggestion-0")
    page.keyboard.press("Enter")
    expect(page.locator("#query")).to_have_value("red camera:")
    expect(options.first).to_contain_text("D80")
    options.filter(has_text="EOS 5D").click()
    expect(page.locator("#query")).to_have_value('red camera:"EOS 5D" ')
    expect(page.locator("#suggestions")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("EOS"))


def test_escape_closes_the_suggestions_and_enter_searches_for_what_was_typed(page: Page) -> None:
    page.fill("#query", "")
    page.locator("#query").press_sequentially("tag")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#suggestions")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"q=tag$"))


def test_a_mistake_is_pointed_at_and_read_out(page: Page, reports: Reports) -> None:
    reports.expected.append("400 (Bad Request)")
    before = tiles(page).first.get_attribute("aria-label")
    page.fill("#query", "😀 red camra:nikon")
    page.press("#query", "Enter")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("did you mean 'camera'")
    expect(page.locator(".mistake .at")).to_have_text("c")
    expect(page.locator("#query")).to_have_attribute("aria-invalid", "true")
    assert page.evaluate("document.activeElement.selectionStart") == len("😀 red ") + 1
    assert tiles(page).first.get_attribute("aria-label") == before
    page.locator("#query").press_sequentially("x")
    expect(alert).to_be_hidden()


def test_back_and_forward_go_through_the_questions(page: Page) -> None:
    ask(page, "red")
    ask(page, "blue camera:D80")
    page.go_back()
    expect(page.locator("#query")).to_have_value("red")
    page.go_back()
    expect(page.locator("#query")).to_have_value(QUESTION)
    page.go_forward()
    page.go_forward()
    expect(page.locator("#query")).to_have_value("blue camera:D80")


def test_going_back_finds_the_place_that_was_scrolled_to(page: Page) -> None:
    ask(page, "red")
    until(page, "document.documentElement.scrollHeight > 5000")
    page.mouse.move(600, 500)
    page.mouse.wheel(0, 3000)
    until(page, "history.state.scroll > 2000")
    where = page.evaluate("scrollY")
    ask(page, "blue")
    assert page.evaluate("scrollY") == 0
    page.go_back()
    until(page, f"scrollY === {where}")


def test_an_address_can_be_opened_by_others(new_page: NewPage) -> None:
    page = new_page("/?q=camera%3AX100")
    expect(page.locator("#query")).to_have_value("camera:X100")
    expect(summary(page)).to_contain_text("images")
    expect(page.locator(".facets .value[aria-pressed=true]")).to_contain_text("X100")


def test_dates_and_cameras_are_counted_and_can_be_chosen(new_page: NewPage) -> None:
    page = new_page("/?q=")
    panel = page.locator(".facets")
    camera = panel.get_by_role("button", name="EOS 5D")
    expect(camera).to_contain_text("650")
    camera.click()
    expect(page.locator("#query")).to_have_value('camera:"EOS 5D"')
    expect(panel.get_by_text("650 images")).to_be_visible()
    panel.get_by_role("button", name="2016").click()
    expect(page.locator("#query")).to_have_value('camera:"EOS 5D" date:2016')
    camera.click()
    expect(page.locator("#query")).to_have_value("date:2016")


def test_filters_that_no_image_fulfils_say_so(page: Page) -> None:
    ask(page, "camera:nowhere")
    expect(page.get_by_role("heading", name="No image fulfils these filters")).to_be_visible()


def test_the_slash_key_leads_to_the_search(page: Page) -> None:
    tiles(page).first.focus()
    page.keyboard.press("/")
    expect(page.locator("#query")).to_be_focused()


@pytest.mark.parametrize(
    ("text", "name", "value", "result"),
    [
        ("red", "camera", "EOS 5D", 'red camera:"EOS 5D"'),
        ('red camera:"EOS 5D"', "camera", "EOS 5D", "red"),
        ("camera:D80 red", "camera", "X100", "red camera:X100"),
        ("tag:a", "tag", "b", "tag:a tag:b"),
        ("", "tag", 'a"b\\c', 'tag:"a\\"b\\\\c"'),
    ],
)
def test_a_chosen_value_is_written_as_it_would_be_typed(
    page: Page, text: str, name: str, value: str, result: str
) -> None:
    found = page.evaluate(
        "async (given) => (await import('/static/query.js')).toggleFilter(...given)",
        [text, name, value],
    )
    assert found == result
