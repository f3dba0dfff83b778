"""Encoders of transformers that take texts only: sentence models such as MiniLM and MPNet.

A sentence's vector is pooled from the last hidden state of its tokens, as the model cards do it
(Reimers and Gurevych, "Sentence-BERT", EMNLP 2019). What a checkpoint in the layout of
sentence-transformers says of that (``modules.json`` and what it names) is honoured; what it asks
for beyond it is refused.
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embed.hf_loading import loading
from embed.hub import TOKENIZER
from embed.tensors import PROBE, TEXTS_PER_RUN, Device, in_batches
from schema.errors import ModelUnavailable
from schema.records import Vectors

if TYPE_CHECKING:
    import torch

SENTENCE_FAMILIES = ("bert", "mpnet", "roberta", "xlm-roberta", "distilbert")
"""transformers' names of the families, none of which sees images."""

PADDED_POSITIONS = ("mpnet", "roberta", "xlm-roberta")
"""Families whose positions start after the padding token's."""

MODULES = "modules.json"


def _mean(states: "torch.Tensor", mask: "torch.Tensor") -> "torch.Tensor":
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1).clamp(min=1e-9)


def _first_token(states: "torch.Tensor", _mask: "torch.Tensor") -> "torch.Tensor":
    return states[:, 0]


def _max(states: "torch.Tensor", mask: "torch.Tensor") -> "torch.Tensor":
    return states.masked_fill(mask.unsqueeze(-1) == 0, float("-inf")).amax(1)


POOLING: Mapping[str, Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]] = {
    "mean": _mean,
    "cls": _first_token,
    "max": _max,
}
"""How hidden states (n, tokens, dim) and a mask (n, tokens) become vectors (n, dim)."""

_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""How older versions of sentence-transformers wrote the pooling."""


@dataclass(frozen=True, slots=True)
class SentenceLayout:
    """What a checkpoint says of the way from a text to a vector.

    Attributes:
        folder: Of the transformer, relative to the checkpoint.
        pooling: A key of `POOLING`.
        max_tokens: To how many tokens a text is cut; ``None`` for what the model can take.
        lower_case: Whether texts are lower-cased before they are tokenized.
    """

    folder: str = ""
    pooling: str = "mean"
    max_tokens: int | None = None
    lower_case: bool = False


def is_sentence_model(source: str, folder: Path) -> bool:
    """Whether a checkpoint takes texts only: by its layout, or by its family.

    Raises:
        ModelUnavailable: Its configuration cannot be read.
    """
    from transformers import AutoConfig

    if (folder / MODULES).is_file():
        return True
    with loading(source):
        family: str = AutoConfig.from_pretrained(folder, local_files_only=True).model_type
    return family in SENTENCE_FAMILIES


def read_layout(source: str, folder: Path) -> SentenceLayout:
    """Read a checkpoint's layout; without ``modules.json`` it is mean pooling.

    Raises:
        ModelUnavailable: It cannot be read, or asks for what this version does not do.
    """
    try:
        if not (folder / MODULES).is_file():
            return SentenceLayout()
        modules = [(m["type"].rpartition(".")[2], m["path"]) for m in _read(folder / MODULES)]
        kinds = [kind for kind, _ in modules]
        if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
            raise _unsupported(source, f"the modules {', '.join(kinds)}")
        (_, transformer), (_, pooling) = modules[:2]
        prompts = _read(folder / "config_sentence_transformers.json").get("prompts") or {}
        if any(prompts.values()):
            raise _unsupported(source, "prompts before its texts")
        # Older versions wrote the family's name into that of the file.
        shapes = sorted((folder / transformer).glob("sentence_*_config.json"))
        shape = _read(shapes[0]) if shapes else {}
        max_tokens = shape.get("max_seq_length")
        return SentenceLayout(
            folder=transformer,
            pooling=_pooling(source, _read(folder / pooling / "config.json")),
            max_tokens=None if max_tokens is None else int(max_tokens),
            lower_case=bool(shape.get("do_lower_case")),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelUnavailable(
            f"{source}: its {MODULES} or what that names cannot be read ({error}); copy the "
            "checkpoint again"
        ) from error


def load_sentences(spec: str, source: str, folder: Path, device: Device) -> "SentenceEncoder":
    """Load a sentence model.

    Args:
        spec: What loads it again.
        source: Its name, for messages.
        folder: Its files.
        device: Where it runs.

    Raises:
        ModelUnavailable: It cannot be loaded, or is of a kind that this version does not do.
    """
    from transformers import AutoModel, AutoTokenizer

    layout = read_layout(source, folder)
    place = folder / layout.folder
    if not any(found for pattern in TOKENIZER for found in place.glob(pattern)):
        # transformers would make one up, of marks alone.
        raise ModelUnavailable(
            f"{source} has no tokenizer ({', '.join(TOKENIZER)}); copy the checkpoint with all of "
            "its files"
        )
    with loading(source):
        model = AutoModel.from_pretrained(place, local_files_only=True)
        if model.config.model_type not in SENTENCE_FAMILIES:
            raise _unsupported(source, f"a {type(model).__name__}")
        tokenizer = AutoTokenizer.from_pretrained(place, local_files_only=True)
    return SentenceEncoder(spec, model, tokenizer, layout, device)


class SentenceEncoder:
    """An encoder of texts into a space of texts.

    Its output equals that of sentence-transformers' ``encode`` on the same checkpoint, scaled to
    unit norm.
    """

    def __init__(
        self, spec: str, model: Any, tokenizer: Any, layout: SentenceLayout, device: Device
    ) -> None:
        """Take a loaded model.

        Args:
            spec: What loads it again.
            model: The model of transformers.
            tokenizer: Its own.
            layout: How a text becomes a vector.
            device: Where it runs.
        """
        self.spec = spec
        self._device = device
        self._model: Any = device.place(model)
        self._tokenizer = tokenizer
        # A tokenizer of the tokenizers library cannot be used by two threads at once.
        self._tokenizing = threading.Lock()
        self._pool = POOLING[layout.pooling]
        self._lower_case = layout.lower_case
        self._max_tokens = _max_tokens(model.config, tokenizer, layout)
        self.dim: int = model.config.hidden_size
        shaping = {
            **asdict(layout),
            "max_tokens": self._max_tokens,
            "tokens": self._tokenize([PROBE])["input_ids"].tolist(),
        }
        digest = blake2b(json.dumps(shaping, sort_keys=True).encode(), digest_size=8).hexdigest()
        self.fingerprint = f"sentences-{digest}"

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Shape (n, dim), float32, unit norm; texts longer than the model's context are cut."""
        # Texts of like length beside each other: a batch is padded to its longest.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        ranked = in_batches(self._encode, [texts[i] for i in order], TEXTS_PER_RUN, self.dim)
        vectors = np.empty_like(ranked)
        vectors[order] = ranked
        return vectors

    def _encode(self, texts: Sequence[str]) -> Vectors:
        inputs = {name: self._device.put(value) for name, value in self._tokenize(texts).items()}
        return self._device.run(
            lambda: self._pool(self._model(**inputs).last_hidden_state, inputs["attention_mask"])
        )

    def _tokenize(self, texts: Sequence[str]) -> Any:
        with self._tokenizing:
            return self._tokenizer(
                [text.lower() if self._lower_case else text for text in texts],
                padding=True,
                truncation=True,
                max_length=self._max_tokens,
                return_tensors="pt",
            )


def _max_tokens(config: Any, tokenizer: Any, layout: SentenceLayout) -> int:
    positions = int(config.max_position_embeddings)
    if config.model_type in PADDED_POSITIONS:
        positions -= int(config.pad_token_id) + 1
    asked = tokenizer.model_max_length if layout.max_tokens is None else layout.max_tokens
    return min(int(asked), positions)


def _pooling(source: str, config: Mapping[str, Any]) -> str:
    written = config.get("pooling_mode")
    if written is None:
        written = [mode for flag, mode in _FLAGS.items() if config.get(flag)] or ["mean"]
    modes = [written] if isinstance(written, str) else list(written)
    if len(modes) != 1 or modes[0] not in POOLING:
        raise _unsupported(source, f"pooling by {', '.join(map(str, modes))}")
    name: str = modes[0]
    return name


def _read(file: Path) -> Any:
    """Return a file's JSON, an empty object where there is no such file."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def _unsupported(source: str, what: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"{source} asks for {what}, and this version knows sentence models of the families "
        f"{', '.join(SENTENCE_FAMILIES)} with one pooling of {', '.join(POOLING)} and no prompts; "
        "choose another, such as minilm, see `eidetic models`"
    )
