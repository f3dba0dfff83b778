"""File systems behind URLs, through fsspec: listed, looked at and read with bounded patience.

fsspec and its backends are imported here alone, when the first URL is opened. Whatever a backend
raises leaves this module as an `OSError`: `FileNotFoundError` for what is not there,
`PermissionError` for missing or refused credentials, `ConnectionError` for a host that is away.
"""

import email.utils
import errno
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, TypeVar

from schema.errors import UsageError

TRIES = 3
BACKOFF_S = 0.5
"""Waited after the first failure, and twice as long after each further one."""

CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 60

CHUNK_BYTES = 1 << 20

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "http": "http", "https": "http"}
"""Protocols whose backend comes with an extra of Eidetic, by the extra's name."""

_MARKERS = ("ETag", "etag", "md5Hash", "crc32c", "Content-MD5", "Digest", "checksum", "generation")
_TIMES = ("LastModified", "Last-Modified", "updated", "mtime", "modified", "created")
_AWAY_STATUS = {408, 425, 429, 500, 502, 503, 504}
_AWAY_NAMES = {
    "ClientConnectionError",
    "ClientConnectorCertificateError",
    "ClientConnectorDNSError",
    "ClientConnectorError",
    "ClientOSError",
    "ClientPayloadError",
    "ConnectTimeoutError",
    "ConnectionClosedError",
    "ConnectionError",
    "EndpointConnectionError",
    "HTTPClientError",
    "ProxyConnectionError",
    "ReadTimeoutError",
    "ServerDisconnectedError",
    "ServerTimeoutError",
}
_CREDENTIAL_NAMES = {
    "CredentialRetrievalError",
    "DefaultCredentialsError",
    "NoCredentialsError",
    "PartialCredentialsError",
    "ProfileNotFound",
    "RefreshError",
    "SSOTokenLoadError",
    "TokenRetrievalError",
    "UnauthorizedSSOTokenError",
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file system says of one entry.

    Attributes:
        name: Last part of its path.
        size_bytes: None where the host does not say.
        mtime_ns: Nanoseconds since the epoch, 0 where the host does not say.
        marker: Changes with the content: a hash of the entry's ETag or checksum, positive and
            below 2^63; 0 where the host gives none.
        media_type: As HTTP tells it ("image/jpeg"), else "".
    """

    name: str
    is_folder: bool
    size_bytes: int | None
    mtime_ns: int
    marker: int
    media_type: str = ""


def marker_of(*facts: object) -> int:
    """Return a number, positive and below 2^63, that stands for some facts."""
    digest = blake2b("\0".join(map(str, facts)).encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "big") >> 1 or 1


class Filesystem:
    """One remote file system. Safe to use from many threads."""

    def __init__(self, url: str) -> None:
        """Open the file system of a URL; nothing is asked of its host yet.

        Raises:
            UsageError: The protocol is unknown, or what it needs is not installed.
        """
        import fsspec

        protocol = url.partition("://")[0]
        try:
            kind = fsspec.get_filesystem_class(protocol)
        except ImportError as error:
            extra = EXTRAS.get(protocol)
            need = f"pip install 'eidetic[{extra}]'" if extra else f"{error}"
            raise UsageError(f"{url}: {protocol}:// needs a package: {need}") from error
        except ValueError as error:
            known = ", ".join(sorted(EXTRAS))
            raise UsageError(
                f"{url}: unknown protocol {protocol!r}; known are {known} and those of fsspec"
            ) from error
        self._is_http = protocol in ("http", "https")
        # An instance and listings of its own: what another run has seen is not this run's truth.
        self._fs: Any = kind(
            skip_instance_cache=True,
            use_listings_cache=False,
            **_patience(protocol, fsspec.config.conf),
        )

    def look_at(self, url: str) -> Facts:
        """Return what is at a URL."""
        return _facts(self._ask(url, lambda: self._fs.info(url)))

    def list(self, url: str) -> list[Facts]:
        """Return what a folder holds, by name. Over HTTP, that is what its index page links to.

        Over HTTP the entries have neither size nor date; `look_at` asks for them one by one.
        """
        folder = f"{url.rstrip('/')}/"
        found = self._ask(url, lambda: self._fs.ls(folder, detail=True))
        # Only direct children: a page may link anywhere, and a bucket may hold an object that
        # stands for the folder itself.
        own = self._fs._strip_protocol(folder).rstrip("/")
        below = [entry for entry in found if entry["name"].rstrip("/").rpartition("/")[0] == own]
        return sorted(map(_facts, below), key=lambda facts: facts.name)

    def read(self, url: str, limit: int) -> bytes:
        """Return the bytes of a file, at most ``limit`` and one of them."""
        return bytes(self._ask(url, lambda: self._read(url, limit)))

    def fetch(self, url: str, path: str) -> None:
        """Copy a file to a local path."""
        self._ask(url, lambda: self._fs.get_file(url, path))

    def close(self) -> None:
        """Let go of the connections; calling it twice is no error."""
        fs, self._fs = self._fs, None
        close = getattr(fs, "close_session", None)
        session = getattr(fs, "_session", None) or getattr(fs, "_s3creator", None)
        if close and session:
            # A connection that cannot be closed in good order is closed with the process.
            with suppress(Exception):
                close(fs.loop, session)

    def _read(self, url: str, limit: int) -> bytes:
        if not self._is_http:
            return bytes(self._fs.cat_file(url, start=0, end=limit + 1))
        from fsspec.asyn import sync

        return bytes(sync(self._fs.loop, self._read_web, url, limit))

    async def _read_web(self, url: str, limit: int) -> bytearray:
        """Read an answer as it comes: a web server need not say how long it is.

        Not through fsspec's own stream, which holds the connection of an answer that it refuses.
        """
        session = await self._fs.set_session()
        async with session.get(self._fs.encode_url(url), **self._fs.kwargs) as answer:
            answer.raise_for_status()
            chunks = bytearray()
            async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                chunks += chunk
                if len(chunks) > limit:
                    break
        return chunks[: limit + 1]

    def _ask(self, url: str, call: Callable[[], T]) -> T:
        for attempt in range(TRIES):
            try:
                return call()
            # What backends raise has no root in common but Exception; `_translate` sorts it.
            except Exception as error:
                problem = _translate(error, url)
                if not isinstance(problem, ConnectionError) or attempt == TRIES - 1:
                    raise problem from error
                time.sleep(BACKOFF_S * 2**attempt)
        raise AssertionError("the last try returns or raises")


def _patience(protocol: str, chosen: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the options that bound a backend's waiting, unless the user's settings have them."""
    if protocol in ("http", "https"):
        import aiohttp

        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=READ_TIMEOUT_S
        )
        options: dict[str, Any] = {
            "simple_links": False,
            "client_kwargs": {"timeout": timeout, "trust_env": True},
        }
    elif protocol in ("s3", "s3a"):
        bounds = {
            "retries": {"max_attempts": 1, "mode": "standard"},
            "connect_timeout": CONNECT_TIMEOUT_S,
            "read_timeout": READ_TIMEOUT_S,
        }
        options = {"config_kwargs": bounds}
    else:
        options = {}
    return {name: value for name, value in options.items() if name not in chosen.get(protocol, {})}


def _facts(entry: Mapping[str, Any]) -> Facts:
    found = [entry[key] for key in _MARKERS if entry.get(key)]
    name = str(entry["name"])
    return Facts(
        name=name.rstrip("/").rpartition("/")[2],
        is_folder=entry["type"] == "directory",
        size_bytes=entry.get("size"),
        mtime_ns=next((_ns(entry[key]) for key in _TIMES if entry.get(key)), 0),
        marker=marker_of(*found) if found else 0,
        media_type=str(entry.get("mimetype") or ""),
    )


def _ns(moment: object) -> int:
    """Return a time as nanoseconds since the epoch, 0 where it cannot be understood."""
    try:
        if isinstance(moment, int | float):
            return int(moment * 1e9)
        if isinstance(moment, str):
            iso = moment[:4].isdigit()
            moment = (
                datetime.fromisoformat(moment) if iso else email.utils.parsedate_to_datetime(moment)
            )
        return int(moment.timestamp() * 1_000_000) * 1000 if isinstance(moment, datetime) else 0
    except (ValueError, OverflowError):
        return 0


def _botocore_status(error: Exception) -> int | None:
    response = getattr(error, "response", None)
    metadata = response.get("ResponseMetadata") if isinstance(response, dict) else None
    return metadata.get("HTTPStatusCode") if metadata else None


def _translate(error: Exception, url: str) -> OSError:
    """Return what a backend raised as one of this module's errors."""
    cause = error.__cause__
    if isinstance(error, FileNotFoundError) and isinstance(cause, Exception):
        # The HTTP file system calls everything missing that it could not get.
        return _translate(cause, url)
    name = type(error).__name__
    status = getattr(error, "status", None) or _botocore_status(error)
    if isinstance(error, FileNotFoundError) or status in (404, 410):
        return FileNotFoundError(errno.ENOENT, "there is no such thing", url)
    if name in _CREDENTIAL_NAMES:
        return PermissionError(errno.EACCES, f"no credentials: {error}", url)
    if isinstance(error, PermissionError) or status in (401, 403, 407):
        said = f"{status} {getattr(error, 'message', '')}" if status else str(error)
        return PermissionError(errno.EACCES, f"access refused: {said.strip()}", url)
    if (
        isinstance(error, ConnectionError | TimeoutError)
        or status in _AWAY_STATUS
        or name in _AWAY_NAMES
        or getattr(error, "errno", None) in (errno.EREMOTEIO, errno.EBUSY)
    ):
        said = str(error) or name
        return ConnectionError(errno.EHOSTUNREACH, f"the host does not answer: {said}", url)
    if isinstance(error, OSError) and error.strerror:
        return error
    return OSError(errno.EIO, str(error) or name, url)
