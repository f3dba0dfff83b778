"""Images and words to unit vectors of one space."""

from embed.catalogue import RECOMMENDED, Model, catalogue, describe, resolve
from embed.encoder import Encoder
from embed.header import ImageHeader
from embed.images import DecodedImage, decode_image, default_max_pixels, read_header
from embed.load import load_encoder
from embed.resizing import Pixels, Resizing

__all__ = [
    "RECOMMENDED",
    "DecodedImage",
    "Encoder",
    "ImageHeader",
    "Model",
    "Pixels",
    "Resizing",
    "catalogue",
    "decode_image",
    "default_max_pixels",
    "describe",
    "load_encoder",
    "read_header",
    "resolve",
]
