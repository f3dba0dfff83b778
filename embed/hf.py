"""Encoders of transformers: the CLIP family, from the hub or from a local folder."""

import json
import threading
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from PIL import Image

from embed.hub import fetch, quiet
from embed.resizing import Pixels, Resizing
from embed.tensors import IMAGES_PER_RUN, PROBE, TEXTS_PER_RUN, Device, in_batches
from schema.errors import ModelUnavailable
from schema.records import Vectors

_SHAPING = (
    "do_resize",
    "size",
    "do_center_crop",
    "crop_size",
    "resample",
    "image_mean",
    "image_std",
)


WEIGHTS = ("model*.safetensors", "pytorch_model*.bin")


class HfEncoder:
    """A dual encoder of transformers with its own published pre-processing.

    Its output equals ``get_image_features`` and ``get_text_features`` of the same model on the
    output of its own processor, scaled to unit norm; images are resized by Pillow, as by
    transformers' own PIL backend.
    """

    def __init__(self, spec: str, source: str, device: Device) -> None:
        """Load a model.

        Args:
            spec: What loads it again.
            source: Id of a repository on the hub, or a local folder.
            device: Where it runs.

        Raises:
            ModelUnavailable: It cannot be loaded, or is no dual encoder of images and texts.
        """
        self.spec = spec
        self._device = device
        self._model, images, self._tokenizer = _load(source)
        # A tokenizer of the tokenizers library cannot be used by two threads at once.
        self._tokenizing = threading.Lock()
        device.place(self._model)
        facts = _facts(spec, images)
        self._mean, self._std = tuple(facts["image_mean"]), tuple(facts["image_std"])
        self.resizing = _resizing(spec, facts)
        self._padding, self._max_length = _text_shape(self._model, self._tokenizer)
        self.image_size = max(self.resizing.width, self.resizing.height)
        self.fingerprint = _fingerprint(facts, self._tokenize([PROBE])["input_ids"].tolist())
        self.dim: int = self._encode_texts([PROBE]).shape[1]

    def encode_images(self, batch: Sequence[Pixels]) -> Vectors:
        """Shape (n, dim), float32, unit norm."""
        return in_batches(self._encode_images, batch, IMAGES_PER_RUN, self.dim)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Shape (n, dim), float32, unit norm; texts longer than the model's context are cut."""
        return in_batches(self._encode_texts, texts, TEXTS_PER_RUN, self.dim)

    def _encode_images(self, batch: Sequence[Pixels]) -> Vectors:
        return self._device.run(
            lambda: (
                self._model.get_image_features(
                    pixel_values=self._device.normalise(batch, self._mean, self._std)
                ).pooler_output
            )
        )

    def _encode_texts(self, texts: Sequence[str]) -> Vectors:
        tokens = self._tokenize(texts)
        inputs = {name: self._device.put(value) for name, value in tokens.items()}
        return self._device.run(lambda: self._model.get_text_features(**inputs).pooler_output)

    def _tokenize(self, texts: Sequence[str]) -> Any:
        with self._tokenizing:
            return self._tokenizer(
                list(texts),
                padding=self._padding,
                truncation=True,
                max_length=self._max_length,
                return_tensors="pt",
            )


def _load(source: str) -> tuple[Any, Any, Any]:
    from transformers import AutoImageProcessor, AutoModel, AutoTokenizer
    from transformers.utils import logging

    folder = source if Path(source).is_dir() else str(fetch(source, WEIGHTS))
    verbosity, had_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    # The boundary to transformers: whatever goes wrong in it means the same to us.
    try:
        with quiet():
            model = AutoModel.from_pretrained(folder, local_files_only=True)
            if not hasattr(model, "get_text_features") or not hasattr(model, "get_image_features"):
                raise ModelUnavailable(
                    f"{source} is a {type(model).__name__}, which does not encode both images and "
                    "texts; choose a model of the CLIP family, see `eidetic models`"
                )
            images = AutoImageProcessor.from_pretrained(
                folder, backend="pil", local_files_only=True
            )
            return model, images, AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except ModelUnavailable:
        raise
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelUnavailable(
            f"transformers cannot load {source}: {reason} Give a folder with all of its files "
            "(config.json, weights, tokenizer, preprocessor_config.json), or the built-in model "
            "(--model builtin)"
        ) from error
    finally:
        logging.set_verbosity(verbosity)
        if had_bars:
            logging.enable_progress_bar()


def _facts(spec: str, images: Any) -> dict[str, Any]:
    """Return what shapes an image, once it is sure that nothing else does."""
    from transformers.image_processing_backends import PilBackend

    facts = images.to_dict()
    is_plain = type(images)._preprocess is PilBackend._preprocess and not facts.get("do_pad")
    to_unit = facts.get("do_rescale") and abs(facts["rescale_factor"] * 255 - 1) < 1e-6
    if not (is_plain and to_unit and facts.get("do_normalize")):
        raise ModelUnavailable(
            f"{spec}: its pre-processing ({type(images).__name__}) is not one that this version "
            "can do; choose another model, see `eidetic models`"
        )
    return {name: facts.get(name) for name in _SHAPING}


def _resizing(spec: str, facts: dict[str, Any]) -> Resizing:
    size, crop = facts["size"] or {}, facts["crop_size"] or {}
    resample = Image.Resampling(facts["resample"])
    if facts["do_resize"] and facts["do_center_crop"] and size.get("shortest_edge"):
        shortest = size["shortest_edge"]
        return Resizing(crop["width"], crop["height"], "crop", shortest, resample, rounds=False)
    if facts["do_resize"] and not facts["do_center_crop"] and size.get("height"):
        return Resizing(size["width"], size["height"], "squash", 0, resample, rounds=False)
    raise ModelUnavailable(
        f"{spec}: its pre-processing (size {size}, crop {crop}) is not one that this version can "
        "do; choose another model"
    )


def _text_shape(model: Any, tokenizer: Any) -> tuple[str | bool, int]:
    """Return how texts are padded, and to how many tokens they are cut.

    SigLIP's text tower was trained on texts padded to its full context, without a mask. In
    RoBERTa's, which AltCLIP has, positions start after the padding token's.
    """
    config = model.config.text_config
    positions = int(config.max_position_embeddings)
    if model.config.model_type == "altclip":
        positions -= int(config.pad_token_id) + 1
    length = min(int(tokenizer.model_max_length), positions)
    return ("max_length" if "siglip" in model.config.model_type else True), length


def _fingerprint(facts: dict[str, Any], tokens: list[list[int]]) -> str:
    shaping = json.dumps({**facts, "tokens": tokens}, sort_keys=True, default=str)
    return f"hf-{blake2b(shaping.encode(), digest_size=8).hexdigest()}"
