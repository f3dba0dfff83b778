"""Encoders of open_clip: its architectures with its published weights, or weights from a file."""

import difflib
import json
import logging
import threading
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from embed.exports import TokenRules
from embed.hub import TOKENIZER, fetch, quiet
from embed.resizing import Pixels, Resizing
from embed.scoring import Scoring
from embed.tensors import IMAGES_PER_RUN, PROBE, TEXTS_PER_RUN, Device, in_batches
from embed.towers import Towers, Words, byte_pairs, fast_tokenizer, image_tower, text_tower
from schema.errors import ModelUnavailable
from schema.records import Vectors

if TYPE_CHECKING:
    from tokenizers import Tokenizer

HF_HUB, LOCAL_DIR = "hf-hub:", "local-dir:"
"""open_clip's prefixes of what is no name of an architecture."""

WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
"""What a repository of open_clip calls its checkpoint."""

PREPROCESSING = ("mean", "std", "interpolation", "resize_mode")

log = logging.getLogger(__name__)


class OpenClipEncoder:
    """A dual encoder of open_clip with its own published pre-processing.

    Its output equals ``encode_image`` and ``encode_text`` of the same model on the output of its
    own transform, scaled to unit norm.
    """

    def __init__(self, spec: str, arch: str, pretrained: str | None, device: Device) -> None:
        """Load a model.

        Args:
            spec: What loads it again.
            arch: open_clip's name of the architecture, or "local-dir:FOLDER" or "hf-hub:REPO".
            pretrained: Name of published weights, or a checkpoint file; None where ``arch`` says.
            device: Where it runs.

        Raises:
            ModelUnavailable: open_clip does not know it, or its weights cannot be had.
        """
        self.spec = spec
        self._device = device
        self._model, self._tokenizer = _load(arch, pretrained)
        # A tokenizer of the tokenizers library cannot be used by two threads at once.
        self._tokenizing = threading.Lock()
        device.place(self._model)
        facts: dict[str, Any] = self._model.visual.preprocess_cfg
        self._mean, self._std = tuple(facts["mean"]), tuple(facts["std"])
        self.resizing = _resizing(spec, facts)
        self.image_size = max(self.resizing.width, self.resizing.height)
        self.fingerprint = _fingerprint(facts, self._tokenizer)
        self.scoring = _scoring(self._model)
        self.dim: int = self._encode_texts([PROBE]).shape[1]
        device.choose_precision(self.encode_images, self.resizing)

    def encode_images(self, batch: Sequence[Pixels]) -> Vectors:
        """Shape (n, dim), float32, unit norm."""
        return in_batches(self._encode_images, batch, IMAGES_PER_RUN, self.dim)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Shape (n, dim), float32, unit norm; longer texts are cut as open_clip does."""
        return in_batches(self._encode_texts, texts, TEXTS_PER_RUN, self.dim)

    def towers(self) -> Towers:
        """Return what is exported of it.

        Raises:
            ModelUnavailable: Its tokenizer cannot be exported.
        """
        images = image_tower(self._model, _image_features, self._mean, self._std)
        texts = text_tower(self._model, _text_features, masked=False)
        return Towers(images, Words(texts, *_exported_tokenizer(self.spec, self._tokenizer)))

    def _encode_images(self, batch: Sequence[Pixels]) -> Vectors:
        return self._device.run_images(
            lambda: self._model.encode_image(self._device.normalise(batch, self._mean, self._std))
        )

    def _encode_texts(self, texts: Sequence[str]) -> Vectors:
        with self._tokenizing:
            tokens = self._tokenizer(list(texts))
        return self._device.run(lambda: self._model.encode_text(self._device.put(tokens)))


def _image_features(model: Any, pixels: Any) -> Any:
    return model.encode_image(pixels)


def _text_features(model: Any, ids: Any) -> Any:
    return model.encode_text(ids)


def _exported_tokenizer(spec: str, tokenizer: Any) -> "tuple[Tokenizer, TokenRules]":
    import open_clip

    cleaning = tokenizer.clean_fn.__name__.removeprefix("_clean_")
    if isinstance(tokenizer, open_clip.SimpleTokenizer) and not tokenizer.reduction_fn:
        return byte_pairs(tokenizer, tokenizer.context_length), TokenRules(cleaning)
    if isinstance(tokenizer, open_clip.tokenizer.HFTokenizer) and not tokenizer.tokenizer_mode:
        erased = tokenizer.tokenizer.sep_token_id if tokenizer.strip_sep_token else None
        fast = fast_tokenizer(spec, tokenizer.tokenizer, tokenizer.context_length, fixed=True)
        return fast, TokenRules(cleaning, erased)
    kind = type(tokenizer).__name__
    raise ModelUnavailable(f"{spec}: its tokenizer ({kind}) is not one that can be exported")


def _load(arch: str, pretrained: str | None) -> tuple[Any, Any]:
    import open_clip

    # The boundary to open_clip: whatever goes wrong in it means the same to us.
    try:
        if arch.startswith(LOCAL_DIR):
            return _load_folder(Path(arch.removeprefix(LOCAL_DIR)))
        if arch.startswith(HF_HUB):
            return _load_folder(fetch(arch.removeprefix(HF_HUB), WEIGHTS))
        weights, preprocess = _find_weights(arch, pretrained)
        with quiet():
            model = open_clip.create_model(
                arch,
                pretrained=str(weights),
                require_pretrained=True,
                force_preprocess_cfg=preprocess,
            )
        return model, _tokenizer(open_clip.get_model_config(arch), None)
    except ModelUnavailable:
        raise
    except Exception as error:
        raise ModelUnavailable(
            f"open_clip cannot load {arch}{f' with {pretrained}' if pretrained else ''}: "
            f"{_first_line(error)}. Copy the checkpoint again, or choose another model, such as "
            "the built-in one (--model builtin)"
        ) from error


def _load_folder(folder: Path) -> tuple[Any, Any]:
    import open_clip

    with quiet():
        model = open_clip.create_model(f"{LOCAL_DIR}{folder}", require_pretrained=True)
    return model, _tokenizer(open_clip.get_model_config(f"{LOCAL_DIR}{folder}"), folder)


def _find_weights(arch: str, pretrained: str | None) -> tuple[Path, dict[str, Any]]:
    """Return the checkpoint file, and what was published of its pre-processing."""
    import open_clip

    if arch not in open_clip.list_models():
        near = difflib.get_close_matches(arch, open_clip.list_models(), n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ModelUnavailable(f"open_clip has no architecture {arch!r}{hint}")
    if pretrained and Path(pretrained).is_file():
        return Path(pretrained), {}
    published = open_clip.get_pretrained_cfg(arch, pretrained) if pretrained else None
    if not published:
        tags = open_clip.list_pretrained_tags_by_model(arch)
        raise ModelUnavailable(
            f"open_clip has no weights {pretrained!r} for {arch}; it has "
            f"{', '.join(tags) or 'none'}; or give the path of a checkpoint file"
        )
    _check_activation(arch, pretrained, published)
    owner, name, *file = published["hf_hub"].rstrip("/").split("/")
    patterns = [f"{file[0].rpartition('.')[0]}.safetensors", file[0]] if file else WEIGHTS
    folder = fetch(f"{owner}/{name}", patterns)
    weights = next(found for pattern in patterns for found in folder.glob(pattern))
    return weights, {key: published[key] for key in PREPROCESSING if key in published}


def _check_activation(arch: str, pretrained: str | None, published: dict[str, Any]) -> None:
    import open_clip

    trained = bool(published.get("quick_gelu"))
    if trained != bool(open_clip.get_model_config(arch).get("quick_gelu")):
        log.warning(
            "open_clip:%s/%s was trained %s QuickGELU, which this architecture is not: its vectors "
            "are a little off; see whether open_clip has %s-quickgelu",
            arch, pretrained, "with" if trained else "without", arch.removesuffix("-quickgelu"),
        )  # fmt: skip


def _tokenizer(config: dict[str, Any], folder: Path | None) -> Any:
    """Return the tokenizer that open_clip would, from files on the disk.

    Args:
        config: The architecture.
        folder: Where a model from a folder has its tokenizer, too.
    """
    import open_clip

    text = config["text_cfg"]
    options = dict(text.get("tokenizer_kwargs", {}))
    length = text.get("context_length", open_clip.tokenizer.DEFAULT_CONTEXT_LENGTH)
    name = text.get("hf_tokenizer_name")
    if not name:
        return open_clip.SimpleTokenizer(context_length=length, **options)
    has_own = folder is not None and any(found for p in TOKENIZER for found in folder.glob(p))
    source = folder if has_own else fetch(name, TOKENIZER)
    with quiet():
        return open_clip.tokenizer.HFTokenizer(
            str(source),
            context_length=length,
            tokenizer_mode=text.get("tokenizer_mode"),
            **options,
        )


def _resizing(spec: str, facts: dict[str, Any]) -> Resizing:
    size = facts["size"]
    height, width = (size, size) if isinstance(size, int) else size
    mode = {"shortest": "crop", "squash": "squash"}.get(facts["resize_mode"])
    filters = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
    resample = filters.get(facts["interpolation"])
    if resample is None or (mode != "squash" and not (mode == "crop" and height == width)):
        raise ModelUnavailable(
            f"{spec}: its pre-processing ({facts['resize_mode']}, {facts['interpolation']}, "
            f"{height} x {width}) is not one that this version can do; choose another model"
        )
    return Resizing(width, height, "squash" if mode == "squash" else "crop", width, resample, True)


def _scoring(model: Any) -> Scoring:
    """Return how logits are made of cosines; open_clip gives those of SigLIP alone a bias."""
    scale, bias = float(model.logit_scale.exp().item()), model.logit_bias
    return Scoring(scale) if bias is None else Scoring(scale, float(bias.item()), "sigmoid")


def _fingerprint(facts: dict[str, Any], tokenizer: Any) -> str:
    shaping = {
        name: facts[name] for name in ("size", "mean", "std", "interpolation", "resize_mode")
    }
    shaping["tokens"] = tokenizer([PROBE]).tolist()
    digest = blake2b(json.dumps(shaping, sort_keys=True).encode(), digest_size=8).hexdigest()
    return f"open_clip-{digest}"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
