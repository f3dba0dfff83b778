"""Images and words to unit vectors of one space."""

from embed.catalogue import RECOMMENDED, Model, catalogue, describe, resolve
from embed.encoder import Encoder, Pixels
from embed.images import DecodedImage, decode_image, default_max_pixels
from embed.load import load_encoder

__all__ = [
    "RECOMMENDED",
    "DecodedImage",
    "Encoder",
    "Model",
    "Pixels",
    "catalogue",
    "decode_image",
    "default_max_pixels",
    "describe",
    "load_encoder",
    "resolve",
]
