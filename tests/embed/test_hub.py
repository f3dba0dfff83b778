"""A model of the hub is taken from the cache without a network, or it is said what to do."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import open_clip
import pytest
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

from embed import is_on_disk, load_encoder
from embed.hub import fetch, quiet
from schema import ModelUnavailable

TOWER = {"width": 64, "layers": 1}
TINY = {
    "embed_dim": 16,
    "vision_cfg": {**TOWER, "image_size": 32, "head_width": 32, "patch_size": 16},
    "text_cfg": {
        **TOWER,
        "heads": 2,
        "context_length": 12,
        "vocab_size": 10,
        "hf_tokenizer_name": "someone/words",
        "tokenizer_kwargs": {"clean": "canonicalize"},
        "pool_type": "last",
    },
}

Put = Callable[..., Path]


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Put:
    """Make a repository that is in the cache; there is no network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))

    def make(repo_id: str) -> Path:
        repository = tmp_path / f"models--{repo_id.replace('/', '--')}"
        (repository / "refs").mkdir(parents=True)
        (repository / "refs" / "main").write_text("0" * 40)
        snapshot = repository / "snapshots" / ("0" * 40)
        snapshot.mkdir(parents=True)
        return snapshot

    return make


def save_words(folder: Path) -> None:
    words = ["<pad>", "</s>", "<unk>", "a", "dog", "on", "the", "beach", "red", "boat"]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", eos_token="</s>"
    ).save_pretrained(folder)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> open_clip.CLIP:
    """A small architecture among open_clip's own, with weights published as "kept"."""
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "Tiny", TINY)
    published = {
        "hf_hub": "someone/tiny/",
        "url": "",
        "mean": (0.5, 0.4, 0.3),
        "std": (0.3, 0.2, 0.1),
        "interpolation": "bilinear",
        "resize_mode": "squash",
    }
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "Tiny", {"kept": published})
    torch.manual_seed(0)
    return open_clip.model.CLIP(**TINY).eval()


def test_published_weights_and_tokenizer_come_from_the_cache(
    put: Put, tiny: open_clip.CLIP
) -> None:
    torch.save(tiny.state_dict(), put("someone/tiny") / "open_clip_pytorch_model.bin")
    save_words(put("someone/words"))
    encoder = load_encoder("open_clip:Tiny/kept")
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    pixels = (torch.from_numpy(image).permute(2, 0, 1) / 255).float()
    mean, std = torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.3, 0.2, 0.1])
    tokens = torch.zeros(1, 12, dtype=torch.long)
    tokens[0, :3] = torch.tensor([3, 8, 9])
    with torch.inference_mode():
        pixels = (pixels - mean[:, None, None]) / std[:, None, None]
        expected_image = tiny.encode_image(pixels[None], normalize=True).numpy()[0]
        expected_text = tiny.encode_text(tokens, normalize=True).numpy()[0]
    assert float(encoder.encode_images([image])[0] @ expected_image) >= 0.9999
    assert float(encoder.encode_texts(["A red BOAT!"])[0] @ expected_text) >= 0.9999


def test_a_repository_of_open_clip_is_loaded_by_its_id(put: Put, tiny: open_clip.CLIP) -> None:
    folder = put("someone/else")
    torch.save(tiny.state_dict(), folder / "open_clip_pytorch_model.bin")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY}))
    save_words(folder)
    encoder = load_encoder("open_clip:hf-hub:someone/else")
    assert (encoder.dim, encoder.spec) == (16, "open_clip:hf-hub:someone/else")


def test_weights_trained_with_another_activation_are_warned_of(
    put: Put,
    tiny: open_clip.CLIP,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    torch.save(tiny.state_dict(), put("someone/tiny") / "open_clip_pytorch_model.bin")
    save_words(put("someone/words"))
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED["Tiny"]["kept"], "quick_gelu", True)
    load_encoder("open_clip:Tiny/kept")
    assert "was trained with QuickGELU" in caplog.text


def test_the_better_of_several_formats_is_taken(put: Put) -> None:
    folder = put("someone/both")
    (folder / "model.bin").touch()
    assert fetch("someone/both", ["model.safetensors", "model.bin"]) == folder
    with pytest.raises(ModelUnavailable, match="'someone/both' is not in the cache"):
        fetch("someone/both", ["model.safetensors"])


@pytest.mark.parametrize("weights", ["open_clip_model.safetensors", "pytorch_model.bin"])
def test_a_model_is_on_disk_once_its_weights_are(put: Put, weights: str) -> None:
    folder = put("someone/tiny")
    (folder / "config.json").touch()
    assert not is_on_disk("someone/tiny")
    (folder / weights).touch()
    assert is_on_disk("someone/tiny")
    assert not is_on_disk("someone/else")


def test_of_a_repository_only_the_settings_and_one_checkpoint_are_downloaded(
    put: Put, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    held = ["config.json", "onnx/model.safetensors", "model.bin", "model.old", "README.md"]
    asked: list[list[str]] = []

    def info(*_: object, **__: object) -> SimpleNamespace:
        return SimpleNamespace(siblings=[SimpleNamespace(rfilename=name) for name in held])

    def download(_: str, *, allow_patterns: list[str], local_files_only: bool = False) -> str:
        if local_files_only:
            raise huggingface_not_found()
        asked.append(allow_patterns)
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", info)
    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert fetch("someone/many", ["model.safetensors", "model.bin", "model.old"]) == tmp_path
    assert asked == [["*.json", "*.txt", "*.model", "model.bin"]]
    with pytest.raises(ModelUnavailable, match=r"holds none of weights\.pt"):
        fetch("someone/many", ["weights.pt"])


def huggingface_not_found() -> Exception:
    from huggingface_hub.errors import LocalEntryNotFoundError

    return LocalEntryNotFoundError("not here")


def test_an_id_that_cannot_be_one_is_refused(put: Put) -> None:
    with pytest.raises(ModelUnavailable, match="has no model 'not an id'"):
        fetch("not an id", ["*.bin"])


def test_a_library_cannot_install_a_log_handler_for_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    with quiet():
        logging.warning("as open_clip does")
    assert root.handlers == []
