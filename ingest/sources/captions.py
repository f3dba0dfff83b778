"""Texts about an image that lie beside it in a WebDataset shard: ``KEY.txt``, ``KEY.json``,
``KEY.cls`` for ``KEY.jpg``.

The key is the path up to the first dot of its last part, as WebDataset has it
(https://github.com/webdataset/webdataset, "The WebDataset Format").
"""

import json
from collections.abc import Iterable

MAX_CAPTION_BYTES = 1 << 20
"""Far above what a row keeps; a larger file is no caption."""

_EXTENSIONS = ("txt", "json", "cls")
_KEYS = ("caption", "captions", "text", "title", "description", "alt_text", "label", "labels")
"""Fields of a JSON file that speak of the image, in the order in which they are taken over."""


def key_of(path: str) -> str:
    """Return the key that the files of one sample share."""
    folder, slash, name = path.rpartition("/")
    return folder + slash + name.partition(".")[0]


def is_caption(path: str) -> bool:
    """Whether a file's name is that of a sample's text."""
    return path[len(key_of(path)) + 1 :].lower() in _EXTENSIONS


def read_captions(path: str, data: bytes) -> tuple[str, ...]:
    """Return the texts of one such file; one that cannot be understood holds none.

    A class that is a bare number says nothing that a person would search for.
    """
    text = data.decode("utf-8-sig", "replace").strip()
    if path.lower().endswith(".json"):
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError):
            return ()
        if not isinstance(fields, dict):
            return ()
        found = texts_of(fields[key] for key in _KEYS if key in fields)
    else:
        found = texts_of([text])
    return tuple(dict.fromkeys(found))


def texts_of(values: Iterable[object]) -> tuple[str, ...]:
    """Return all texts in some values, and in the lists and objects among them, in order."""
    found: list[str] = []
    for value in values:
        if isinstance(value, str):
            words = " ".join(value.split())
            if words and not words.isdigit():
                found.append(words)
        elif isinstance(value, list | tuple):
            found += texts_of(value)
        elif isinstance(value, dict):
            found += texts_of(value.values())
    return tuple(found)
