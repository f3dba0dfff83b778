"""For everyone: Arabic, dark and light, phone to wide screen, screen readers."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage, Reports, ask, box, summary, tiles

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


def complaints(page: Page) -> list[str]:
    """What axe finds, serious or not."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [f"{e['impact']}: {e['help']}: {e['nodes'][0]['html']}" for e in found]


@pytest.mark.parametrize(("scheme", "locale"), [("light", "en"), ("dark", "ar")])
def test_axe_has_nothing_to_say(
    new_page: NewPage, reports: Reports, scheme: str, locale: str
) -> None:
    page = new_page("/?q=red", color_scheme=scheme, locale=locale)
    expect(page.locator(".facets .value").first).to_be_visible()
    tiles(page).first.focus()
    page.keyboard.press("Space")
    page.wait_for_timeout(300)
    assert complaints(page) == []
    reports.expected.append("400 (Bad Request)")
    page.fill("#query", "red camra:x")
    page.press("#query", "Enter")
    expect(page.locator(".mistake")).to_be_visible()
    assert complaints(page) == []
    page.fill("#query", "cam")
    page.locator("#query").press("End")
    page.locator("#query").press_sequentially("era:")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    assert complaints(page) == []
    page.keyboard.press("Escape")
    tiles(page).first.click()
    page.keyboard.press("i")
    expect(page.locator(".metadata")).to_be_visible()
    assert complaints(page) == []


def test_axe_has_nothing_to_say_of_a_phone(new_page: NewPage) -> None:
    page = new_page("/?q=red", **PHONE)
    expect(tiles(page).first).to_be_visible()
    assert complaints(page) == []
    page.get_by_role("button", name="Narrow the search").tap()
    expect(page.locator(".facets .value").first).to_be_visible()
    assert complaints(page) == []


def test_a_browser_of_arabs_gets_a_mirrored_page_in_arabic(new_page: NewPage) -> None:
    page = new_page(locale="ar-EG")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.locator("html")).to_have_attribute("lang", "ar")
    expect(summary(page)).to_contain_text("صورة")
    assert box(tiles(page).first)["x"] > box(tiles(page).nth(1))["x"]
    assert box(page.locator(".facets"))["x"] > box(page.locator("main"))["x"]
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("dir", "ltr")
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_a_query_in_arabic_runs_from_right_to_left_and_finds(page: Page) -> None:
    ask(page, "سيارة حمراء")
    direction = page.locator("#query").evaluate("(field) => getComputedStyle(field).direction")
    assert direction == "rtl"
    expect(tiles(page).first).to_be_visible()


def test_both_languages_have_the_same_messages_with_the_same_places(page: Page) -> None:
    different = page.evaluate(
        """async () => {
          const { CATALOGUES } = await import("/static/language.js");
          const places = (entry) => [...new Set(
            Object.values(typeof entry === "string" ? [entry] : { other: entry.other })
              .flatMap((text) => text.match(/\\{\\w+\\}/g) ?? []))].sort().join();
          const { en, ar } = CATALOGUES;
          return [...new Set([...Object.keys(en), ...Object.keys(ar)])].filter(
            (key) => !(key in en) || !(key in ar) || places(en[key]) !== places(ar[key]));
        }"""
    )
    assert different == []


def test_every_number_has_a_plural_form_in_both_languages(page: Page) -> None:
    told = page.evaluate(
        """async () => {
          const { speak, t } = await import("/static/language.js");
          const told = {};
          for (const code of ["en", "ar"]) {
            speak(code);
            told[code] = [1, 2, 3, 11, 100].map((n) => t("facets.rows", { n }));
          }
          return told;
        }"""
    )
    assert told["en"] == ["1 image", "2 images", "3 images", "11 images", "100 images"]
    assert len(set(told["ar"])) == 5
    assert told["ar"][1] == "صورتان"


@pytest.mark.parametrize(("scheme", "is_dark"), [("dark", True), ("light", False)])
def test_the_colours_are_those_of_the_system_until_others_are_chosen(
    new_page: NewPage, scheme: str, is_dark: bool
) -> None:
    page = new_page(color_scheme=scheme)
    assert ground_is_dark(page) is is_dark
    page.get_by_role("button", name="choose dark").click()
    assert ground_is_dark(page)
    page.get_by_role("button", name="choose light").click()
    assert not ground_is_dark(page)
    page.reload()
    assert not ground_is_dark(page)


@pytest.mark.parametrize("width", [320, 390, 768, 1024, 2560])
def test_nothing_is_wider_than_the_screen(new_page: NewPage, width: int) -> None:
    page = new_page("/?q=red", viewport={"width": width, "height": 800})
    expect(tiles(page).first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    tiles(page).first.click()
    expect(page.get_by_role("button", name="Close")).to_be_in_viewport(ratio=1)


def test_a_phone_searches_narrows_and_views(new_page: NewPage) -> None:
    page = new_page(**PHONE)
    expect(page.locator(".facets")).to_be_hidden()
    ask(page, "blue")
    page.get_by_role("button", name="Narrow the search").tap()
    page.locator(".facets").get_by_role("button", name="D80").tap()
    expect(page.locator("#query")).to_have_value("blue camera:D80")
    page.get_by_role("button", name="Narrow the search").tap()
    tiles(page).nth(2).tap()
    expect(page.get_by_role("dialog")).to_contain_text("3 of ")


def test_what_was_found_is_read_out(page: Page) -> None:
    live = page.locator(".summary [role=status][aria-live=polite]")
    ask(page, "camera:nowhere")
    expect(live).to_have_text("0 images")
    ask(page, "in:odd/")
    expect(live).to_have_text("3 images")


def ground_is_dark(page: Page) -> bool:
    page.locator("header").wait_for()
    colour = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    return int(colour.split("(")[1].split(",")[0]) < 128
