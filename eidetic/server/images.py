"""Routes that give one image: what is known of it, a small copy, its file; or many in a zip."""

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query
from starlette.responses import Response, StreamingResponse

from eidetic.originals import find_video, read_original
from eidetic.server.decoding import Kind
from eidetic.server.files import SHOWN_BY_BROWSERS, media_type, open_original
from eidetic.server.models import ImageId, ShowAnswer, ZipRequest, answers, sends
from eidetic.server.problems import Refused
from eidetic.server.service import Json, Service
from eidetic.server.streaming import disposition, matches, stream
from eidetic.server.thumbnails import PREVIEW_SIZE, SIZES, VERSION, key_of
from eidetic.server.zipping import zip_originals
from schema import ImageRecord

THUMBNAIL_CACHE = "private, max-age=3600"
"""The same row may get other bytes; a page that is reloaded within the hour need not ask."""

NO_SCRIPT = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""For files of the archive, which nobody vouches for."""

Size = Literal[160, 320, 640]


def image_routes(service: Service) -> APIRouter:
    """Return the routes of one server."""
    router = APIRouter(tags=["images"])
    archive, limits = service.archive, service.limits

    @router.get("/api/images/{image_id}", responses=answers(ShowAnswer))
    async def show(image_id: ImageId) -> Response:
        """Return everything known of an image."""
        await service.record(image_id)
        found = await service.looking_up.run(lambda: archive.show(image_id))
        return Json(found.as_dict())

    @router.get("/api/images/{image_id}/thumbnail", responses=sends("image/webp"))
    async def thumbnail(
        image_id: ImageId,
        size: Annotated[
            int, Query(json_schema_extra={"enum": list(SIZES)}, description="Longer side, pixels.")
        ] = SIZES[1],
        if_none_match: Annotated[str, Header(include_in_schema=False)] = "",
    ) -> Response:
        """Return a small copy of an image: WebP, upright, sRGB."""
        if size not in SIZES:
            raise Refused(
                422, f"size is one of {', '.join(map(str, SIZES))}, not {size}", kind="invalid"
            )
        return await _copy(await service.record(image_id), size, "webp", if_none_match)

    @router.get(
        "/api/images/{image_id}/original",
        responses=sends("image/*", "video/*", "application/octet-stream"),
    )
    async def original(
        image_id: ImageId,
        convert: Annotated[
            Literal["jpeg", "webp", "auto"] | None,
            Query(
                alias="as",
                description="A copy of at most 2,048 pixels a side that browsers show; with auto, "
                "only of a format that they do not.",
            ),
        ] = None,
        download: Annotated[bool, Query(description="To be saved rather than shown.")] = False,
        range_header: Annotated[str, Header(alias="range", include_in_schema=False)] = "",
        if_range: Annotated[str, Header(include_in_schema=False)] = "",
        if_none_match: Annotated[str, Header(include_in_schema=False)] = "",
    ) -> Response:
        """Return an image's or a video's file as it is, whole or a range of it; or a copy for
        browsers, which is the frame of a video.
        """
        record = await service.record(image_id)
        if convert == "auto":
            convert = None if record.format in SHOWN_BY_BROWSERS else "webp"
        if convert is not None:
            return await _copy(record, PREVIEW_SIZE, convert, if_none_match)
        file = await service.looking_up.run(lambda: open_original(record, service.roots()))
        etag = f'"{file.mtime_ns:x}-{file.size_bytes:x}"'
        headers = {
            "Cache-Control": "private, no-cache",
            "Content-Disposition": disposition(record.name, attached=download),
            "Content-Security-Policy": NO_SCRIPT,
        }
        if if_none_match and matches(if_none_match, etag):
            file.stream.close()
            return Response(status_code=304, headers={**headers, "ETag": etag})
        return stream(
            file,
            media_type=media_type(record),
            etag=etag,
            range_header=range_header,
            if_range=if_range,
            headers=headers,
        )

    @router.post("/api/zip", responses=sends("application/zip"))
    async def zip_(wanted: ZipRequest) -> Response:
        """Return the files of some images in one zip, as they are."""
        ids = list(dict.fromkeys(wanted.ids))
        found = await service.looking_up.run(lambda: archive.get(ids))
        if missing := [image_id for image_id in ids if image_id not in found]:
            raise Refused(
                404, f"no image of this archive has the id {missing[0]}", kind="not-in-archive"
            )
        records = [found[image_id] for image_id in ids]
        total = sum(record.size_bytes for record in records)
        if total > limits.zip_bytes:
            raise Refused(
                413,
                f"these files have {total:,} bytes, the limit of a zip is {limits.zip_bytes:,}; "
                "take fewer at a time",
            )
        return StreamingResponse(
            zip_originals(records, service.roots()),
            media_type="application/zip",
            headers={"Content-Disposition": disposition("images.zip", attached=True)},
        )

    async def _copy(record: ImageRecord, size: int, kind: Kind, if_none_match: str) -> Response:
        # All frames of a video have the content of its file.
        content = f"{record.content}@{record.offset_ms}" if record.offset_ms else record.content
        etag = f'"{content}-{size}-{VERSION}"'
        headers = {"ETag": etag, "Cache-Control": THUMBNAIL_CACHE}
        if if_none_match and matches(if_none_match, etag):
            return Response(status_code=304, headers=headers)
        key = key_of(content, size, kind)
        data = await service.looking_up.run(lambda: service.thumbnails.find(key))
        if data is None:
            data = await service.decoding.run(
                lambda: service.thumbnails.get(key, lambda: _make(record, size, kind))
            )
        return Response(data, headers=headers, media_type=f"image/{kind}")

    def _make(record: ImageRecord, size: int, kind: Kind) -> bytes:
        if record.view == "frame":
            video = find_video(record, service.roots())
            return service.decoder.shrink_frame(video, record.format, record.offset_ms, size, kind)
        return service.decoder.shrink(read_original(record, service.roots()), size, kind)

    return router
