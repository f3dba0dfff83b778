from .arrange import Arrangement, Shown, arranged_answer
from .calibration import Calibration
from .captions import Captioned, read_captions
from .comparison import Subject, compare
from .described import DescribedRows
from .diversity import DEFAULT_DIVERSITY
from .duplicates import DUPLICATE_THRESHOLD, find_duplicates
from .engine import answer, embed_query, search
from .evaluating import evaluate
from .evaluation import Evaluation, Failure, Recall
from .facets import Count, Facets, count_facets
from .grammar import QuerySyntaxError
from .labels import DEFAULT_TAG_THRESHOLD, DEFAULT_TEMPLATE
from .query import (
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
from .relevance import Judged
from .selection import only_filters
from .suggesting import Suggestion, Suggestions, suggest
from .tagging import LabelCount, Tagging, tag, untag
from .zero_shot import (
    Classification,
    Classified,
    LabelScore,
    Unusable,
    classify,
    classify_rows,
)

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
