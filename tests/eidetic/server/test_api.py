"""What the API answers: the documents of the command line, over HTTP."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from eidetic import Archive
from eidetic.turns import writing
from tests.eidetic.server.conftest import assert_problem


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [Path(hit["path"]).name for hit in answer.json()["hits"]]


def test_a_search_answers_as_the_command_line_does(client: TestClient, archive: Archive) -> None:
    answer = client.get("/api/search", params={"q": "blue", "k": 2})
    told = answer.json()
    expected = archive.search("blue", k=2).as_dict()
    assert told.pop("took_ms") > 0
    assert told == {name: value for name, value in expected.items() if name != "took_ms"}
    assert names(answer)[0] == "blue.png"


def test_hits_page_on_from_an_offset(client: TestClient) -> None:
    whole = names(client.get("/api/search", params={"q": "red", "k": 4}))
    assert names(client.get("/api/search", params={"q": "red", "k": 2, "offset": 2})) == whole[2:]


def test_filters_and_a_store_expression_narrow_a_search(client: TestClient) -> None:
    assert names(client.get("/api/search", params={"q": "red name:green"})) == ["green.png"]
    assert names(client.get("/api/search", params={"q": "red", "where": "width == 32"})) == [
        "turned.jpg"
    ]


def test_an_image_that_is_sent_finds_its_like(client: TestClient, images: Path) -> None:
    sent = {"image": ("mine.png", (images / "green.png").read_bytes())}
    answer = client.post("/api/search", files=sent, data={"k": "1"})
    assert names(answer) == ["green.png"]
    assert answer.json()["hits"][0]["score"] == pytest.approx(1.0, abs=1e-5)
    assert answer.json()["query"] == '+"mine.png"'


def test_images_and_words_count_together(client: TestClient, images: Path) -> None:
    sent = [("image", (name, (images / name).read_bytes())) for name in ("green.png", "green.png")]
    once = client.post("/api/search", files=sent[:1], data={"q": "red"}).json()["hits"]
    scores = {Path(hit["path"]).stem: hit["score"] for hit in once}
    assert scores["red"] == pytest.approx(scores["green"], abs=0.01)
    assert 0 < scores["red"] < 0.9
    twice = client.post("/api/search", files=sent, data={"q": "red"}).json()["hits"]
    scores = {Path(hit["path"]).stem: hit["score"] for hit in twice}
    assert scores["green"] > scores["red"]


def test_an_image_of_the_archive_finds_its_like(client: TestClient, ids: dict[str, str]) -> None:
    answer = client.get(f"/api/images/{ids['red']}/similar", params={"k": 2})
    assert names(answer)[0] == "red.png"
    assert answer.json()["query"] == ids["red"]


def test_an_image_shows_all_that_is_known_of_it(
    client: TestClient, archive: Archive, ids: dict[str, str]
) -> None:
    told = client.get(f"/api/images/{ids['black']}").json()
    assert told == archive.show(ids["black"]).as_dict()
    assert told["row"]["camera"] == "D80"


def test_status_answers_as_the_command_line_does(client: TestClient, archive: Archive) -> None:
    told, expected = client.get("/api/status").json(), archive.status().as_dict()
    assert told | {"disk_bytes": 0} == expected | {"disk_bytes": 0}


def test_facets_count_what_the_filters_let_through(client: TestClient) -> None:
    told = client.get("/api/facets", params={"q": "some words in:holidays"}).json()
    assert (told["rows"], told["complete"]) == (1, True)
    assert told["facets"]["month"] == [{"value": "2019-07", "count": 1}]
    assert told["facets"]["camera"] == [{"value": "D80", "count": 1}]
    everything = client.get("/api/facets").json()
    assert everything["rows"] == 6
    assert {"value": "jpeg", "count": 2} in everything["facets"]["format"]


def test_what_is_typed_is_completed_with_values_of_the_archive(client: TestClient) -> None:
    told = client.get("/api/suggest", params={"q": "dog cam"}).json()
    assert (told["start"], told["end"]) == (4, 7)
    assert told["suggestions"][0]["text"] == "camera:"
    told = client.get("/api/suggest", params={"q": "camera:d dog", "cursor": 8}).json()
    assert told["suggestions"] == [
        {"kind": "value", "text": "camera:D80", "label": "D80", "count": 1}
    ]


def test_files_come_in_one_zip(client: TestClient, images: Path, ids: dict[str, str]) -> None:
    answer = client.post("/api/zip", json={"ids": [ids["red"], ids["black"], ids["red"]]})
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        assert packed.testzip() is None
        assert packed.namelist() == ["red.png", "black.jpg"]
        assert packed.read("red.png") == (images / "red.png").read_bytes()


def test_metrics_count_requests_by_route_and_status(
    client: TestClient, ids: dict[str, str]
) -> None:
    client.get(f"/api/images/{ids['red']}")
    client.get("/api/images/nonsense")
    told = client.get("/metrics").text
    route = 'route="/api/images/{image_id}"'
    assert f'eidetic_http_requests_total{{method="GET",{route},status="200"}}' in told
    assert f'eidetic_http_requests_total{{method="GET",{route},status="422"}}' in told
    assert f'eidetic_http_request_seconds_bucket{{le="0.1",{route}}}' in told
    assert "eidetic_archive_rows 6.0" in told
    assert "eidetic_http_requests_in_flight 1.0" in told


def test_health_is_one_word(client: TestClient) -> None:
    assert client.get("/healthz").text == "ok\n"


def test_the_description_of_the_api_loads_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/docs").text
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page
    for path in client.get("/openapi.json").json()["paths"]:
        assert path in page


def test_a_query_that_cannot_be_read_is_pointed_at(client: TestClient) -> None:
    told = assert_problem(
        client.get("/api/search", params={"q": "red camra:nikon"}), 400, "did you mean 'camera'"
    )
    assert (told["position"], told["query"]) == (4, "red camra:nikon")
    assert told["type"] == "urn:eidetic:problem:query-syntax"
    assert told["instance"] == "/api/search"


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/api/search", 400, "nothing to look for"),
        ("/api/search?q=-people", 400, "not what to look for"),
        ("/api/search?q=red&k=0", 422, "k: "),
        ("/api/search?q=red&k=1001", 422, "1000"),
        ("/api/search?q=red&K=3", 422, "K: "),
        ("/api/search?q=red&k=1000&offset=16000", 400, "16,384"),
        ("/api/search?q=type:photo&k=1000&offset=16000", 400, "16,384"),
        ("/api/search?q=red&where=(((", 400, "cannot be used"),
        ("/api/images/" + "0" * 40, 404, "no image of this archive"),
        ("/api/images/" + "0" * 40 + "/similar", 404, "no image of this archive"),
        ("/api/nothing", 404, "Not Found"),
    ],
)
def test_errors_are_problem_documents(
    client: TestClient, path: str, status: int, words: str
) -> None:
    assert_problem(client.get(path), status, words)


def test_an_unknown_field_of_a_form_is_an_error_and_not_ignored(
    client: TestClient, images: Path
) -> None:
    sent = {"image": ("a.png", (images / "red.png").read_bytes())}
    assert_problem(client.post("/api/search", files=sent, data={"limit": "3"}), 422, "limit")


def test_a_failure_nobody_planned_for_shows_nothing_of_the_inside(
    client: TestClient, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(archive, "search", fail)
    told = assert_problem(client.get("/api/search", params={"q": "red"}), 500)
    assert "secret" not in str(told)


def test_the_same_filters_are_not_counted_again_at_once(
    client: TestClient, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    count = archive.facets

    def counting(text: str = "", **options: str) -> object:
        counted.append(text)
        return count(text, **options)

    monkeypatch.setattr(archive, "facets", counting)
    for query in ("width:>=60", "dogs width:>=60", "width:>=61"):
        assert client.get("/api/facets", params={"q": query}).status_code == 200
    assert counted == ["width:>=60", "width:>=61"]


def test_what_writes_into_the_archive_is_told_with_how_far_it_is(
    client: TestClient, archive: Archive
) -> None:
    assert client.get("/api/progress").json() == {"writer": None}
    with writing(archive.settings.writer_file, "ingest") as turn:
        turn.start(7)
        writer = client.get("/api/progress").json()["writer"]
        assert (writer["doing"], writer["total"], writer["done"]) == ("ingest", 7, 0)
