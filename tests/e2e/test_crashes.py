"""Ingestion survives kill -9 at any moment."""

from pathlib import Path

import pytest

from tests.e2e.crashes import BATCH, crash_runs


@pytest.mark.slow
def test_a_killed_ingestion_loses_and_doubles_nothing(tmp_path: Path) -> None:
    outcome = crash_runs(8, tmp_path, seed=20)
    assert outcome.kills >= 8
    assert outcome.rounds >= 1
    assert (outcome.lost, outcome.double, outcome.differences) == (0, 0, [])
    assert outcome.most_again <= BATCH
