"""A video over HTTP: each frame has its own small copy, the file is sent by ranges to be played."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

import eidetic
from eidetic.server import ServerSettings, create_app
from tests.eidetic.server.conftest import load_toy
from tests.videos import BLUE, GREEN, RED, save, three_scenes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films") / "images"
    save(folder / "walls.mp4", three_scenes())
    return folder


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[TestClient]:
    data = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eidetic.opening.load_encoder", load_toy)
        patch.setattr("eidetic.settings.settings_path", lambda: data / "settings.toml")
        with eidetic.open("films", model="builtin", data_dir=data) as archive:
            archive.ingest([folder])
            app = create_app(archive, ServerSettings())
            with TestClient(app, base_url="http://localhost") as client:
                yield client


@pytest.fixture(scope="module")
def moments(client: TestClient) -> dict[int, str]:
    """Ids of the frames by their times."""
    (hit,) = client.get("/api/search", params={"q": "a wall"}).json()["hits"]
    return {each["offset_ms"]: each["id"] for each in (hit, *hit["folded"])}


def colour(data: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(data)).convert("RGB")
    assert image.size == (96, 64)
    return np.asarray(image)[50, 80].astype(int)


@pytest.mark.parametrize(("offset_ms", "wanted"), [(0, RED), (3000, GREEN), (6000, BLUE)])
def test_a_small_copy_and_one_for_browsers_show_the_moment(
    client: TestClient, moments: dict[int, str], offset_ms: int, wanted: tuple[int, int, int]
) -> None:
    place = f"/api/images/{moments[offset_ms]}"
    for answer in (
        client.get(f"{place}/thumbnail", params={"size": 160}),
        client.get(f"{place}/original", params={"as": "auto"}),
    ):
        assert answer.headers["content-type"] == "image/webp"
        assert np.abs(colour(answer.content) - wanted).max() <= 30


def test_frames_of_one_file_are_told_apart_by_caches(
    client: TestClient, moments: dict[int, str]
) -> None:
    answers = [client.get(f"/api/images/{row}/thumbnail") for row in moments.values()]
    assert len({answer.headers["etag"] for answer in answers}) == 3


def test_the_video_itself_is_sent_by_ranges_as_what_it_is(
    client: TestClient, moments: dict[int, str], folder: Path
) -> None:
    data = (folder / "walls.mp4").read_bytes()
    place = f"/api/images/{moments[3000]}/original"
    part = client.get(place, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, data[100:200])
    assert part.headers["content-type"] == "video/mp4"
    assert client.get(place).content == data
