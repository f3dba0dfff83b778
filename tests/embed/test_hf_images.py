"""Models of transformers without words give here what its feature extraction gives."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from embed import load_encoder
from schema import UsageError
from tests.embed.checkpoints import IMAGES, VISION

STAGES = {"hidden_sizes": [16, 32], "depths": [1, 1], "embedding_size": 16}


def save_vit(folder: Path) -> None:
    # Published to classify, so without the pooler that transformers' ViTModel has.
    transformers.ViTForImageClassification(transformers.ViTConfig(**VISION)).save_pretrained(folder)
    transformers.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)


def save_dinov2(folder: Path) -> None:
    transformers.Dinov2Model(transformers.Dinov2Config(**VISION)).save_pretrained(folder)
    # At another size than the weights were trained with, as published.
    transformers.BitImageProcessor(
        size={"shortest_edge": 48}, crop_size={"height": 40, "width": 40}
    ).save_pretrained(folder)


def save_dinov2_with_registers(folder: Path) -> None:
    config = transformers.Dinov2WithRegistersConfig(**VISION)
    transformers.Dinov2WithRegistersModel(config).save_pretrained(folder)
    transformers.BitImageProcessor(
        size={"shortest_edge": 40}, crop_size={"height": 32, "width": 32}
    ).save_pretrained(folder)


def save_resnet(folder: Path) -> None:
    config = transformers.ResNetConfig(**STAGES, layer_type="bottleneck")
    transformers.ResNetForImageClassification(config).save_pretrained(folder)
    transformers.ConvNextImageProcessor(size={"shortest_edge": 28}, crop_pct=0.875).save_pretrained(
        folder
    )


def save_large_resnet(folder: Path) -> None:
    transformers.ResNetModel(transformers.ResNetConfig(**STAGES)).save_pretrained(folder)
    transformers.ConvNextImageProcessor(size={"shortest_edge": 384}).save_pretrained(folder)


FAMILIES: dict[str, tuple[Callable[[Path], None], int, int]] = {
    "vit": (save_vit, 32, 32),
    "dinov2": (save_dinov2, 32, 40),
    "dinov2_with_registers": (save_dinov2_with_registers, 32, 32),
    "resnet": (save_resnet, 32, 28),
    "resnet of 384 pixels": (save_large_resnet, 32, 384),
}
"""How a checkpoint is saved, its length of a vector, and its input's side."""


@pytest.fixture
def checkpoint(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder as transformers saves it, with random weights of the real class."""
    torch.manual_seed(0)
    FAMILIES[request.param][0](tmp_path)
    return tmp_path


def extracted(folder: Path) -> np.ndarray:
    """What the pipeline gives, of an image the class token or, without one, what is pooled."""
    processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
    pipeline = transformers.pipeline(
        "image-feature-extraction", str(folder), image_processor=processor, device="cpu"
    )
    has_tokens = "hidden_size" in pipeline.model.config.to_dict()
    found = [pipeline(image, pool=not has_tokens, return_tensors=True) for image in IMAGES]
    vectors = torch.cat([f[:, 0] if has_tokens else f.flatten(1) for f in found])
    return torch.nn.functional.normalize(vectors, dim=-1).numpy()


@pytest.mark.parametrize(
    ("checkpoint", "family"), [(f, f) for f in FAMILIES], indirect=["checkpoint"]
)
def test_images_equal_what_transformers_extracts(checkpoint: Path, family: str) -> None:
    encoder = load_encoder(str(checkpoint))
    _, dim, side = FAMILIES[family]
    assert (encoder.dim, encoder.image_size) == (dim, side)
    ours = encoder.encode_images([encoder.resizing.apply(image) for image in IMAGES])
    assert np.abs(ours - extracted(checkpoint)).max() < 1e-4
    assert encoder.encode_images([]).shape == (0, dim)


@pytest.mark.parametrize("checkpoint", ["vit"], indirect=True)
def test_words_are_refused_with_what_to_use_instead(checkpoint: Path) -> None:
    encoder = load_encoder(str(checkpoint))
    assert encoder.scoring is None
    with pytest.raises(UsageError, match=r"takes images only.*eidetic similar.*siglip2-b32-256"):
        encoder.encode_texts(["a dog"])


@pytest.mark.parametrize("checkpoint", ["resnet"], indirect=True)
def test_another_share_of_the_image_has_another_fingerprint(checkpoint: Path) -> None:
    before = load_encoder(str(checkpoint)).fingerprint
    assert load_encoder(str(checkpoint)).fingerprint == before
    transformers.ConvNextImageProcessor(size={"shortest_edge": 28}, crop_pct=0.8).save_pretrained(
        checkpoint
    )
    assert load_encoder(str(checkpoint)).fingerprint != before
