"""From a question to the rows that answer it, and how well they do."""

from search.calibration import Calibration
from search.classify import (
    DEFAULT_TEMPLATE,
    Classification,
    Classified,
    LabelScore,
    Unusable,
    classify,
)
from search.compare import Subject, compare
from search.engine import answer, embed_query, search
from search.evaluate import Captioned, Evaluation, Recall, evaluate, read_captions
from search.grammar import QuerySyntaxError
from search.query import (
    DEFAULT_K,
    Image,
    Query,
    Row,
    Sort,
    Term,
    Text,
    build_query,
    image_term,
    text_term,
)
from search.relevance import Judged

__all__ = [
    "DEFAULT_K",
    "DEFAULT_TEMPLATE",
    "Calibration",
    "Captioned",
    "Classification",
    "Classified",
    "Evaluation",
    "Image",
    "Judged",
    "LabelScore",
    "Query",
    "QuerySyntaxError",
    "Recall",
    "Row",
    "Sort",
    "Subject",
    "Term",
    "Text",
    "Unusable",
    "answer",
    "build_query",
    "classify",
    "compare",
    "embed_query",
    "evaluate",
    "image_term",
    "read_captions",
    "search",
    "text_term",
]
