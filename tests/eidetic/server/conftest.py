"""A small archive that is served: the toy encoder, the real store, real decoding processes."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from PIL import Image
from starlette.testclient import TestClient

import eidetic
from eidetic import Archive
from eidetic.listening import configure, listen
from eidetic.server import Limits, ServerSettings, create_app
from eidetic.server.run import CONNECTIONS
from embed.encoder import ToyEncoder
from tests.images import write_colours, write_image

Serve = Callable[..., TestClient]

TOKEN = "a token of forty-two letters, for the tests"
COLOURS = ("red", "green", "blue", "yellow")


def load_toy(spec: str) -> ToyEncoder:
    encoder = ToyEncoder()
    encoder.spec = spec
    return encoder


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Colours, one of them lying on its side, one of a camera and a day, one HEIC."""
    folder = write_colours(tmp_path_factory.mktemp("served") / "images", *COLOURS)
    exif = Image.Exif()
    exif[0x0110] = "D80"
    exif[0x9003] = "2019:07:04 12:30:00"
    write_image(folder / "holidays" / "black.jpg", "black", exif=exif)
    turned = Image.Exif()
    turned[0x0112] = 6
    write_image(folder / "turned.jpg", "white", (64, 32), exif=turned)
    return folder


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory, images: Path) -> Iterator[Archive]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eidetic.opening.load_encoder", load_toy)
        patch.setattr("eidetic.settings.settings_path", lambda: images / "settings.toml")
        opened = eidetic.open("served", model="builtin", data_dir=tmp_path_factory.mktemp("data"))
        opened.ingest([images])
    with opened:
        yield opened


@pytest.fixture(scope="session")
def serve_session(archive: Archive) -> Iterator[Serve]:
    """Serve the archive, as settings and limits say; all is closed at the end."""
    open_clients: list[TestClient] = []

    def serve(limits: dict[str, Any] | None = None, **settings: Any) -> TestClient:
        wanted = ServerSettings(limits=Limits(**(limits or {})), **settings)
        app = create_app(archive, wanted)
        client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
        open_clients.append(client.__enter__())
        return client

    yield serve
    for client in open_clients:
        client.__exit__(None, None, None)


@pytest.fixture
def serve(serve_session: Serve) -> Serve:
    return serve_session


@pytest.fixture(scope="session")
def shared_client(serve_session: Serve) -> TestClient:
    return serve_session()


@pytest.fixture
def client(shared_client: TestClient) -> TestClient:
    """Of a server with the defaults: this machine alone, no token."""
    shared_client.cookies.clear()
    return shared_client


@pytest.fixture(scope="session")
def ids(archive: Archive) -> dict[str, str]:
    """Ids of the rows, by the stem of the file's name."""
    return {Path(hit.path).stem: hit.id for hit in archive.search("type:photo", k=100)}


@contextmanager
def listening(archive: Archive, limits: Limits) -> Iterator[int]:
    """Serve an archive over a real socket, in a thread; gives the port."""
    settings = ServerSettings(port=0, limits=limits)
    with listen(settings.host, settings.port) as listening:
        app = create_app(archive, settings)
        server = uvicorn.Server(
            configure(app, connections=CONNECTIONS, header_time_s=limits.header_time_s)
        )
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join()


def assert_problem(answer: Any, status: int, *words: str) -> dict[str, Any]:
    """The answer is a problem document of this status whose detail has these words."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert {"type", "title", "detail", "instance"} <= set(document)
    for word in words:
        assert word in document["detail"]
    return document
