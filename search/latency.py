"""How long single queries take: percentiles of encoding a text and of asking the store."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from embed.encoder import Encoder
from schema.records import Match, Vectors
from schema.store import Store


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds that half, 95 % and 99 % of the samples did not exceed."""

    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Self:
        """Work them out, with linear interpolation between samples."""
        return cls(*(float(p) * 1000 for p in np.percentile(seconds, [50, 95, 99])))

    def as_dict(self) -> dict[str, float]:
        """Return the keys of the command line's contract, to a microsecond."""
        return {name: round(getattr(self, name), 3) for name in ("p50", "p95", "p99")}


@dataclass(frozen=True, slots=True)
class Latency:
    """What single queries take in a process that is warm.

    Attributes:
        samples: Queries that were timed; above the 99th percentile lie a hundredth of them.
    """

    samples: int
    text_encoding: Percentiles
    store_search: Percentiles

    def as_dict(self) -> dict[str, object]:
        """Return the keys of the command line's contract."""
        return {
            "samples": self.samples,
            "text_encoding": self.text_encoding.as_dict(),
            "store_search": self.store_search.as_dict(),
        }


def time_queries(
    texts: Sequence[str], vectors: Vectors, k: int, *, store: Store, encoder: Encoder
) -> tuple[Latency, list[list[Match]]]:
    """Ask one query after the other and return the times and what was found.

    Args:
        texts: At least one.
        vectors: Theirs, which the store is asked for: shape (len(texts), dim), float32, unit norm.
    """
    # What is loaded by the first call is no matter of the following ones.
    encoder.encode_texts(texts[:1])
    store.search(vectors[:1], k)
    encoding: list[float] = []
    asking: list[float] = []
    found: list[list[Match]] = []
    for text, vector in zip(texts, vectors, strict=True):
        begun = time.perf_counter()
        encoder.encode_texts([text])
        encoded = time.perf_counter()
        found += store.search(vector[None], k)
        asking.append(time.perf_counter() - encoded)
        encoding.append(encoded - begun)
    return Latency(len(texts), Percentiles.of(encoding), Percentiles.of(asking)), found
