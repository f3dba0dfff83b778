"""The web page in a real browser: from Enter to images, what moves, and thumbnails from the cache.

    python scripts/benchmarks/page.py --folder FOLDER --images 10000 --rounds 20

Makes that many images (noise, coloured, of several shapes and cameras) and ingests them with the
built-in model, unless FOLDER holds them already; serves the archive as a process of its own; opens
the page in Debian's Chromium and searches for words that were not asked before. Times are the
browser's own, from the keystroke on: to the frame in which the first tiles are ("tiles"), and to
the moment when every thumbnail in the window is decoded ("images"); "server" is the request for
the hits. The sum of the layout shifts is of all that the browser reports, those right after a
keystroke included. Then thumbnails that are in the cache already are asked for over one connection,
with the server bound to one core. Browser, server and client share the machine.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

import eidetic

SHAPES = ((640, 480), (480, 640), (800, 300), (500, 500), (400, 700))
CAMERAS = ("D80", "EOS 5D", "X100", "ILCE-7M3")
ADJECTIVES = ("red", "green", "blurred", "bright", "striped", "dark", "tall", "quiet")
NOUNS = ("boat", "garden", "street", "wall", "window", "horse", "bridge", "kitchen", "crowd")

WATCH = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.shifts.push(entry.value);
}).observe({ type: "layout-shift", buffered: true });
addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.closest(".search")) return;
  const from = event.timeStamp;
  const before = document.querySelector(".tile");
  window.took = null;
  let tiles = null;
  performance.clearResourceTimings();
  const look = () => {
    const now = performance.now();
    const first = document.querySelector(".tile");
    if (tiles === null && first && first !== before) tiles = now - from;
    if (tiles !== null) {
      const seen = [...document.querySelectorAll(".tile img")].filter(
        (image) => image.getBoundingClientRect().top < innerHeight);
      if (seen.length && seen.every((image) => image.complete && image.naturalWidth)) {
        const [asked] = performance.getEntriesByType("resource").filter(
          (entry) => entry.name.includes("offset=0"));
        const server = asked.responseEnd - asked.startTime;
        window.took = { tiles, images: now - from, server, seen: seen.length };
        return;
      }
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}, true);
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--prepare", action="store_true", help="make and ingest the images only")
    given = parser.parse_args()
    prepare(given.folder, given.images)
    if given.prepare:
        return
    with served(given.folder) as address:
        measure_page(address, given.rounds)
    with served(given.folder, cores={0}) as address:
        measure_thumbnails(address)


def prepare(folder: Path, n: int) -> None:
    """Make and ingest the images that are missing."""
    rng = np.random.default_rng(0)
    for i in range(n):
        path = folder / "images" / f"{i % 40:02}" / f"{i:05}.jpg"
        noise = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        exif[0x0110] = CAMERAS[i % len(CAMERAS)]
        exif[0x9003] = f"{2005 + i % 20}:{1 + i % 12:02}:{1 + i % 28:02} 12:00:00"
        enlarged = Image.fromarray(noise).resize(SHAPES[i % len(SHAPES)], Image.Resampling.BICUBIC)
        enlarged.save(path, exif=exif)
    with eidetic.open(model="builtin", data_dir=folder / "data") as archive:
        report = archive.ingest([folder / "images"])
        print(f"{archive.count():,} images, {report.indexed:,} of them new")


@contextmanager
def served(folder: Path, cores: set[int] | None = None) -> Iterator[str]:
    """Serve the archive, on all cores or on some; gives the address."""
    process = subprocess.Popen(
        [Path(sys.executable).with_name("eidetic"), "serve", "--port", "0"],
        env=os.environ | {"EIDETIC_DATA_DIR": str(folder / "data")},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=(lambda: os.sched_setaffinity(0, cores)) if cores else None,
    )
    try:
        told = process.stderr.readline() if process.stderr else ""
        found = re.search(r"served at (\S+)", told)
        if found is None:
            sys.exit(told)
        yield found[1]
    finally:
        process.terminate()
        process.wait()


def measure_page(address: str, rounds: int) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.add_init_script(WATCH)
        started = time.perf_counter()
        page.goto(address)
        page.locator(".tile img").first.wait_for(timeout=120_000)
        print(f"first visit, to the first image: {time.perf_counter() - started:.2f} s")
        page.locator(".facets .value").first.wait_for(timeout=120_000)
        for kind in (
            "new words, thumbnails not made yet",
            "the same words, thumbnails in the cache",
        ):
            report(kind, [ask(page, n) for n in range(rounds)])
        print(f"layout shifts while searching: {sum(page.evaluate('window.shifts')):.4f}")
        page.mouse.move(600, 500)
        for _ in range(60):
            page.mouse.wheel(0, 900)
            page.wait_for_timeout(250)
        tiles = page.locator(".tile").count()
        print(
            f"layout shifts with 60 screens of scrolling: "
            f"{sum(page.evaluate('window.shifts')):.4f}; "
            f"{page.evaluate('scrollY'):,.0f} pixels down, {tiles} tiles in the document"
        )
        browser.close()


def ask(page: Page, n: int) -> dict[str, float]:
    """Search for the n-th question; return milliseconds from Enter."""
    words = f"a {ADJECTIVES[n % len(ADJECTIVES)]} {NOUNS[n % len(NOUNS)]} {n}"
    page.fill("#query", words)
    page.wait_for_timeout(300)
    page.press("#query", "Enter")
    while (took := page.evaluate("window.took")) is None:
        page.wait_for_timeout(50)
    # What the page does afterwards (the next hits, the counts) is not part of the next question.
    expect(page.locator(".summary")).not_to_contain_text("best 40 ", timeout=60_000)
    page.wait_for_timeout(1000)
    return dict(took)


def report(kind: str, took: list[dict[str, float]]) -> None:
    print(f"{kind} ({len(took)} questions, {took[0]['seen']:.0f} images in the window):")
    for what in ("server", "tiles", "images"):
        values = sorted(each[what] for each in took)
        print(
            f"  {what}: median {statistics.median(values):.0f} ms, "
            f"least {values[0]:.0f}, most {values[-1]:.0f}"
        )


def measure_thumbnails(address: str) -> None:
    with httpx2.Client(base_url=address, timeout=120) as client:
        hits = client.get("/api/search", params={"q": "a wall", "k": 300}).json()["hits"]
        paths = [f"/api/images/{hit['id']}/thumbnail?size=320" for hit in hits]
        for path in paths:
            client.get(path).raise_for_status()
        for _ in range(3):
            started = time.perf_counter()
            for path in paths:
                client.get(path).raise_for_status()
            rate = len(paths) / (time.perf_counter() - started)
            print(f"thumbnails from the cache, server on one core, one connection: {rate:.0f}/s")


if __name__ == "__main__":
    main()
