"""Maximal marginal relevance puts hits that differ first, as far as it is asked to."""

import numpy as np
import pytest

from schema import UsageError, Vectors
from search.diversity import check_diversity, diversify

AXES = np.eye(6, dtype=np.float32)


def two_kinds() -> tuple[np.ndarray, Vectors]:
    """Five hits of one kind, then one of another, then one of a third that is hardly relevant."""
    scores = np.array([0.30, 0.29, 0.28, 0.27, 0.26, 0.25, 0.10])
    return scores, np.stack([*[AXES[0]] * 5, AXES[1], AXES[2]])


def test_without_diversity_the_order_is_that_of_the_scores() -> None:
    assert diversify(*two_kinds(), 0.0) == list(range(7))


def test_another_kind_comes_second_and_a_hardly_relevant_one_last() -> None:
    assert diversify(*two_kinds(), 0.4)[:3] == [0, 5, 1]
    assert diversify(*two_kinds(), 0.4)[-1] == 6


def test_with_diversity_alone_every_kind_comes_before_a_second_of_any() -> None:
    assert set(diversify(*two_kinds(), 1.0)[:3]) == {0, 5, 6}


def test_every_candidate_comes_once() -> None:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((50, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    order = diversify(-np.sort(-random.random(50)), vectors, 0.5)
    assert sorted(order) == list(range(50))
    assert order[0] == 0


def test_it_is_the_papers_formula() -> None:
    scores, vectors = np.array([1.0, 0.5, 0.0]), np.array([[1, 0], [0.6, 0.8], [-1, 0]], np.float32)
    level = float(np.square(vectors.mean(axis=0)).sum())
    likeness = np.clip((vectors @ vectors.T - level) / (1 - level), 0, 1)
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        gains = {n: (1 - share) * scores[n] - share * likeness[n, 0] for n in (1, 2)}
        assert diversify(scores, vectors, share)[1] == max(gains, key=gains.__getitem__)


def test_relevance_is_that_of_the_rank_where_ranks_were_fused() -> None:
    vectors = np.stack([AXES[0], AXES[1], AXES[2]])
    assert diversify(np.array([0.1, 0.3, 0.2]), vectors, 0.1) == [0, 1, 2]


def test_equal_scores_and_equal_images_are_no_trouble() -> None:
    assert diversify(np.full(4, 0.2), np.stack([AXES[0]] * 4), 0.5) == [0, 1, 2, 3]
    assert diversify(np.array([]), np.empty((0, 6), np.float32), 0.5) == []


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_beyond_its_bounds_is_refused(share: float) -> None:
    with pytest.raises(UsageError, match="from 0, "):
        check_diversity(share)
