"""Which hits fold under which: bytes, hashes, bursts, and what is no burst."""

import numpy as np
import pytest

from schema import ImageRecord, Vectors, content_hash
from search.folding import BURST_MS, BURST_SCORE, fold, fold_videos
from tests.samples import a_record

NOON = 1_500_000_000_000


def towards(*cosines: float) -> Vectors:
    """Unit vectors of these cosines to the first."""
    rows = np.zeros((len(cosines), 2 + len(cosines)), dtype=np.float32)
    for n, cosine in enumerate(cosines):
        rows[n, 0], rows[n, n + 1] = cosine, np.sqrt(1 - cosine**2)
    return rows


def hit(path: str, **facts: object) -> ImageRecord:
    return a_record(path, **{"content": content_hash(path.encode()), **facts})


def shot(path: str, ms: int, **facts: object) -> ImageRecord:
    return hit(path, **{"taken_at": NOON + ms, "taken_from": "exif", "camera": "K-1", **facts})


def folded(records: list[ImageRecord], *cosines: float) -> list[list[str]]:
    return [
        [records[each.head].path, *[records[n].path for n in each.folded]]
        for each in fold(records, towards(*cosines))
    ]


def test_equal_bytes_fold() -> None:
    same = {"content": "f" * 32}
    assert folded([hit("a", **same), hit("b"), hit("c", **same)], 1, 0, 1) == [["a", "c"], ["b"]]


def test_near_hashes_and_vectors_fold_together_and_neither_alone() -> None:
    records = [hit("a", phash=-1), hit("b", phash=-8), hit("c", phash=0), hit("d", phash=-1)]
    assert folded(records, 1, 0.95, 0.95, 0.85) == [["a", "b"], ["c"], ["d"]]


@pytest.mark.parametrize(
    ("other", "cosine", "is_burst"),
    [
        (shot("b", BURST_MS), BURST_SCORE + 0.01, True),
        (shot("b", -BURST_MS), BURST_SCORE + 0.01, True),
        (shot("b", BURST_MS + 1), BURST_SCORE + 0.01, False),
        (shot("b", 500), BURST_SCORE - 0.01, False),
        (shot("b", 500, camera="EOS R5"), 0.95, False),
        (shot("b", 500, taken_from="file"), 0.95, False),
        (shot("b", 500, taken_at=None), 0.95, False),
    ],
)
def test_a_burst_is_of_one_camera_one_moment_and_one_look(
    other: ImageRecord, cosine: float, is_burst: bool
) -> None:
    assert (len(folded([shot("a", 0), other], 1, cosine)) == 1) is is_burst


def frame(path: str, ms: int) -> ImageRecord:
    return hit(path, view="frame", offset_ms=ms)


def test_moments_of_one_video_fold_under_the_best_whatever_they_show() -> None:
    records = [frame("v.mp4", 70_000), hit("a"), frame("w.mp4", 0), frame("v.mp4", 0)]
    shown = [(0, [3]), (1, []), (2, [])]
    for folds in (fold_videos(records), fold(records, towards(1, 0, 0, 0))):
        assert [(each.head, each.folded) for each in folds] == shown


def test_moments_follow_their_video_under_another_one_of_the_same_bytes() -> None:
    same = {"content": "f" * 32}
    records = [
        hit("v.mp4", view="frame", offset_ms=5000, **same),
        hit("copy.mp4", view="frame", offset_ms=5000, **same),
        hit("copy.mp4", view="frame", offset_ms=9000, **same),
    ]
    assert folded(records, 1, 1, 0) == [["v.mp4", "copy.mp4", "copy.mp4"]]


def test_a_long_series_is_not_one_burst() -> None:
    series = [shot(f"{n}", n * 6000) for n in range(4)]
    assert folded(series, 1, 1, 1, 1) == [["0", "1"], ["2", "3"]]


def test_what_is_shown_does_not_depend_on_how_far_down_is_looked() -> None:
    random = np.random.default_rng(0)
    records = [shot(f"{n}", int(random.integers(0, 60_000))) for n in range(60)]
    vectors = np.ones((60, 1), dtype=np.float32)
    whole = fold(records, vectors)
    for depth in range(60):
        part = fold(records[:depth], vectors[:depth])
        assert [each.head for each in part] == [each.head for each in whole][: len(part)]
