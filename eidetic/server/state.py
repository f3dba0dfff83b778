"""Routes that tell how archive and server are."""

from dataclasses import asdict

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import PlainTextResponse, Response

from eidetic.server.models import ProgressAnswer, StatusAnswer, answers
from eidetic.server.service import Json, Service


def state_routes(service: Service) -> APIRouter:
    """Return the routes of one server."""
    router = APIRouter(tags=["state"])

    @router.get("/api/status", responses=answers(StatusAnswer))
    async def status() -> Response:
        """Return what the archive holds, with which model, and where."""
        found = await service.looking_up.run(service.archive.status)
        return Json(found.as_dict())

    @router.get("/api/progress", responses=answers(ProgressAnswer))
    async def progress() -> Response:
        """Return what is writing into the archive, this server's process or another, and how far
        it is.
        """
        writer = await service.looking_up.run(service.archive.writer)
        return Json({"writer": None if writer is None else asdict(writer)})

    @router.get("/healthz", response_class=PlainTextResponse)
    async def health() -> str:
        """Say that the server answers; nothing is asked of the store."""
        return "ok\n"

    @router.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Return counters in the text format of Prometheus."""
        service.metrics.rows.set(await service.looking_up.run(service.archive.count))
        return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return router
