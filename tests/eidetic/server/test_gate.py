"""Who is let in: hostile hosts, origins, tokens and sessions are refused."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from eidetic.server import ServerSettings
from eidetic.server import sessions as sessions_module
from schema import UsageError
from tests.eidetic.server.conftest import TOKEN, Serve, assert_problem

BEARER = {"Authorization": f"Bearer {TOKEN}"}
SEARCH = "/api/search?q=red"


@pytest.fixture
def guarded(serve: Serve) -> TestClient:
    """A server with a token."""
    return serve(token=TOKEN)


def logged_in(client: TestClient, token: str = TOKEN, **headers: str) -> Any:
    return client.post("/login", data={"token": token}, headers=headers, follow_redirects=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org", ""])
def test_others_than_this_machine_need_a_token(host: str) -> None:
    with pytest.raises(UsageError, match="--token"):
        ServerSettings(host=host)
    assert ServerSettings(host=host, token=TOKEN).host == host


@pytest.mark.parametrize("token", ["short", "é" * 20])
def test_a_token_that_can_be_guessed_is_refused(token: str) -> None:
    with pytest.raises(UsageError, match="16"):
        ServerSettings(token=token)


def test_a_token_is_not_in_what_is_printed_of_the_settings() -> None:
    assert TOKEN not in repr(ServerSettings(token=TOKEN))


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "10.0.0.1", "[::2]", ""]
)
def test_a_name_that_was_rebound_to_this_machine_is_not_answered(
    client: TestClient, host: str
) -> None:
    assert_problem(client.get(SEARCH, headers={"Host": host}), 421, "localhost only")


@pytest.mark.parametrize("host", ["localhost", "localhost:8484", "127.0.0.1:1", "[::1]:8484"])
def test_this_machines_own_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get(SEARCH, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
def test_a_page_of_another_site_cannot_ask(client: TestClient, headers: dict[str, str]) -> None:
    assert_problem(client.get(SEARCH, headers=headers), 403, "another site")


def test_a_link_from_another_site_leads_to_a_page(client: TestClient) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.get("/docs", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:1", "http://["]
)
def test_a_form_of_another_site_cannot_be_sent(client: TestClient, origin: str) -> None:
    answer = client.post("/api/search", data={"q": "red"}, headers={"Origin": origin})
    assert_problem(answer, 403, "another site")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong-token-of-some-length"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Cookie": "eidetic_session=guess"},
        {"Cookie": f"eidetic_session={TOKEN}"},
    ],
)
@pytest.mark.parametrize("path", [SEARCH, "/api/status", "/metrics", "/docs", "/openapi.json"])
def test_without_the_token_nothing_is_answered(
    guarded: TestClient, headers: dict[str, str], path: str
) -> None:
    answer = guarded.get(path, headers=headers, follow_redirects=False)
    assert_problem(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_with_the_token_all_is_answered_whatever_the_host(guarded: TestClient) -> None:
    headers = BEARER | {"Host": "images.example.org"}
    assert guarded.get(SEARCH, headers=headers).status_code == 200
    assert guarded.post("/api/search", data={"q": "red"}, headers=headers).status_code == 200


def test_health_needs_no_token(guarded: TestClient) -> None:
    assert guarded.get("/healthz").status_code == 200


def test_a_browser_is_sent_to_the_form_and_gets_a_session(guarded: TestClient) -> None:
    home = guarded.get("/", headers={"Accept": "text/html"}, follow_redirects=False)
    assert (home.status_code, home.headers["location"]) == (303, "/login")
    assert 'name="token"' in guarded.get("/login").text
    answer = logged_in(guarded)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie
    assert guarded.get(SEARCH).status_code == 200


def test_a_cookie_is_for_tls_alone_where_there_is_tls(serve: Serve) -> None:
    guarded = serve(token=TOKEN)
    guarded.base_url = "https://images.example.org"  # type: ignore[assignment]
    assert "Secure" in logged_in(guarded).headers["set-cookie"]


def test_a_session_ends_when_it_is_logged_out(guarded: TestClient) -> None:
    logged_in(guarded)
    kept = dict(guarded.cookies)
    out = guarded.post("/logout", headers={"Origin": "http://localhost"}, follow_redirects=False)
    assert out.status_code == 303
    guarded.cookies.update(kept)
    assert guarded.get(SEARCH).status_code == 401


def test_a_session_changes_nothing_without_saying_where_from(guarded: TestClient) -> None:
    logged_in(guarded)
    assert_problem(guarded.post("/api/search", data={"q": "red"}), 403, "Origin")
    for headers in ({"Origin": "http://localhost"}, {"Sec-Fetch-Site": "same-origin"}):
        assert guarded.post("/api/search", data={"q": "red"}, headers=headers).status_code == 200


def test_tokens_cannot_be_tried_out_at_the_form(serve: Serve) -> None:
    guarded = serve(token=TOKEN)
    for _ in range(sessions_module.MAX_FAILURES):
        assert logged_in(guarded, "wrong").status_code == 401
    refused = logged_in(guarded)
    assert_problem(refused, 429, "wait")
    assert refused.headers["retry-after"] == "60"


@pytest.mark.parametrize("path", [SEARCH, "/docs", "/login", "/healthz", "/nowhere"])
def test_every_answer_has_the_headers_that_bind_a_browser(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers
