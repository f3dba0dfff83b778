"""Small copies and files of images: what is sent, what is kept, what is refused."""

import io
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient

import eidetic
from eidetic.server import ServerSettings, create_app
from eidetic.server.thumbnails import Thumbnails
from tests.eidetic.server.conftest import assert_problem, load_toy
from tests.images import write_image

OWN_FILES = 10


def decoded(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def test_a_thumbnail_is_upright_webp_of_the_size_asked_for(
    client: TestClient, ids: dict[str, str]
) -> None:
    answer = client.get(f"/api/images/{ids['turned']}/thumbnail", params={"size": 160})
    assert answer.headers["content-type"] == "image/webp"
    # Stored as 64 x 32 and marked as lying on its side; and never made larger than it is.
    assert decoded(answer.content).size == (32, 64)


def test_a_large_image_is_fitted_into_the_size(tampered: tuple[TestClient, Path]) -> None:
    client, _ = tampered
    row = row_of(client, "name:wide")
    small = client.get(f"/api/images/{row}/thumbnail", params={"size": 160})
    assert decoded(small.content).size == (160, 40)
    shown = client.get(f"/api/images/{row}/original", params={"as": "jpeg"})
    assert shown.headers["content-type"] == "image/jpeg"
    assert decoded(shown.content).format == "JPEG"


def test_a_thumbnail_is_not_sent_twice_to_who_has_it(
    client: TestClient, ids: dict[str, str]
) -> None:
    path = f"/api/images/{ids['red']}/thumbnail"
    first = client.get(path)
    etag = first.headers["etag"]
    assert etag.startswith('"')
    assert first.headers["cache-control"] == "private, max-age=3600"
    again = client.get(path, headers={"If-None-Match": f'"other", {etag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == etag
    assert client.get(path, params={"size": 640}).headers["etag"] != etag


def test_only_a_few_sizes_are_made(client: TestClient, ids: dict[str, str]) -> None:
    path = f"/api/images/{ids['red']}/thumbnail"
    assert_problem(client.get(path, params={"size": 321}), 422, "160, 320, 640")


def test_a_file_is_sent_whole_with_its_type_and_name(
    client: TestClient, images: Path, ids: dict[str, str]
) -> None:
    answer = client.get(f"/api/images/{ids['black']}/original")
    assert answer.content == (images / "holidays" / "black.jpg").read_bytes()
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-disposition"] == "inline; filename*=UTF-8''black.jpg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    saved = client.get(f"/api/images/{ids['black']}/original", params={"download": True})
    assert saved.headers["content-disposition"].startswith("attachment;")
    etag = answer.headers["etag"]
    again = client.get(f"/api/images/{ids['black']}/original", headers={"If-None-Match": etag})
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=2-5", 2, 6),
        ("bytes=3-", 3, None),
        ("bytes=-4", -4, None),
        ("bytes=0-99999", 0, None),
    ],
)
def test_a_range_of_a_file_is_sent(
    client: TestClient,
    images: Path,
    ids: dict[str, str],
    asked: str,
    start: int,
    end: int | None,
) -> None:
    data = (images / "red.png").read_bytes()
    answer = client.get(f"/api/images/{ids['red']}/original", headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == data[start:end]
    assert answer.headers["content-range"].endswith(f"/{len(data)}")


def test_a_range_that_cannot_be_had_is_refused_or_ignored(
    client: TestClient, images: Path, ids: dict[str, str]
) -> None:
    size = (images / "red.png").stat().st_size
    path = f"/api/images/{ids['red']}/original"
    behind = client.get(path, headers={"Range": f"bytes={size}-"})
    assert_problem(behind, 416)
    assert behind.headers["content-range"] == f"bytes */{size}"
    for ignored in ("bytes=0-1,4-5", "lines=1-2", "bytes=-", "nonsense"):
        assert client.get(path, headers={"Range": ignored}).status_code == 200
    changed = client.get(path, headers={"Range": "bytes=0-1", "If-Range": '"an older one"'})
    assert changed.status_code == 200


@pytest.fixture(scope="module")
def tampered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Path]]:
    """A server of an archive whose files tests may tamper with, each in a folder of its own."""
    base = tmp_path_factory.mktemp("tampered")
    for n in range(OWN_FILES):
        write_image(base / "images" / f"{n}" / "own.png", f"rgb({100 + n}, 0, 0)")
    write_image(base / "images" / "wide.jpg", "red", (2000, 500))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eidetic.opening.load_encoder", load_toy)
        archive = eidetic.open("own", model="builtin", data_dir=base / "data")
        archive.ingest([base / "images"])
    app = create_app(archive, ServerSettings())
    with archive, TestClient(app, base_url="http://localhost") as client:
        yield client, base / "images"


def row_of(client: TestClient, query: str) -> str:
    found: str = client.get("/api/search", params={"q": query}).json()["hits"][0]["id"]
    return found


@pytest.fixture
def own(tampered: tuple[TestClient, Path], unused: Iterator[int]) -> tuple[TestClient, Path, str]:
    """A server, a file that no other test touches, and its row's id."""
    client, images = tampered
    n = next(unused)
    return client, images / f"{n}" / "own.png", row_of(client, f"in:{n}/")


@pytest.fixture(scope="module")
def unused() -> Iterator[int]:
    return iter(range(OWN_FILES))


def assert_nothing_is_shown(client: TestClient, row: str, status: int) -> None:
    assert_problem(client.get(f"/api/images/{row}/original"), status)
    for path in ("original?as=jpeg", "thumbnail"):
        assert_problem(client.get(f"/api/images/{row}/{path}"), 422, "ingest its folder again")


Own = tuple[TestClient, Path, str]


def test_a_file_replaced_by_a_link_out_of_its_root_is_refused(own: Own, tmp_path: Path) -> None:
    client, file, row = own
    file.unlink()
    secret = write_image(tmp_path / "secret.png", "blue")
    file.symlink_to(secret)
    assert_nothing_is_shown(client, row, 403)
    packed = client.post("/api/zip", json={"ids": [row]}).content
    assert secret.read_bytes() not in packed
    assert b"MISSING.txt" in packed


def test_a_folder_replaced_by_a_link_out_of_its_root_is_refused(own: Own, tmp_path: Path) -> None:
    client, file, row = own
    shutil.rmtree(file.parent)
    elsewhere = write_image(tmp_path / "elsewhere" / file.name, "blue")
    file.parent.symlink_to(elsewhere.parent)
    assert_nothing_is_shown(client, row, 403)


def test_a_file_replaced_by_a_pipe_or_a_folder_is_refused(own: Own) -> None:
    client, file, row = own
    file.unlink()
    os.mkfifo(file)
    assert_nothing_is_shown(client, row, 403)
    file.unlink()
    file.mkdir()
    assert_nothing_is_shown(client, row, 403)


def test_a_link_to_another_file_of_the_root_is_followed(own: Own) -> None:
    client, file, row = own
    target = file.rename(file.with_name("target.png"))
    file.symlink_to(target.name)
    assert client.get(f"/api/images/{row}/original").content == target.read_bytes()


def test_a_file_that_is_gone_is_told_from_one_that_never_was(own: Own) -> None:
    client, file, row = own
    file.unlink()
    assert_nothing_is_shown(client, row, 404)
    told = client.get(f"/api/images/{row}/original").json()
    assert told["type"] == "urn:eidetic:problem:file-gone"


def test_what_is_no_image_any_more_is_never_taken_for_a_page(own: Own) -> None:
    client, file, row = own
    file.write_text("<script>alert(1)</script>")
    assert_problem(client.get(f"/api/images/{row}/thumbnail"), 422, "not what it was")
    sent = client.get(f"/api/images/{row}/original")
    assert sent.headers["content-type"] == "image/png"
    assert sent.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in sent.headers["content-security-policy"]


def test_a_kept_thumbnail_outlives_its_file(own: Own) -> None:
    client, file, row = own
    first = client.get(f"/api/images/{row}/thumbnail").content
    file.unlink()
    assert client.get(f"/api/images/{row}/thumbnail").content == first


def test_one_of_many_who_ask_at_once_makes_the_file(tmp_path: Path) -> None:
    thumbnails = Thumbnails(tmp_path, most_bytes=1000)
    made: list[int] = []
    together = threading.Barrier(8)

    def make() -> bytes:
        made.append(1)
        return b"thumbnail"

    def ask() -> None:
        together.wait()
        assert thumbnails.get("key", make) == b"thumbnail"

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]


def test_of_too_many_thumbnails_the_oldest_are_dropped(tmp_path: Path) -> None:
    thumbnails = Thumbnails(tmp_path, most_bytes=1000)
    for n in range(10):
        thumbnails.get(f"{n}", lambda: bytes(100))
        os.utime(next(tmp_path.glob(f"*/{n}/{n}")), ns=(n, n))
    assert thumbnails.find("0") is not None
    thumbnails.get("a", lambda: bytes(100))
    assert thumbnails.find("0") is None
    assert thumbnails.find("1") is None
    assert thumbnails.find("2") is not None
    assert thumbnails.find("a") is not None
    assert sum(file.stat().st_size for file in tmp_path.glob("*/*/*")) == 900


def test_a_thumbnail_that_cannot_be_kept_is_sent_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the folder's place")
    thumbnails = Thumbnails(tmp_path / "file", most_bytes=1000)
    assert thumbnails.get("key", lambda: b"thumbnail") == b"thumbnail"
