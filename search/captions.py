"""Captions of images, read from a JSON Lines file."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from schema.errors import UsageError


@dataclass(frozen=True, slots=True)
class Captioned:
    """An image by its file name, and captions of it in one language."""

    file: str
    captions: tuple[str, ...]


def read_captions(path: Path, language: str) -> Iterator[Captioned]:
    """Yield the images of a JSON Lines file that have captions in a language.

    A line reads ``{"file": NAME, "captions": {"en": ["...", ...]}}``; other keys are ignored.

    Raises:
        UsageError: The file cannot be read, or a line is not of that form.
    """
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    captioned = _parse(line, language, f"{path}, line {number}")
                    if captioned.captions:
                        yield captioned
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"captions file {path}: cannot be read ({error})") from error


def _parse(line: str, language: str, where: str) -> Captioned:
    form = '{"file": NAME, "captions": {"en": ["...", ...]}}'
    try:
        data = json.loads(line)
        captions = data["captions"].get(language, [])
        if not isinstance(data["file"], str) or not isinstance(captions, list):
            raise TypeError
        if not all(isinstance(caption, str) for caption in captions):
            raise TypeError
        return Captioned(data["file"], tuple(captions))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{where}: not of the form {form}") from error
