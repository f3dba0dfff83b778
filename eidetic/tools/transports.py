"""How the tools are reached: over this process's standard streams, or over HTTP."""

import hmac
import logging
import signal
from collections.abc import Sequence
from typing import Any

import anyio
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from eidetic.listening import (
    address_of,
    check_access,
    configure,
    is_loopback,
    listen,
    run_until_stopped,
)

log = logging.getLogger("eidetic")

PATH = "/mcp"

MAX_BODY_BYTES = 64 << 10
"""The longest query and the most ids and labels fit; no call carries an image."""

MAX_CONNECTIONS = 64


def run_stdio(server: MCPServer[Any]) -> None:
    """Serve until standard input ends. Nothing else reaches standard output meanwhile."""
    # A thread waits for the next line and does not hear of an exception: an interrupt must end the
    # process by itself. There is nothing to lose, as the tools only read.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    anyio.run(server.run_stdio_async)


def run_http(
    server: MCPServer[Any], *, host: str, port: int, token: str, names: Sequence[str] = ()
) -> None:
    """Serve over streamable HTTP at `PATH` until SIGINT or SIGTERM, then end running calls.

    Args:
        host: Address to listen on.
        port: 0 for any that is free; the address is logged.
        token: What callers show as ``Authorization: Bearer TOKEN``; "" for none, on loopback only.
        names: Host names beside loopback's by which callers know this server.

    Raises:
        UsageError: The token is missing though others could ask, or can be guessed, or the address
            cannot be used.
    """
    check_access(host, token)
    app: ASGIApp = server.streamable_http_app(
        streamable_http_path=PATH,
        # Each call is answered by itself: nothing is kept for a caller that does not come back.
        stateless_http=True,
        json_response=True,
        max_request_body_size=MAX_BODY_BYTES,
        transport_security=_against_rebinding(host, names),
    )
    if token:
        app = RequireToken(app, token)
    with listen(host, port) as listening:
        log.info("tools are served at %s%s; Ctrl-C ends it", address_of(listening), PATH)
        run_until_stopped(configure(app, connections=MAX_CONNECTIONS), listening)


class RequireToken:
    """Passes on what shows the token; anything else is refused before it is looked at."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, see the ASGI specification."""
        # "lifespan" is the server's own; all else comes from outside.
        if scope["type"] != "lifespan":
            header = Headers(scope=scope).get("authorization", "")
            scheme, _, shown = header.encode("latin-1").partition(b" ")
            if scheme.lower() != b"bearer" or not hmac.compare_digest(shown, self._token):
                refusal = PlainTextResponse(
                    "a token is needed: Authorization: Bearer TOKEN\n",
                    status_code=401,
                    headers={"WWW-Authenticate": "Bearer"},
                )
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _against_rebinding(host: str, names: Sequence[str]) -> TransportSecuritySettings:
    """Return the hosts and origins that a request may name: a page elsewhere cannot ask for us."""
    hosts = ["127.0.0.1", "localhost", "[::1]", *names]
    if not is_loopback(host):
        hosts.append(f"[{host}]" if ":" in host else host)
    return TransportSecuritySettings(
        allowed_hosts=[form for name in hosts for form in (name, f"{name}:*")],
        allowed_origins=[
            f"{scheme}://{form}"
            for scheme in ("http", "https")
            for name in hosts
            for form in (name, f"{name}:*")
        ],
    )
