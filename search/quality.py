"""Which of several versions of one image is the one to keep."""

from collections.abc import Mapping

from schema.records import ImageRecord

Quality = tuple[int, bool, float, int, str, str]

OWN_DATES = frozenset({"exif", "xmp", "iptc", "video"})

WORTH_OF_A_BYTE: Mapping[str, float] = {
    "heic": 2.0, "heif": 2.0, "avif": 2.0, "jxl": 2.0, "webp": 1.5, "jpeg": 1.0, "gif": 0.1,
}  # fmt: skip
"""How much of an image a byte holds, against JPEG: the newer codecs need about half the bytes for
the same quality. GIF has 256 colours at most."""


def quality(record: ImageRecord) -> Quality:
    """Return a key that sorts versions of one image, the best first.

    In this order: more pixels; a capture date in its own metadata, which edited and forwarded
    copies have lost; more bytes a pixel, weighed by the format; the older file; the path.
    """
    pixels = record.width * record.height
    worth = record.size_bytes * WORTH_OF_A_BYTE.get(record.format, 1.0)
    return (
        -pixels,
        record.taken_from not in OWN_DATES,
        -worth / max(pixels, 1),
        record.mtime_ns,
        record.path,
        record.root,
    )
