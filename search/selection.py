"""Which rows a command is about, in the filters of the query language."""

from schema.errors import UsageError
from schema.filters import Filter
from search.grammar import parse
from search.query import read_filters


def only_filters(text: str) -> tuple[Filter, ...]:
    """Return the conditions of a query that has filters alone, as in "in:holidays/ date:2019".

    Raises:
        QuerySyntaxError: The text cannot be read as a query.
        UsageError: It has something to look for beside its filters.
    """
    query = parse(text)
    if query.words or query.positives or query.excluded:
        raise UsageError(
            f"{text!r} has words or images to look for; rows are chosen by filters here, as in "
            "'in:holidays/ date:2019'"
        )
    return read_filters(text)
