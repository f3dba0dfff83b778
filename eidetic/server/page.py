"""Routes that send the web page: files of the package, read once."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated

from fastapi import APIRouter, Header
from starlette.responses import Response

from eidetic.server.problems import Refused
from eidetic.server.streaming import matches

MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "LICENSE": "text/plain; charset=utf-8",
}
"""By the end of the name; other files of the folder are not sent."""


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file of the page, ready to be sent."""

    data: bytes
    media_type: str
    etag: str


def page_routes() -> APIRouter:
    """Return the routes of the page; its files are the same for every archive."""
    router = APIRouter(include_in_schema=False)
    kept = {name: _read(file) for name, file in _walk(files("eidetic") / "page", "")}

    @router.get("/")
    async def page(if_none_match: Annotated[str, Header()] = "") -> Response:
        return _send(kept["index.html"], if_none_match)

    @router.get("/static/{name:path}")
    async def static(name: str, if_none_match: Annotated[str, Header()] = "") -> Response:
        if name not in kept:
            raise Refused(404, f"the page has no file {name!r}")
        return _send(kept[name], if_none_match)

    return router


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    found = []
    for each in folder.iterdir():
        name = f"{prefix}{each.name}"
        if each.is_dir():
            found += _walk(each, f"{name}/")
        elif each.name.rpartition(".")[2] in MEDIA_TYPES:
            found.append((name, each))
    return found


def _read(file: Traversable) -> PageFile:
    data = file.read_bytes()
    etag = f'"{hashlib.blake2b(data, digest_size=16).hexdigest()}"'
    return PageFile(data, MEDIA_TYPES[file.name.rpartition(".")[2]], etag)


def _send(file: PageFile, if_none_match: str) -> Response:
    # Asked for anew each time, so that a newer Eidetic never meets an older page.
    headers = {"ETag": file.etag, "Cache-Control": "no-cache"}
    if if_none_match and matches(if_none_match, file.etag):
        return Response(status_code=304, headers=headers)
    return Response(file.data, headers=headers, media_type=file.media_type)
