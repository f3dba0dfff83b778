"""The catalogue is facts: it agrees with open_clip's own tables and loads nothing."""

import json
import subprocess
import sys
from pathlib import Path

import open_clip
import pytest
import torch
import transformers

from embed import RECOMMENDED, describe, known_models, load_encoder, resolve
from schema import ModelUnavailable

BY_OPEN_CLIP = [model for model in known_models() if model.spec.startswith("open_clip:")]


def test_aliases_and_specs_are_unique() -> None:
    models = known_models()
    assert len({model.alias for model in models}) == len(models)
    assert len({model.spec for model in models}) == len(models)


@pytest.mark.parametrize("model", BY_OPEN_CLIP, ids=lambda model: model.alias)
def test_an_entry_agrees_with_open_clips_own_table(model: object) -> None:
    arch, _, tag = model.spec.removeprefix("open_clip:").partition("/")  # type: ignore[attr-defined]
    config = open_clip.get_model_config(arch)
    published = open_clip.get_pretrained_cfg(arch, tag)
    assert config["embed_dim"] == model.dim  # type: ignore[attr-defined]
    assert config["vision_cfg"]["image_size"] == model.image_size  # type: ignore[attr-defined]
    assert published
    assert published["hf_hub"].rstrip("/") == model.repo  # type: ignore[attr-defined]
    assert bool(config.get("quick_gelu")) == bool(published.get("quick_gelu"))


@pytest.mark.parametrize(
    ("alias", "config", "unused"),
    [
        ("vit-b16", transformers.ViTConfig(), "pooler"),
        ("resnet50", transformers.ResNetConfig(), "-"),
        ("dinov2-b14", transformers.Dinov2Config(image_size=518, patch_size=14), "-"),
        (
            "dinov2-s14",
            transformers.Dinov2Config(
                hidden_size=384, num_attention_heads=6, image_size=518, patch_size=14
            ),
            "-",
        ),
        (
            "minilm",
            transformers.BertConfig(hidden_size=384, num_hidden_layers=6, intermediate_size=1536),
            "-",
        ),
        (
            "mpnet",
            transformers.MPNetConfig(vocab_size=30_527, max_position_embeddings=514),
            "-",
        ),
        (
            "minilm-multilingual",
            transformers.BertConfig(hidden_size=384, intermediate_size=1536, vocab_size=250_037),
            "-",
        ),
    ],
)
def test_an_entry_for_one_kind_of_thing_counts_its_architecture(
    alias: str, config: transformers.PreTrainedConfig, unused: str
) -> None:
    (model,) = [model for model in known_models() if model.alias == alias]
    with torch.device("meta"):
        architecture = transformers.AutoModel.from_config(config)
    counted = [p for name, p in architecture.named_parameters() if not name.startswith(unused)]
    assert sum(weights.numel() for weights in counted) == model.parameters
    sizes = getattr(config, "hidden_sizes", None) or [config.hidden_size]
    assert model.dim == sizes[-1]
    assert (model.kind == "images") == (model.languages == "images only") == (model.image_size > 0)


def test_every_score_is_a_fraction_with_its_source() -> None:
    for model in known_models():
        assert all(0 < score < 1 for score in model.scores.values())
        assert not model.scores or model.scores_source


def test_the_recommended_model_is_in_the_catalogue_and_says_what_it_downloads() -> None:
    assert RECOMMENDED in {model.alias for model in known_models()}
    assert describe(resolve(RECOMMENDED)).endswith("(1.5 GB to download unless it is in the cache)")


def test_the_catalogue_can_be_written_as_json() -> None:
    first = json.loads(json.dumps([model.as_dict() for model in known_models()]))[0]
    assert (first["spec"], first["download_bytes"]) == ("builtin", 0)


def test_an_alias_stands_for_its_spec_and_a_spec_for_itself() -> None:
    assert resolve("clip-b32") == "open_clip:ViT-B-32-quickgelu/openai"
    for spec in ("builtin", "open_clip:ViT-B-32/openai", "hf:someone/something"):
        assert resolve(spec) == spec


def test_a_local_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "weights.pt").touch()
    monkeypatch.chdir(tmp_path)
    assert resolve("model") == str(tmp_path / "model")
    assert resolve("open_clip:ViT-B-32/weights.pt") == f"open_clip:ViT-B-32/{tmp_path}/weights.pt"


@pytest.mark.parametrize(
    ("spec", "hint"),
    [("siglip2-b32", r"did you mean siglip2-b32-256\?"), ("biultin", r"did you mean builtin\?")],
)
def test_a_misspelt_alias_is_refused_with_the_nearest(spec: str, hint: str) -> None:
    with pytest.raises(ModelUnavailable, match=hint):
        resolve(spec)


@pytest.mark.parametrize("spec", ["", "open_clip:", "hf:", "/no/such/folder"])
def test_what_is_no_spec_is_refused_with_the_forms_of_one(spec: str) -> None:
    with pytest.raises(ModelUnavailable, match="hf:REPO_ID"):
        load_encoder(spec)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="no model; a folder saved by transformers has"):
        load_encoder(str(tmp_path))


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(ModelUnavailable, match="cannot use the device 'abacus'"):
        load_encoder("open_clip:ViT-B-32/openai", device="abacus")


def test_importing_the_room_loads_no_model_library() -> None:
    code = (
        "import sys, embed; embed.known_models(); embed.load_encoder('builtin'); "
        "print(sorted({'torch', 'transformers', 'open_clip', 'onnxruntime', 'openvino', "
        "'huggingface_hub'}.intersection(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
