"""Who gets in: the host that is asked for, where a request comes from, and what it presents.

Three dangers, each with its own check:

- A page of another site that its author's name server maps to 127.0.0.1 (DNS rebinding) would be
  of the same origin: without a token, only requests for this machine's own names are answered.
- A page of another site can make a browser send requests: those that say so are refused, save for
  following a link to a page; what changes something must say that it does not.
- Anyone else: with a token, everything but `OPEN_PATHS` needs it or a session.
"""

from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from eidetic.listening import is_loopback
from eidetic.served import SESSION_COOKIE
from eidetic.server.problems import problem
from eidetic.server.sessions import Sessions

OPEN_PATHS = frozenset({"/healthz", "/login"})
OPEN_FOLDERS: tuple[str, ...] = ("/static/",)
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Gate:
    """ASGI middleware that refuses before anything else is done."""

    def __init__(self, app: ASGIApp, *, sessions: Sessions) -> None:
        self._app = app
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, path = Headers(scope=scope), str(scope["path"])
        refusal = self._refuse(str(scope["method"]), path, headers)
        if refusal is None:
            await self._app(scope, receive, send)
            return
        status, detail = refusal
        if status == 401 and _is_page_request(str(scope["method"]), path, headers):
            await RedirectResponse("/login", 303)(scope, receive, send)
            return
        told = {"WWW-Authenticate": 'Bearer realm="eidetic"'} if status == 401 else {}
        await problem(status, detail, instance=path, headers=told)(scope, receive, send)

    def _refuse(self, method: str, path: str, headers: Headers) -> tuple[int, str] | None:
        if not self._sessions.are_needed and not _is_own_host(headers.get("host", "")):
            return 421, (
                "this server answers for localhost only; start it with a --token to let others "
                "ask, or to put a reverse proxy before it"
            )
        scheme, _, presented = headers.get("authorization", "").partition(" ")
        if self._sessions.are_needed and scheme.lower() == "bearer":
            # No browser sends this by itself, so that the request is its sender's own.
            if self._sessions.knows_token(presented.strip()):
                return None
            return 401, "the token is not this server's; check it"
        if reason := _foreign(method, path, headers):
            return 403, reason
        if not self._sessions.are_needed or path in OPEN_PATHS or path.startswith(OPEN_FOLDERS):
            return None
        if not self._sessions.knows_session(session_of(headers)):
            return (
                401,
                "present the token (Authorization: Bearer TOKEN), or log in at /login",
            )
        if method not in SAFE_METHODS and not _says_own_origin(headers):
            return 403, "a request with a session must say where it is from (Origin)"
        return None


def session_of(headers: Headers) -> str:
    """Return the session's id that a request carries, "" for none."""
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(SESSION_COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _is_own_host(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return is_loopback(name)


def _is_page_request(method: str, path: str, headers: Headers) -> bool:
    wants_page = "text/html" in headers.get("accept", "")
    return method == "GET" and wants_page and not path.startswith("/api/")


def _foreign(method: str, path: str, headers: Headers) -> str:
    """Return why a request that a page of another site caused is refused, "" if it is none."""
    site = headers.get("sec-fetch-site", "")
    is_followed_link = (
        method == "GET"
        and headers.get("sec-fetch-mode") == "navigate"
        and not path.startswith("/api/")
    )
    if site in ("cross-site", "same-site") and not is_followed_link:
        return "this request was caused by another site, and is not answered"
    if method not in SAFE_METHODS and "origin" in headers and not _is_own_origin(headers):
        return "this request was caused by another site (see its Origin), and is not answered"
    return ""


def _says_own_origin(headers: Headers) -> bool:
    return headers.get("sec-fetch-site") == "same-origin" or _is_own_origin(headers)


def _is_own_origin(headers: Headers) -> bool:
    try:
        return urlsplit(headers.get("origin", "")).netloc == headers.get("host", "") != ""
    except ValueError:
        return False
