"""A model is tried before it is trusted with an archive."""

from pathlib import Path

import pytest
import torch

from embed import check_model
from schema import ModelUnavailable
from tests.embed.checkpoints import save_clip, save_tokenizer
from tests.embed.test_hf_images import save_vit


def test_a_model_that_works_tells_its_facts_and_its_speed() -> None:
    found = check_model("builtin")
    assert (found.spec, found.dim, found.image_size) == ("builtin", 512, 96)
    assert found.takes_words
    assert found.images_per_second > 0
    assert found.texts_per_second is not None
    assert found.texts_per_second > 0


def test_a_model_that_takes_images_only_is_asked_for_no_words(tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_vit(tmp_path)
    found = check_model(str(tmp_path))
    assert (found.dim, found.takes_words, found.texts_per_second) == (32, False, None)


def test_weights_that_give_no_direction_are_refused(tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_clip(tmp_path)
    save_tokenizer(tmp_path)
    import safetensors.torch

    file = tmp_path / "model.safetensors"
    weights = safetensors.torch.load_file(file)
    weights["visual_projection.weight"].fill_(float("nan"))
    safetensors.torch.save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(ModelUnavailable, match="cannot be used: a vector is zero or not finite"):
        check_model(str(tmp_path))
