"""Why bytes are no image that can be read, said so that a person knows what to do."""

from PIL import Image

from embed.truncation import ends_early
from schema.errors import ImageUnreadable, SkipReason

_CUT_SHORT = (
    "truncated",
    "not enough",
    "premature",
    "end of file",
    "insufficient input",
    "input/output error",
)
"""What libraries say where bytes are missing; all of them read from memory, so that an input error
is never the disk's."""

_NOT_SUPPORTED = ("unsupported feature", "unsupported filetype")
"""What libheif says of a file that is sound and of a kind it does not read."""


def not_an_image() -> ImageUnreadable:
    """Return the refusal of bytes that are of no format that is read."""
    return ImageUnreadable(
        SkipReason.NOT_AN_IMAGE, "its bytes are of no image format that is read, whatever its name"
    )


def missing_plugin(
    name: str, package: str, error: ImportError, install: str = ""
) -> ImageUnreadable:
    """Return the refusal of a format whose library cannot be imported.

    Args:
        name: Of the format.
        package: That reads it.
        install: What to give to ``pip install``; by default the package.
    """
    return ImageUnreadable(
        SkipReason.MISSING_PLUGIN,
        f"{name} is read with {package}, which cannot be imported ({error}); "
        f"run: pip install '{install or package}'",
    )


def too_large(width: int, height: int, max_pixels: int) -> ImageUnreadable:
    """Return the refusal of an image that would take more memory than one may."""
    return ImageUnreadable(
        SkipReason.TOO_LARGE,
        f"{width:,} x {height:,} pixels, the limit on this machine is {max_pixels:,} in all; "
        "save a smaller copy",
    )


def unreadable(error: Exception, data: bytes) -> ImageUnreadable:
    """Return what an error of a decoding library means for the file."""
    if isinstance(error, MemoryError):
        return ImageUnreadable(
            SkipReason.TOO_LARGE, "there was not enough memory to decode it; use fewer --workers"
        )
    words = (str(error).strip() or type(error).__name__).splitlines()[0]
    if isinstance(error, Image.DecompressionBombError):
        return ImageUnreadable(SkipReason.TOO_LARGE, f"{words} Save a smaller copy.")
    return broken(data, words, known_truncated=isinstance(error, EOFError))


def broken(data: bytes, words: str, *, known_truncated: bool = False) -> ImageUnreadable:
    """Tell the file that ends too early from the one that is broken inside, or not supported."""
    lower = words.lower()
    if any(clue in lower for clue in _NOT_SUPPORTED):
        return ImageUnreadable(SkipReason.UNSUPPORTED, f"{words}; save it as JPEG")
    if known_truncated or any(clue in lower for clue in _CUT_SHORT) or ends_early(data):
        return ImageUnreadable(
            SkipReason.TRUNCATED, f"the file ends too early ({words}); copy it again"
        )
    return ImageUnreadable(SkipReason.CORRUPT, f"it cannot be decoded ({words}); copy it again")
