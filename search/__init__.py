"""From a question to the rows that answer it, and how well they do."""

from search.calibration import Calibration
from search.captions import Captioned, read_captions
from search.classify import (
    DEFAULT_TEMPLATE,
    Classification,
    Classified,
    LabelScore,
    Unusable,
    classify,
    classify_rows,
)
from search.compare import Subject, compare
from search.described import DescribedRows
from search.engine import answer, embed_query, search
from search.evaluate import evaluate
from search.evaluation import Evaluation, Failure, Recall
from search.facets import Count, Facets, count_facets
from search.grammar import QuerySyntaxError
from search.query import (
    DEFAULT_K,
    Image,
    PreparedImage,
    Query,
    Row,
    Sort,
    Term,
    Text,
    build_query,
    image_term,
    read_filters,
    text_term,
)
from search.relevance import Judged
from search.suggest import Suggestion, Suggestions, suggest

__all__ = [
    "DEFAULT_K",
    "DEFAULT_TEMPLATE",
    "Calibration",
    "Captioned",
    "Classification",
    "Classified",
    "Count",
    "DescribedRows",
    "Evaluation",
    "Facets",
    "Failure",
    "Image",
    "Judged",
    "LabelScore",
    "PreparedImage",
    "Query",
    "QuerySyntaxError",
    "Recall",
    "Row",
    "Sort",
    "Subject",
    "Suggestion",
    "Suggestions",
    "Term",
    "Text",
    "Unusable",
    "answer",
    "build_query",
    "classify",
    "classify_rows",
    "compare",
    "count_facets",
    "embed_query",
    "evaluate",
    "image_term",
    "read_captions",
    "read_filters",
    "search",
    "suggest",
    "text_term",
]
