"""Screenshots of the page for the documentation, of the sample images that `eidetic demo` uses.

    python scripts/screenshots.py

Needs the `demo` and `dev` extras and Debian's chromium. The images come with scikit-image,
scikit-learn and matplotlib, whose licences are in those packages.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from eidetic.demo import find_images, open_demo

ASSETS = Path(__file__).parents[1] / "docs" / "assets"
MAX_BYTES = 150_000
QUALITY = 78


def main() -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("Debian's chromium is not installed: apt-get install chromium")
    with tempfile.TemporaryDirectory(prefix="eidetic-") as folder:
        with open_demo(data_dir=folder) as archive:
            archive.ingest([find_images(archive, None)])
        with served(Path(folder)) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium)
            for name, draw, options in SHOTS:
                context = browser.new_context(base_url=address, **options)
                page = context.new_page()
                draw(page)
                page.mouse.move(0, 0)
                page.wait_for_load_state("networkidle")
                page.wait_for_timeout(500)
                save(page.screenshot(), ASSETS / f"{name}.webp")
                context.close()
            browser.close()


@contextmanager
def served(data_dir: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [Path(sys.executable).with_name("eidetic"), "--archive", "demo", "serve", "--port", "0"],
        env=os.environ | {"EIDETIC_DATA_DIR": str(data_dir)},
        stderr=subprocess.PIPE,
        text=True,
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


def search(page: Page) -> None:
    page.goto("/?q=a+cat")
    page.locator(".facets .value").first.wait_for()


def view(page: Page) -> None:
    page.goto("/?q=a+cat")
    page.locator(".tile .open").first.click()
    page.keyboard.press("i")


def arabic(page: Page) -> None:
    page.goto("/?q=قطة")
    page.locator(".facets .value").first.wait_for()


def phone(page: Page) -> None:
    page.goto("/")
    page.locator(".tile").first.wait_for()


WIDE = {"viewport": {"width": 1280, "height": 760}, "locale": "en-GB"}
SHOTS = (
    ("page-search", search, {**WIDE, "color_scheme": "light"}),
    ("page-viewer", view, WIDE),
    ("page-arabic", arabic, {**WIDE, "locale": "ar", "color_scheme": "dark"}),
    ("page-phone", phone, {"viewport": {"width": 390, "height": 760}, "locale": "en-GB"}),
)


def save(png: bytes, path: Path) -> None:
    """Write a screenshot small enough to be kept among the sources."""
    Image.open(io.BytesIO(png)).convert("RGB").save(path, "WEBP", quality=QUALITY, method=6)
    size = path.stat().st_size
    print(f"{path.name}: {size:,} bytes")
    if size > MAX_BYTES:
        sys.exit(f"{path.name} has {size:,} bytes, the limit is {MAX_BYTES:,}")


if __name__ == "__main__":
    main()
