"""An archive is asked in another model's words where both have one image tower, and only there."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

import eidetic
from embed import load_encoder
from schema import ArchiveMismatch, NoUsableImage, UsageError
from tests.embed.checkpoints import TEXT, VISION, noise, save_clip, save_tokenizer
from tests.embed.test_hf_images import save_vit
from tests.embed.test_sentences import save_sentence_model

SIZES = [(40, 30), (64, 48), (33, 57), (50, 50), (90, 31)]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for width, height in SIZES:
        noise(width, height).save(folder / f"{width}.png")
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A CLIP; an AltCLIP trained on its frozen images; and strangers to both."""
    folder = tmp_path_factory.mktemp("models")
    paths = {name: folder / name for name in ("clip", "altclip", "stranger", "wide", "vit")}
    torch.manual_seed(0)
    for name in ("clip", "stranger"):
        save_clip(paths[name])
        save_tokenizer(paths[name])
    clip = transformers.CLIPModel.from_pretrained(paths["clip"])
    text = {**TEXT, "max_position_embeddings": 17, "pad_token_id": 0, "project_dim": 24}
    config = transformers.AltCLIPConfig(
        text_config=text, vision_config={**VISION, "projection_dim": 24}, projection_dim=24
    )
    altclip = transformers.AltCLIPModel(config)
    tower = {k: v for k, v in clip.state_dict().items() if k.startswith("vis")}
    found = altclip.load_state_dict(tower, strict=False)
    assert not found.unexpected_keys
    assert not any(key.startswith("vis") for key in found.missing_keys)
    altclip.save_pretrained(paths["altclip"])
    transformers.CLIPImageProcessor.from_pretrained(paths["clip"]).save_pretrained(paths["altclip"])
    save_tokenizer(paths["altclip"])
    wide = transformers.CLIPConfig(
        text_config={**TEXT, "eos_token_id": 3, "bos_token_id": 2, "pad_token_id": 0},
        vision_config=VISION,
        projection_dim=16,
    )
    transformers.CLIPModel(wide).save_pretrained(paths["wide"])
    transformers.CLIPImageProcessor.from_pretrained(paths["clip"]).save_pretrained(paths["wide"])
    save_tokenizer(paths["wide"])
    save_vit(paths["vit"])
    paths["sentences"] = save_sentence_model(folder / "sentences")
    return {name: str(path) for name, path in paths.items()}


@pytest.fixture
def ingested(images: Path, models: dict[str, str]) -> None:
    with eidetic.open(model=models["clip"]) as archive:
        archive.ingest([images])


@pytest.mark.usefixtures("ingested")
def test_words_of_a_model_with_the_same_image_tower_ask_the_archive(
    models: dict[str, str], images: Path
) -> None:
    with eidetic.open(text_model=models["altclip"]) as archive:
        hits = archive.search("a dog on the beach")
        assert hits.model == models["altclip"]
        vector = load_encoder(models["altclip"]).encode_texts(["a dog on the beach"])[0]
        stored = archive._opening.store().vectors([hit.id for hit in hits])
        wanted = [float(np.clip(stored[hit.id] @ vector, -1, 1)) for hit in hits]
        assert [hit.score for hit in hits] == pytest.approx(wanted, abs=1e-5)
        assert archive.similar(images / "40.png", k=1)[0].path == str(images / "40.png")
    with eidetic.open() as archive:
        own = archive.search("a dog on the beach")
        assert own.model == models["clip"]
        assert [hit.score for hit in own] != pytest.approx([hit.score for hit in hits], abs=1e-3)


@pytest.mark.usefixtures("ingested")
def test_another_image_tower_is_refused_with_what_was_measured(models: dict[str, str]) -> None:
    told = r"is not that of .*: on 5 of its images their cosine is -?0\.\d+ at least"
    with eidetic.open(text_model=models["stranger"]) as archive:
        with pytest.raises(ArchiveMismatch, match=told) as refusal:
            archive.search("a dog")
        assert "0.999 is needed; leave --text-model out" in str(refusal.value)
        assert not archive.settings.text_models_file.exists()


def test_what_was_verified_is_not_verified_again_for_this_collection(
    models: dict[str, str], images: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    for file in images.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    with eidetic.open(model=models["clip"]) as archive:
        archive.ingest([folder])
    with eidetic.open(text_model=models["altclip"]) as archive:
        archive.search("a dog")
        (check,) = json.loads(archive.settings.text_models_file.read_text())
        assert (check["text_model"], check["images"]) == (models["altclip"], 5)
        assert check["lowest"] >= 0.999
    # Without any image left, nothing can be compared.
    for file in folder.iterdir():
        file.unlink()
    with eidetic.open(text_model=models["altclip"]) as archive:
        assert len(archive.search("a dog")) == 5
        archive.settings.text_models_file.write_text("{")
    with (
        eidetic.open(text_model=models["altclip"]) as archive,
        pytest.raises(NoUsableImage, match="at least 4 of its images, and 0 of them can be read"),
    ):
        archive.search("a dog")


def test_files_that_have_changed_since_do_not_count(
    models: dict[str, str], images: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    for file in images.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    with eidetic.open(model=models["clip"]) as archive:
        archive.ingest([folder])
    for name in ("40.png", "64.png"):
        noise(20, 20).save(folder / name)
    with (
        eidetic.open(text_model=models["altclip"]) as archive,
        pytest.raises(NoUsableImage, match="and 3 of them can be read"),
    ):
        archive.search("a dog")


@pytest.mark.usefixtures("ingested")
@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("wide", ArchiveMismatch, "its vectors have 16 dimensions, those of the archive"),
        ("vit", UsageError, "takes images only, no words"),
        ("sentences", UsageError, "it has no image tower that could be compared"),
    ],
)
def test_a_model_that_cannot_share_the_tower_is_refused_at_once(
    name: str, error: type[Exception], said: str, models: dict[str, str]
) -> None:
    with eidetic.open(text_model=models[name]) as archive, pytest.raises(error, match=said):
        archive.search("a dog")


@pytest.mark.usefixtures("ingested")
def test_the_archives_own_model_is_no_swap(models: dict[str, str]) -> None:
    with eidetic.open(text_model=models["clip"]) as archive:
        assert len(archive.search("a dog")) == 5
        assert not archive.settings.text_models_file.exists()
