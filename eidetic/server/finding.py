"""Routes that find images."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, UploadFile
from starlette.responses import Response

from eidetic.results import Hits
from eidetic.server.models import (
    FacetsAnswer,
    ImageId,
    SearchAnswer,
    SearchForm,
    SearchOptions,
    SearchQuery,
    SuggestionsAnswer,
    answers,
)
from eidetic.server.problems import Refused
from eidetic.server.recording import SEARCH_PATH
from eidetic.server.service import Json, Service
from schema import UsageError
from schema.index import MAX_LIMIT
from search import PreparedImage, suggest
from search.grammar import MAX_QUERY_CHARS

MAX_NAME_CHARS = 100

FORM_FIELD_BYTES = 64 << 10
"""Of one form field that is no file: above the longest query, whatever its alphabet."""


def finding_routes(service: Service) -> APIRouter:
    """Return the routes of one server."""
    router = APIRouter(tags=["find"])
    archive, limits = service.archive, service.limits

    @router.get(SEARCH_PATH, responses=answers(SearchAnswer))
    async def search(given: Annotated[SearchQuery, Query()]) -> Response:
        """Find images by words; filters alone list images, the newest first."""
        return await _search(given)

    @router.post(
        SEARCH_PATH,
        responses=answers(SearchAnswer),
        form_limits={
            "max_files": limits.images,
            "max_fields": limits.images + len(SearchForm.model_fields),
            "max_part_size": FORM_FIELD_BYTES,
        },
    )
    async def search_by_images(
        given: Annotated[SearchForm, Form(media_type="multipart/form-data")],
    ) -> Response:
        """Find images by images, by words, or by both."""
        if len(given.image) + len(given.url) > limits.images:
            raise Refused(
                422, f"a search takes at most {limits.images} images; leave some out", kind="usage"
            )
        images = [await _uploaded(file, n) for n, file in enumerate(given.image, start=1)]
        images += [await _fetched(url, n) for n, url in enumerate(given.url, len(images) + 1)]
        return await _search(given, images)

    @router.get("/api/images/{image_id}/similar", responses=answers(SearchAnswer))
    async def similar(image_id: ImageId, given: Annotated[SearchOptions, Query()]) -> Response:
        """Find the images most like one of the archive; it comes first itself."""
        _check_page(given)
        await service.record(image_id)
        return _hits(
            await service.searching.run(lambda: archive.similar(image_id, **given.as_options()))
        )

    @router.get("/api/facets", responses=answers(FacetsAnswer))
    async def facets(
        q: Annotated[str, Query(description="A query, of which the filters alone count.")] = "",
        where: Annotated[str, Query(max_length=1000)] = "",
    ) -> Response:
        """Count the images that fulfil a query's filters by year, month, camera, tag and so on."""
        found = await service.counting.run(lambda: service.facets(q, where))
        return Json(found.as_dict())

    @router.get("/api/suggest", responses=answers(SuggestionsAnswer))
    async def suggestions(
        q: Annotated[str, Query(max_length=MAX_QUERY_CHARS)] = "",
        cursor: Annotated[
            int | None, Query(ge=0, description="Index in the query; its end by default.")
        ] = None,
    ) -> Response:
        """Say how a query that is being typed may go on: filters, then values of the archive."""
        found = await service.counting.run(lambda: service.facets("", ""))
        counts = dict(found.counts)
        return Json(suggest(q, len(q) if cursor is None else cursor, counts).as_dict())

    async def _search(given: SearchQuery, images: list[PreparedImage] | None = None) -> Response:
        _check_page(given)
        return _hits(
            await service.searching.run(
                lambda: archive.search(
                    given.q, images=images or (), local_files=False, **given.as_options()
                )
            )
        )

    async def _uploaded(file: UploadFile, number: int) -> PreparedImage:
        data = await file.read()
        name = (file.filename or "").replace("\\", "/").rpartition("/")[2][:MAX_NAME_CHARS]
        shown = "".join(c for c in name if c.isprintable()).strip() or f"image {number}"
        return await service.decoding.run(
            lambda: service.decoder.prepare(data, shown, archive.encoder())
        )

    async def _fetched(url: str, number: int) -> PreparedImage:
        if not service.settings.allow_url:
            raise Refused(
                403,
                "this server fetches no images from the web; send the image itself, or start the "
                "server with --allow-url",
                kind="urls-not-allowed",
            )
        data = await service.fetching.run(lambda: service.fetcher.fetch(url))
        return await service.decoding.run(
            lambda: service.decoder.prepare(data, f"image {number}", archive.encoder())
        )

    def _hits(hits: Hits) -> Response:
        for hit in hits:
            service.keep(hit.record)
        return Json(hits.as_dict())

    return router


def _check_page(given: SearchOptions) -> None:
    if given.k + given.offset > MAX_LIMIT:
        raise UsageError(
            f"k={given.k} with offset {given.offset}: both together are at most {MAX_LIMIT:,}; "
            "narrow the search with a filter instead"
        )
