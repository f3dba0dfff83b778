"""Half precision is used on devices that are faster so, by models whose vectors stay the same.

CUDA is stood in for by the CPU, which computes the same operations in the same precision.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from embed.encoder import Encoder
from embed.halving import MIN_COSINE_IN_HALF, lowest_cosine, probe_images
from embed.hf import load_hf
from embed.openclip import OpenClipEncoder
from embed.tensors import Device
from tests.embed.checkpoints import save_clip
from tests.embed.test_hf_images import save_vit
from tests.embed.test_openclip import checkpoint

__all__ = ["checkpoint"]

Load = Callable[[Device], Encoder]


@pytest.fixture(params=["open_clip", "clip", "vit"])
def load(request: pytest.FixtureRequest, checkpoint: Path, tmp_path: Path) -> Load:
    """Load the same model onto a device."""
    if request.param == "open_clip":
        return lambda device: OpenClipEncoder("m", f"local-dir:{checkpoint}", None, device)
    (save_clip if request.param == "clip" else save_vit)(tmp_path)
    return lambda device: load_hf("m", str(tmp_path), device)


def test_images_are_computed_in_half_and_words_are_not(load: Load) -> None:
    single, half = Device("cpu"), Device("cpu", faster_in_half=True)
    own, halved = load(single), load(half)
    assert (single.half, half.half) == (False, True)
    images = probe_images(own.resizing)
    vectors = halved.encode_images(images)
    assert vectors.dtype == np.float32
    assert not np.array_equal(vectors, own.encode_images(images))
    assert lowest_cosine(vectors, own.encode_images(images)) >= MIN_COSINE_IN_HALF
    if own.scoring is not None:
        assert np.array_equal(halved.encode_texts(["a dog"]), own.encode_texts(["a dog"]))


def test_a_model_whose_values_outgrow_half_precision_stays_in_single(
    checkpoint: Path, tmp_path: Path
) -> None:
    for file in checkpoint.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = torch.load(tmp_path / "open_clip_pytorch_model.bin")
    weights["visual.proj"] *= 1e7
    torch.save(weights, tmp_path / "open_clip_pytorch_model.bin")
    device = Device("cpu", faster_in_half=True)
    encoder = OpenClipEncoder("m", f"local-dir:{tmp_path}", None, device)
    assert not device.half
    assert np.isfinite(encoder.encode_images(probe_images(encoder.resizing))).all()


def test_an_image_whose_values_outgrow_half_precision_is_computed_in_single(load: Load) -> None:
    device = Device("cpu", faster_in_half=True)
    encoder, own = load(device), load(Device("cpu"))
    assert device.half
    images = probe_images(encoder.resizing)
    run = device.run

    def overflowing(forward: Callable[[], torch.Tensor], *, half: bool = False) -> object:
        return run(lambda: forward() * (np.inf if half else 1), half=half)

    device.run = overflowing  # type: ignore[method-assign, assignment]
    vectors = encoder.encode_images(images)
    assert not device.half
    assert np.array_equal(vectors, own.encode_images(images))


def test_a_model_whose_vectors_drift_stays_in_single(load: Load) -> None:
    device = Device("cpu", faster_in_half=True)
    encoder = load(device)

    def drifting(batch: object) -> object:
        vectors = encoder.encode_images(batch)  # type: ignore[arg-type]
        return vectors[::-1] if device.half else vectors

    device.choose_precision(drifting, encoder.resizing)  # type: ignore[arg-type]
    assert not device.half
