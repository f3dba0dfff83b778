"""Images and words to unit vectors of one space."""

from embed.catalogue import RECOMMENDED, Model, catalogue, describe, resolve
from embed.check import ModelCheck, check_model
from embed.encoder import Encoder, TextEncoder
from embed.exporting import export_model
from embed.exports import Manifest, find_export, remove_export
from embed.header import ImageHeader
from embed.hub import is_on_disk
from embed.images import DecodedImage, decode_image, default_max_pixels, read_header
from embed.load import load_encoder, load_model, load_text_encoder, runs_on_cpu
from embed.resizing import Pixels, Resizing
from embed.scoring import Scoring
from embed.towers import Exportable

__all__ = [
    "RECOMMENDED",
    "DecodedImage",
    "Encoder",
    "Exportable",
    "ImageHeader",
    "Manifest",
    "Model",
    "ModelCheck",
    "Pixels",
    "Resizing",
    "Scoring",
    "TextEncoder",
    "catalogue",
    "check_model",
    "decode_image",
    "default_max_pixels",
    "describe",
    "export_model",
    "find_export",
    "is_on_disk",
    "load_encoder",
    "load_model",
    "load_text_encoder",
    "read_header",
    "remove_export",
    "resolve",
    "runs_on_cpu",
]
