"""How alike two images are, or an image and some words."""

import os
from collections.abc import Callable
from os import PathLike
from pathlib import PurePath

from embed.encoder import Encoder, TextEncoder
from schema.errors import UsageError
from schema.records import Vector
from search.query import Image, image_term
from search.whole import prepare_whole
from search.words import sound_words

Subject = str | PathLike[str]
"""The path of an image or, as a plain text that names no file, words."""

_IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jxl", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".avif",
    ".heic", ".heif", ".jp2", ".dng", ".nef", ".cr2", ".cr3", ".arw", ".orf", ".raf", ".rw2",
)  # fmt: skip
"""What no words end with: a path that does is misspelt where there is no such file."""


def _no_sentences() -> TextEncoder | None:
    return None


def compare(
    a: Subject,
    b: Subject,
    *,
    encoder: Callable[[], Encoder],
    text: bool = False,
    sentences: Callable[[], TextEncoder | None] = _no_sentences,
) -> float:
    """Return the cosine similarity of two images, of an image and a text, or of two sentences.

    It is in [-1, 1].

    Args:
        a: The path of an image, or words.
        b: The same.
        encoder: Called once it is known what is compared.
        text: Whether ``b`` is words even where there is a file of that name.
        sentences: Called where both are words: returns a model that takes words only, if such a
            one is asked for. Models of images and words were not trained to compare two texts.

    Raises:
        UsageError: There is no image and no model of sentences, there are no words, or the model
            takes images only.
        NoUsableImage: An image cannot be read.
        ModelUnavailable: The model cannot be loaded.
    """
    subjects = [_read(a, is_text=False), _read(b, is_text=text)]
    words = [subject for subject in subjects if isinstance(subject, str)]
    if len(words) == len(subjects):
        reader = sentences()
        if reader is None:
            raise UsageError(
                f"neither {os.fspath(a)!r} nor {os.fspath(b)!r} is compared as an image; give the "
                "path of at least one image file that exists, or a model of sentences, such as "
                "--model minilm"
            )
        one, other = reader.encode_texts(words).astype("float64")
    else:
        model = encoder()
        one, other = (_embed(subject, model).astype("float64") for subject in subjects)
    return min(1.0, max(-1.0, float(one @ other)))


def _read(subject: Subject, *, is_text: bool) -> Image | str:
    """Return an image's bytes, or words."""
    name = os.fspath(subject)
    if not is_text:
        is_path = not isinstance(subject, str) or PurePath(name).suffix.lower() in _IMAGE_SUFFIXES
        if is_path or os.path.exists(os.path.expanduser(name)):  # noqa: PTH110, PTH111 - any text
            return image_term(name)
    return sound_words(name, "the text")


def _embed(subject: Image | str, model: Encoder) -> Vector:
    if isinstance(subject, str):
        vector: Vector = model.encode_texts([subject])[0]
    else:
        vector = model.encode_images([prepare_whole(subject, model)])[0]
    return vector
