"""Confidence intervals hold what they promise, and captions of one image count as one draw."""

import numpy as np
import pytest

from search.confidence import bootstrap


def test_an_interval_of_independent_captions_is_that_of_the_normal_approximation() -> None:
    hits = (np.random.default_rng(1).random(2000) < 0.3).astype(np.float64)
    ((low, high),) = bootstrap(hits[:, None], np.arange(2000))
    share = hits.mean()
    margin = 1.96 * np.sqrt(share * (1 - share) / 2000)
    assert low == pytest.approx(share - margin, abs=0.004)
    assert high == pytest.approx(share + margin, abs=0.004)


def test_captions_that_fare_alike_within_an_image_widen_the_interval() -> None:
    hits = (np.random.default_rng(2).random(100) < 0.5).astype(np.float64)
    ((low, high),) = bootstrap(np.repeat(hits, 5)[:, None], np.repeat(np.arange(100), 5))
    ((alone_low, alone_high),) = bootstrap(hits[:, None], np.arange(100))
    assert (low, high) == (alone_low, alone_high)
    ((naive_low, naive_high),) = bootstrap(np.repeat(hits, 5)[:, None], np.arange(500))
    assert high - low > 2 * (naive_high - naive_low)


def test_an_image_with_more_captions_weighs_more() -> None:
    values = np.array([1.0, 1.0, 1.0, 0.0])[:, None]
    ((low, high),) = bootstrap(values, np.array([0, 0, 0, 1]))
    assert (low, high) == (0.0, 1.0)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    generator = np.random.default_rng(3)
    covered = 0
    for _ in range(100):
        hits = (generator.random(200) < 0.4).astype(np.float64)
        ((low, high),) = bootstrap(hits[:, None], np.arange(200))
        covered += low <= 0.4 <= high
    assert 88 <= covered <= 100


def test_the_same_values_give_the_same_intervals() -> None:
    values = np.random.default_rng(4).random((50, 2))
    first, second = (bootstrap(values, np.arange(50)) for _ in range(2))
    assert (first == second).all()
