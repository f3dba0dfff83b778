"""From a question to the rows that answer it, and how well they do."""

from search.engine import answer, embed_query, search
from search.evaluate import Captioned, Evaluation, Recall, evaluate, read_captions
from search.grammar import QuerySyntaxError
from search.query import (
    DEFAULT_K,
    Image,
    Query,
    Row,
    Term,
    Text,
    build_query,
    image_term,
    text_term,
)

__all__ = [
    "DEFAULT_K",
    "Captioned",
    "Evaluation",
    "Image",
    "Query",
    "QuerySyntaxError",
    "Recall",
    "Row",
    "Term",
    "Text",
    "answer",
    "build_query",
    "embed_query",
    "evaluate",
    "image_term",
    "read_captions",
    "search",
    "text_term",
]
