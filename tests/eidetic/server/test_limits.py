"""What a request may take: each limit refuses what is beyond it, and the server goes on."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from eidetic import Archive
from tests.eidetic.server.conftest import Serve, assert_problem
from tests.embed.test_images import png_bomb

BOUNDARY = "the-boundary"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
PART = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'


@pytest.fixture(scope="module")
def small(serve_session: Serve) -> TestClient:
    """A server with small limits."""
    return serve_session(limits={"body_bytes": 100_000, "small_body_bytes": 1000, "images": 3})


def test_a_body_larger_than_the_limit_is_refused_before_it_is_read(small: TestClient) -> None:
    sent = {"image": ("a.png", bytes(200_000))}
    assert_problem(small.post("/api/search", files=sent), 413, "100,000")


def test_a_body_that_does_not_say_its_size_is_counted(small: TestClient) -> None:
    taken = []

    def endless() -> Iterator[bytes]:
        yield PART.encode()
        for n in range(10_000):
            taken.append(n)
            yield bytes(10_000)

    assert_problem(small.post("/api/search", content=endless(), headers=FORM), 413, "100,000")


def test_other_requests_have_a_smaller_limit(small: TestClient) -> None:
    sent = {"ids": ["0" * 40] * 30}
    assert_problem(small.post("/api/zip", json=sent), 413, "1,000")


def test_more_images_than_the_limit_are_refused(small: TestClient, images: Path) -> None:
    data = (images / "red.png").read_bytes()
    many = [("image", (f"{n}.png", data)) for n in range(4)]
    assert_problem(small.post("/api/search", files=many), 400, "Too many files")
    urls = [("url", (None, "https://example.org")) for _ in range(2)]
    assert_problem(small.post("/api/search", files=many[:2] + urls), 422, "at most 3 images")


def test_more_fields_than_the_limit_are_refused(small: TestClient) -> None:
    many = [("q", (None, "red")) for _ in range(100)]
    assert_problem(small.post("/api/search", files=many), 400, "Too many fields")


@pytest.mark.parametrize(
    "body", ["", "no form at all", f"--{BOUNDARY}", f"--{BOUNDARY}\r\n\r\n\r\n", "\0" * 100]
)
def test_a_form_that_is_none_is_refused(client: TestClient, body: str) -> None:
    answer = client.post("/api/search", content=body.encode(), headers=FORM)
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_image_that_would_unfold_to_too_many_pixels_is_refused(client: TestClient) -> None:
    sent = {"image": ("bomb.png", png_bomb(40_000))}
    assert_problem(client.post("/api/search", files=sent), 422, "too-large")
    assert client.get("/api/search?q=red").status_code == 200


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff\xe0 cut", b"GIF89a", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_whole_image_is_refused(client: TestClient, data: bytes) -> None:
    sent = {"image": ("../mine.png", data)}
    told = assert_problem(client.post("/api/search", files=sent), 422, "query image mine.png")
    assert told["reason"] in ("empty", "truncated", "corrupt", "not-an-image")


def test_a_decoder_that_dies_costs_the_request_and_not_the_server(
    client: TestClient, images: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.decoding_pool.WORKER_MODULE", "tests.ingest.hostile_worker")
    served = serve(limits={"decode_time_s": 2.0})
    crash = served.post("/api/search", files={"image": ("a", b"segfault")})
    assert_problem(crash, 422, "decoder-crashed")
    hang = served.post("/api/search", files={"image": ("a", b"sleep")})
    assert_problem(hang, 422, "decoder-timed-out")
    sound = {"image": ("red.png", (images / "red.png").read_bytes())}
    assert served.post("/api/search", files=sound).status_code == 200


@pytest.mark.parametrize(
    "query",
    ["+/etc/passwd", "+./images/red.png", "-~/secret.png", '+"/etc/passwd"', "red +../../x.jpg"],
)
def test_a_query_cannot_name_files_of_the_server(client: TestClient, query: str) -> None:
    for answer in (
        client.get("/api/search", params={"q": query}),
        client.post("/api/search", data={"q": query}),
    ):
        assert_problem(answer, 400, "cannot read files of this machine")


@pytest.mark.parametrize(
    "path",
    [
        "/api/images/../../etc/passwd",
        "/api/images/..%2f..%2fetc%2fpasswd/original",
        "/api/images/%2e%2e/original",
        "/api/images/%00/thumbnail",
        "/api/images/etc/passwd",
        "/static/../../../etc/passwd",
        "//etc/passwd",
    ],
)
def test_a_path_leads_to_no_file(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (404, 422)
    assert "root:" not in answer.text


def test_a_query_of_more_characters_than_the_limit_is_refused(client: TestClient) -> None:
    assert_problem(client.get("/api/search", params={"q": "a" * 5000}), 400, "4,096")


def test_a_search_that_takes_too_long_is_given_up(
    serve: Serve, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve(limits={"search_time_s": 0.2})
    released = threading.Event()
    with monkeypatch.context() as patch:
        patch.setattr(archive, "search", lambda *_, **__: released.wait(10))
        assert_problem(served.get("/api/search?q=red"), 504, "0.2 seconds")
        released.set()


def test_more_requests_than_there_is_room_for_are_told_to_come_again(
    serve: Serve, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve(limits={"in_flight": 1})
    entered, released = threading.Event(), threading.Event()
    answer = archive.search

    def slow(*arguments: object, **options: object) -> object:
        entered.set()
        assert released.wait(10)
        return answer(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(archive, "search", slow)
    statuses: list[int] = []
    first = threading.Thread(
        target=lambda: statuses.append(served.get("/api/search?q=red").status_code)
    )
    first.start()
    try:
        assert entered.wait(10)
        refused = served.get("/api/status")
        assert_problem(refused, 503, "too much to do")
        assert refused.headers["retry-after"] == "2"
        assert served.get("/healthz").status_code == 200
    finally:
        released.set()
        first.join()
    assert statuses == [200]
