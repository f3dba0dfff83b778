"""Small copies of images, for pages and terminals."""

from io import BytesIO

from PIL import Image

from embed import decode_image, default_max_pixels

WEBP_QUALITY = 80


def thumbnail(data: bytes, side: int) -> Image.Image:
    """Return an image as ingestion sees it (RGB, sRGB, upright), made to fit into a square.

    Args:
        data: Bytes of an image file.
        side: Pixels of the square; a smaller image stays as it is.

    Raises:
        ImageUnreadable: The bytes are no image that can be read, and why.
    """
    # Decoding keeps at least twice the target on the shorter side.
    decoded = decode_image(data, target_size=side // 2, max_pixels=default_max_pixels())
    image = decoded.image.copy()
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return image


def as_webp(image: Image.Image) -> bytes:
    """Return the bytes of a WebP file, which every browser shows."""
    stream = BytesIO()
    image.save(stream, "WEBP", quality=WEBP_QUALITY)
    return stream.getvalue()


def as_png(image: Image.Image) -> bytes:
    """Return the bytes of a PNG file, which terminals take."""
    stream = BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()
