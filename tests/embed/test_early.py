"""What images need is loaded beside other work, and a failure is told by the first batch."""

from pathlib import Path

import numpy as np
import pytest

from embed import loading_images
from embed.builtin.encoder import DATA, BuiltinEncoder
from schema import ModelUnavailable


def test_at_the_end_of_the_block_the_graph_is_there(tmp_path: Path) -> None:
    for name in ("model.json", "image.onnx"):
        (tmp_path / name).write_bytes((DATA / name).read_bytes())
    encoder = BuiltinEncoder(data=tmp_path)
    with loading_images(encoder):
        pass
    (tmp_path / "image.onnx").unlink()
    pixels = np.zeros((encoder.image_size, encoder.image_size, 3), dtype=np.uint8)
    assert encoder.encode_images([pixels]).shape == (1, encoder.dim)


def test_what_cannot_be_loaded_fails_with_the_first_batch(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_bytes((DATA / "model.json").read_bytes())
    encoder = BuiltinEncoder(data=tmp_path)
    with loading_images(encoder):
        pass
    with pytest.raises(ModelUnavailable, match=r"image\.onnx"):
        encoder.encode_images([np.zeros((96, 96, 3), dtype=np.uint8)])


def test_an_error_of_the_block_is_the_blocks_own() -> None:
    with pytest.raises(RuntimeError, match="away"), loading_images(BuiltinEncoder()):
        raise RuntimeError("the store is away")
