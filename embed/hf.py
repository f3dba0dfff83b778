"""Models of transformers, from the hub or from a local folder, and the CLIP family's encoder."""

import json
import threading
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from embed.encoder import Encoder, TextEncoder
from embed.exports import TokenRules
from embed.hf_images import READ_OUT, HfImageEncoder
from embed.hf_loading import loading
from embed.hf_pixels import Preparation, read_preparation
from embed.hub import fetch
from embed.resizing import Pixels
from embed.scoring import Scoring
from embed.sentences import SENTENCE_FAMILIES, is_sentence_model, load_sentences
from embed.tensors import IMAGES_PER_RUN, PROBE, TEXTS_PER_RUN, Device, in_batches
from embed.towers import Towers, Words, fast_tokenizer, image_tower, text_tower
from schema.errors import ModelUnavailable
from schema.records import Vectors

WEIGHTS = ("model*.safetensors", "pytorch_model*.bin")

DUAL = ("get_image_features", "get_text_features", "logit_scale")
"""What a dual encoder of transformers has."""


def load_hf(spec: str, source: str, device: Device) -> Encoder | TextEncoder:
    """Load a model of transformers: for images and texts, for images, or for texts.

    Args:
        spec: What loads it again.
        source: Id of a repository on the hub, or a local folder.
        device: Where it runs.

    Raises:
        ModelUnavailable: It cannot be loaded, or is neither a dual encoder of images and texts
            nor one of the encoders of images that `embed.hf_images` reads out, nor one of the
            sentence encoders of `embed.sentences`.
    """
    folder = source if Path(source).is_dir() else str(fetch(source, WEIGHTS))
    if is_sentence_model(source, Path(folder)):
        return load_sentences(spec, source, Path(folder), device)
    model, images, tokenizer = _load(source, folder)
    preparation = read_preparation(spec, images)
    if tokenizer is None:
        return HfImageEncoder(spec, model, preparation, device)
    return HfEncoder(spec, model, preparation, tokenizer, device)


class HfEncoder:
    """A dual encoder of transformers with its own published pre-processing.

    Its output equals ``get_image_features`` and ``get_text_features`` of the same model on the
    output of its own processor, scaled to unit norm; images are resized by Pillow, as by
    transformers' own PIL backend.
    """

    def __init__(
        self, spec: str, model: Any, preparation: Preparation, tokenizer: Any, device: Device
    ) -> None:
        """Take a loaded model.

        Args:
            spec: What loads it again.
            model: The model of transformers.
            preparation: What its image processor does.
            tokenizer: Its own.
            device: Where it runs.
        """
        self.spec = spec
        self._device = device
        self._model: Any = device.place(model)
        self._preparation = preparation
        self._tokenizer = tokenizer
        # A tokenizer of the tokenizers library cannot be used by two threads at once.
        self._tokenizing = threading.Lock()
        self.resizing = preparation.resizing
        self._padding, self._max_length = _text_shape(model, tokenizer)
        self.image_size = max(self.resizing.width, self.resizing.height)
        tokens = self._tokenize([PROBE])["input_ids"].tolist()
        self.fingerprint = _fingerprint(preparation.facts, tokens)
        self.scoring = _scoring(model)
        self.dim: int = self._encode_texts([PROBE]).shape[1]
        device.choose_precision(self.encode_images, self.resizing)

    def encode_images(self, batch: Sequence[Pixels]) -> Vectors:
        """Shape (n, dim), float32, unit norm."""
        return in_batches(self._encode_images, batch, IMAGES_PER_RUN, self.dim)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Shape (n, dim), float32, unit norm; texts longer than the model's context are cut."""
        return in_batches(self._encode_texts, texts, TEXTS_PER_RUN, self.dim)

    def towers(self) -> Towers:
        """Return what is exported of it.

        Raises:
            ModelUnavailable: Its tokenizer cannot be exported.
        """
        preparation, fixed = self._preparation, self._padding == "max_length"
        masked = "attention_mask" in self._tokenize([PROBE])
        images = image_tower(self._model, _image_features, preparation.mean, preparation.std)
        texts = text_tower(self._model, _text_features, masked=masked)
        tokenizer = fast_tokenizer(self.spec, self._tokenizer, self._max_length, fixed=fixed)
        return Towers(images, Words(texts, tokenizer, TokenRules(masked=masked)))

    def _encode_images(self, batch: Sequence[Pixels]) -> Vectors:
        mean, std = self._preparation.mean, self._preparation.std
        return self._device.run_images(
            lambda: (
                self._model.get_image_features(
                    pixel_values=self._device.normalise(batch, mean, std)
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


def _image_features(model: Any, pixels: Any) -> Any:
    return model.get_image_features(pixel_values=pixels).pooler_output


def _text_features(model: Any, ids: Any, mask: Any = None) -> Any:
    return model.get_text_features(input_ids=ids, attention_mask=mask).pooler_output


def _load(source: str, folder: str) -> tuple[Any, Any, Any | None]:
    """Return model, image processor and, of a dual encoder, tokenizer."""
    from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

    with loading(source):
        model = AutoModel.from_pretrained(folder, local_files_only=True)
        # What scales the cosine of an image and a text shows that they share one space.
        is_dual = all(hasattr(model, name) for name in DUAL)
        if not is_dual and model.config.model_type not in READ_OUT:
            raise ModelUnavailable(
                f"{source} is a {type(model).__name__}, which encodes neither images and texts "
                f"into one space, nor images as one of {', '.join(READ_OUT)}, nor sentences as one "
                f"of {', '.join(SENTENCE_FAMILIES)}; choose a model of the CLIP family or one of "
                "those, see `eidetic models`"
            )
        images = AutoImageProcessor.from_pretrained(folder, backend="pil", local_files_only=True)
        if not is_dual:
            return model, images, None
        return model, images, AutoTokenizer.from_pretrained(folder, local_files_only=True)


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


def _scoring(model: Any) -> Scoring:
    """Return what the model's own ``logits_per_image`` does, and the pipeline after it."""
    scale = float(model.logit_scale.exp().item())
    if "siglip" in model.config.model_type:
        return Scoring(scale, float(model.logit_bias.item()), "sigmoid")
    return Scoring(scale)


def _fingerprint(facts: dict[str, Any], tokens: list[list[int]]) -> str:
    shaping = json.dumps({**facts, "tokens": tokens}, sort_keys=True, default=str)
    return f"hf-{blake2b(shaping.encode(), digest_size=8).hexdigest()}"
