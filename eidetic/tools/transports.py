"""How the tools are reached: over this process's standard streams, or over HTTP."""

import hmac
import ipaddress
import logging
import signal
import socket
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import anyio
import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from schema import UsageError

log = logging.getLogger("eidetic")

PATH = "/mcp"

MIN_TOKEN_CHARS = 16
"""Of a token that guards more than this machine: what is shorter is guessed."""

MAX_BODY_BYTES = 64 << 10
"""The longest query and the most ids and labels fit; no call carries an image."""

MAX_CONNECTIONS = 64
IDLE_S = 30
GRACE_S = 5
"""What running calls are given to end once the server is told to stop."""


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
        UsageError: The host is not loopback's and the token is missing or short, or the address
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
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    with _listen(host, port) as listener:
        bound, its_port = listener.getsockname()[:2]
        shown = f"[{bound}]" if ":" in bound else bound
        log.info("tools are served at http://%s:%d%s; Ctrl-C ends it", shown, its_port, PATH)
        anyio.run(_serve, _Server(config), listener)


def check_access(host: str, token: str) -> None:
    """Refuse to serve more than this machine without a token.

    Raises:
        UsageError: The host is not loopback's and the token is missing or short.
    """
    if not is_loopback(host) and len(token) < MIN_TOKEN_CHARS:
        raise UsageError(
            f"--host {host} is reached from other machines, and the token has {len(token)} "
            f"characters; give one of at least {MIN_TOKEN_CHARS} with EIDETIC_SERVE_TOKEN or "
            "--token, or keep to 127.0.0.1"
        )


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine's own, as written: no name is looked up."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


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


@contextmanager
def _listen(host: str, port: int) -> Generator[socket.socket]:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"--host {host}: no address of this machine ({error})") from error
    with listener:
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            # From now on callers wait, and are not refused.
            listener.listen()
        except OSError as error:
            raise UsageError(
                f"{host} port {port}: cannot be listened on ({error.strerror}); choose another "
                "with --port"
            ) from error
        yield listener


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        # uvicorn would raise the signal again after its end, before the archive is closed.
        yield


async def _serve(server: _Server, listener: socket.socket) -> None:
    async with anyio.create_task_group() as tasks:

        async def stop_on_signal() -> None:
            with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                async for _ in signals:
                    # A second one does not wait for running calls.
                    server.force_exit = server.should_exit
                    server.should_exit = True

        tasks.start_soon(stop_on_signal)
        await server.serve(sockets=[listener])
        tasks.cancel_scope.cancel()
