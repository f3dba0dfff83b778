"""From a question to the rows that answer it, and how well they do."""

from search.arrange import Arrangement, Shown, arranged_answer
from search.calibration import Calibration
from search.captions import Captioned, read_captions
from search.classify import (
    Classification,
    Classified,
    LabelScore,
    Unusable,
    classify,
    classify_rows,
)
from search.compare import Subject, compare
from search.described import DescribedRows
from search.diversity import DEFAULT_DIVERSITY
from search.duplicates import DEFAULT_THRESHOLD as DUPLICATE_THRESHOLD
from search.duplicates import find_duplicates
from search.engine import answer, embed_query, search
from search.evaluate import evaluate
from search.evaluation import Evaluation, Failure, Recall
from search.facets import Count, Facets, count_facets
from search.grammar import QuerySyntaxError
from search.labels import DEFAULT_TEMPLATE
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
from search.selection import only_filters
from search.suggest import Suggestion, Suggestions, suggest
from search.tagging import DEFAULT_TAG_THRESHOLD, LabelCount, Tagging, tag, untag

__all__ = [
    "DEFAULT_DIVERSITY",
    "DEFAULT_K",
    "DEFAULT_TAG_THRESHOLD",
    "DEFAULT_TEMPLATE",
    "DUPLICATE_THRESHOLD",
    "Arrangement",
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
    "LabelCount",
    "LabelScore",
    "PreparedImage",
    "Query",
    "QuerySyntaxError",
    "Recall",
    "Row",
    "Shown",
    "Sort",
    "Subject",
    "Suggestion",
    "Suggestions",
    "Tagging",
    "Term",
    "Text",
    "Unusable",
    "answer",
    "arranged_answer",
    "build_query",
    "classify",
    "classify_rows",
    "compare",
    "count_facets",
    "embed_query",
    "evaluate",
    "find_duplicates",
    "image_term",
    "only_filters",
    "read_captions",
    "read_filters",
    "search",
    "suggest",
    "tag",
    "text_term",
    "untag",
]
