"""An archive without images, images that come meanwhile, a server that goes away, a token."""

import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import expect

import eidetic
from tests.browser.conftest import EIDETIC, NewPage, Reports, serving, tiles
from tests.images import write_colours

pytestmark = pytest.mark.browser

TOKEN = "a token of many letters, for the browser"


@pytest.fixture
def emptied(environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Where an archive is whose only image was deleted."""
    images = write_colours(tmp_path / "images", "red")
    with eidetic.open(model="builtin", data_dir=tmp_path / "data") as archive:
        archive.ingest([images])
        (images / "red.png").unlink()
        archive.ingest([images], allow_mass_prune=True)
    return environ | {"EIDETIC_DATA_DIR": str(tmp_path / "data")}


def test_an_empty_archive_says_what_to_do_and_shows_images_as_they_come(
    emptied: dict[str, str], tmp_path: Path, new_page: NewPage, reports: Reports
) -> None:
    with serving(emptied) as address:
        page = new_page(base_url=address)
        expect(page.get_by_role("heading", name="The archive has no images yet")).to_be_visible()
        expect(page.locator(".trouble pre")).to_have_text("eidetic ingest ~/Pictures")
        images = write_colours(tmp_path / "more", "green", "blue")
        subprocess.run([EIDETIC, "ingest", "-q", images], env=emptied, check=True, timeout=120)
        page.get_by_role("button", name="Show 2 new images").click()
        expect(tiles(page)).to_have_count(2)
    reports.expected.append("ERR_CONNECTION_REFUSED")
    page.fill("#query", "red")
    page.press("#query", "Enter")
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer")


def test_a_token_is_asked_for_once(
    environ: dict[str, str], new_page: NewPage, reports: Reports
) -> None:
    with serving(environ | {"EIDETIC_SERVE_TOKEN": TOKEN}) as address:
        page = new_page("/?q=red", base_url=address)
        reports.expected.append("401 (Unauthorized)")
        page.get_by_label("Token of this server").fill("another token of many letters")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_contain_text("not the server's token")
        page.get_by_label("Token of this server").fill(TOKEN)
        page.get_by_role("button", name="Log in").click()
        expect(tiles(page).first).to_be_visible()
        page.reload()
        expect(tiles(page).first).to_be_visible()
        # It would go on asking a server that is gone.
        page.close()
