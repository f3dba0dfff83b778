"""What is asked of an archive: words, images and rows, each with a weight."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from schema.errors import NoUsableImage, UsageError

DEFAULT_K = 10

# Exclusion is written as in other search engines. An encoder has no notion of it: the vector of
# "dogs -people" is nearer to images of people than that of "dogs", so it must not pass for words.
_EXCLUSION = re.compile(r'(?:^|\s)-(?=[\w"])')


@dataclass(frozen=True, slots=True)
class Text:
    """Words to look for, in a language the model knows."""

    words: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Image:
    """An image to look for the like of: its encoded bytes, and its name for messages."""

    data: bytes
    name: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the archive to look for the like of, by id."""

    id: str
    weight: float = 1.0


Term = Text | Image | Row


@dataclass(frozen=True, slots=True)
class Query:
    """One question.

    Attributes:
        terms: At least one; their vectors are averaged by weight.
        k: How many hits, at least 1.
        offset: How many of the best hits to pass over, at least 0.
        where: A Milvus boolean expression over the fields of a row; "" for all rows.
    """

    terms: tuple[Term, ...]
    k: int = DEFAULT_K
    offset: int = 0
    where: str = ""

    def __post_init__(self) -> None:
        if not self.terms:
            raise UsageError("nothing to look for: give words, or an image with --image PATH")
        for term in self.terms:
            if not 0 < term.weight < float("inf"):
                raise UsageError(f"weight {term.weight}: a weight is a number above 0")
        if self.k < 1:
            raise UsageError(f"k={self.k}: the number of hits is at least 1")
        if self.offset < 0:
            raise UsageError(f"offset={self.offset}: the offset is at least 0")


def text_term(words: str, weight: float = 1.0) -> Text:
    """Return words as a term.

    Raises:
        UsageError: There are no words, or the text excludes some ("-word"), which this version
            cannot do.
    """
    words = words.strip()
    if not words:
        raise UsageError("the query has no words: say what the image shows, as in 'a red boat'")
    try:
        words.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"the query {words!r} is not valid UTF-8; type it anew") from error
    excluded = _EXCLUSION.search(words)
    if excluded:
        raise UsageError(
            "excluding words is not possible in this version: "
            f"{words[excluded.start() :].strip()!r} starts with '-'; say only what the image shows"
        )
    return Text(words, weight)


def image_term(path: str | Path, weight: float = 1.0) -> Image:
    """Read an image file as a term.

    Raises:
        NoUsableImage: There is no such file, or it cannot be read.
    """
    file = Path(path).expanduser()
    try:
        return Image(file.read_bytes(), str(path), weight)
    except FileNotFoundError as error:
        raise NoUsableImage(f"query image {path}: there is no such file") from error
    except OSError as error:
        raise NoUsableImage(
            f"query image {path}: cannot be read ({error.strerror}); check that it is a file and "
            "its permissions"
        ) from error


def build_query(
    text: str | Sequence[str] = (),
    images: Iterable[str | Path] = (),
    *,
    k: int = DEFAULT_K,
    offset: int = 0,
    where: str = "",
) -> Query:
    """Return the query of some texts and image files, all of the same weight.

    Raises:
        UsageError: Neither text nor image, or a value out of its range.
        NoUsableImage: An image file cannot be read.
    """
    texts = [text] if isinstance(text, str) else list(text)
    terms: list[Term] = [text_term(words) for words in texts]
    terms += [image_term(path) for path in images]
    return Query(tuple(terms), k=k, offset=offset, where=where)
