"""The files of the web page as the server sends them; what they do is in tests/browser."""

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import eidetic
from tests.eidetic.server.conftest import assert_problem

PAGE = Path(eidetic.__file__).parent / "page"
MODULES = sorted(path.relative_to(PAGE).as_posix() for path in PAGE.rglob("*.js"))
IMPORT = re.compile(r'(?:from|import)\s*"([^"]+)"')


def test_the_page_is_at_the_address_itself_under_a_strict_policy(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]


def test_a_file_that_a_browser_has_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/static/main.js")
    assert first.headers["content-type"] == "text/javascript; charset=utf-8"
    assert first.headers["cache-control"] == "no-cache"
    again = client.get("/static/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "name", ["nothing.js", "../server/app.py", "..%2fserver%2fapp.py", "/etc/passwd", "vendor", ""]
)
def test_only_files_of_the_page_are_sent(client: TestClient, name: str) -> None:
    assert_problem(client.get(f"/static/{name}"), 404)


@pytest.mark.parametrize("name", MODULES)
def test_modules_import_each_other_by_paths_that_are_there(client: TestClient, name: str) -> None:
    found = client.get(f"/static/{name}")
    assert found.status_code == 200
    for imported in IMPORT.findall(found.text):
        assert (PAGE / name).parent.joinpath(imported).resolve().is_file(), imported
        assert imported.startswith(("./", "../"))


@pytest.mark.parametrize("name", ["preact", "preact-signals", "preact-signals-core", "htm"])
def test_libraries_come_with_their_licences(client: TestClient, name: str) -> None:
    assert "icense" in client.get(f"/static/vendor/{name}.LICENSE").text
