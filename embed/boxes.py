"""The boxes that HEIF, AVIF, JPEG XL and CR3 files are made of (ISO/IEC 14496-12, section 4.2)."""

from collections.abc import Iterator


def boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield each box's type and where its content starts and ends.

    The end is beyond the data where the box is cut short. A box of no stated size goes on to the
    end of the data; one whose size makes no sense is the last.
    """
    at = 0
    while at + 8 <= len(data):
        size, start = int.from_bytes(data[at : at + 4]), at + 8
        if size == 1:
            size, start = int.from_bytes(data[at + 8 : at + 16]), at + 16
        end = at + size if size else len(data)
        if end < start:
            return
        yield data[at + 4 : at + 8], start, end
        at = end


def end_early(data: bytes) -> bool:
    """Whether the last box is cut short."""
    at = 0
    for _, _, end in boxes(data):
        at = end
    # A few bytes behind the last box are the start of another.
    return at > len(data) or 0 < len(data) - at < 8
