from .catalogue import RECOMMENDED, Model, describe, known_models, resolve
from .check import ModelCheck, check_model
from .early import loading_images
from .encoder import Encoder, TextEncoder
from .exporting import export_model
from .exports import Manifest, find_export, remove_export
from .header import ImageHeader
from .hub import is_on_disk
from .images import DecodedImage, decode_image, default_max_pixels, read_header
from .load import load_encoder, load_model, load_text_encoder, runs_on_cpu
from .resizing import Pixels, Resizing
from .scoring import Scoring
from .towers import Exportable

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
    "check_model",
    "decode_image",
    "default_max_pixels",
    "describe",
    "export_model",
    "find_export",
    "is_on_disk",
    "known_models",
    "load_encoder",
    "load_model",
    "load_text_encoder",
    "loading_images",
    "read_header",
    "remove_export",
    "resolve",
    "runs_on_cpu",
]
