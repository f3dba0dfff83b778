"""open_clip's models give here what they give in open_clip, and a missing one is explained."""

import io
import json
from pathlib import Path

import numpy as np
import open_clip
import PIL.Image
import pytest
import torch

from embed import decode_image, load_encoder
from schema import ModelUnavailable

TINY = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as open_clip saves it, with random weights."""
    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    model = open_clip.model.CLIP(**TINY)
    torch.save(model.state_dict(), folder / "open_clip_pytorch_model.bin")
    preprocess = {"mean": [0.5, 0.4, 0.3], "std": [0.3, 0.2, 0.1], "resize_mode": "shortest"}
    config = {"model_cfg": TINY, "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    return folder


def noise(width: int, height: int) -> PIL.Image.Image:
    rng = np.random.default_rng(width * height)
    small = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return PIL.Image.fromarray(small).resize((width, height), PIL.Image.Resampling.BICUBIC)


IMAGES = [noise(200, 100), noise(97, 151), noise(64, 64), noise(500, 375), noise(40, 30)]


def test_images_and_texts_equal_open_clips_own(checkpoint: Path) -> None:
    encoder = load_encoder(str(checkpoint))
    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{checkpoint}")
    model.eval()
    with torch.inference_mode():
        images = model.encode_image(torch.stack([preprocess(i) for i in IMAGES]), normalize=True)
        tokenizer = open_clip.get_tokenizer(f"local-dir:{checkpoint}")
        texts = model.encode_text(tokenizer(["a dog", "", "w " * 500]), normalize=True)
    ours = encoder.encode_images([encoder.resizing.apply(image) for image in IMAGES])
    assert (ours * images.numpy()).sum(axis=1).min() >= 0.9999
    words = encoder.encode_texts(["a dog", "", "w " * 500])
    assert (words * texts.numpy()).sum(axis=1).min() >= 0.9999
    assert (encoder.dim, encoder.image_size, encoder.spec) == (32, 64, str(checkpoint))


def test_a_large_jpeg_decoded_at_reduced_scale_gives_the_same_vector(checkpoint: Path) -> None:
    encoder = load_encoder(str(checkpoint))
    file = io.BytesIO()
    noise(1600, 1200).save(file, "JPEG", quality=92)
    decoded = decode_image(file.getvalue(), target_size=encoder.image_size, max_pixels=10**8)
    assert decoded.image.size < (1600, 1200)
    whole = PIL.Image.open(file).convert("RGB")
    resized = [encoder.resizing.apply(image) for image in (decoded.image, whole)]
    reduced, full = encoder.encode_images(resized)
    assert float(reduced @ full) >= 0.999


def test_bare_weights_of_a_named_architecture_are_loaded_from_a_file(tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = open_clip.create_model("ViT-S-32-alt")
    file = tmp_path / "weights.pt"
    torch.save(model.state_dict(), file)
    encoder = load_encoder(f"open_clip:ViT-S-32-alt/{file}")
    with torch.inference_mode():
        text = model.eval().encode_text(
            open_clip.get_tokenizer("ViT-S-32-alt")(["a boat"]), normalize=True
        )
    assert float(encoder.encode_texts(["a boat"])[0] @ text.numpy()[0]) >= 0.9999


def test_other_pre_processing_has_another_fingerprint(checkpoint: Path, tmp_path: Path) -> None:
    config = json.loads((checkpoint / "open_clip_config.json").read_text())
    config["preprocess_cfg"]["resize_mode"] = "squash"
    other = tmp_path / "other"
    other.mkdir()
    (other / "open_clip_config.json").write_text(json.dumps(config))
    weights = checkpoint / "open_clip_pytorch_model.bin"
    (other / weights.name).symlink_to(weights)
    one, two = load_encoder(str(checkpoint)), load_encoder(str(other))
    assert one.fingerprint != two.fingerprint
    assert load_encoder(str(checkpoint)).fingerprint == one.fingerprint
    assert two.resizing.apply(IMAGES[0]).shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("open_clip:ViT-B-23/openai", r"no architecture 'ViT-B-23'; did you mean ViT-B-32\?"),
        ("open_clip:ViT-B-32/nobody", "no weights 'nobody' for ViT-B-32; it has openai, "),
        ("open_clip:ViT-B-32", "the form is open_clip:ARCH/PRETRAINED"),
    ],
)
def test_a_name_that_open_clip_does_not_know_is_refused_with_those_it_does(
    spec: str, message: str
) -> None:
    with pytest.raises(ModelUnavailable, match=message):
        load_encoder(spec)


def test_weights_that_are_no_checkpoint_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    file.write_text("nothing of the kind")
    with pytest.raises(ModelUnavailable, match="--model builtin"):
        load_encoder(f"open_clip:ViT-S-32-alt/{file}")


def test_weights_that_cannot_be_fetched_are_refused_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelUnavailable, match=r"is not in the cache .*--model builtin"):
        load_encoder("open_clip:ViT-B-32-256/datacomp_s34b_b86k")
