"""What an image processor of transformers does to an image, as a `Resizing` and a scaling."""

from dataclasses import dataclass
from typing import Any

from PIL import Image

from embed.resizing import Resizing
from schema.errors import ModelUnavailable

_SHAPING = (
    "do_resize",
    "size",
    "do_center_crop",
    "crop_size",
    "resample",
    "image_mean",
    "image_std",
)

_WHOLE_FROM = 384
"""Length of a side from which ConvNeXT's processor squashes the image instead of cropping it."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """How an image becomes a model's input.

    Attributes:
        resizing: To the size of the input.
        mean: Of each channel, subtracted from values in [0, 1]; ``std`` is then divided by.
        facts: What shapes the input, by transformers' names, for a fingerprint.
    """

    resizing: Resizing
    mean: tuple[float, ...]
    std: tuple[float, ...]
    facts: dict[str, Any]


def read_preparation(spec: str, images: Any) -> Preparation:
    """Return what an image processor of transformers does, once it is sure that it does no more.

    Args:
        spec: The model, for messages.
        images: The processor, of transformers' PIL backend.

    Raises:
        ModelUnavailable: It does what this version cannot do.
    """
    from transformers.image_processing_backends import PilBackend
    from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil

    facts = images.to_dict()
    by_backend = type(images)._preprocess is PilBackend._preprocess
    by_share = type(images) is ConvNextImageProcessorPil
    is_plain = (by_backend or by_share) and not facts.get("do_pad")
    to_unit = facts.get("do_rescale") and abs(facts["rescale_factor"] * 255 - 1) < 1e-6
    if not (is_plain and to_unit and facts.get("do_normalize")):
        raise ModelUnavailable(
            f"{spec}: its pre-processing ({type(images).__name__}) is not one that this version "
            "can do; choose another model, see `eidetic models`"
        )
    shaping = {name: facts.get(name) for name in _SHAPING}
    if by_share:
        shaping["crop_pct"] = facts["crop_pct"]
    mean, std = tuple(facts["image_mean"]), tuple(facts["image_std"])
    return Preparation(_resizing(spec, shaping), mean, std, shaping)


def _resizing(spec: str, facts: dict[str, Any]) -> Resizing:
    size, crop, share = facts["size"] or {}, facts["crop_size"] or {}, facts.get("crop_pct")
    shortest = size.get("shortest_edge")
    resample = Image.Resampling(facts["resample"])
    if facts["do_resize"] and facts["do_center_crop"] and not share and shortest:
        return Resizing(crop["width"], crop["height"], "crop", shortest, resample, rounds=False)
    if facts["do_resize"] and not facts["do_center_crop"] and share and shortest:
        if shortest >= _WHOLE_FROM:
            return Resizing.squash(shortest, resample)
        scaled = int(shortest / share)
        return Resizing(shortest, shortest, "crop", scaled, resample, rounds=False)
    if facts["do_resize"] and not facts["do_center_crop"] and size.get("height"):
        return Resizing(size["width"], size["height"], "squash", 0, resample, rounds=False)
    raise ModelUnavailable(
        f"{spec}: its pre-processing (size {size}, crop {crop}) is not one that this version can "
        "do; choose another model"
    )
