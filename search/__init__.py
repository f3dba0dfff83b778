"""From a question to the rows that answer it, and how well they do."""

from search.engine import embed_query, search
from search.evaluate import Captioned, Evaluation, Recall, evaluate, read_captions
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
    "Recall",
    "Row",
    "Term",
    "Text",
    "build_query",
    "embed_query",
    "evaluate",
    "image_term",
    "read_captions",
    "search",
    "text_term",
]
