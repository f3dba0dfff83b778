"""The towers of a model of torch, in the form in which they are exported."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from embed.exports import TokenRules
from schema.errors import ModelUnavailable

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """The way from texts to features.

    Attributes:
        tower: From token ids (n, length), and their mask where ``rules`` say so, to (n, dim).
        tokenizer: With its cutting and padding set.
    """

    tower: "torch.nn.Module"
    tokenizer: "Tokenizer"
    rules: TokenRules


@dataclass(frozen=True, slots=True, eq=False)
class Towers:
    """What is exported of a model.

    Attributes:
        images: From uint8 images (n, height, width, 3) to features (n, dim).
        words: None where the model takes images only.
    """

    images: "torch.nn.Module"
    words: Words | None


@runtime_checkable
class Exportable(Protocol):
    """An encoder of torch that can be exported."""

    def towers(self) -> Towers:
        """Return what is exported of it.

        Raises:
            ModelUnavailable: Its tokenizer cannot be exported.
        """
        ...


def image_tower(
    model: "torch.nn.Module",
    encode: Callable[[Any, "torch.Tensor"], "torch.Tensor"],
    mean: Sequence[float],
    std: Sequence[float],
) -> "torch.nn.Module":
    """Return the way from bytes to features.

    Args:
        model: The model.
        encode: From the model and normalised pixels (n, 3, height, width) to features.
        mean: Of each channel, subtracted from values in [0, 1]; ``std`` is then divided by.
    """
    import torch

    class Images(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model
            scale = torch.tensor([1 / (255 * s) for s in std])
            shift = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)])
            self.scale = torch.nn.Buffer(scale.view(1, 3, 1, 1))
            self.shift = torch.nn.Buffer(shift.view(1, 3, 1, 1))

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            pixels = images.permute(0, 3, 1, 2).float()
            return encode(self.model, pixels * self.scale + self.shift)

    return Images().eval()


def text_tower(
    model: "torch.nn.Module", encode: Callable[..., "torch.Tensor"], *, masked: bool
) -> "torch.nn.Module":
    """Return the way from token ids to features.

    Args:
        model: The model.
        encode: From the model, ids and, where ``masked``, their mask to features.
    """
    import torch

    class Texts(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

    class BareTexts(Texts):
        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return encode(self.model, ids)

    class MaskedTexts(Texts):
        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return encode(self.model, ids, mask)

    return (MaskedTexts() if masked else BareTexts()).eval()


def fast_tokenizer(spec: str, tokenizer: Any, length: int, *, fixed: bool) -> "Tokenizer":
    """Return the tokenizers library's half of a tokenizer of transformers.

    Args:
        spec: The model, for messages.
        tokenizer: That of transformers.
        length: To how many tokens a text is cut.
        fixed: Whether shorter ones are padded to that, and not to the longest of a batch.

    Raises:
        ModelUnavailable: It has no such half.
    """
    from tokenizers import Tokenizer

    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ModelUnavailable(
            f"{spec}: its tokenizer ({type(tokenizer).__name__}) is not exported"
        )
    copy: Tokenizer = Tokenizer.from_str(backend.to_str())
    copy.enable_truncation(length, direction=tokenizer.truncation_side)
    copy.enable_padding(
        direction=tokenizer.padding_side,
        pad_id=tokenizer.pad_token_id,
        pad_token=tokenizer.pad_token,
        length=length if fixed else None,
    )
    return copy


def byte_pairs(tokenizer: Any, length: int) -> "Tokenizer":
    """Return open_clip's own tokenizer, that of CLIP, in the tokenizers library.

    Args:
        tokenizer: An `open_clip.SimpleTokenizer`.
        length: To how many tokens a text is cut and padded.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers, processors

    start, end = "<start_of_text>", "<end_of_text>"
    made = Tokenizer(
        models.BPE(
            vocab=tokenizer.encoder,
            merges=list(tokenizer.bpe_ranks),
            end_of_word_suffix="</w>",
            continuing_subword_prefix="",
        )
    )
    # The pattern of SimpleTokenizer; case does not matter in it.
    word = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(word), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.add_special_tokens(
        [AddedToken(start, normalized=False), AddedToken(end, normalized=False)]
    )
    made.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}",
        special_tokens=[(start, tokenizer.sot_token_id), (end, tokenizer.eot_token_id)],
    )
    made.enable_truncation(length)
    made.enable_padding(pad_id=0, length=length)
    return made
