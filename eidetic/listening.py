"""What every server over HTTP has in common: whom it may answer, where it listens, how it ends."""

import ipaddress
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn

from eidetic.patience import patient_protocol
from schema import UsageError

MIN_TOKEN_CHARS = 16
"""Shorter ones can be guessed over a network; 16 hexadecimal digits are 64 bits."""

HEADER_TIME_S = 10.0
"""Within which a request's headers must have come."""

HEADER_BYTES = 64 << 10
"""A request's line and headers: above the longest query in percent-encoding."""

KEEP_ALIVE_S = 15
STOPPING_S = 10
"""For requests that are being answered when the server is told to stop."""

BACKLOG = 256


def is_loopback(host: str) -> bool:
    """Whether an address or name is certainly of this machine alone; no name is looked up."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_access(host: str, token: str) -> None:
    """Refuse to serve more than this machine without a token, and a token that can be guessed.

    Raises:
        UsageError: The token is missing, short, or not ASCII.
    """
    if not token and not is_loopback(host):
        raise UsageError(
            f"host {host}: others than this machine could read the archive; give a --token (or "
            "EIDETIC_SERVE_TOKEN) that they must present, or leave out --host"
        )
    if token and (len(token) < MIN_TOKEN_CHARS or not token.isascii()):
        raise UsageError(
            f"the token has {len(token)} characters; it needs at least {MIN_TOKEN_CHARS}, all "
            "ASCII, so that it cannot be guessed: openssl rand -hex 32 makes one"
        )


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; from then on callers wait and are not refused.

    Args:
        port: 0 for any that is free.

    Raises:
        UsageError: The address cannot be listened on.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        listening = socket.create_server(address[:2], family=family, backlog=BACKLOG)
        # Connections inherit it. asyncio sets it only on sockets that were made with the number of
        # their protocol; without it, headers and body sent apart wait 40 ms for each other.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except (OSError, OverflowError, UnicodeError) as error:
        raise UsageError(
            f"{host}:{port}: cannot be listened on ({error}); choose another --port, 0 for any "
            "that is free, or check --host"
        ) from error
    return listening


def address_of(listening: socket.socket) -> str:
    """Return the address of a listening socket as a URL."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def configure(
    app: Any, *, connections: int, header_time_s: float = HEADER_TIME_S
) -> uvicorn.Config:
    """Return how uvicorn is to serve an ASGI application.

    Args:
        connections: Open at a time; beyond, new ones are answered 503.
    """
    return uvicorn.Config(
        app,
        http=patient_protocol(header_time_s),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=connections,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOPPING_S,
        h11_max_incomplete_event_size=HEADER_BYTES,
        # A reverse proxy on this machine may say for whom it asks, and whether over TLS.
        forwarded_allow_ips="127.0.0.1,::1",
    )


def run_until_stopped(config: uvicorn.Config, listening: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT; requests that are being answered are finished, up to a time.

    A second signal does not wait for them.
    """
    server = uvicorn.Server(config)
    with _stopped_by_signals(server):
        server.run(sockets=[listening])


@contextmanager
def _stopped_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """Take SIGTERM and SIGINT as the normal end.

    uvicorn stops at either, then puts the former handlers back and raises the signal once more;
    the default ones would end the process before the store is closed.
    """

    def stop(_signal: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    before = {each: signal.signal(each, stop) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
