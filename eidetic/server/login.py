"""The form that gives a browser a session for the token."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from eidetic.served import SESSION_COOKIE
from eidetic.server.gate import session_of
from eidetic.server.problems import Refused
from eidetic.server.service import Service
from eidetic.server.sessions import FAILURES_S, SESSION_S

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Eidetic</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><main><h1>Eidetic</h1>{told}
<form method="post" action="/login">
<p><label for="token">Token of this server</label></p>
<p><input id="token" name="token" type="password" autocomplete="current-password" required autofocus></p>
<p><button>Log in</button></p>
</form></main></body></html>
"""  # noqa: E501


def login_routes(service: Service) -> APIRouter:
    """Return the routes of one server."""
    router = APIRouter(include_in_schema=False)
    sessions = service.sessions

    @router.get("/login")
    async def form() -> Response:
        return HTMLResponse(PAGE.format(told=""))

    @router.post("/login")
    async def log_in(request: Request, token: Annotated[str, Form(max_length=1000)]) -> Response:
        if sessions.is_under_attack:
            raise Refused(
                429,
                f"too many wrong tokens; wait {FAILURES_S:g} seconds",
                headers={"Retry-After": f"{FAILURES_S:g}"},
            )
        session = sessions.log_in(token.strip()) if sessions.are_needed else None
        if sessions.are_needed and session is None:
            told = '<p role="alert">This is not the server\'s token.</p>'
            return HTMLResponse(PAGE.format(told=told), 401)
        answer = RedirectResponse("/", 303)
        if session is not None:
            answer.set_cookie(
                SESSION_COOKIE,
                session,
                max_age=SESSION_S,
                path="/",
                httponly=True,
                samesite="strict",
                # Behind a proxy with TLS, which says so in X-Forwarded-Proto.
                secure=request.url.scheme == "https",
            )
        return answer

    @router.post("/logout")
    async def log_out(request: Request) -> Response:
        sessions.log_out(session_of(request.headers))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="strict")
        return answer

    return router
