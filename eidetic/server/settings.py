"""What a server was asked to be, and its bounds."""

import os
from dataclasses import dataclass, field

from eidetic.listening import HEADER_TIME_S, check_access

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8484


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one request, and all of them together, may take.

    Attributes:
        body_bytes: Of a search with images; other requests have at most ``small_body_bytes``.
        body_time_s: Within which a request's body must have come.
        header_time_s: Within which a request's headers must have come.
        images: Query images, files and URLs together, of one search.
        hits: The largest k.
        search_time_s: After which a search is given up; so are the other times.
        in_flight: Requests that are worked on at a time.
        waiting: Calls of one kind that may wait for a thread.
        zip_images: Files in one zip.
        zip_bytes: Bytes of these files together.
        thumbnail_bytes: What the cache of thumbnails may take on disk.
    """

    body_bytes: int = 64 << 20
    small_body_bytes: int = 1 << 20
    body_time_s: float = 60.0
    header_time_s: float = HEADER_TIME_S
    images: int = 8
    hits: int = 1000
    search_time_s: float = 30.0
    decode_time_s: float = 30.0
    fetch_time_s: float = 15.0
    fetch_bytes: int = 32 << 20
    in_flight: int = 64
    waiting: int = 64
    zip_images: int = 500
    zip_bytes: int = 4 << 30
    thumbnail_bytes: int = 2 << 30


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where a server listens and whom it answers.

    Attributes:
        host: Address or name to listen on.
        port: 0 for any that is free.
        token: What requests must present; "" for none, which is for this machine alone.
        allow_url: Whether query images may be fetched from public addresses.

    Raises:
        UsageError: Others than this machine could ask without a token, or it is too short.
    """

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    token: str = field(default="", repr=False)
    allow_url: bool = False
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        check_access(self.host, self.token)

    @property
    def threads(self) -> int:
        """Threads for calls of the store, and as many decoding processes."""
        return max(2, os.cpu_count() or 2)
