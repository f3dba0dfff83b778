"""The four tools as a client sees them: a client of the SDK, in one process with the server."""

import base64
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp_types import CallToolResult
from PIL import Image

import eidetic
from eidetic.tools import Toolbox
from eidetic.tools.server import build_server
from embed.encoder import ToyEncoder
from tests.eidetic.tools.clients import ask, images, texts, value
from tests.images import write_colours, write_image


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_colours(tmp_path_factory.mktemp("images"), "red", "green", "blue")
    write_image(folder / "stand-in.png", "yellow")
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side
    write_image(folder / "wide.jpg", "black", (1600, 800), exif=exif)
    return folder


@pytest.fixture(scope="module")
def archive(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[eidetic.Archive]:
    """An archive with the toy encoder, shared because no tool changes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eidetic.opening.load_encoder", lambda spec: ToyEncoder())
        patch.setattr("eidetic.settings.settings_path", lambda: folder / "none.toml")
        data_dir = tmp_path_factory.mktemp("data")
        with eidetic.open("shared", model="builtin", data_dir=data_dir) as archive:
            archive.ingest([folder])
            yield archive


class Tools:
    """Calls of tools, each on a connection of its own."""

    def __init__(self, archive: eidetic.Archive, *, local_files: bool) -> None:
        self.server = build_server(Toolbox(archive, local_files=local_files))

    def __call__(self, name: str, **arguments: Any) -> CallToolResult:
        result: CallToolResult = ask(
            Client(self.server), lambda client: client.call_tool(name, arguments)
        )
        return result

    def refused(self, name: str, **arguments: Any) -> str:
        result = self(name, **arguments)
        assert result.is_error
        assert result.structured_content is None
        (told,) = texts(result)
        assert "Traceback" not in told
        return told


@pytest.fixture
def local(archive: eidetic.Archive) -> Tools:
    return Tools(archive, local_files=True)


@pytest.fixture
def remote(archive: eidetic.Archive) -> Tools:
    return Tools(archive, local_files=False)


def id_of(archive: eidetic.Archive, name: str) -> str:
    (hit,) = archive.search(f"name:{name}")
    return hit.id


def test_the_tools_only_read_and_say_how_a_query_is_written(local: Tools) -> None:
    listed = ask(Client(local.server), lambda client: client.list_tools()).tools
    assert [tool.name for tool in listed] == ["search", "similar", "classify", "show"]
    assert all(tool.annotations.read_only_hint for tool in listed)
    for part in ("-word", "date:2019..2021-06", "near:", "2:word"):
        assert part in listed[0].description


def test_a_search_answers_the_keys_of_the_command_line_and_small_images(
    local: Tools, archive: eidetic.Archive
) -> None:
    found = local("search", query="red name:re", k=2, images=1)
    expected = archive.search("red name:re", k=2).as_dict()
    answer = value(found)
    assert answer["took_ms"] >= 0
    assert answer | {"took_ms": 0} == expected | {"took_ms": 0}
    assert json.loads(texts(found)[0]) == answer
    (image,) = images(found)
    assert image.mime_type == "image/webp"
    assert texts(found)[1] == f"rank 1: {answer['hits'][0]['path']}"


def test_small_images_are_upright_and_bounded(local: Tools, folder: Path) -> None:
    shown = local("show", image=str(folder / "wide.jpg"))
    (image,) = images(shown)
    decoded = Image.open(io.BytesIO(base64.b64decode(image.data)))
    assert decoded.size == (256, 512)
    assert value(shown)["row"]["width"] == 800


def test_an_image_finds_its_like_by_its_id(remote: Tools, archive: eidetic.Archive) -> None:
    green = id_of(archive, "green")
    hits = value(remote("similar", image=green, k=1))["hits"]
    assert [(hit["id"], round(hit["score"], 5)) for hit in hits] == [(green, 1.0)]


def test_the_user_of_this_machine_may_name_files(local: Tools, folder: Path) -> None:
    green = str(folder / "green.png")
    assert value(local("similar", image=green, k=1))["hits"][0]["path"] == green
    assert value(local("search", query=f"+{green}", k=1))["hits"][0]["path"] == green
    classified = value(local("classify", images=[green, "nowhere.png"], labels=["a", "b"]))
    assert [image["path"] for image in classified["images"]] == [green]
    assert "there is no such file" in classified["unusable"][0]["detail"]


@pytest.mark.parametrize("name", ["green.png", "../../etc/passwd", "~/.ssh/id_rsa", "", "\0", "é"])
def test_a_caller_over_a_network_may_not(remote: Tools, folder: Path, name: str) -> None:
    path = str(folder / name)
    for which in (name, path):
        assert "files of this machine are not read" in remote.refused("similar", image=which)
        assert "files of this machine are not read" in remote.refused("show", image=which)
        told = remote.refused("classify", images=[which], labels=["a"])
        assert "files of this machine are not read" in told
    told = remote.refused("search", query=f"+{folder / 'green.png'}")
    assert "cannot read files of this machine" in told


def test_an_id_means_the_row_even_where_a_file_has_its_name(
    remote: Tools, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    os.link("green.png", "0" * 40)
    assert "neither a file nor the id of a row" in remote.refused("similar", image="0" * 40)


def test_rows_are_classified_by_their_vectors(remote: Tools, archive: eidetic.Archive) -> None:
    ids = [id_of(archive, "green"), id_of(archive, "red")]
    labels = ["one", "two", "three"]
    answer = value(remote("classify", images=ids, labels=labels))
    assert [image["id"] for image in answer["images"]] == ids
    by_file = archive.classify(
        [image["path"] for image in answer["images"]], ["one", "two", "three"]
    )
    for row, file in zip(answer["images"], by_file.as_list(), strict=True):
        assert row["path"] == file["path"]
        assert [score["label"] for score in row["scores"]] == [
            score["label"] for score in file["scores"]
        ]
        assert [score["score"] for score in row["scores"]] == pytest.approx(
            [score["score"] for score in file["scores"]], abs=1e-5
        )


def test_a_file_that_was_replaced_is_named_and_not_shown(
    remote: Tools, folder: Path, tmp_path: Path
) -> None:
    secret = write_image(tmp_path / "secret.png", "white")
    (folder / "stand-in.png").unlink()
    (folder / "stand-in.png").symlink_to(secret)
    found = remote("search", query="name:stand-in")
    assert len(value(found)["hits"]) == 1
    assert images(found) == []
    assert "is not what it was when it was indexed" in texts(found)[-1]


def test_errors_are_told_with_their_next_step(remote: Tools) -> None:
    assert "did you mean 'camera'" in remote.refused("search", query="camra:nikon")
    assert "at character 5" in remote.refused("search", query='red "boat')
    assert "nothing to look for" in remote.refused("search", query="")
    assert "add words" in remote.refused("search", query="-red")
    assert "more than once" in remote.refused("classify", images=["0" * 40], labels=["a", "a"])
    assert "no row in this archive" in remote.refused("classify", images=["0" * 40], labels=["a"])
    told = remote.refused("classify", images=["0" * 40], labels=["a"], template="none")
    assert "no place for the label" in told
    assert "the archive 'shared' knows nothing of it" in remote.refused("show", image="0" * 40)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("search", {}),
        ("search", {"query": ["red"]}),
        ("search", {"query": None}),
        ("search", {"query": "red", "k": 0}),
        ("search", {"query": "red", "k": 51}),
        ("search", {"query": "red", "k": "ten"}),
        ("search", {"query": "red", "offset": -1}),
        ("search", {"query": "red", "offset": 10**30}),
        ("search", {"query": "red", "images": 21}),
        ("search", {"query": "x" * 5000}),
        ("similar", {"image": "x" * 5000}),
        ("classify", {"images": [], "labels": ["a"]}),
        ("classify", {"images": ["0" * 40] * 33, "labels": ["a"]}),
        ("classify", {"images": ["0" * 40], "labels": []}),
        ("classify", {"images": ["0" * 40], "labels": [""]}),
        ("classify", {"images": ["0" * 40], "labels": ["a"] * 201}),
        ("show", {"image": {"path": "x"}}),
        ("ingest", {"paths": ["/"]}),
    ],
)
def test_arguments_beyond_their_limits_are_refused(
    remote: Tools, tool: str, arguments: dict[str, Any]
) -> None:
    remote.refused(tool, **arguments)


def test_without_an_archive_every_tool_says_how_to_make_one() -> None:
    with eidetic.open() as archive:
        tools = Tools(archive, local_files=True)
        assert "make it with: eidetic" in tools.refused("search", query="red")
        assert "make it with: eidetic" in tools.refused("show", image="red.png")
