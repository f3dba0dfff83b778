"""From any of Pillow's modes to sRGB."""

import io

import numpy as np
from PIL import Image, ImageCms


def to_srgb(image: Image.Image) -> Image.Image:
    """Convert to mode RGB in sRGB, over white where the image is transparent.

    16-bit values are scaled by their range, wider integers and floats by the values they have.
    An embedded ICC profile is applied; one that cannot be used is passed over.
    """
    profile = image.info.get("icc_profile")
    if image.mode.startswith(("I", "F")):
        return _to_8_bit(image).convert("RGB")
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        colours = _apply_profile(layers.convert("RGB"), profile)
        white = Image.new("RGB", image.size, "white")
        return Image.composite(colours, white, layers.getchannel("A"))
    if image.mode in ("RGB", "L", "CMYK"):
        return _apply_profile(image, profile).convert("RGB")
    return _apply_profile(image.convert("RGB"), profile)


def _to_8_bit(image: Image.Image) -> Image.Image:
    values = np.asarray(image, dtype=np.float32)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = _range(image.mode, float(values.min()), float(values.max()))
    values -= low
    values *= 255.0 / (high - low or 1.0)
    np.rint(values, out=values)
    np.clip(values, 0, 255, out=values)
    return Image.fromarray(values.astype(np.uint8))


def _range(mode: str, low: float, high: float) -> tuple[float, float]:
    """Return what is black and what is white, for values from ``low`` to ``high``."""
    if mode.startswith("I;16"):
        return 0.0, 65535.0
    if low < 0:
        return low, high
    if mode == "I":
        # Pillow also opens 16-bit greyscale as 32-bit integers.
        return 0.0, next((white for white in (255.0, 65535.0) if high <= white), high)
    return 0.0, max(1.0, high)


def _apply_profile(image: Image.Image, profile: bytes | None) -> Image.Image:
    if not profile:
        return image
    try:
        transform = _transform(profile, image.mode)
        return image if transform is None else transform.apply(image)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image


def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if mode == "RGB" and "sRGB" in ImageCms.getProfileDescription(source):
        return None
    # Made per image: a transform shared by threads is not safe in lcms.
    return ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
