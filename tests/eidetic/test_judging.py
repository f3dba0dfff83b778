"""Classifying and comparing through the Python face and the command line, and with which model."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import eidetic
from eidetic.cli import run
from schema import ArchiveMissing, UsageError
from tests.embed.checkpoints import noise
from tests.embed.test_hf_images import save_vit
from tests.embed.test_sentences import reference, save_sentence_model
from tests.images import write_colours

Command = Callable[..., str]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return write_colours(tmp_path / "images", "red", "green", "blue")


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process and return what it printed on stdout."""

    def call(*arguments: str | Path, code: int = 0, says: str = "") -> str:
        found = run([*map(str, arguments)])
        out, err = capsys.readouterr()
        assert found == code, err
        assert says in err
        return out

    return call


def test_the_archives_model_judges_where_none_is_named(toy: list[str], images: Path) -> None:
    with eidetic.open("holidays", model="clip-b32") as archive:
        archive.ingest([images])
    toy.clear()
    with eidetic.open("holidays") as archive:
        found = archive.classify(images / "red.png", labels=["green", "red"])
        assert found[0].scores[0].label == "red"
        assert archive.compare(images / "red.png", "red") == pytest.approx(1, abs=1e-5)
    assert toy == ["open_clip:ViT-B-32-quickgelu/openai"]


def test_a_named_model_judges_whatever_the_archive_was_made_with(
    toy: list[str], images: Path
) -> None:
    with eidetic.open("holidays", model="clip-b32") as archive:
        archive.ingest([images])
    toy.clear()
    with eidetic.open("holidays", model="builtin") as archive:
        archive.classify([images / "red.png"], ["red"])
    assert toy == ["builtin"]


def test_without_an_archive_the_model_of_the_settings_judges(
    toy: list[str], images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EIDETIC_MODEL", "builtin")
    with eidetic.open("holidays") as archive:
        archive.compare(images / "red.png", images / "blue.png")
    assert toy == ["builtin"]


def test_without_archive_and_model_it_is_said_how_to_name_one(images: Path) -> None:
    with (
        eidetic.open("holidays") as archive,
        pytest.raises(ArchiveMissing, match=r"no archive 'holidays' .*--model builtin"),
    ):
        archive.compare(images / "red.png", images / "blue.png")


def test_an_archive_of_a_model_without_words_is_searched_by_image_only(
    images: Path, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    (tmp_path / "vit").mkdir()
    save_vit(tmp_path / "vit")
    noise(97, 151).save(images / "noise.png")
    with eidetic.open("looks", model=str(tmp_path / "vit")) as archive:
        archive.ingest([images])
        assert archive.similar(images / "noise.png", k=1)[0].path == str(images / "noise.png")
        with pytest.raises(UsageError, match=r"takes images only.*siglip2-b32-256"):
            archive.search("red")
        with pytest.raises(UsageError, match="takes images only"):
            archive.classify([images / "red.png"], ["red"])


def test_the_command_line_classifies_and_names_what_it_left_out(
    images: Path, command: Command
) -> None:
    (images / "bad.jpg").write_text("no image")
    files = [images / "red.png", images / "bad.jpg", images / "green.png"]
    said = command(
        "classify", *files, "--labels", "red,green", "--model", "builtin", "--json",
        says=f"left out: image {images / 'bad.jpg'}",
    )  # fmt: skip
    found = json.loads(said)
    assert [image["path"] for image in found] == [str(files[0]), str(files[2])]
    for image in found:
        scores = [score["score"] for score in image["scores"]]
        assert scores == sorted(scores, reverse=True)
        assert sum(scores) == pytest.approx(1)
    assert "green" in command("classify", files[2], "--labels", "red,green", "--model", "builtin")


def labels_of(said: str) -> set[str]:
    return {score["label"] for score in json.loads(said)[0]["scores"]}


def test_labels_with_commas_come_one_to_an_option_or_from_a_file(
    images: Path, tmp_path: Path, command: Command
) -> None:
    start = ("classify", images / "red.png", "--model", "builtin", "--json")
    names = {"salt, pepper", "sugar"}
    several = command(*start, "--labels", "salt, pepper", "--labels", "sugar")
    assert labels_of(several) == names
    file = tmp_path / "labels.txt"
    file.write_text("salt, pepper\nsugar\n")
    assert labels_of(command(*start, "--labels-file", file)) == names
    command(*start, "--labels-file", tmp_path / "none.txt", code=2, says="cannot be read")
    command(*start, "--labels-file", file, "--labels", "a", code=2, says="in one place")
    command(*start, code=2, says="there are no labels")


def test_no_usable_image_has_its_own_exit_code(images: Path, command: Command) -> None:
    missing = images / "missing.jpg"
    command("classify", missing, "--labels", "a", "--model", "builtin", code=6, says=str(missing))
    command("compare", missing, "a", "--model", "builtin", code=6, says=str(missing))


def test_two_sentences_are_compared_by_a_model_of_sentences(tmp_path: Path) -> None:
    model = save_sentence_model(tmp_path / "sentences")
    with eidetic.open(model=str(model)) as archive:
        score = archive.compare("a red boat", "a dog on the beach")
        one, other = reference(model, ["a red boat", "a dog on the beach"])
        assert score == pytest.approx(float(one @ other), abs=1e-5)
        with pytest.raises(UsageError, match="takes words only, no images"):
            archive.compare(write_colours(tmp_path / "images", "red") / "red.png", "a red boat")
    with (
        eidetic.open(model="builtin") as archive,
        pytest.raises(UsageError, match="or a model of sentences, such as --model minilm"),
    ):
        archive.compare("a red boat", "a dog on the beach")


def test_the_command_line_compares_images_and_words(images: Path, command: Command) -> None:
    red, green = images / "red.png", images / "green.png"
    same = json.loads(command("compare", red, red, "--model", "builtin", "--json"))
    assert same == {"score": pytest.approx(1, abs=1e-5)}
    other = float(command("compare", red, green, "--model", "builtin"))
    assert -1 <= other < 0.99
    command("compare", red, green, "--text", "--model", "builtin")
