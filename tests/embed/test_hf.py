"""transformers' models give here what they give in transformers."""

import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from embed import load_encoder
from schema import ModelUnavailable

WORDS = ["<pad>", "<unk>", "<start>", "<end>", "a", "dog", "on", "the", "beach", "red", "boat"]
TOWER = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
TEXT = {**TOWER, "vocab_size": len(WORDS), "max_position_embeddings": 16}
VISION = {**TOWER, "image_size": 32, "patch_size": 8}


def save_tokenizer(folder: Path) -> None:
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 2), ("<end>", 3)]
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<start>",
        eos_token="<end>",
        model_max_length=16,
    ).save_pretrained(folder)


def save_clip(folder: Path) -> None:
    text = {**TEXT, "eos_token_id": 3, "bos_token_id": 2, "pad_token_id": 0}
    config = transformers.CLIPConfig(text_config=text, vision_config=VISION, projection_dim=24)
    transformers.CLIPModel(config).save_pretrained(folder)
    transformers.CLIPImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    ).save_pretrained(folder)


def save_siglip(folder: Path) -> None:
    config = transformers.SiglipConfig(text_config=TEXT, vision_config=VISION)
    transformers.SiglipModel(config).save_pretrained(folder)
    transformers.SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)


def save_chinese_clip(folder: Path) -> None:
    config = transformers.ChineseCLIPConfig(
        text_config=TEXT, vision_config=VISION, projection_dim=24
    )
    transformers.ChineseCLIPModel(config).save_pretrained(folder)
    transformers.ChineseCLIPImageProcessor(
        size={"height": 32, "width": 32}, do_center_crop=False
    ).save_pretrained(folder)


def save_altclip(folder: Path) -> None:
    text = {**TEXT, "max_position_embeddings": 17, "pad_token_id": 0, "project_dim": 24}
    config = transformers.AltCLIPConfig(
        text_config=text, vision_config={**VISION, "projection_dim": 24}, projection_dim=24
    )
    transformers.AltCLIPModel(config).save_pretrained(folder)
    transformers.CLIPImageProcessor(
        size={"shortest_edge": 40}, crop_size={"height": 32, "width": 32}
    ).save_pretrained(folder)


def save_metaclip_2(folder: Path) -> None:
    text = {**TEXT, "eos_token_id": 3, "bos_token_id": 2, "pad_token_id": 0}
    config = transformers.MetaClip2Config(text_config=text, vision_config=VISION, projection_dim=24)
    transformers.MetaClip2Model(config).save_pretrained(folder)
    transformers.CLIPImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    ).save_pretrained(folder)


FAMILIES: dict[str, Callable[[Path], None]] = {
    "clip": save_clip,
    "siglip": save_siglip,
    "chinese_clip": save_chinese_clip,
    "altclip": save_altclip,
    "metaclip_2": save_metaclip_2,
}


@pytest.fixture(params=FAMILIES)
def checkpoint(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder as transformers saves it, with random weights of the real class."""
    torch.manual_seed(0)
    FAMILIES[request.param](tmp_path)
    save_tokenizer(tmp_path)
    return tmp_path


def noise(width: int, height: int) -> PIL.Image.Image:
    rng = np.random.default_rng(width * height)
    small = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return PIL.Image.fromarray(small).resize((width, height), PIL.Image.Resampling.BICUBIC)


IMAGES = [noise(200, 100), noise(97, 151), noise(32, 32), noise(20, 45)]
TEXTS = ["a dog on the beach", "boat", "red " * 40]


def reference(folder: Path, padding: str | bool) -> tuple[np.ndarray, np.ndarray]:
    model = transformers.AutoModel.from_pretrained(folder).eval()
    images = transformers.AutoImageProcessor.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokens = tokenizer(TEXTS, padding=padding, truncation=True, max_length=16, return_tensors="pt")
    with torch.inference_mode():
        pixels = images(IMAGES, return_tensors="pt")
        vectors = (model.get_image_features(**pixels), model.get_text_features(**tokens))
    return tuple(torch.nn.functional.normalize(v.pooler_output, dim=-1).numpy() for v in vectors)  # type: ignore[return-value]


def test_images_and_texts_equal_transformers_own(
    checkpoint: Path, request: pytest.FixtureRequest
) -> None:
    encoder = load_encoder(str(checkpoint))
    family = request.node.callspec.params["checkpoint"]
    images, texts = reference(checkpoint, "max_length" if family == "siglip" else True)
    ours = encoder.encode_images([encoder.resizing.apply(image) for image in IMAGES])
    assert (ours * images).sum(axis=1).min() >= 0.9999
    assert (encoder.encode_texts(TEXTS) * texts).sum(axis=1).min() >= 0.9999
    assert encoder.dim == images.shape[1]
    assert encoder.image_size == 32


def test_nothing_encoded_is_no_vectors_of_the_right_length(checkpoint: Path) -> None:
    encoder = load_encoder(str(checkpoint))
    assert encoder.encode_images([]).shape == encoder.encode_texts([]).shape == (0, encoder.dim)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A folder with a tiny CLIP."""
    torch.manual_seed(0)
    save_clip(tmp_path)
    save_tokenizer(tmp_path)
    return tmp_path


def test_many_texts_are_encoded_as_each_by_itself(clip: Path) -> None:
    encoder = load_encoder(str(clip))
    texts = [" ".join(WORDS[4 + i % 7 : 5 + i % 7 + i % 3]) for i in range(300)]
    together = encoder.encode_texts(texts)
    assert together.shape == (300, 24)
    for i in (0, 255, 256, 299):
        assert float(together[i] @ encoder.encode_texts([texts[i]])[0]) >= 0.9999


def test_threads_may_encode_texts_of_unequal_lengths_at_once(clip: Path) -> None:
    encoder = load_encoder(str(clip))
    texts = [" ".join(WORDS[4:10] * n) for n in range(1, 9)]
    expected = [encoder.encode_texts([text])[0] for text in texts]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            found = list(pool.map(lambda text: encoder.encode_texts([text])[0], texts))
            assert np.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("change", [{"image_mean": [0.1, 0.2, 0.3]}, {"resample": 2}])
def test_other_image_processing_has_another_fingerprint(
    clip: Path, change: dict[str, object]
) -> None:
    before = load_encoder(str(clip)).fingerprint
    assert load_encoder(str(clip)).fingerprint == before
    file = clip / "preprocessor_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    assert load_encoder(str(clip)).fingerprint != before


def test_another_tokenizer_has_another_fingerprint(clip: Path) -> None:
    before = load_encoder(str(clip)).fingerprint
    file = clip / "tokenizer.json"
    tokenizer = json.loads(file.read_text())
    tokenizer["post_processor"] = None
    file.write_text(json.dumps(tokenizer))
    assert load_encoder(str(clip)).fingerprint != before


def test_image_processing_that_would_differ_from_the_published_is_refused(clip: Path) -> None:
    file = clip / "preprocessor_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"do_normalize": False}))
    with pytest.raises(ModelUnavailable, match=r"its pre-processing .* is not one that"):
        load_encoder(str(clip))


def test_loading_leaves_the_logs_as_they_were(clip: Path) -> None:
    root = logging.getLogger()
    before = (list(root.handlers), root.level, transformers.logging.get_verbosity())
    load_encoder(str(clip))
    assert (list(root.handlers), root.level, transformers.logging.get_verbosity()) == before


def test_a_model_without_a_text_tower_is_refused(tmp_path: Path) -> None:
    config = transformers.ViTConfig(**VISION)
    transformers.ViTModel(config).save_pretrained(tmp_path)
    with pytest.raises(ModelUnavailable, match="ViTModel, which does not encode both"):
        load_encoder(str(tmp_path))


def test_a_folder_without_its_weights_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "clip"}')
    with pytest.raises(ModelUnavailable, match="--model builtin"):
        load_encoder(str(tmp_path))


def test_a_hub_that_cannot_be_reached_is_told_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        ModelUnavailable, match=r"'nobody/nothing' is not in the cache .*--model builtin"
    ):
        load_encoder("hf:nobody/nothing")
