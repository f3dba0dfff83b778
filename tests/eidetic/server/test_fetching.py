"""Images by URL: from public addresses only, whatever the URL, its redirects and its host say."""

import gzip
import http.server
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from eidetic.server.fetching import Fetcher, is_public
from schema import NoUsableImage
from tests.eidetic.server.conftest import Serve, assert_problem


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.0.1",
        "169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1",
        "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1", "2002:7f00:1::", "2001::1", "not an address", "",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_not_asked(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_a_public_address_may_be_asked(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "ftp://example.org/a.jpg", "gopher://127.0.0.1:6379/_FLUSHALL", "//a",
        "/etc/passwd", "data:image/png;base64,AAAA", "http://", "http:///a", "http://[::1", "",
        "http://127.0.0.1/a.jpg", "http://localhost/", "http://[::1]/", "http://0/", "http://2130706433/",
        "http://127.1/", "http://0x7f000001/", "http://169.254.169.254/latest/meta-data/",
        "http://user:secret@example.org/", "http://a b/", "http://example.org/\r\nHost: b", "http://\u0661/",
        "http://example.org:0/", "http://example.org:99999/", "http://" + "a" * 3000,
    ],
)  # fmt: skip
def test_a_url_that_leads_elsewhere_than_to_the_web_is_not_fetched(url: str) -> None:
    with pytest.raises(NoUsableImage):
        Fetcher(most_bytes=1000, time_limit_s=2.0).fetch(url)


class Host(http.server.BaseHTTPRequestHandler):
    """A host that does what its paths say."""

    asked: ClassVar[list[str]] = []
    image: ClassVar[bytes] = b""

    def do_GET(self) -> None:
        self.asked.append(self.path)
        name, _, target = self.path[1:].partition("=")
        if name == "to":
            self.send_response(302)
            self.send_header("Location", target)
            self.end_headers()
        elif name == "packed":
            self.answer(gzip.compress(bytes(1000)), [("Content-Encoding", "gzip")])
        elif name == "endless":
            self.send_response(200)
            self.end_headers()
            for _ in range(1000):
                self.wfile.write(bytes(10_000))
        elif name == "slow":
            self.send_response(200)
            self.end_headers()
            for _ in range(200):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.05)
        elif name == "missing":
            self.send_error(404)
        else:
            self.answer(self.image, [])

    def answer(self, data: bytes, headers: list[tuple[str, str]]) -> None:
        self.send_response(200)
        for header in [*headers, ("Content-Length", str(len(data)))]:
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True


@pytest.fixture(scope="module")
def web(images: Path) -> Iterator[str]:
    Host.image = (images / "green.png").read_bytes()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def fetcher() -> Fetcher:
    """One that takes this machine for public, which tests need."""
    return Fetcher(most_bytes=100_000, time_limit_s=1.0, allows=lambda _: True)


def test_an_image_is_fetched_over_redirects(fetcher: Fetcher, web: str) -> None:
    assert fetcher.fetch(f"{web}/image.png") == Host.image
    assert fetcher.fetch(f"{web}/to=/to=/image.png") == Host.image


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("missing", "404"),
        ("endless", "100,000 bytes"),
        ("packed", "packs"),
        ("slow", "could not be fetched"),
        ("to=/to=/to=/to=/to=/image.png", "redirects"),
        ("to=file:///etc/passwd", "only http"),
        ("to=http://user:secret@example.org/", "password"),
    ],
)
def test_an_answer_beyond_the_limits_is_refused(
    fetcher: Fetcher, web: str, path: str, words: str
) -> None:
    with pytest.raises(NoUsableImage, match=words):
        fetcher.fetch(f"{web}/{path}")


def test_a_redirect_to_a_private_address_is_not_followed(web: str) -> None:
    fetcher = Fetcher(100_000, 1.0, allows=lambda address: address == "127.0.0.1")
    Host.asked.clear()
    with pytest.raises(NoUsableImage, match="not a public address"):
        fetcher.fetch(f"{web}/to=http://127.0.0.2:{web.rpartition(':')[2]}/image.png")
    assert len(Host.asked) == 1


def test_a_name_is_resolved_once_and_the_checked_address_is_asked(
    web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: a name that is public when it is checked, and private when it is asked."""
    answers = iter(["93.184.216.34", "127.0.0.1"])
    connected: list[str] = []

    def resolve(host: str, port: int, **_: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    def connect(address: tuple[str, int], _timeout_s: float) -> None:
        connected.append(address[0])
        raise OSError("no network in tests")

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    monkeypatch.setattr("socket.create_connection", connect)
    with pytest.raises(NoUsableImage):
        Fetcher(1000, 1.0).fetch("http://rebound.example/")
    assert connected == ["93.184.216.34"]


def test_a_name_with_one_private_address_among_public_ones_is_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def resolve(host: str, port: int, **_: object) -> list[object]:
        both = ("93.184.216.34", "10.0.0.1")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in both]

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    with pytest.raises(NoUsableImage, match="not a public address"):
        Fetcher(1000, 1.0).fetch("http://mixed.example/")


def test_a_server_fetches_nothing_unless_it_was_told_to(serve: Serve, web: str) -> None:
    sent = {"url": f"{web}/image.png"}
    Host.asked.clear()
    assert_problem(serve().post("/api/search", data=sent), 403, "--allow-url")
    allowing = serve(allow_url=True)
    assert_problem(allowing.post("/api/search", data=sent), 422, "not a public address")
    assert Host.asked == []


def test_a_fetched_image_finds_its_like(serve: Serve, web: str, fetcher: Fetcher) -> None:
    allowing = serve(allow_url=True)
    allowing.app.state.service.fetcher = fetcher  # type: ignore[attr-defined]
    told = allowing.post("/api/search", data={"url": f"{web}/image.png"}).json()
    assert told["hits"][0]["path"].endswith("green.png")
    assert told["query"] == '+"image 1"'
