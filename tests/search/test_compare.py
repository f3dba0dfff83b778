"""A similarity is the cosine that the model's own library gives."""

import json
from pathlib import Path

import open_clip
import PIL.Image
import pytest
import torch
import transformers

from embed import load_encoder
from embed.encoder import Encoder, ToyEncoder
from schema import NoUsableImage, UsageError
from search import compare
from tests.embed.checkpoints import noise, save_clip, save_tokenizer
from tests.embed.test_hf_images import save_vit
from tests.embed.test_openclip import TINY
from tests.images import write_image


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Two images, of which the second would be decoded at reduced scale by ingestion."""
    one, two = tmp_path / "one.png", tmp_path / "two.jpg"
    noise(97, 151).save(one)
    noise(1600, 1200).save(two, quality=92)
    return one, two


def cosine(one: torch.Tensor, two: torch.Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(one, two))


def test_two_images_and_an_image_and_words_equal_transformers_own(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    save_clip(tmp_path)
    save_tokenizer(tmp_path)
    model = transformers.CLIPModel.from_pretrained(tmp_path).eval()
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path, backend="pil")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    opened = [PIL.Image.open(file).convert("RGB") for file in files]
    with torch.inference_mode():
        images = [
            model.get_image_features(**processor(image, return_tensors="pt")).pooler_output
            for image in opened
        ]
        words = model.get_text_features(**tokenizer("a red boat", return_tensors="pt"))
    encoder = load_encoder(str(tmp_path), device="cpu")
    of_images = compare(*files, encoder=lambda: encoder)
    assert of_images == pytest.approx(cosine(*images), abs=1e-5)
    of_words = compare(str(files[1]), "a red boat", encoder=lambda: encoder)
    assert of_words == pytest.approx(cosine(images[1], words.pooler_output), abs=1e-5)


def test_two_images_and_an_image_and_words_equal_open_clips_own(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    torch.save(open_clip.model.CLIP(**TINY).state_dict(), tmp_path / "open_clip_pytorch_model.bin")
    config = {"model_cfg": TINY, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{tmp_path}")
    model.eval()
    with torch.inference_mode():
        images = [model.encode_image(preprocess(PIL.Image.open(file))[None]) for file in files]
        words = model.encode_text(open_clip.get_tokenizer(f"local-dir:{tmp_path}")(["a red boat"]))
    encoder = load_encoder(str(tmp_path), device="cpu")
    of_images = compare(*files, encoder=lambda: encoder)
    assert of_images == pytest.approx(cosine(*images), abs=1e-5)
    of_words = compare(str(files[0]), "a red boat", encoder=lambda: encoder)
    assert of_words == pytest.approx(cosine(images[0], words), abs=1e-5)


def toy() -> Encoder:
    return ToyEncoder()


def test_an_image_is_as_like_itself_as_can_be(tmp_path: Path) -> None:
    red = write_image(tmp_path / "red.png")
    assert compare(red, red, encoder=toy) == pytest.approx(1.0, abs=1e-6)


def test_words_may_come_first(tmp_path: Path) -> None:
    red = write_image(tmp_path / "red.png")
    assert compare("red", red, encoder=toy) == pytest.approx(1.0, abs=1e-6)


def test_what_names_a_file_is_an_image_unless_it_is_said_to_be_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_image(tmp_path / "red", "blue", format="PNG")
    blue = write_image(tmp_path / "blue.png", "blue")
    assert compare(blue, "red", encoder=toy) == pytest.approx(1.0, abs=1e-6)
    assert compare(blue, "red", encoder=toy, text=True) < 0.5


@pytest.mark.parametrize("missing", ["rde.jpg", "folder/my red.JPEG", Path("red")])
def test_a_misspelt_path_does_not_pass_for_words(missing: str | Path, tmp_path: Path) -> None:
    red = write_image(tmp_path / "red.png")
    with pytest.raises(NoUsableImage, match="there is no such file"):
        compare(red, missing, encoder=toy)


@pytest.mark.parametrize("words", ["", "  ", "caf\udce9"])
def test_words_that_say_nothing_are_refused(words: str, tmp_path: Path) -> None:
    red = write_image(tmp_path / "red.png")
    with pytest.raises(UsageError, match=r"empty|not valid UTF-8"):
        compare(red, words, encoder=toy)


def test_two_texts_are_refused_for_want_of_an_image() -> None:
    with pytest.raises(UsageError, match="neither 'a dog' nor 'a cat'"):
        compare("a dog", "a cat", encoder=toy)


def test_a_model_that_takes_images_only_compares_images_and_refuses_words(tmp_path: Path) -> None:
    save_vit(tmp_path)
    encoder = load_encoder(str(tmp_path), device="cpu")
    red = write_image(tmp_path / "red.png")
    assert compare(red, red, encoder=lambda: encoder) == pytest.approx(1.0, abs=1e-6)
    with pytest.raises(UsageError, match="takes images only"):
        compare(red, "red", encoder=lambda: encoder)
