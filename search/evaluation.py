"""What an evaluation tells.

The measures are those of image-caption retrieval since Hodosh, Young and Hockenmaier, "Framing
image description as a ranking task" (JAIR 2013): R@k is the share of queries with a right answer
among the first k. MRR, the mean reciprocal rank of the first right answer, is that of Voorhees,
"The TREC-8 question answering track report" (1999).
"""

from dataclasses import dataclass, field

from schema.records import ImageRecord, Match
from search.latency import Latency


@dataclass(frozen=True, slots=True)
class Recall:
    """Results one way.

    Attributes:
        at: Share of queries answered rightly among the first k, in [0, 1], by k.
        median_rank: Median of the best right answer's rank, from 1.
        mrr: Mean of that rank's reciprocal, in [0, 1].
        intervals: Bounds of the 95 % confidence interval, by the key of its measure.
    """

    at: dict[int, float]
    median_rank: float
    mrr: float
    intervals: dict[str, tuple[float, float]]

    def as_dict(self) -> dict[str, object]:
        """Return the keys of the command line's contract."""
        return {
            **{f"R@{k}": share for k, share in self.at.items()},
            "median_rank": self.median_rank,
            "MRR": self.mrr,
            "CI95": {name: list(bounds) for name, bounds in self.intervals.items()},
        }


@dataclass(frozen=True, slots=True)
class Failure:
    """A caption whose image does not come first.

    Attributes:
        rank: Of the wanted image among all rows; ``score`` is its cosine.
        first: What comes first instead.
    """

    caption: str
    wanted: ImageRecord
    rank: int
    score: float
    first: Match


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Recall over the images that are both captioned and in the archive.

    Attributes:
        rows: Of the archive, among which captions have to find their image.
        model: Spec of the archive's model.
        ann_recall_at_10: Share of the ten truly nearest rows that the index returns, for a sample
            of the captions; see `search.recall`.
        failures: The captions whose images rank last, the worst first, at most one an image.
    """

    images: int
    captions: int
    missing: int
    rows: int
    model: str
    text_to_image: Recall
    image_to_text: Recall
    ann_recall_at_10: float
    latency: Latency
    failures: tuple[Failure, ...] = field(default=(), repr=False)

    def as_dict(self) -> dict[str, object]:
        """Return the keys of the command line's contract."""
        return {
            "pictures": self.images,
            "captions": self.captions,
            "missing": self.missing,
            "rows": self.rows,
            "model": self.model,
            "text_to_image": self.text_to_image.as_dict(),
            "image_to_text": self.image_to_text.as_dict(),
            "ann_recall@10": self.ann_recall_at_10,
            "latency_ms": self.latency.as_dict(),
        }
