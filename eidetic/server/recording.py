"""What surrounds every request: room for it, patience with it, its headers, its record."""

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eidetic.server.problems import overloaded, problem
from eidetic.server.settings import Limits

log = logging.getLogger("eidetic.server")
access_log = logging.getLogger("eidetic.server.access")

UNRECORDED_PATHS = frozenset({"/healthz", "/metrics"})
"""Answered however much there is to do."""

SEARCH_PATH = "/api/search"
"""Where images are sent to."""

SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # With no-referrer, browsers say even to the server itself that a form is from nowhere
    # (Origin: null).
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Metrics:
    """Counters of one server, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "eidetic_http_requests_total",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "eidetic_http_request_seconds",
            "From a request's headers to the last byte of its answer.",
            ["route"],
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "eidetic_http_requests_in_flight", "Being worked on.", registry=self.registry
        )
        self.rows = Gauge("eidetic_archive_rows", "Rows in the archive.", registry=self.registry)


class Recorder:
    """The outermost ASGI middleware. Whatever fails within it ends as a problem document."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, limits: Limits) -> None:
        self._app = app
        self._metrics = metrics
        self._limits = limits
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        answer = _Answer(send)
        self._in_flight += 1
        self._metrics.in_flight.inc()
        try:
            if self._in_flight > self._limits.in_flight and scope["path"] not in UNRECORDED_PATHS:
                refusal = overloaded(f"{self._limits.in_flight} requests are worked on")
                await problem(
                    refusal.status,
                    refusal.detail,
                    instance=scope["path"],
                    kind=refusal.kind,
                    headers=refusal.headers,
                )(scope, receive, answer)
            else:
                await self._answer(scope, _Body(scope, receive, self._limits), answer)
        finally:
            self._in_flight -= 1
            self._metrics.in_flight.dec()
            self._record(scope, answer, time.perf_counter() - started)

    async def _answer(self, scope: Scope, receive: "_Body", answer: "_Answer") -> None:
        try:
            await self._app(scope, receive, answer)
        except Exception as error:
            if answer.status:
                # Half an answer cannot be taken back; the connection is cut.
                raise
            # The boundary: no request may show what is inside, nor end the server.
            log.error("%s %s failed", scope["method"], scope["path"], exc_info=error)
            await problem(
                500,
                "something nobody planned for; see the server's log",
                instance=scope["path"],
                kind="unexpected",
            )(scope, receive, answer)

    def _record(self, scope: Scope, answer: "_Answer", seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or "none"
        method = scope["method"] if scope["method"] in ("GET", "POST", "HEAD") else "other"
        self._metrics.requests.labels(method, route, str(answer.status or 499)).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        if access_log.isEnabledFor(logging.DEBUG):
            access_log.debug("%s", _line(scope, route, answer, seconds))


class _Answer:
    """Sends an answer on, with the security headers, and keeps what there is to record."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0
        self.sent_bytes = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
        elif message["type"] == "http.response.body":
            self.sent_bytes += len(message.get("body", b""))
        await self._send(message)


class _Body:
    """Receives a request's body, but neither for ever nor without end."""

    def __init__(self, scope: Scope, receive: Receive, limits: Limits) -> None:
        self._receive = receive
        self._ends = time.monotonic() + limits.body_time_s
        self._time_limit_s = limits.body_time_s
        is_search = scope["path"] == SEARCH_PATH
        self._most_bytes = limits.body_bytes if is_search else limits.small_body_bytes
        # What is announced need not be true: only what comes is counted.
        announced = Headers(scope=scope).get("content-length", "0")
        self._is_too_large = announced.isdecimal() and int(announced) > self._most_bytes
        self._bytes = 0
        self._is_whole = False

    async def __call__(self) -> Message:
        if self._is_whole:
            # All that may still come is that the client goes away.
            return await self._receive()
        if self._is_too_large:
            raise self._too_large()
        try:
            async with asyncio.timeout(max(0.0, self._ends - time.monotonic())):
                message = await self._receive()
        except TimeoutError as error:
            detail = f"the request's body did not come within {self._time_limit_s:g} seconds"
            raise HTTPException(408, detail, {"Connection": "close"}) from error
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._most_bytes:
            raise self._too_large()
        self._is_whole = not message.get("more_body", False)
        return message

    def _too_large(self) -> HTTPException:
        return HTTPException(
            413,
            f"the request's body has more than {self._most_bytes:,} bytes, which is the limit; "
            "send smaller images or fewer",
            {"Connection": "close"},
        )


def _line(scope: Scope, route: str, answer: _Answer, seconds: float) -> str:
    """Return a request's record. What was searched for is not in it."""
    client: Any = scope.get("client")
    return json.dumps(
        {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "client": client[0] if client else None,
            "method": scope["method"],
            "path": scope["path"],
            "route": route,
            "status": answer.status,
            "ms": round(seconds * 1000, 1),
            "bytes": answer.sent_bytes,
        },
        ensure_ascii=True,
    )
