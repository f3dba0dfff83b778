"""Which files are videos, by their first bytes, and which of FFmpeg's readers each is given to.

FFmpeg left to itself guesses, and among its guesses are lists of other files and of addresses
(HLS, DASH, concat): a hostile file could have it read what the user never named. So the reader is
always named, and only those of files that hold all of their video are among them.
"""

from importlib.util import find_spec

from embed.refusals import missing_plugin
from schema.errors import ImageUnreadable

READERS = {
    "mp4": "mov",
    "mov": "mov",
    "webm": "matroska",
    "mkv": "matroska",
    "avi": "avi",
    "mpegts": "mpegts",
    "mpeg": "mpeg",
    "m2v": "mpegvideo",
    "flv": "flv",
    "asf": "asf",
    "ogg": "ogg",
    "mxf": "mxf",
}
"""FFmpeg's name of a format's demuxer, by ours, which rows have."""

SIGHT_BYTES = 400
"""What `video_format` looks at: MPEG transport streams are known by three marks 188 or 192 bytes
apart, all others by their first 64 bytes."""

_STARTS = {
    b"\0\0\x01\xba": "mpeg",
    b"\0\0\x01\xb3": "m2v",
    b"FLV\x01": "flv",
    bytes.fromhex("3026b2758e66cf11"): "asf",
    b"OggS": "ogg",
    bytes.fromhex("060e2b3402050101"): "mxf",
}
_MOV_BOXES = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_IMAGE_BRANDS = (
    *(b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"),
    *(b"avif", b"avis", b"crx ", b"jpeg", b"jpgs", b"jp2 ", b"jpx ", b"jxl "),
)
_EBML = b"\x1a\x45\xdf\xa3"
_TS_SYNC = b"G"


def video_format(head: bytes) -> str:
    """Return our name of a video's format, "" for what is none; names of files are never asked.

    Args:
        head: The file's first `SIGHT_BYTES` bytes, or all of it.
    """
    if head[4:8] == b"ftyp":
        if head[8:12] in _IMAGE_BRANDS:
            return ""
        return "mov" if head[8:12] == b"qt  " else "mp4"
    if head[4:8] in _MOV_BOXES:
        return "mov"
    if head.startswith(_EBML):
        return "webm" if b"webm" in head[:64] else "mkv"
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "avi"
    for period, start in ((188, 0), (192, 4)):
        if len(head) > start + 2 * period and all(
            head[at : at + 1] == _TS_SYNC for at in range(start, start + 2 * period + 1, period)
        ):
            return "mpegts"
    return next((name for start, name in _STARTS.items() if head.startswith(start)), "")


def missing_reader() -> ImageUnreadable | None:
    """Return the refusal of every video where PyAV is not installed, else None."""
    if find_spec("av") is not None:
        return None
    return missing_plugin("video", "PyAV", ImportError("No module named 'av'"), "eidetic[video]")
