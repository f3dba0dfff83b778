"""A name of one's own stands for a model, and never for one that Eidetic ships."""

from pathlib import Path

import pytest

import eidetic
from eidetic.own_models import (
    OwnModel,
    add_model,
    list_models,
    load_own_models,
    remove_model,
    spelled_out,
)
from eidetic.settings import models_path
from schema import ModelUnavailable, UsageError
from tests.embed.test_sentences import save_sentence_model
from tests.images import write_colours


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the settings of the test put it."""
    assert models_path() == tmp_path / "models.toml"
    return models_path()


def test_an_archive_is_made_by_a_name_of_ones_own_and_keeps_the_spec(
    toy: list[str], tmp_path: Path
) -> None:
    images = write_colours(tmp_path / "images", "red", "green")
    add_model("mine", "hf:someone/something", check=False)
    with eidetic.open(model="mine") as archive:
        archive.ingest([images])
        assert archive.collection.model == "hf:someone/something"
    remove_model("mine")
    with eidetic.open() as archive:
        assert len(archive.search("red")) == 2


def test_a_setting_may_name_it_too(
    toy: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = write_colours(tmp_path / "images", "red", "green")
    add_model("mine", "hf:someone/something", check=False)
    monkeypatch.setenv("EIDETIC_MODEL", "mine")
    with eidetic.open() as archive:
        archive.ingest([images])
        assert archive.collection.model == "hf:someone/something"


def test_a_model_that_was_tried_is_listed_with_what_it_is(tmp_path: Path, file: Path) -> None:
    folder = save_sentence_model(tmp_path / "model")
    added = add_model("my-words", str(folder), licence="MIT", languages="Welsh")
    assert added == OwnModel("my-words", str(folder), 32, 0, "words", "MIT", "Welsh")
    (listed,) = [each for each in list_models() if each.is_own]
    assert (listed.model.alias, listed.model.dim, listed.on_disk) == ("my-words", 32, True)
    assert listed.as_dict()["licence"] == "MIT"
    assert spelled_out("my-words") == str(folder)


def test_what_is_on_disk_is_told_of_each_kind_of_spec(tmp_path: Path) -> None:
    weights = tmp_path / "weights.pt"
    weights.touch()
    add_model("a", "hf:someone/no-such-model", check=False)
    add_model("b", f"open_clip:ViT-B-32/{weights}", check=False)
    add_model("c", "open_clip:ViT-B-32/laion400m_e32", check=False)
    add_model("d", "builtin", check=False)
    weights.unlink()
    own = {each.model.alias: each.on_disk for each in list_models() if each.is_own}
    assert own == {"a": False, "b": False, "c": None, "d": True}


def test_a_model_that_does_not_work_gets_no_name(tmp_path: Path, file: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelUnavailable, match="no model; a folder saved by"):
        add_model("mine", str(tmp_path / "empty"))
    with pytest.raises(ModelUnavailable, match="there is no model 'nonsense'"):
        add_model("mine", "nonsense", check=False)
    assert not file.exists()


@pytest.mark.parametrize("name", ["builtin", "clip-b32", "minilm"])
def test_no_name_of_a_shipped_model_can_be_taken(name: str, file: Path) -> None:
    with pytest.raises(UsageError, match="is the name of a model that Eidetic ships"):
        add_model(name, "hf:someone/something", check=False)
    file.write_text(f'[{name}]\nspec = "hf:someone/something"\n')
    assert load_own_models() == ()
    assert spelled_out(name) == name


@pytest.mark.parametrize("name", ["", "a b", "hf:x", "a/b", "-x", "é", "x" * 65])
def test_a_name_that_could_be_taken_for_something_else_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="the name of a model has letters, digits"):
        add_model(name, "builtin", check=False)


def test_a_name_is_given_once(file: Path) -> None:
    add_model("mine", "builtin", check=False)
    with pytest.raises(UsageError, match="eidetic models remove mine"):
        add_model("mine", "clip-b32", check=False)
    assert remove_model("mine").spec == "builtin"
    with pytest.raises(UsageError, match="'mine' is no model of yours; yours are: none"):
        remove_model("mine")


def test_a_name_may_stand_for_another_name_s_model() -> None:
    add_model("mine", "clip-b32", check=False)
    assert add_model("ours", "mine", check=False).spec == "open_clip:ViT-B-32-quickgelu/openai"


def test_comments_in_the_file_stay(file: Path) -> None:
    file.write_text('# my models\n["dotted.name"]\nspec = "builtin"  # small\n')
    add_model("mine", "builtin", check=False)
    assert file.read_text().startswith('# my models\n["dotted.name"]\nspec = "builtin"  # small\n')
    assert [own.name for own in load_own_models()] == ["dotted.name", "mine"]
    remove_model("dotted.name")
    assert [own.name for own in load_own_models()] == ["mine"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[mine", "cannot be read"),
        ("[mine]\ndim = 3\n", "has a key that is not known, or no spec"),
        ('[mine]\nspec = "x"\ncolour = 3\n', "has a key that is not known, or no spec"),
        ("[mine]\nspec = 3\n", "has a value that cannot be used"),
        ('[mine]\nspec = "x"\nkind = "sounds"\n', "has a value that cannot be used"),
        ('mine = "x"\n', "has a key that is not known, or no spec"),
    ],
)
def test_a_file_of_another_form_is_refused_by_name(text: str, said: str, file: Path) -> None:
    file.write_text(text)
    with pytest.raises(UsageError, match=rf"models\.toml: .*{said}"):
        load_own_models()
