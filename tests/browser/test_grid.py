"""The grid: thousands of hits, few tiles in the document, nothing that jumps, all by keyboard."""

import pytest
from playwright.sync_api import Page, expect

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
    expect(summary(page)).to_contain_text(f"{found['seen']:,} images")
    # Some of the rows are folded under others, two of the same bytes at least.
    assert ROWS * 0.98 < found["seen"] < ROWS
    assert found["most"] < 250
    assert page.evaluate("window.shifts") == []


def test_a_new_question_moves_nothing_that_is_shown(page: Page) -> None:
    for words, n in (("red", "2,005"), ("a blue wall camera:D80", "700"), ("camera:X100", "650")):
        ask(page, words)
        expect(page.locator(".facets")).to_contain_text(f"{n} images")
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
    with page.expect_response(lambda answer: "/api/search" in answer.url) as asked:
        page.fill("#query", "turned")
        page.press("#query", "Enter")
    likely = [hit["likely"] for hit in asked.value.json()["hits"]]
    last = max(index for index, each in enumerate(likely) if each)
    assert last < len(likely) - 1
    line = page.locator(".line")
    expect(line).to_have_text("From here on only the nearest there are")
    where, above, below = box(line), box(tiles(page).nth(last)), box(tiles(page).nth(last + 1))
    assert above["y"] + above["height"] <= where["y"]
    assert where["y"] + where["height"] <= below["y"]


def test_where_no_hit_is_likely_the_page_says_so(page: Page) -> None:
    ask(page, "magenta")
    expect(summary(page)).to_contain_text("Nothing clearly is what you asked for")
    expect(page.locator(".line")).to_have_count(0)


LAY_OUT = """async ([hits, width, isComplete, lineAt]) => {
  const { layOut } = await import("/static/layout.js");
  return layOut(hits, width, isComplete, lineAt);
}"""


@pytest.mark.parametrize("width", [320, 768, 1440, 3000])
def test_rows_fill_the_width_and_none_that_is_full_changes_with_more_hits(
    page: Page, width: int
) -> None:
    shapes = [(4000, 3000), (3000, 4000), (10_000, 900), (50, 5000), (1, 1), (640, 480)] * 30
    hits = [{"width": w, "height": h} for w, h in shapes]
    some = page.evaluate(LAY_OUT, [hits[:100], width, False, 50])
    rows = page.evaluate(LAY_OUT, [hits, width, True, 50])
    assert rows[: len(some)] == some
    assert sum(len(row["tiles"]) for row in rows) == len(hits)
    tiled = [row for row in rows if row["tiles"]]
    assert [row["first"] for row in rows if row not in tiled] == [50]
    # Those above the line and at the end may be shorter.
    for row in tiled[:-1]:
        if row["first"] + len(row["tiles"]) == 50:
            continue
        last = row["tiles"][-1]
        assert last["start"] + last["width"] == pytest.approx(width, abs=0.01)
        assert 0 < row["height"] <= 220
    tops = [row["top"] for row in rows]
    assert tops == sorted(set(tops))


def focused(page: Page) -> int:
    return int(page.evaluate("document.activeElement.dataset.hit"))
