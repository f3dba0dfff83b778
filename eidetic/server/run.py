"""A server from its start to its end."""

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from eidetic.archive import Archive
from eidetic.server.app import create_app
from eidetic.server.protocol import patient_protocol
from eidetic.server.settings import Limits, ServerSettings
from embed import Encoder
from schema import UsageError

CONNECTIONS = 512
"""Open at a time; beyond, new ones are answered 503."""

KEEP_ALIVE_S = 15
STOPPING_S = 10
"""For requests that are being answered when the server is told to stop."""

HEADER_BYTES = 64 << 10
"""A request's line and headers: above the longest query in percent-encoding."""

BACKLOG = 256


def serve(archive: Archive, settings: ServerSettings, announce: Callable[[str], None]) -> None:
    """Serve an archive until SIGTERM or SIGINT; requests that are being answered are finished.

    Args:
        archive: Its store and model are opened first, so that no request waits for them.
        announce: Told the address once the server listens.

    Raises:
        UsageError: The address cannot be listened on.
        ArchiveMissing: Nothing has been ingested yet.
        ModelUnavailable: The archive's model cannot be loaded.
    """
    with listen(settings) as listening:
        _warm(archive.encoder())
        host, port = listening.getsockname()[:2]
        config = configure(create_app(archive, settings), settings.limits)
        server = uvicorn.Server(config)
        with _stopped_by_signals(server):
            announce(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
            server.run(sockets=[listening])


def configure(app: FastAPI, limits: Limits) -> uvicorn.Config:
    """Return how uvicorn is to serve the application."""
    return uvicorn.Config(
        app,
        http=patient_protocol(limits.header_time_s),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOPPING_S,
        h11_max_incomplete_event_size=HEADER_BYTES,
        # A reverse proxy on this machine may say for whom it asks, and whether over TLS.
        forwarded_allow_ips="127.0.0.1,::1",
    )


def _warm(encoder: Encoder) -> None:
    """Encode once, because some encoders load their weights only then."""
    from PIL import Image

    plain = Image.new("RGB", (encoder.image_size, encoder.image_size))
    encoder.encode_images([encoder.resizing.apply(plain)])
    if encoder.scoring is not None:
        encoder.encode_texts(["an image"])


def listen(settings: ServerSettings) -> socket.socket:
    """Return a socket that listens where the settings say.

    Raises:
        UsageError: The address cannot be listened on.
    """
    place = f"{settings.host}:{settings.port}"
    try:
        found = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, _, _, _, address = found[0]
        listening = socket.create_server(address[:2], family=family, backlog=BACKLOG)
        # Connections inherit it. asyncio sets it only on sockets that were made with the number of
        # their protocol; without it, headers and body sent apart wait 40 ms for each other.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except (OSError, OverflowError, UnicodeError) as error:
        raise UsageError(
            f"{place}: cannot be listened on ({error}); choose another --port, 0 for any that is "
            "free, or check --host"
        ) from error
    return listening


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
