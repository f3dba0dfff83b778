"""Errors as RFC 9457 problem documents."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from schema import (
    ArchiveError,
    ArchiveMismatch,
    ArchiveMissing,
    EideticError,
    ImageUnreadable,
    ModelUnavailable,
    NoUsableImage,
    StoreError,
    StoreUnreachable,
    UsageError,
)
from search import QuerySyntaxError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2

STATUS: Mapping[type[EideticError], tuple[int, str]] = {
    QuerySyntaxError: (400, "query-syntax"),
    UsageError: (400, "usage"),
    ImageUnreadable: (422, "image-unreadable"),
    NoUsableImage: (422, "no-usable-image"),
    ArchiveMissing: (409, "archive-missing"),
    ArchiveMismatch: (409, "archive-mismatch"),
    ArchiveError: (404, "not-in-archive"),
    StoreUnreachable: (503, "store-unreachable"),
    StoreError: (502, "store"),
    ModelUnavailable: (503, "model-unavailable"),
}
"""Status and kind of what Eidetic raises; the nearest class of an error's own counts."""


class Problem(BaseModel):
    """RFC 9457: what went wrong, for programs (``type``, ``status``) and people (``detail``)."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    instance: str
    position: int | None = None
    """Of a query that cannot be read: index of the first character that does not fit."""


class Refused(Exception):
    """A request that the server itself turns down.

    Attributes:
        status: HTTP status.
        detail: One or two sentences for people: the fact, the limit, the next step.
    """

    def __init__(
        self, status: int, detail: str, *, kind: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.kind = kind
        self.headers = dict(headers or {})


def overloaded(what: str) -> Refused:
    """Return the refusal of a request for which there is no room now."""
    return Refused(
        503,
        f"the server has too much to do: {what}; ask again in a few seconds",
        kind="overloaded",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )


def problem(
    status: int,
    detail: str,
    *,
    instance: str,
    kind: str = "",
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    """Return a problem document.

    Args:
        kind: Last part of its type; "" where the status says all.
        instance: Path of the request.
    """
    document = {
        "type": f"urn:eidetic:problem:{kind}" if kind else "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": instance,
        **more,
    }
    return Response(to_json(document), status, dict(headers or {}), media_type=MEDIA_TYPE)


def to_json(value: Any) -> bytes:
    """Return a JSON document; a byte of a path that is no UTF-8 becomes JSON's own escape."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


async def answer_refused(request: Request, error: Exception) -> Response:
    """Turn a `Refused` into its document."""
    assert isinstance(error, Refused)
    return problem(
        error.status,
        error.detail,
        instance=request.url.path,
        kind=error.kind,
        headers=error.headers,
    )


async def answer_known(request: Request, error: Exception) -> Response:
    """Turn what Eidetic raises into its document."""
    found = (STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    status, kind = next(found, (500, "unexpected"))
    more: dict[str, Any] = {}
    if isinstance(error, QuerySyntaxError):
        more = {"position": error.position, "query": error.query, "reason": error.reason}
    elif isinstance(error, ImageUnreadable):
        more = {"reason": error.reason.value}
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}
    # A path in a message is one the results show as well; what nobody planned for stays inside.
    detail = str(error) if status != 500 else "something nobody planned for; see the server's log"
    return problem(status, detail, instance=request.url.path, kind=kind, headers=headers, **more)


async def answer_http(request: Request, error: Exception) -> Response:
    """Turn an unknown path, a method that is not there, a body too large into its document."""
    assert isinstance(error, HTTPException)
    return problem(
        error.status_code, str(error.detail), instance=request.url.path, headers=error.headers
    )


async def answer_invalid(request: Request, error: Exception) -> Response:
    """Turn parameters that do not fit the schema into a document that names them."""
    assert isinstance(error, RequestValidationError)
    told = "; ".join(
        f"{'.'.join(str(part) for part in each['loc'][1:]) or each['loc'][0]}: {each['msg']}"
        for each in error.errors()
    )
    return problem(422, told or "the request is invalid", instance=request.url.path, kind="invalid")
