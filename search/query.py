"""What is asked of an archive: what to look for, what to leave out, and conditions on rows."""

import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from embed.resizing import Pixels
from schema.errors import NoUsableImage, UsageError
from schema.filters import Filter
from search.conditions import condition
from search.grammar import ImagePart, Parsed, QuerySyntaxError, TextPart, parse

DEFAULT_K = 10

Sort = Literal["score", "newest", "oldest", "folder"]
SORTS: tuple[Sort, ...] = get_args(Sort)


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


@dataclass(frozen=True, slots=True, eq=False)
class PreparedImage:
    """An image to look for the like of that was decoded elsewhere, as `search.engine.prepare` does.

    A server decodes what strangers send in processes of their own.

    Attributes:
        pixels: For the archive's encoder: shape (height, width, 3), uint8.
        name: For messages and the normal form of the question.
    """

    pixels: Pixels
    name: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the archive to look for the like of, by id."""

    id: str
    weight: float = 1.0


Term = Text | Image | PreparedImage | Row


@dataclass(frozen=True, slots=True)
class Query:
    """One question.

    Attributes:
        terms: What to look for; their vectors are averaged by weight. Where there are none, filters
            or ``where`` choose rows, and these are listed, the newest first.
        k: How many hits, at least 1.
        offset: How many of the best hits to pass over, at least 0.
        where: A Milvus boolean expression over the fields of a row; "" for all rows.
        excluded: What to leave out; weights do not matter.
        filters: Conditions on a row that must all hold.
        words: Whether the words of texts are looked for in names and metadata too.
        likely: Whether to leave out hits that are only the nearest there are.
        sort: In which order the likely hits come. Rows without a score come newest first.
        text: The question in its normal form, for people.
    """

    terms: tuple[Term, ...]
    k: int = DEFAULT_K
    offset: int = 0
    where: str = ""
    excluded: tuple[Term, ...] = ()
    filters: tuple[Filter, ...] = ()
    words: bool = True
    likely: bool = False
    sort: Sort = "score"
    text: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not self.terms and self.excluded:
            raise UsageError(
                "the query says what to leave out but not what to look for; add words for what the "
                "images show"
            )
        if not (self.terms or self.filters or self.where.strip()):
            raise UsageError(
                "nothing to look for: give words, or an image with --image PATH, or a filter as in "
                "'date:2019'"
            )
        for term in self.terms:
            if not 0 < term.weight < float("inf"):
                raise UsageError(f"weight {term.weight}: a weight is a number above 0")
        if self.sort not in SORTS:
            raise UsageError(f"{self.sort!r} is no order of hits; there are {', '.join(SORTS)}")
        if self.k < 1:
            raise UsageError(f"k={self.k}: the number of hits is at least 1")
        if self.offset < 0:
            raise UsageError(f"offset={self.offset}: the offset is at least 0")

    @property
    def is_worded(self) -> bool:
        """Whether it looks for words alone."""
        return all(isinstance(term, Text) for term in self.terms)


def text_term(words: str, weight: float = 1.0) -> Text:
    """Return words as a term, as they stand.

    Raises:
        UsageError: There are no words, or they are not valid UTF-8.
    """
    words = words.strip()
    if not words:
        raise UsageError("the query has no words: say what the image shows, as in 'a red boat'")
    try:
        words.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"the query {words!r} is not valid UTF-8; type it anew") from error
    return Text(words, weight)


def image_term(path: str | Path, weight: float = 1.0) -> Image:
    """Read an image file as a term.

    Raises:
        NoUsableImage: There is no such file, or it cannot be read.
    """
    from embed.images import MAX_FILE_BYTES

    try:
        file = Path(path).expanduser()
        facts = file.stat()
        # A device or a pipe could be read for ever.
        if not stat.S_ISREG(facts.st_mode):
            raise NoUsableImage(f"query image {path}: not a file; name an image")
        if facts.st_size > MAX_FILE_BYTES:
            raise NoUsableImage(
                f"query image {path}: the file has {facts.st_size:,} bytes, the limit is "
                f"{MAX_FILE_BYTES:,}; use a smaller one"
            )
        return Image(file.read_bytes(), str(path), weight)
    except FileNotFoundError as error:
        raise NoUsableImage(f"query image {path}: there is no such file") from error
    except OSError as error:
        raise NoUsableImage(
            f"query image {path}: cannot be read ({error.strerror}); check that it is a file and "
            "its permissions"
        ) from error
    except (ValueError, RuntimeError) as error:
        # A NUL in the path, or the home folder of nobody.
        raise NoUsableImage(f"query image {str(path)!r}: not a path ({error})") from error


def build_query(
    text: str | Sequence[str] = (),
    images: Iterable[str | Path | PreparedImage] = (),
    *,
    k: int = DEFAULT_K,
    offset: int = 0,
    where: str = "",
    words: bool = True,
    likely: bool = False,
    sort: Sort = "score",
    local_files: bool = True,
) -> Query:
    """Return the query of some texts in the language of `search.grammar` and of image files.

    Args:
        text: One query or several, whose parts then count together.
        images: Image files to find the like of, or images that are decoded already, each as much
            as the words of a text.
        words: Whether the words of texts are looked for in names and metadata too.
        likely: Whether to leave out hits that are only the nearest there are.
        sort: In which order the likely hits come.
        local_files: Whether the text may name image files of this machine.

    Raises:
        QuerySyntaxError: A text cannot be read as a query.
        UsageError: Neither text nor image nor filter, or a value out of its range.
        NoUsableImage: An image file cannot be read.
    """
    queries = [parse(each) for each in ([text] if isinstance(text, str) else text)]
    given = list(images)
    named = [
        ImagePart(image.name if isinstance(image, PreparedImage) else str(image)) for image in given
    ]
    return Query(
        tuple(
            [term for query in queries for term in _looked_for(query, local_files)]
            + [image if isinstance(image, PreparedImage) else image_term(image) for image in given]
        ),
        k=k,
        offset=offset,
        where=where,
        excluded=tuple(
            _term(part, query, local_files) for query in queries for part in query.excluded
        ),
        filters=tuple(condition(part, query.source) for query in queries for part in query.filters),
        words=words,
        likely=likely,
        sort=sort,
        text=" ".join(
            part for part in map(str, [*queries, Parsed(positives=tuple(named))]) if part
        ),
    )


def _looked_for(query: Parsed, local_files: bool) -> list[Term]:
    words: list[Term] = [Text(query.words)] if query.words else []
    return words + [_term(part, query, local_files) for part in query.positives]


def _term(part: TextPart | ImagePart, query: Parsed, local_files: bool) -> Term:
    if isinstance(part, TextPart):
        return Text(part.text, part.weight)
    if part.is_row:
        return Row(part.source, part.weight)
    if not local_files:
        raise QuerySyntaxError(
            "a query from elsewhere cannot read files of this machine; send the image itself, or "
            "name a row by its id",
            query.source,
            part.position,
        )
    return image_term(part.source, part.weight)


def read_filters(text: str) -> tuple[Filter, ...]:
    """Return the filters of a query's text, whatever else it looks for.

    Raises:
        QuerySyntaxError: The text cannot be read as a query.
    """
    return tuple(condition(part, text) for part in parse(text).filters)
