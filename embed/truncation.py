"""Whether an image file ends before its own structure says it does.

Pillow reports many truncated files as merely broken, but to a person they are two things: a
truncated file can be copied again, a corrupt one cannot be saved.
"""

import io

from PIL import TiffImagePlugin

from embed.boxes import end_early


def ends_early(data: bytes) -> bool:
    """Return whether the bytes stop short of the end that their format declares.

    Says False of a format whose end cannot be told.
    """
    if data.startswith(b"\xff\xd8"):
        return b"\xff\xd9" not in data[-64 * 1024 :]
    if data.startswith(b"\x89PNG"):
        return _png_ends_early(data)
    if data.startswith(b"RIFF"):
        return len(data) < 8 or int.from_bytes(data[4:8], "little") + 8 > len(data)
    if data.startswith(b"GIF8"):
        return not data.rstrip(b"\0").endswith(b";")
    if data.startswith((b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  ")):
        return b"\xff\xd9" not in data[-64:]
    if data[4:8] in (b"ftyp", b"JXL "):
        return end_early(data)
    if data.startswith((b"II*\0", b"MM\0*")):
        return _tiff_ends_early(data)
    return False


def _png_ends_early(data: bytes) -> bool:
    at = len(b"\x89PNG\r\n\x1a\n")
    while at + 8 <= len(data):
        kind = data[at + 4 : at + 8]
        if kind == b"IEND" or not kind.isalpha():
            return False
        at += 12 + int.from_bytes(data[at : at + 4])
    return True


def _tiff_ends_early(data: bytes) -> bool:
    """Look whether the directory, or the strips or tiles it names, lie beyond the end."""
    at = int.from_bytes(data[4:8], "little" if data.startswith(b"I") else "big")
    if len(data) < 8 or at + 2 > len(data):
        return True
    stream = io.BytesIO(data)
    stream.seek(at)
    # A boundary to Pillow, as in `embed.images`: hostile bytes can raise anything in it.
    try:
        directory = TiffImagePlugin.ImageFileDirectory_v2(data[:8])
        directory.load(stream)
        for starts, counts in ((273, 279), (324, 325)):
            for start, count in zip(
                directory.get(starts, ()), directory.get(counts, ()), strict=False
            ):
                if start + count > len(data):
                    return True
    except Exception:  # noqa: BLE001
        return False
    return False
