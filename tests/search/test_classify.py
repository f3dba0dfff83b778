"""Labels get the scores that transformers' own zero-shot classification gives them."""

from collections.abc import Callable
from pathlib import Path

import PIL.Image
import pytest
import torch
import transformers

from embed import load_encoder
from embed.encoder import Encoder, ToyEncoder
from schema import NoUsableImage, UsageError
from search import DEFAULT_TEMPLATE, classify
from tests.embed.checkpoints import (
    TEXT,
    VISION,
    noise,
    save_altclip,
    save_chinese_clip,
    save_clip,
    save_metaclip_2,
    save_tokenizer,
)
from tests.embed.test_hf_images import save_vit
from tests.images import write_colours, write_image

LABELS = ["a dog", "the red boat", "beach"]


def save_siglip(folder: Path) -> None:
    # The pipeline pads SigLIP's texts to 64 tokens, whatever the checkpoint says.
    text = {**TEXT, "max_position_embeddings": 64}
    model = transformers.SiglipModel(
        transformers.SiglipConfig(text_config=text, vision_config=VISION)
    )
    torch.nn.init.constant_(model.logit_scale, 2.0)
    torch.nn.init.constant_(model.logit_bias, -1.0)
    model.save_pretrained(folder)
    transformers.SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)


FAMILIES: dict[str, tuple[Callable[[Path], None], int]] = {
    "clip": (save_clip, 16),
    "siglip": (save_siglip, 64),
    "altclip": (save_altclip, 16),
    "chinese_clip": (save_chinese_clip, 16),
    "metaclip_2": (save_metaclip_2, 16),
}
"""How a checkpoint is saved, and how many tokens its texts have at most."""


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Images of which the last would be decoded at reduced scale by ingestion."""
    folder = tmp_path / "images"
    folder.mkdir()
    noise(97, 151).save(folder / "small.png")
    noise(1600, 1200).save(folder / "large.jpg", quality=92)
    return [folder / "small.png", folder / "large.jpg"]


@pytest.mark.parametrize("template", [DEFAULT_TEMPLATE, "{} on the beach", "{}"])
@pytest.mark.parametrize("family", FAMILIES)
def test_scores_equal_those_of_transformers_own_pipeline(
    family: str, template: str, files: list[Path], tmp_path: Path
) -> None:
    save, length = FAMILIES[family]
    torch.manual_seed(0)
    checkpoint = tmp_path / "checkpoint"
    checkpoint.mkdir()
    save(checkpoint)
    save_tokenizer(checkpoint, length)
    pipeline = transformers.pipeline(
        "zero-shot-image-classification",
        str(checkpoint),
        image_processor=transformers.AutoImageProcessor.from_pretrained(checkpoint, backend="pil"),
        device="cpu",
    )
    encoder = load_encoder(str(checkpoint), device="cpu")
    found = classify(files, LABELS, encoder=lambda: encoder, template=template)
    assert [image.path for image in found] == [str(file) for file in files]
    for image in found:
        with PIL.Image.open(image.path) as opened:
            expected = pipeline(opened, LABELS, hypothesis_template=template)
        assert [s.label for s in image.scores] == [e["label"] for e in expected]
        assert [s.score for s in image.scores] == pytest.approx(
            [e["score"] for e in expected], abs=1e-4
        )


def toy() -> Encoder:
    return ToyEncoder()


def test_the_best_label_comes_first_and_the_images_keep_their_order(tmp_path: Path) -> None:
    write_colours(tmp_path, "red", "green", "blue")
    files = [tmp_path / f"{colour}.png" for colour in ("green", "red", "blue")]
    found = classify(files, ["red", "green"], encoder=toy)
    assert [image.scores[0].label for image in found[:2]] == ["green", "red"]
    assert [image.path for image in found] == [str(file) for file in files]
    assert found.as_list()[0]["scores"][0].keys() == {"label", "score"}


def test_more_images_than_are_encoded_at_once_keep_their_order(tmp_path: Path) -> None:
    files = [
        write_image(tmp_path / f"{n:03}.png", "red" if n % 3 else "blue", (8, 8)) for n in range(70)
    ]
    found = classify(files, ["red", "blue"], encoder=toy)
    assert [image.scores[0].label for image in found] == [
        "red" if n % 3 else "blue" for n in range(70)
    ]


def test_a_bad_image_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    good = write_image(tmp_path / "good.png")
    bad = tmp_path / "bad.jpg"
    bad.write_text("no image")
    missing = tmp_path / "missing.jpg"
    found = classify([bad, good, missing, tmp_path], ["red"], encoder=toy)
    assert [image.path for image in found] == [str(good)]
    assert [file.path for file in found.unusable] == [str(bad), str(missing), str(tmp_path)]
    assert all(file.path in file.detail for file in found.unusable)


def test_no_usable_image_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NoUsableImage, match=r"none of 1 files .*missing\.jpg: there is no such"):
        classify([tmp_path / "missing.jpg"], ["red"], encoder=toy)


def refuse() -> Encoder:
    raise AssertionError("the model is not needed to see that the labels are unsound")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "there are no labels"),
        (["red", " "], "label 2 of 2 is empty"),
        (["red", "blue", " red"], "'red' is given more than once"),
        (["caf\udce9"], "not valid UTF-8"),
    ],
)
def test_unsound_labels_are_refused_before_anything_is_loaded(
    labels: list[str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        classify([tmp_path / "red.png"], labels, encoder=refuse)


def test_a_template_without_a_place_for_the_label_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no place for the label; write \{\}"):
        classify([tmp_path / "red.png"], ["red"], encoder=refuse, template="an image")


def test_no_path_is_nothing_to_classify() -> None:
    with pytest.raises(UsageError, match="nothing to classify"):
        classify([], ["red"], encoder=refuse)


def test_a_model_that_takes_images_only_has_no_labels(tmp_path: Path) -> None:
    save_vit(tmp_path)
    encoder = load_encoder(str(tmp_path), device="cpu")
    with pytest.raises(UsageError, match="takes images only"):
        classify([write_image(tmp_path / "red.png")], ["red"], encoder=lambda: encoder)
