"""BM25 over texts in memory, as Milvus computes it over a text field.

Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with the
idf that is never negative.
"""

import re
from collections import Counter
from collections.abc import Sequence
from math import log

SATURATION = 1.5
"""k1, as Milvus Lite has it: how soon more of the same word adds no more."""
LENGTH_SHARE = 0.75
"""b: how much a longer text counts less."""


def tokens(text: str) -> list[str]:
    """Return the words and numbers of a text in lower case: runs of letters and digits."""
    return re.findall(r"[^\W_]+", text.lower())


def bm25(texts: Sequence[str], words: str) -> list[float]:
    """Return how well each text answers the words; 0 where it has none of them."""
    counts = [Counter(tokens(text)) for text in texts]
    lengths = [count.total() for count in counts]
    mean = sum(lengths) / len(lengths) if any(lengths) else 1.0
    scores = [0.0] * len(texts)
    for word in tokens(words):
        having = [n for n, count in enumerate(counts) if word in count]
        idf = log((len(texts) - len(having) + 0.5) / (len(having) + 0.5) + 1)
        for n in having:
            often = counts[n][word]
            length = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * lengths[n] / mean)
            scores[n] += idf * often * (SATURATION + 1) / (often + length)
    return scores
