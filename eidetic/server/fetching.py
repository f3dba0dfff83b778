"""Query images from public web addresses, and from nowhere else.

A URL comes from a stranger and would have this machine ask in its own name. So each host is
resolved once, every address it has must be public, and the connection goes to the very address
that was checked: a name that is answered differently the second time leads nowhere. Each redirect
is treated as a new URL. Proxies of the environment are not used.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from schema import NoUsableImage

MAX_REDIRECTS = 3
MAX_URL_CHARS = 2048
CHUNK_BYTES = 64 << 10

_REDIRECTS = (301, 302, 303, 307, 308)
_EMBEDDING = (
    "64:ff9b::/96",  # NAT64, RFC 6052
    "64:ff9b:1::/48",  # NAT64 of a local network, RFC 8215
    "2002::/16",  # 6to4, RFC 3056
    "2001::/32",  # Teredo, RFC 4380
)
_EMBEDDING_NETWORKS = tuple(ipaddress.ip_network(each) for each in _EMBEDDING)
"""IPv6 addresses that lead to an IPv4 address written in them, which may be any."""


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        elif ip.scope_id or any(ip in network for network in _EMBEDDING_NETWORKS):
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches images by URL.

    Attributes:
        most_bytes: Of an image.
        time_limit_s: From the first connection to the last byte, redirects included.
        allows: Says of an address whether it may be asked.
    """

    most_bytes: int
    time_limit_s: float
    allows: Callable[[str], bool] = is_public

    def fetch(self, url: str) -> bytes:
        """Return what is at a URL.

        Raises:
            NoUsableImage: The URL is not allowed, or nothing of use is there. The message does not
                tell one private host from another.
        """
        ends = time.monotonic() + self.time_limit_s
        asked = url
        for _ in range(MAX_REDIRECTS + 1):
            try:
                found = self._get(asked, ends)
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise NoUsableImage(
                    f"{_shown(url)}: could not be fetched; check the address, or send the image"
                ) from error
            if isinstance(found, bytes):
                return found
            asked = urljoin(asked, found)
        raise NoUsableImage(
            f"{_shown(url)}: more than {MAX_REDIRECTS} redirects; give the image's own address"
        )

    def _get(self, url: str, ends: float) -> bytes | str:
        """Return the body, or the location of a redirect."""
        parts = _check(url)
        host, port = str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)
        connection = self._connect(parts.scheme, host, port, ends)
        # Each wait is bounded, but their number is not: a host may send a byte at a time.
        timer = threading.Timer(max(0.0, ends - time.monotonic()), _hang_up, [connection.sock])
        timer.daemon = True
        timer.start()
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request(
                "GET", path, headers={"Accept": "image/*", "Accept-Encoding": "identity"}
            )
            answer = connection.getresponse()
            if answer.status in _REDIRECTS and (location := answer.getheader("Location")):
                return location
            if answer.status != 200:
                raise NoUsableImage(
                    f"{_shown(url)}: the host answers {answer.status}; check the address"
                )
            if answer.getheader("Content-Encoding", "identity").lower() != "identity":
                raise NoUsableImage(f"{_shown(url)}: the host packs the image, unasked; send it")
            data = self._read(answer, url)
            if time.monotonic() >= ends:
                # A connection that was hung up looks like the end of an answer without a length.
                raise TimeoutError(f"not within {self.time_limit_s:g} seconds")
            return data
        finally:
            timer.cancel()
            connection.close()

    def _read(self, answer: http.client.HTTPResponse, url: str) -> bytes:
        data = bytearray()
        while chunk := answer.read(CHUNK_BYTES):
            data += chunk
            if len(data) > self.most_bytes:
                raise NoUsableImage(
                    f"{_shown(url)}: more than {self.most_bytes:,} bytes; give a smaller copy"
                )
        return bytes(data)

    def _connect(
        self, scheme: str, host: str, port: int, ends: float
    ) -> http.client.HTTPConnection:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(each[4][0]) for each in found]
        if not addresses or not all(map(self.allows, addresses)):
            raise NoUsableImage(
                f"{host}: not a public address; images are fetched from the public internet only"
            )
        patience_s = max(0.1, ends - time.monotonic())
        plain = socket.create_connection((addresses[0], port), patience_s)
        if scheme == "http":
            connection = http.client.HTTPConnection(host, port)
            connection.sock = plain
            return connection
        context = ssl.create_default_context()
        secured = http.client.HTTPSConnection(host, port, context=context)
        try:
            secured.sock = context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise
        return secured


def _check(url: str) -> SplitResult:
    if len(url) > MAX_URL_CHARS or not url.isascii() or not url.isprintable() or " " in url:
        raise NoUsableImage(
            f"{_shown(url)}: not an address; percent-encoded, of at most {MAX_URL_CHARS} characters"
        )
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError as error:
        raise NoUsableImage(f"{_shown(url)}: not an address ({error})") from error
    if not is_web:
        raise NoUsableImage(f"{_shown(url)}: only http:// and https:// addresses are fetched")
    if parts.username is not None or parts.password is not None:
        raise NoUsableImage("an address with a name or a password in it is not fetched")
    return parts


def _hang_up(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It is closed already.
        return


def _shown(url: str) -> str:
    """Return the start of a URL for messages, without what stands behind "?"."""
    return "".join(c for c in url.partition("?")[0][:200] if c.isprintable())
