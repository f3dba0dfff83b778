"""From the cosine of an image and a text to a probability."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from schema.errors import UsageError


@dataclass(frozen=True, slots=True)
class Scoring:
    """How a dual encoder was trained to tell the texts that fit an image from those that do not.

    Attributes:
        scale: Factor from a cosine to a logit.
        bias: Added to every logit.
        kind: "softmax" where the texts compete, so that the probabilities of an image sum to 1
            (CLIP, Radford et al. 2021); "sigmoid" where each text is judged by itself, so that
            several texts fit, or none (SigLIP, Zhai et al. 2023).
    """

    scale: float
    bias: float = 0.0
    kind: Literal["softmax", "sigmoid"] = "softmax"

    def probabilities(self, cosines: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the probability of each text, in [0, 1]: shape (images, texts) in and out."""
        logits = self.scale * np.asarray(cosines, dtype=np.float64) + self.bias
        if self.kind == "sigmoid":
            # logaddexp, because exp of a logit far below zero would overflow.
            sigmoid: NDArray[np.float64] = np.exp(-np.logaddexp(0, -logits))
            return sigmoid
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        softmax: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
        return softmax


def takes_no_words(spec: str) -> UsageError:
    """Return the error for words that are given to a model that takes images only."""
    return UsageError(
        f"the model {spec} takes images only, no words: look for the like of an image (eidetic "
        "similar IMAGE, or search --image IMAGE), or use a model that takes words, such as "
        "siglip2-b32-256 or builtin (for an archive: ingest into another one with --model); see "
        "`eidetic models`"
    )


def takes_no_images(spec: str) -> UsageError:
    """Return the error for images that are given to a model that takes words only."""
    return UsageError(
        f"the model {spec} takes words only, no images: make and search an archive with a model "
        "that takes images, such as siglip2-b32-256 or builtin, and let this one find its "
        f"descriptions (eidetic descriptions refresh --model {spec}, then eidetic search "
        "--descriptions WORDS); see `eidetic models`"
    )
