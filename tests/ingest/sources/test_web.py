"""Images behind web addresses: one image, an index page, a listing, a packed file."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest import Scope, plan_scopes
from schema import Root, SkipReason, UsageError
from tests.conftest import free_port
from tests.ingest.small_archive import SmallArchive, counts, draw, write
from tests.ingest.sources.packing import images, make_tar, make_zip, scope_of
from tests.ingest.sources.servers import WebServer, serving


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.filesystems.BACKOFF_S", 0.01)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of three images, a level deep, and what is no image."""
    folder = tmp_path / "site"
    for path in ("set/a.png", "set/sub/b.png", "set/sub/c d.png"):
        draw(folder / path)
    write(folder / "set" / "notes.md", b"#")
    write(folder / "set" / ".hidden" / "h.png", b"x")
    draw(folder / "other" / "o.png")
    return folder


@pytest.fixture
def web(site: Path) -> Iterator[WebServer]:
    with serving(site) as server:
        yield server


def test_an_index_page_is_a_folder_and_so_are_those_below(
    web: WebServer, archive: SmallArchive
) -> None:
    scope = scope_of(f"{web.url}/set")
    assert scope == Scope(Root.at(f"{web.url}/set/"))
    assert counts(archive.ingest(scope)) == {"indexed": 3}
    assert archive.paths() == ["a.png", "sub/b.png", "sub/c%20d.png"]
    assert scope.root.locate("sub/b.png") == f"{web.url}/set/sub/b.png"


def test_a_second_run_asks_for_lists_and_heads_and_fetches_nothing(
    web: WebServer, archive: SmallArchive
) -> None:
    scope = scope_of(f"{web.url}/set/")
    archive.ingest(scope)
    web.asked.clear()
    assert counts(archive.ingest(scope)) == {"unchanged": 3}
    assert web.gets(".png") == 0
    assert archive.encoder.embedded == 3


def test_changed_new_and_deleted_images_are_noticed(
    web: WebServer, site: Path, archive: SmallArchive
) -> None:
    scope = scope_of(f"{web.url}/set/")
    archive.ingest(scope)
    draw(site / "set/a.png", seed=9, mtime_ns=1_650_000_000_000_000_000)
    draw(site / "set/new.png")
    (site / "set/sub/b.png").unlink()
    assert counts(archive.ingest(scope)) == {"indexed": 2, "unchanged": 1, "removed": 1}


def test_where_the_host_tells_no_dates_images_are_read_again_and_not_embedded(
    web: WebServer, archive: SmallArchive
) -> None:
    web.tells_times = False
    scope = scope_of(f"{web.url}/set/")
    archive.ingest(scope)
    web.asked.clear()
    assert counts(archive.ingest(scope)) == {"unchanged": 3}
    assert web.gets(".png") == 3
    assert archive.encoder.embedded == 3


def test_one_image_is_a_file_of_the_folder_it_lies_in(
    web: WebServer, archive: SmallArchive
) -> None:
    scope = scope_of(f"{web.url}/set/sub/b.png")
    assert scope == Scope(Root.at(f"{web.url}/set/sub/"), only="b.png")
    assert counts(archive.ingest(scope)) == {"indexed": 1}
    known = [Root("of-old", f"{web.url}/set/")]
    again = plan_scopes([f"{web.url}/set/sub/b.png", f"{web.url}/set/sub"], known)
    assert again == [Scope(known[0], "sub")]


@pytest.mark.parametrize(
    "text",
    [
        "# two images\na.png\r\n\r\nsub/b.png\na.png\n",
        json.dumps(["a.png", {"url": "sub/b.png", "caption": "x"}]),
        "\ufeffa.png\nsub/b.png",
    ],
)
def test_a_listing_is_a_root_of_what_it_lists(
    web: WebServer, site: Path, archive: SmallArchive, text: str
) -> None:
    (site / "set" / "list.txt").write_text(text)
    scope = scope_of(f"{web.url}/set/list.txt")
    assert scope == Scope(Root.at(f"{web.url}/set/list.txt"))
    assert counts(archive.ingest(scope)) == {"indexed": 2}
    assert scope.root.locate("sub/b.png") == f"{web.url}/set/sub/b.png"
    (site / "set" / "list.txt").write_text("a.png")
    assert counts(archive.ingest(scope)) == {"unchanged": 1, "removed": 1}


def test_links_out_of_the_listing_are_named_and_not_followed(
    web: WebServer, site: Path, archive: SmallArchive
) -> None:
    elsewhere = ["../other/o.png", "http://127.0.0.1:9/x.png", "/other/o.png", "sub/../../o.png"]
    (site / "set" / "list.txt").write_text("\n".join(["a.png", *elsewhere]))
    web.asked.clear()
    report = archive.ingest(scope_of(f"{web.url}/set/list.txt"))
    assert counts(report) == {"indexed": 1, "skipped": 4}
    assert {skip.reason for skip in report.skips} == {SkipReason.OUTSIDE}
    assert not any("o.png" in path for _, path in web.asked)


def test_an_index_page_that_links_elsewhere_is_read_for_its_own_folder_only(
    web: WebServer, site: Path, archive: SmallArchive
) -> None:
    links = ["a.png", "../other/o.png", "/other/o.png", "http://127.0.0.1:9/x.png", "?C=N", "./"]
    page = "".join(f'<a href="{link}">x</a>' for link in links)
    (site / "set" / "index.html").write_text(page)
    web.asked.clear()
    assert counts(archive.ingest(scope_of(f"{web.url}/set/index.html"))) == {"indexed": 1}
    assert not any("o.png" in path for _, path in web.asked)


def test_a_packed_file_is_fetched_once_and_then_only_looked_at(
    web: WebServer, site: Path, archive: SmallArchive
) -> None:
    make_tar(site / "shard.tar.gz", images("a.png", "b.png"))
    scope = scope_of(f"{web.url}/shard.tar.gz")
    assert scope.root.location == f"tar://::{web.url}/shard.tar.gz"
    assert counts(archive.ingest(scope)) == {"indexed": 2}
    assert web.gets("shard.tar.gz") == 1
    assert counts(archive.ingest(scope)) == {"unchanged": 2}
    assert web.gets("shard.tar.gz") == 1


def test_a_packed_file_that_vanished_keeps_its_rows(
    web: WebServer, site: Path, archive: SmallArchive
) -> None:
    make_zip(site / "a.zip", images("a.png", "b.png"))
    scope = scope_of(f"{web.url}/a.zip")
    archive.ingest(scope)
    (site / "a.zip").unlink()
    with pytest.raises(UsageError, match="no such file"):
        plan_scopes([f"{web.url}/a.zip"], [scope.root])
    with pytest.raises(Exception, match="not all of the packed file"):
        archive.ingest(scope, allow_mass_prune=True)
    assert len(archive.paths()) == 2


def test_a_server_that_stumbles_is_asked_again(web: WebServer, archive: SmallArchive) -> None:
    web.failures["/set/a.png"] = [200, 503, 503, 200]
    assert counts(archive.ingest(scope_of(f"{web.url}/set/"))) == {"indexed": 3}


def test_an_image_that_the_server_refuses_is_named_and_its_row_stays(
    web: WebServer, archive: SmallArchive
) -> None:
    scope = scope_of(f"{web.url}/set/")
    archive.ingest(scope)
    web.failures["/set/a.png"] = [403]
    report = archive.ingest(scope)
    assert counts(report) == {"unchanged": 2, "skipped": 1}
    assert (report.skips[0].path, report.skips[0].reason) == (
        f"{web.url}/set/a.png",
        SkipReason.UNREADABLE,
    )
    assert len(archive.paths()) == 3


def test_a_login_page_in_the_place_of_an_image_does_not_cost_its_row(
    web: WebServer, archive: SmallArchive
) -> None:
    scope = scope_of(f"{web.url}/set/")
    archive.ingest(scope)
    web.media_types["/set/a.png"] = "text/html"
    report = archive.ingest(scope)
    assert counts(report) == {"unchanged": 2, "skipped": 1}
    assert "a page in its place" in report.skips[0].detail
    assert len(archive.paths()) == 3


def test_a_page_that_cannot_be_read_keeps_the_rows_below_it(
    web: WebServer, archive: SmallArchive
) -> None:
    scope = scope_of(f"{web.url}/set/")
    archive.ingest(scope)
    web.failures["/set/sub/"] = [403]
    assert counts(archive.ingest(scope, allow_mass_prune=True)) == {"unchanged": 1, "skipped": 1}
    assert len(archive.paths()) == 3


def test_a_host_that_went_away_is_an_error_and_removes_nothing(
    site: Path, archive: SmallArchive
) -> None:
    with serving(site) as web:
        scope = scope_of(f"{web.url}/set/")
        archive.ingest(scope)
    with pytest.raises(UsageError, match="does not answer") as failure:
        archive.ingest(scope, allow_mass_prune=True)
    assert web.url in str(failure.value)
    assert len(archive.paths()) == 3


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/set/nothing.png", "there is no such file or folder"),
        ("/set/notes.md", "neither an image nor a packed file"),
        ("/forbidden.png", "access refused: 403"),
        ("/broken.png", "the host does not answer: 500"),
    ],
)
def test_what_cannot_be_ingested_is_told_before_anything_is_done(
    web: WebServer, path: str, said: str
) -> None:
    web.failures |= {"/forbidden.png": [403], "/broken.png": [500]}
    with pytest.raises(UsageError, match=said) as failure:
        plan_scopes([web.url + path], [])
    assert path in str(failure.value)


def test_a_host_that_is_not_there_is_named_after_a_few_tries() -> None:
    url = f"http://127.0.0.1:{free_port()}/a.png"
    with pytest.raises(UsageError, match=r"does not answer.*check the address") as failure:
        plan_scopes([url], [])
    assert url in str(failure.value)


def test_an_image_beyond_the_limit_is_not_fetched_whole(
    web: WebServer, archive: SmallArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.sources.remote.MAX_FILE_BYTES", 50)
    with pytest.raises(Exception, match="the limit is 50"):
        archive.ingest(scope_of(f"{web.url}/set/a.png"))
    assert web.gets("a.png") == 0
