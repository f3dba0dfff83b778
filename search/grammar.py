r"""The language of queries: from text to what it asks, and back.

    query   two dogs on a beach -people date:2019..2021 camera:nikon

A query is parts between spaces:

    word            free words together say what the image shows
    "some words"    a text of its own, beside the free words
    2:word          a text that counts twice; so do 2:"some words" and 2:+./ref.jpg
    -word           leave out; so do -"some words", -./bad.jpg and -name:value
    +./ref.jpg      an image to find the like of: a path that starts with ./ ../ / or ~/, or the
                    id of a row (40 hexadecimal digits)
    name:value      a filter, where a name of letters, a colon and a value stand without a space;
                    name:a|b is a or b

All else is a free word: a colon at a word's end ("time: 12:30"), between digits (16:9), or before
two slashes (http://...), a lone sign, a hyphen within a word. A text in quotes holds anything; the
signs " and \ in it are written \" and \\.
"""

import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, cast

from schema.errors import UsageError

if TYPE_CHECKING:
    from lark import Lark, Token, Tree
    from lark.exceptions import UnexpectedInput

MAX_QUERY_CHARS = 4096
"""Longer than any question; bounds what a stranger can make the parser chew."""

MIN_WEIGHT, MAX_WEIGHT = 0.001, 999.0

ROW_ID = re.compile(r"[0-9a-f]{40}")
_PATH = re.compile(r"(\.{1,2}|~[^\s/]*)?/")
_PLAIN_WORD = re.compile(r"[^\W\d_][\w-]*")
_PLAIN_VALUE = re.compile(r'[^\s"|][^\s|]*')
_QUOTED = re.compile(r'"(\\["\\]|[^"\\])*"')
_ESCAPED = re.compile(r'\\(["\\])')
_WEIGHTED = re.compile(r"[0-9]+(\.[0-9]+)?:")
_SPACE = re.compile(r"\s")

# The terminals decide by what follows, so that a sign within or before a space is a word. Where two
# fit, the one of the higher priority is taken.
GRAMMAR = r"""
start: _SPACE? (part (_SPACE part)*)? _SPACE?

?part: word | text | image | excluded | filter

word: WORD
text: WEIGHT? QUOTED | WEIGHT BARE
image: WEIGHT? _PLUS source
excluded: MINUS (QUOTED | BARE | PATH | ROW)
?source: QUOTED | PATH | ROW
filter: MINUS? NAME _value ("|" _value)*
_value: QUOTED | VALUE

_SPACE: /\s+/
NAME.6: /[^\W\d_][\w-]*:(?=\S)(?!\/\/)/
WEIGHT.5: /[0-9]+(\.[0-9]+)?:(?=["+]|[^\W\d_])/
MINUS.4: /-(?=[^\s-])/
_PLUS.4: /\+(?=[^\s+])/
QUOTED.3: /"(\\["\\]|[^"\\])*"/
ROW.2: /[0-9a-f]{40}(?!\S)/
PATH.2: /(\.{1,2}|~[^\s\/]*)?\/\S*/
BARE.1: /[^\s"]\S*/
VALUE.1: /[^\s"|][^\s|]*/
WORD: /[^\s"]\S*/
"""


class QuerySyntaxError(UsageError):
    """A query cannot be read.

    Attributes:
        reason: One sentence: the fact, and the next step.
        query: The query as it was given.
        position: Index in it of the first character that does not fit.
    """

    def __init__(self, reason: str, query: str, position: int) -> None:
        super().__init__(f"{reason} (at character {position + 1} of the query)")
        self.reason = reason
        self.query = query
        self.position = position


@dataclass(frozen=True, slots=True)
class TextPart:
    """A text to look for, beside the free words or excluded."""

    text: str
    weight: float = 1.0
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class ImagePart:
    """An image to look for the like of, or to exclude: a path, or the id of a row."""

    source: str
    weight: float = 1.0
    position: int = field(default=0, compare=False)

    @property
    def is_row(self) -> bool:
        """Whether it names a row of the archive."""
        return ROW_ID.fullmatch(self.source) is not None


@dataclass(frozen=True, slots=True)
class FilterPart:
    """A filter by name, as it is written: any of its values, or none where negated."""

    name: str
    values: tuple[str, ...]
    negated: bool = False
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a query's text says.

    Attributes:
        words: The free words, a space between each two; "" where there are none.
        source: The text itself, for messages.
    """

    words: str = ""
    positives: tuple[TextPart | ImagePart, ...] = ()
    excluded: tuple[TextPart | ImagePart, ...] = ()
    filters: tuple[FilterPart, ...] = ()
    source: str = field(default="", compare=False)

    def __str__(self) -> str:
        """Print it in one normal form, which parses to the same."""
        parts = [self.words] if self.words else []
        parts += [_print_positive(part) for part in self.positives]
        parts += [f"-{_print_excluded(part)}" for part in self.excluded]
        parts += [_print_filter(part) for part in self.filters]
        return " ".join(parts)


def parse(query: str) -> Parsed:
    """Read a query.

    Raises:
        QuerySyntaxError: It cannot be read; says where, and what to write.
    """
    from lark.exceptions import UnexpectedInput

    if len(query) > MAX_QUERY_CHARS:
        raise QuerySyntaxError(
            f"the query has {len(query):,} characters, the limit is {MAX_QUERY_CHARS:,}; "
            "shorten it",
            query,
            MAX_QUERY_CHARS,
        )
    try:
        query.encode()
    except UnicodeEncodeError as error:
        raise QuerySyntaxError(
            "the query is not valid UTF-8; type it anew", query, error.start
        ) from error
    try:
        tree = _parser().parse(query)
    except UnexpectedInput as error:
        at = _position(error, query)
        raise QuerySyntaxError(_explain(query, at), query, at) from error
    words: list[str] = []
    parsed: dict[str, list[TextPart | ImagePart]] = {"positive": [], "excluded": []}
    filters: list[FilterPart] = []
    for part in cast("list[Tree[Token]]", tree.children):
        kind, tokens = str(part.data), cast("list[Token]", part.children)
        match kind:
            case "word":
                words.append(str(tokens[0]))
            case "filter":
                filters.append(_read_filter(query, tokens))
            case "excluded":
                parsed["excluded"].append(_read_excluded(query, tokens[1]))
            case _:
                parsed["positive"].append(_read_positive(query, kind, tokens))
    return Parsed(
        " ".join(words),
        tuple(parsed["positive"]),
        tuple(parsed["excluded"]),
        tuple(filters),
        query,
    )


@cache
def _parser() -> "Lark":
    from lark import Lark

    return Lark(GRAMMAR, parser="lalr", lexer="contextual")


def _read_positive(query: str, kind: str, tokens: "list[Token]") -> TextPart | ImagePart:
    weight = 1.0
    if tokens[0].type == "WEIGHT":
        weight = float(tokens[0][:-1])
        if not MIN_WEIGHT <= weight <= MAX_WEIGHT or weight != round(weight, 3):
            raise QuerySyntaxError(
                f"{tokens[0][:-1]!r} is no weight: a weight is a number from {MIN_WEIGHT:g} to "
                f"{MAX_WEIGHT:g} with at most three decimals; to look for the text itself, put it "
                "in quotes",
                query,
                _start(tokens[0]),
            )
    text = _text(query, tokens[-1])
    if kind == "image":
        return ImagePart(text, weight, _start(tokens[0]))
    return TextPart(text, weight, _start(tokens[0]))


def _read_excluded(query: str, token: "Token") -> TextPart | ImagePart:
    text = _text(query, token)
    if token.type in ("PATH", "ROW") or (token.type == "QUOTED" and _PATH.match(text)):
        return ImagePart(text, position=_start(token))
    if token.type == "BARE" and _WEIGHTED.match(text):
        raise QuerySyntaxError(
            f"{text!r}: what is left out has no weight; write it without the number",
            query,
            _start(token),
        )
    return TextPart(text, position=_start(token))


def _read_filter(query: str, tokens: "list[Token]") -> FilterPart:
    negated = tokens[0].type == "MINUS"
    name, *values = tokens[1:] if negated else tokens
    return FilterPart(
        name[:-1].lower(),
        tuple(_text(query, value) for value in values),
        negated,
        _start(name),
    )


def _text(query: str, token: "Token") -> str:
    if token.type != "QUOTED":
        return str(token)
    text = _ESCAPED.sub(r"\1", token[1:-1])
    if not text.strip():
        raise QuerySyntaxError(
            "there is nothing between the quotes; write some words", query, _start(token)
        )
    return text


def _start(token: "Token") -> int:
    return token.start_pos or 0


def _position(error: "UnexpectedInput", query: str) -> int:
    from lark.exceptions import UnexpectedToken

    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        return len(query)
    return error.pos_in_stream or 0


def _explain(query: str, at: int) -> str:
    """Say what is wrong at the first character that does not fit."""
    before, here = query[at - 1 : at] if at else "", query[at : at + 1]
    if here == '"' and not _QUOTED.match(query, at):
        return (
            'the quote is not closed; end it with ", and write \\" and \\\\ for the signs '
            '" and \\ in it'
        )
    if before == '"':
        return "a space is missing after the quote"
    if before == "+":
        return (
            "after + comes an image: a path that starts with ./ ../ / or ~/, or the id of a row; "
            "write words without +"
        )
    if here in ("|", "") or before in (":", "|"):
        return "the filter has no value here; write one after the colon, as in tag:beach|sea"
    return f"{here!r} does not fit here; put words that are meant as they stand in quotes"


def _print_positive(part: TextPart | ImagePart) -> str:
    weight = "" if part.weight == 1 else f"{part.weight:.3f}".rstrip("0").rstrip(".") + ":"
    if isinstance(part, ImagePart):
        return f"{weight}+{_print_source(part)}"
    bare = weight and _PLAIN_WORD.fullmatch(part.text)
    return weight + (part.text if bare else _quoted(part.text))


def _print_excluded(part: TextPart | ImagePart) -> str:
    if isinstance(part, ImagePart):
        return _print_source(part)
    bare = _PLAIN_WORD.fullmatch(part.text) and not ROW_ID.fullmatch(part.text)
    return part.text if bare else _quoted(part.text)


def _print_source(part: ImagePart) -> str:
    bare = part.is_row or (_PATH.match(part.source) and not _SPACE.search(part.source))
    return part.source if bare else _quoted(part.source)


def _print_filter(part: FilterPart) -> str:
    values = [
        value if _PLAIN_VALUE.fullmatch(value) and not value.startswith("//") else _quoted(value)
        for value in part.values
    ]
    return f"{'-' if part.negated else ''}{part.name}:{'|'.join(values)}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
