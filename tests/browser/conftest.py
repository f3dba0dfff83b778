"""The page in a real browser: Debian's Chromium, a whole server process, an archive of 2,005 rows.

Whatever a test does, the browser may not report an error, a breach of the content security policy,
or a request to another host: the fixture `page` looks at its end.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import (
    Browser,
    BrowserContext,
    FloatRect,
    Locator,
    Page,
    expect,
    sync_playwright,
)

import eidetic
from schema import Connection, Embedded, MilvusStore, content_hash, row_id
from tests.images import write_image

EIDETIC = str(Path(sys.executable).with_name("eidetic"))
COLOURS = ("red", "green", "blue", "yellow", "white", "black", "purple", "orange", "brown", "pink")
SHAPES = ((160, 120), (120, 160), (200, 80), (120, 120))
CAMERAS = ("D80", "EOS 5D", "X100")
HOSTILE = ("<img src=x onerror=alert(1)>.png", "two\nlines.png", "turned\u202egnp.exe.png")
COPIES = 49
"""Of each of the 40 images. Their rows are written without embedding them."""

ROWS = 2005

BREACHES = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`content security policy: ${event.violatedDirective} ${event.blockedURI}`));
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.shifts.push(entry.value);
}).observe({ type: "layout-shift", buffered: true });
"""

expect.set_options(timeout=20_000)

QUESTION = "a wall"

NewPage = Callable[..., Page]


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("Debian's chromium is not installed (apt-get install chromium)")
    return found


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser") / "images"
    for n in range(40):
        colour, other = COLOURS[n % 10], COLOURS[(n // 10 + n + 3) % 10]
        image = Image.new("RGB", SHAPES[n % 4], colour)
        ImageDraw.Draw(image).ellipse((20, 20, 60 + n, 60 + n), fill=other)
        exif = Image.Exif()
        exif[0x0110] = CAMERAS[n % 3]
        exif[0x9003] = f"{2015 + n % 4}:{1 + n % 12:02}:{5 + n // 12:02} 12:30:00"
        if n == 0:
            exif[0x8825] = {1: "N", 2: (48.0, 51.0, 0.0), 3: "E", 4: (2.0, 21.0, 0.0)}
        path = folder / "originals" / f"{colour}-{n:02}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, exif=exif)
    for n, name in enumerate(HOSTILE):
        write_image(folder / "odd" / name, COLOURS[n], (90 + n, 90))
    for name in ("one.png", "two.png"):
        write_image(folder / "pairs" / name, "magenta", (100, 80))
    return folder


@pytest.fixture(scope="session")
def environ(images: Path) -> dict[str, str]:
    """Where an archive is: 45 files ingested with the built-in model, and many rows beside."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EIDETIC_")}
    data = images.parent / "data"
    with eidetic.open(model="builtin", data_dir=data) as archive:
        archive.ingest([images])
        uri = archive.status().uri
    with MilvusStore.open(Connection(uri), "default") as store:
        write_copies(store, images)
    return kept | {"EIDETIC_DATA_DIR": str(data), "XDG_CONFIG_HOME": str(images.parent)}


def write_copies(store: MilvusStore, images: Path) -> None:
    """Write files that differ from the originals in a byte, and rows with vectors near theirs.

    To embed 2,000 images would take a minute. Rows of one vector would not do: an index of copies
    alone leads from none to another.
    """
    rng = np.random.default_rng(0)
    originals = {
        record.id: record for record in store.iterate() if record.path.startswith("originals/")
    }
    vectors = store.vectors(list(originals))
    for n in range(COPIES):
        rows = []
        for each, original in originals.items():
            path = f"copies-{n:02}/{n:02}-{original.name}"
            data = (images / original.path).read_bytes() + bytes([n])
            (images / path).parent.mkdir(exist_ok=True)
            (images / path).write_bytes(data)
            record = replace(
                original,
                id=row_id(original.root, path),
                path=path,
                content=content_hash(data),
                size_bytes=len(data),
                mtime_ns=(images / path).stat().st_mtime_ns,
                # An hour apart they are no burst, and without a hash not one image.
                taken_at=(original.taken_at or 0) + (n + 1) * 3_600_000,
                phash=None,
            )
            turned = vectors[each] + 0.02 * rng.standard_normal(len(vectors[each]))
            rows.append(Embedded(record, (turned / np.linalg.norm(turned)).astype(np.float32)))
        store.upsert(rows)


@contextmanager
def serving(environ: dict[str, str], *arguments: str) -> Iterator[str]:
    """Run `eidetic serve`; gives its address."""
    process = subprocess.Popen(
        [EIDETIC, "serve", "--port", "0", *arguments],
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        told = process.stderr.readline()
        found = re.search(r"served at (http://\S+)", told)
        assert found, told + process.stderr.read()
        yield found[1]
    finally:
        process.terminate()
        process.communicate()


@pytest.fixture(scope="session")
def address(chromium: str, environ: dict[str, str]) -> Iterator[str]:
    with serving(environ) as address:
        yield address


# Not for the session: while playwright is open an event loop runs, and no other test may run one.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        yield browser
        browser.close()


@dataclass
class Reports:
    """What the browser reports of its pages, save what a test expects."""

    hosts: set[str]
    errors: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def follow(self, context: BrowserContext) -> None:
        context.on("console", lambda told: self._note(told.type, told.text))
        context.on("weberror", lambda told: self._note("error", str(told.error)))
        context.on("request", lambda request: self._asked(request.url))

    def unexpected(self) -> list[str]:
        return [e for e in self.errors if not any(known in e for known in self.expected)]

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.errors.append(text)

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("blob", "data") and parts.netloc not in self.hosts:
            self.errors.append(f"request to {url}")


@pytest.fixture
def reports(address: str) -> Iterator[Reports]:
    reports = Reports({urlsplit(address).netloc})
    yield reports
    assert reports.unexpected() == []


@pytest.fixture
def new_page(browser: Browser, address: str, reports: Reports) -> Iterator[NewPage]:
    """Open the page of a query in a browser of its own; options are those of its context."""
    contexts: list[BrowserContext] = []

    def new_page(path: str = "/", *, base_url: str = address, **options: object) -> Page:
        defaults = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB"}
        context = browser.new_context(base_url=base_url, **{**defaults, **options})  # type: ignore[arg-type]
        contexts.append(context)
        reports.hosts.add(urlsplit(base_url).netloc)
        context.add_init_script(BREACHES)
        reports.follow(context)
        page = context.new_page()
        page.goto(path)
        return page

    yield new_page
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """The page with the first images of a question, which is faster than listing all by date."""
    page = new_page(f"/?q={QUESTION.replace(' ', '+')}")
    expect(tiles(page).first).to_be_visible()
    return page


def tiles(page: Page) -> Locator:
    return page.locator(".tile .open")


def summary(page: Page) -> Locator:
    return page.locator(".summary [role=status]")


def ask(page: Page, words: str) -> None:
    """Type a query, enter it and wait for its hits."""
    page.fill("#query", words)
    with page.expect_response(lambda answer: "/api/search" in answer.url):
        page.press("#query", "Enter")
    expect(summary(page)).not_to_have_text("Searching …")


def until(page: Page, expression: str) -> None:
    """Wait until something holds in the page.

    Playwright's own way has the page evaluate a string, which its content security policy forbids.
    """
    ends = time.monotonic() + 20
    while not page.evaluate(expression):
        assert time.monotonic() < ends, f"never held: {expression}"
        page.wait_for_timeout(50)


def box(found: Locator) -> FloatRect:
    """Where an element is."""
    rectangle = found.bounding_box()
    assert rectangle is not None
    return rectangle


def png(colour: str) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (80, 60), colour).save(data, "PNG")
    return data.getvalue()
