"""The application: routes, errors and middleware put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from eidetic.archive import Archive
from eidetic.server.finding import finding_routes
from eidetic.server.gate import Gate
from eidetic.server.images import image_routes
from eidetic.server.login import login_routes
from eidetic.server.manual import describe
from eidetic.server.problems import (
    Refused,
    answer_http,
    answer_invalid,
    answer_known,
    answer_refused,
)
from eidetic.server.recording import Recorder
from eidetic.server.service import Service
from eidetic.server.settings import ServerSettings
from eidetic.server.state import state_routes
from schema import EideticError

DESCRIPTION = (
    "Find images by words and by image. Errors are problem documents (RFC 9457). Where the server "
    "has a token, send it as Authorization: Bearer TOKEN."
)


def create_app(archive: Archive, settings: ServerSettings) -> FastAPI:
    """Return the application that serves an archive.

    Args:
        archive: Open; it stays the caller's to close, after the application has ended.
    """
    service = Service(archive, settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(
        title="Eidetic",
        version=version("eidetic"),
        description=DESCRIPTION,
        lifespan=lifespan,
        # The page that FastAPI brings along loads scripts from another host.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    for routes in (finding_routes, image_routes, state_routes, login_routes):
        app.include_router(routes(service))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(describe(app.openapi()))

    @app.get("/", include_in_schema=False)
    async def home() -> Response:
        return RedirectResponse("/docs", 307)

    app.add_exception_handler(Refused, answer_refused)
    app.add_exception_handler(EideticError, answer_known)
    app.add_exception_handler(HTTPException, answer_http)
    app.add_exception_handler(RequestValidationError, answer_invalid)
    # The last one added is the first to see a request.
    app.add_middleware(Gate, sessions=service.sessions)
    app.add_middleware(Recorder, metrics=service.metrics, limits=settings.limits)
    return app
