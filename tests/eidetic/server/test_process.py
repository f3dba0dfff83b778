"""A server as a person starts it: a whole process, the built-in model, sockets, signals."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

import eidetic
from tests.conftest import free_port
from tests.images import write_colours

EIDETIC = str(Path(sys.executable).with_name("eidetic"))
SERVED_AT = re.compile(r"served at (http://\S+)")

Start = Callable[..., tuple[subprocess.Popen[str], str]]


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where an archive of the built-in model is."""
    base = tmp_path_factory.mktemp("process")
    images = write_colours(base / "images", "red", "green", "blue")
    with eidetic.open(model="builtin", data_dir=base / "data") as archive:
        archive.ingest([images])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EIDETIC_")}
    return kept | {"EIDETIC_DATA_DIR": str(base / "data"), "XDG_CONFIG_HOME": str(base)}


@pytest.fixture
def start(environ: dict[str, str]) -> Iterator[Start]:
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [EIDETIC, "serve", "--port", "0", *arguments],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        assert process.stderr is not None
        told = process.stderr.readline()
        found = SERVED_AT.search(told)
        assert found, told + process.stderr.read()
        return process, found[1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def run(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [EIDETIC, "serve", *arguments],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_server_answers_until_it_is_told_to_stop(start: Start, end: signal.Signals) -> None:
    process, address = start("--access-log")
    told = httpx2.get(f"{address}/api/search", params={"q": "a red wall", "k": 1}).json()
    assert told["total_rows"] == 3
    process.send_signal(end)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "")
    line = json.loads(err.splitlines()[0])
    assert (line["method"], line["path"], line["status"]) == ("GET", "/api/search", 200)
    assert "red wall" not in err


def test_a_request_is_finished_before_the_server_stops(start: Start) -> None:
    process, address = start()
    body = b'{"ids": []}'
    with closing(open_to(address)) as client:
        client.sendall(head(address, "POST", "/api/zip", len(body)) + body[:5])
        # This request, and the one that asks.
        while "requests_in_flight 2.0" not in httpx2.get(f"{address}/metrics").text:
            time.sleep(0.05)
        process.terminate()
        time.sleep(0.2)
        client.sendall(body[5:])
        assert b" 422 " in read(client)
    assert process.wait(timeout=30) == 0


def test_a_host_of_others_needs_a_token(environ: dict[str, str]) -> None:
    done = run(environ, "--host", "0.0.0.0")
    assert done.returncode == 2
    assert "--token" in done.stderr


def test_a_port_that_is_taken_is_named(environ: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run(environ, "--port", port)
    assert done.returncode == 2
    assert f"127.0.0.1:{port}" in done.stderr


def test_an_archive_that_is_not_there_is_not_served(environ: dict[str, str]) -> None:
    done = run(environ | {"EIDETIC_ARCHIVE": "nothing"}, "--port", str(free_port()))
    assert done.returncode == 3
    assert "ingest" in done.stderr


def open_to(address: str) -> socket.socket:
    parts = urlsplit(address)
    return socket.create_connection((str(parts.hostname), parts.port or 0), timeout=30)


def head(address: str, method: str, path: str, size: int) -> bytes:
    return (
        f"{method} {path} HTTP/1.1\r\nHost: {urlsplit(address).netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    ).encode()


def read(client: socket.socket) -> bytes:
    """All that the server sends until it closes the connection, or a whole answer is there."""
    data = b""
    while chunk := client.recv(65536):
        data += chunk
        if b"\r\n\r\n{" in data and data.endswith(b"}"):
            break
    return data


def ask(environ: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [EIDETIC, "search", *arguments],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return re.sub(r'"took_ms": [0-9.]+', "", done.stdout)


@pytest.mark.parametrize("token", ["", "sixteen letters or more"])
def test_a_search_on_the_command_line_is_answered_by_the_server(
    start: Start, environ: dict[str, str], token: str
) -> None:
    questions = [["a red wall", "--json", "--fold"], ["red", "-k", "2", "--csv"], ["green"]]
    alone = [ask(environ, *question) for question in questions]
    process, _ = start("--access-log", *(["--token", token] if token else []))
    assert [ask(environ, *question) for question in questions] == alone
    process.send_signal(signal.SIGTERM)
    assert process.stderr is not None
    log = [json.loads(line) for line in process.stderr.read().splitlines()]
    asked = [each["status"] for each in log if each["path"] == "/api/search"]
    assert asked == [200, 200, 200]
    assert [ask(environ, *question) for question in questions] == alone


def test_what_the_server_does_not_answer_is_asked_of_the_archive(
    start: Start, environ: dict[str, str]
) -> None:
    images = str(Path(environ["XDG_CONFIG_HOME"]) / "images" / "red.png")
    alone = ask(environ, f"+{images}", "--json")
    process, _ = start()
    assert ask(environ, f"+{images}", "--json") == alone
    note = Path(environ["EIDETIC_DATA_DIR"]) / "default" / "server.note"
    assert json.loads(note.read_text())["pid"] == process.pid
    process.kill()
    process.wait()
    assert ask(environ, f"+{images}", "--json") == alone


def test_an_error_in_a_query_is_told_as_ever(start: Start, environ: dict[str, str]) -> None:
    start()
    done = subprocess.run(
        [EIDETIC, "search", "red camra:nikon"],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "did you mean 'camera'" in done.stderr
