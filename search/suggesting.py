"""What may follow in a query that is being typed: names of filters, then their values."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from search.conditions import READERS, VIEWS
from search.facets import Count

MAX_SUGGESTIONS = 20

_PART = re.compile(r'(?:"(?:\\.|[^"\\])*(?:"|$)|[^\s"])+|\s+')
_FILTER = re.compile(r"(?P<sign>-?)(?P<name>[^\W\d_][\w-]*):(?P<values>.*)", re.DOTALL)
_NAME = re.compile(r"(?P<sign>-?)(?P<name>[^\W\d_][\w-]*)")
_PLAIN_VALUE = re.compile(r'[^\s"|][^\s"|]*')

_EXAMPLES: Mapping[str, Sequence[str]] = {
    "rating": (">=4", "5", "3..5"),
    "width": (">=3000", "<1000"),
    "height": (">=3000", "<1000"),
    "iso": ("<=400", ">=3200"),
    "type": VIEWS,
    "near": ("48.85,2.35,10km",),
}
"""Of filters that are not chosen from what the archive holds."""

_FACETS = {"date": ("year", "month")}
"""Facets that hold a filter's values where they are not that of its own name."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One way to go on.

    Attributes:
        text: What stands in the place of the part that is being typed.
        count: Rows that have this value; ``None`` where that is not known.
    """

    kind: Literal["filter", "value"]
    text: str
    label: str
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Ways to go on from the cursor.

    Attributes:
        start: Index in the query of the first character that a suggestion replaces.
        end: Index behind the last one.
    """

    start: int
    end: int
    items: tuple[Suggestion, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the keys of the HTTP contract."""
        return {
            "start": self.start,
            "end": self.end,
            "suggestions": [asdict(item) for item in self.items],
        }


def suggest(query: str, cursor: int, counts: Mapping[str, Sequence[Count]]) -> Suggestions:
    """Return what may stand at the cursor: values where a filter's name is complete, else names.

    The query need not be one that can be read yet.

    Args:
        cursor: Index in the query, from 0 to its length.
        counts: Values the archive holds, see `search.facets.Facets.counts`.
    """
    cursor = min(max(cursor, 0), len(query))
    start, end = _part(query, cursor)
    typed = query[start:cursor]
    if found := _FILTER.fullmatch(typed):
        name = found["name"].lower()
        before, bar, value = found["values"].rpartition("|")
        head = f"{found['sign']}{name}:{before}{bar}"
        items = tuple(_suggest_values(name, head, value, counts)) if name in READERS else ()
    elif found := _NAME.fullmatch(typed):
        sign, begun = found["sign"], found["name"].lower()
        items = tuple(
            Suggestion("filter", f"{sign}{name}:", name)
            for name in READERS
            if name.startswith(begun)
        )
    elif typed in ("", "-"):
        items = tuple(Suggestion("filter", f"{typed}{name}:", name) for name in READERS)
    else:
        items = ()
    return Suggestions(start, end, items[:MAX_SUGGESTIONS])


def _part(query: str, cursor: int) -> tuple[int, int]:
    """Return where the part at the cursor starts and ends; an open quote reaches to the end."""
    for part in _PART.finditer(query):
        if part.start() < cursor <= part.end() and not part[0].isspace():
            return part.start(), part.end()
    return cursor, cursor


def _suggest_values(
    name: str, head: str, typed: str, counts: Mapping[str, Sequence[Count]]
) -> Iterator[Suggestion]:
    begun = typed.lstrip('"').casefold()
    known = [count for facet in _FACETS.get(name, (name,)) for count in counts.get(facet, ())]
    # A value that begins with what was typed comes before one that holds it elsewhere.
    ranked = sorted(known, key=lambda count: not count.value.casefold().startswith(begun))
    seen = set()
    for count in ranked:
        if begun in count.value.casefold():
            seen.add(count.value)
            yield Suggestion("value", head + _spelled(count.value), count.value, count.count)
    for value in _EXAMPLES.get(name, ()):
        if value.startswith(begun) and value not in seen:
            yield Suggestion("value", head + value, value)


def _spelled(value: str) -> str:
    if _PLAIN_VALUE.fullmatch(value) and not value.startswith("//"):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
