"""transformers' models give here what they give in transformers."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from embed import load_encoder
from schema import ModelUnavailable
from tests.embed.checkpoints import (
    FAMILIES,
    IMAGES,
    TEXTS,
    WORDS,
    save_clip,
    save_siglip2_naflex,
    save_siglip2_tokenizer,
    save_tokenizer,
)


@pytest.fixture(params=FAMILIES)
def checkpoint(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder as transformers saves it, with random weights of the real class."""
    torch.manual_seed(0)
    FAMILIES[request.param](tmp_path)
    if request.param == "siglip2":
        save_siglip2_tokenizer(tmp_path)
    else:
        save_tokenizer(tmp_path)
    return tmp_path


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
    images, texts = reference(checkpoint, "max_length" if "siglip" in family else True)
    ours = encoder.encode_images([encoder.resizing.apply(image) for image in IMAGES])
    assert (ours * images).sum(axis=1).min() >= 0.9999
    assert (encoder.encode_texts(TEXTS) * texts).sum(axis=1).min() >= 0.9999
    assert encoder.dim == images.shape[1]
    assert encoder.image_size == 32


def test_a_score_is_what_transformers_makes_of_the_cosine(
    checkpoint: Path, request: pytest.FixtureRequest
) -> None:
    encoder = load_encoder(str(checkpoint))
    model = transformers.AutoModel.from_pretrained(checkpoint).eval()
    family = request.node.callspec.params["checkpoint"]
    padding = "max_length" if "siglip" in family else True
    tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint)
    tokens = tokenizer(TEXTS, padding=padding, truncation=True, max_length=16, return_tensors="pt")
    processor = transformers.AutoImageProcessor.from_pretrained(checkpoint, backend="pil")
    with torch.inference_mode():
        logits = model(**tokens, **processor(IMAGES, return_tensors="pt")).logits_per_image
    expected = logits.sigmoid() if "siglip" in family else logits.softmax(dim=-1)
    images = encoder.encode_images([encoder.resizing.apply(image) for image in IMAGES])
    assert encoder.scoring is not None
    ours = encoder.scoring.probabilities(images @ encoder.encode_texts(TEXTS).T)
    assert np.abs(ours - expected.numpy()).max() < 1e-4


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


@pytest.mark.parametrize(
    "config",
    [
        transformers.ElectraConfig(
            hidden_size=32, embedding_size=32, num_hidden_layers=1, num_attention_heads=2
        ),
        transformers.ConvNextConfig(hidden_sizes=[8], depths=[1], num_stages=1),
    ],
    ids=["of texts only", "of images"],
)
def test_a_model_of_no_known_family_is_refused_with_those_there_are(
    tmp_path: Path, config: transformers.PreTrainedConfig
) -> None:
    model = transformers.AutoModel.from_config(config)
    model.save_pretrained(tmp_path)
    with pytest.raises(ModelUnavailable, match=r"which encodes neither .* one of vit, dinov2"):
        load_encoder(str(tmp_path))


def test_siglip_2_of_many_sizes_is_refused_for_its_pre_processing(tmp_path: Path) -> None:
    save_siglip2_naflex(tmp_path)
    save_tokenizer(tmp_path)
    with pytest.raises(ModelUnavailable, match=r"\(Siglip2ImageProcessorPil\) is not one that"):
        load_encoder(str(tmp_path))


def test_siglip_2_reads_capitals_as_small_letters(tmp_path: Path) -> None:
    torch.manual_seed(0)
    FAMILIES["siglip"](tmp_path)
    save_siglip2_tokenizer(tmp_path)
    small, capitals, other = load_encoder(str(tmp_path)).encode_texts(["a dog", "A DOG", "a boat"])
    assert float(small @ capitals) >= 0.99999
    assert float(small @ other) < 0.99999


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
