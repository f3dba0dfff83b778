"""The real command: over stdin and stdout, over HTTP, and who is let in there."""

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from eidetic.cli import run
from eidetic.listening import check_access, is_loopback
from eidetic.tools.transports import MAX_BODY_BYTES
from schema import UsageError
from tests.eidetic.tools.clients import DEADLINE_S, EIDETIC, ask, environ, images, value
from tests.images import write_colours

TOKEN = "a token that nobody guesses"
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an archive of the built-in model, and its images."""
    home = tmp_path_factory.mktemp("home")
    write_colours(home / "images", "red", "green", "blue")
    subprocess.run(
        [EIDETIC, "ingest", str(home / "images"), "--model", "builtin", "-q"],
        env=environ(home),
        check=True,
        timeout=DEADLINE_S,
    )
    return home


@contextmanager
def serving(home: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start the command over HTTP on a free port, and yield its address."""
    process = subprocess.Popen(
        [EIDETIC, "mcp", "--http", "--port", "0", *options],
        env=environ(home) | {"EIDETIC_SERVE_TOKEN": TOKEN},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        told = process.stderr.readline()
        assert "tools are served at http://" in told, told + process.stderr.read()
        yield told.split(" at ")[1].split(";")[0], process
    finally:
        process.kill()
        process.communicate(timeout=DEADLINE_S)


def test_a_client_finds_images_over_stdin_and_stdout(home: Path) -> None:
    command = StdioServerParameters(command=EIDETIC, args=["mcp"], env=environ(home))

    async def search(client: Client) -> None:
        red = str(home / "images" / "red.png")
        found = await client.call_tool("similar", {"image": red, "k": 2})
        assert value(found)["hits"][0]["path"] == red
        assert len(images(found)) == 2
        wrong = await client.call_tool("search", {"query": "camra:nikon"})
        assert wrong.is_error

    ask(Client(command), search)


@contextmanager
def talking(home: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Start the command over pipes."""
    with subprocess.Popen(
        [EIDETIC, "mcp", *options],
        env=environ(home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def say(process: subprocess.Popen[str], *messages: object) -> None:
    """Send messages, those that are text as they stand."""
    assert process.stdin is not None
    for message in messages:
        process.stdin.write(f"{message if isinstance(message, str) else json.dumps(message)}\n")
    process.stdin.flush()


def heard(process: subprocess.Popen[str], count: int) -> list[Any]:
    """The next lines of standard output, each of which must be a message."""
    assert process.stdout is not None
    return [json.loads(process.stdout.readline()) for _ in range(count)]


def test_standard_output_carries_the_protocol_alone(home: Path) -> None:
    call = {"name": "search", "arguments": {"query": "a red thing", "k": 1}}
    with talking(home, "-v") as process:
        say(
            process,
            INITIALIZE,
            {"jsonrpc": "2.0", "method": "notifications/initialized"},
            "no message at all",
            {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call},
        )
        said = heard(process, 2)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        said += [json.loads(line) for line in process.stdout.read().splitlines()]
        assert process.wait(timeout=DEADLINE_S) == 0
    assert all(message["jsonrpc"] == "2.0" for message in said)
    (answer,) = [message for message in said if message.get("id") == 2]
    assert len(answer["result"]["structuredContent"]["hits"]) == 1


def test_an_interrupt_ends_it_while_it_waits_and_the_archive_stays(home: Path) -> None:
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "search", "arguments": {"query": "name:red"}},
    }
    with talking(home) as process:
        say(process, INITIALIZE, call | {"id": 2})
        heard(process, 2)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=DEADLINE_S) == -signal.SIGINT
    with talking(home) as process:
        say(process, INITIALIZE, call | {"id": 2})
        _, answer = heard(process, 2)
        assert len(answer["result"]["structuredContent"]["hits"]) == 1


def test_a_client_with_the_token_finds_images_over_http(home: Path) -> None:
    with serving(home) as (url, process):
        headers = {"Authorization": f"Bearer {TOKEN}"}

        async def search() -> None:
            async with (
                httpx2.AsyncClient(headers=headers) as bearer,
                Client(streamable_http_client(url, http_client=bearer)) as client,
            ):
                found = value(await client.call_tool("search", {"query": "name:red"}))
                (hit,) = found["hits"]
                shown = await client.call_tool("show", {"image": hit["id"]})
                assert len(images(shown)) == 1
                by_path = await client.call_tool("show", {"image": hit["path"]})
                assert by_path.is_error

        anyio.run(search)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=DEADLINE_S) == 0
        assert process.stdout is not None
        assert process.stdout.read() == ""


def test_what_does_not_belong_is_refused_over_http(home: Path) -> None:
    with serving(home) as (url, _):
        known = {"Authorization": f"Bearer {TOKEN}"}
        assert status(url, INITIALIZE, known) == 200
        assert status(url, INITIALIZE, {"Authorization": f"bearer {TOKEN}"}) == 200
        assert status(url, INITIALIZE, {}) == 401
        for shown in ("Bearer wrong", f"Basic {TOKEN}", "Bearer ", f"Bearer {TOKEN}x", "Bearer é"):
            assert status(url, INITIALIZE, {"Authorization": shown}) in (400, 401), shown
        # A page elsewhere whose name now leads here, and one that asks for another's answers.
        assert status(url, INITIALIZE, known | {"Host": "attacker.example"}) == 421
        assert status(url, INITIALIZE, known | {"Origin": "http://attacker.example"}) == 403
        assert status(url, INITIALIZE, known | {"Content-Type": "text/plain"}) == 400
        assert status(url, "x" * (MAX_BODY_BYTES + 1), known) == 413
        assert status(url, "no JSON", known) == 400
        assert status(url.replace("/mcp", "/../etc/passwd"), INITIALIZE, known) == 404
        assert status(url, INITIALIZE, known) == 200


def test_a_further_name_of_the_machine_is_let_in_where_it_is_given(home: Path) -> None:
    with serving(home, "--host", "0.0.0.0", "--name", "images.example") as (url, _):
        known = {"Authorization": f"Bearer {TOKEN}"}
        local = url.replace("0.0.0.0", "127.0.0.1")
        assert status(local, INITIALIZE, known | {"Host": "images.example:80"}) == 200
        assert status(local, INITIALIZE, known | {"Host": "elsewhere.example"}) == 421


def status(url: str, body: object, headers: dict[str, str]) -> int:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    request = urllib.request.Request(
        url,
        data,
        {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            **headers,
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
            code: int = answer.status
    except HTTPError as error:
        error.close()
        code = error.code
    return code


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "images.example", "127.1", ""])
@pytest.mark.parametrize("token", ["", "short"])
def test_another_host_demands_a_token(host: str, token: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(UsageError, match=r"--token|at least 16"):
        check_access(host, token)
    check_access(host, "sixteen letters.")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_this_machine_needs_no_token(host: str) -> None:
    assert is_loopback(host)
    check_access(host, "")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--host", "0.0.0.0"], "add --http"),
        (["--http", "--host", "0.0.0.0"], "EIDETIC_SERVE_TOKEN"),
        (["--http", "--host", "no such host", "--token", "x" * 16], "cannot be listened on"),
        (["--http", "--host", "192.0.2.1", "--token", "x" * 16], "cannot be listened on"),
    ],
)
def test_an_address_that_cannot_be_served_is_an_error_of_usage(
    options: list[str],
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("EIDETIC_SERVE_TOKEN", raising=False)
    assert run(["mcp", *options]) == 2
    assert told in capsys.readouterr().err


def test_without_the_sdk_the_command_names_the_extra() -> None:
    script = (
        "import sys; sys.modules['mcp'] = None\nfrom eidetic.cli import run; sys.exit(run(['mcp']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )
    assert done.returncode == 2
    assert "pip install 'eidetic[mcp]'" in done.stderr
