"""From a question to the rows that answer it, and how well they do."""

from search.arrange import Arrangement, Shown, arranged_answer
from search.classify import (
    Classification,
    Classified,
    LabelScore,
    Unusable,
    classify,
)
from search.compare import Subject, compare
from search.diversity import DEFAULT_DIVERSITY
from search.duplicates import DEFAULT_THRESHOLD as DUPLICATE_THRESHOLD
from search.duplicates import find_duplicates
from search.engine import answer, embed_query, search
from search.evaluate import Captioned, Evaluation, Recall, evaluate, read_captions
from search.grammar import QuerySyntaxError
from search.labels import DEFAULT_TEMPLATE
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
from search.selection import read_filters
from search.tagging import DEFAULT_TAG_THRESHOLD, LabelCount, Tagging, tag, untag

__all__ = [
    "DEFAULT_DIVERSITY",
    "DEFAULT_K",
    "DEFAULT_TAG_THRESHOLD",
    "DEFAULT_TEMPLATE",
    "DUPLICATE_THRESHOLD",
    "Arrangement",
    "Captioned",
    "Classification",
    "Classified",
    "Evaluation",
    "Image",
    "LabelCount",
    "LabelScore",
    "Query",
    "QuerySyntaxError",
    "Recall",
    "Row",
    "Shown",
    "Subject",
    "Tagging",
    "Term",
    "Text",
    "Unusable",
    "answer",
    "arranged_answer",
    "build_query",
    "classify",
    "compare",
    "embed_query",
    "evaluate",
    "find_duplicates",
    "image_term",
    "read_captions",
    "read_filters",
    "search",
    "tag",
    "text_term",
    "untag",
]
