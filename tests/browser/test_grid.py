"""The grid: thousands of hits, few tiles in the document, nothing that jumps, all by keyboard."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import HOSTILE, ROWS, ask, box, summary, tiles

pytestmark = pytest.mark.browser

TO_THE_END = """async () => {
  let most = 0;
  const seen = new Set();
  const isEnd = () =>
    document.querySelector(".end") !== null &&
    scrollY + innerHeight >= document.documentElement.scrollHeight - 2;
  for (let n = 0; n < 2000 && !isEnd(); n += 1) {
    scrollBy(0, 600);
    await new Promise((resolve) => setTimeout(resolve, 25));
    const tiles = document.querySelectorAll(".tile .open");
    most = Math.max(most, tiles.length);
    for (const tile of tiles) seen.add(tile.dataset.hit);
  }
  return { most, seen: seen.size };
}"""


def test_two_thousand_hits_are_scrolled_through_without_a_shift(page: Page) -> None:
    ask(page, "a wall")
    found: dict[str, int] = page.evaluate(TO_THE_END)
    # Two of the rows at least are folded under others.
    assert 2000 <= found["seen"] < ROWS
    expect(summary(page)).to_contain_text(f"{found['seen']:,} images")
    assert found["most"] < 250
    assert page.evaluate("window.shifts") == []


def test_a_new_question_moves_nothing_that_is_shown(page: Page) -> None:
    for words in ("red", "a blue wall", "camera:D80"):
        ask(page, words)
        page.wait_for_timeout(400)
    assert page.evaluate("window.shifts") == []


def test_arrow_keys_go_through_the_grid(page: Page) -> None:
    ask(page, "a wall")
    tiles(page).first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert focused(page) == 2
    page.keyboard.press("ArrowDown")
    below = focused(page)
    assert below > 4
    page.keyboard.press("ArrowUp")
    assert focused(page) < below
    for _ in range(12):
        page.keyboard.press("ArrowDown")
    assert focused(page) > 30
    expect(page.locator(":focus")).to_be_in_viewport()
    page.keyboard.press("Home")
    assert focused(page) == 0
    expect(page.locator(":focus")).to_be_in_viewport()


def test_the_whole_grid_is_one_stop_of_the_tabulator(page: Page) -> None:
    tiles(page).first.focus()
    stops = []
    for _ in range(4):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("document.activeElement.closest('.tile') !== null"))
    assert stops == [True, True, True, False]


def test_names_of_files_are_shown_as_text(page: Page) -> None:
    ask(page, "in:odd/")
    expect(tiles(page)).to_have_count(len(HOSTILE))
    shown = tiles(page).evaluate_all("(tiles) => tiles.map((tile) => tile.title).sort()")
    assert shown == ["<img src=x onerror=alert(1)>.png", "turned⟨202E⟩gnp.exe.png", "two␊lines.png"]
    tiles(page).first.click()
    page.keyboard.press("i")
    expect(page.locator(".metadata .path").first).to_contain_text("/odd/")
    assert page.locator("img[onerror], img[src=x]").count() == 0


def test_images_that_are_the_same_are_folded(page: Page) -> None:
    ask(page, "in:pairs/")
    expect(tiles(page)).to_have_count(1)
    expect(page.locator(".folded")).to_contain_text("+1")
    tiles(page).first.click()
    page.keyboard.press("i")
    expect(page.locator(".metadata")).to_contain_text("Nearly the same")


def test_weak_hits_are_below_a_line(page: Page) -> None:
    def add(route: Route) -> None:
        answer = route.fetch()
        document: dict[str, Any] = answer.json()
        for hit in document["hits"]:
            hit["likely"] = hit["rank"] <= 7
        route.fulfill(response=answer, body=json.dumps(document))

    page.route("**/api/search?*", add)
    ask(page, "red")
    line = page.locator(".line")
    expect(line).to_have_text("From here on only the nearest there are")
    where, above, below = box(line), box(tiles(page).nth(6)), box(tiles(page).nth(7))
    assert above["y"] + above["height"] <= where["y"]
    assert where["y"] + where["height"] <= below["y"]
    page.unroute_all(behavior="wait")


LAY_OUT = """async ([hits, width, isComplete]) => {
  const { layOut } = await import("/static/layout.js");
  return layOut(hits, width, isComplete);
}"""


@pytest.mark.parametrize("width", [320, 768, 1440, 3000])
def test_rows_fill_the_width_and_none_that_is_full_changes_with_more_hits(
    page: Page, width: int
) -> None:
    shapes = [(4000, 3000), (3000, 4000), (10_000, 900), (50, 5000), (1, 1), (640, 480)] * 30
    hits = [{"width": w, "height": h} for w, h in shapes]
    some = page.evaluate(LAY_OUT, [hits[:100], width, False])
    rows = page.evaluate(LAY_OUT, [hits, width, True])
    assert rows[: len(some)] == some
    assert sum(len(row["tiles"]) for row in rows) == len(hits)
    for row in rows[:-1]:
        last = row["tiles"][-1]
        assert last["start"] + last["width"] == pytest.approx(width, abs=0.01)
        assert 0 < row["height"] <= 220
    tops = [row["top"] for row in rows]
    assert tops == sorted(set(tops))


def focused(page: Page) -> int:
    return int(page.evaluate("document.activeElement.dataset.hit"))
