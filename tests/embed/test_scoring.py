"""From cosines to probabilities."""

import numpy as np
import pytest

from embed import Scoring
from embed.builtin import BuiltinEncoder

COSINES = np.array([[0.3, 0.1], [-1.0, 1.0]], dtype=np.float32)


def test_labels_that_compete_sum_to_one_and_differ_as_their_logits_do() -> None:
    found = Scoring(10.0).probabilities(COSINES)
    assert found.sum(axis=1) == pytest.approx([1, 1])
    assert found[0, 0] / found[0, 1] == pytest.approx(np.exp(2.0))


def test_labels_judged_by_themselves_need_not_sum_to_one() -> None:
    found = Scoring(10.0, -2.0, "sigmoid").probabilities(COSINES)
    assert found[0, 0] == pytest.approx(1 / (1 + np.exp(-1.0)))
    assert found[0, 1] == pytest.approx(1 / (1 + np.exp(1.0)))


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_the_largest_logits_do_not_overflow(kind: str) -> None:
    found = Scoring(1000.0, 0.0, kind).probabilities(COSINES)  # type: ignore[arg-type]
    assert found[1] == pytest.approx([0.0, 1.0])


def test_the_built_in_model_scores_as_its_training_did() -> None:
    assert BuiltinEncoder().scoring == Scoring(23.64)
