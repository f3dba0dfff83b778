"""Flags beat the environment, which beats the settings file, which beats the defaults."""

from pathlib import Path

import pytest

from eidetic.settings import Settings, load_settings
from schema import UsageError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text('archive = "filed"\nuri = "http://filed:1"\nmodel = "builtin"\n')
    return path


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    settings = load_settings({}, {}, tmp_path / "none.toml")
    assert (settings.archive, settings.uri, settings.token, settings.model) == (
        "default",
        "",
        "",
        "",
    )
    assert settings.data_dir.name == "eidetic"


def test_a_flag_beats_the_environment_which_beats_the_file(file: Path) -> None:
    environ = {"EIDETIC_ARCHIVE": "environ", "EIDETIC_URI": "http://environ:1"}
    settings = load_settings({"archive": "flag", "uri": None}, environ, file)
    assert (settings.archive, settings.uri, settings.model) == (
        "flag",
        "http://environ:1",
        "builtin",
    )


def test_every_setting_has_a_variable(tmp_path: Path) -> None:
    environ = {
        "EIDETIC_ARCHIVE": "a",
        "EIDETIC_DATA_DIR": str(tmp_path),
        "EIDETIC_URI": "http://b:1",
        "EIDETIC_TOKEN": "c",
        "EIDETIC_MODEL": "d",
        "EIDETIC_TEXT_MODEL": "e",
        "EIDETIC_TLS_CA": "f",
        "EIDETIC_REPLICAS": "2",
        "EIDETIC_INDEX": "g",
        "EIDETIC_VECTORS": "h",
        "EIDETIC_RUNNER": "i",
        "EIDETIC_RAY_ADDRESS": "j",
    }
    settings = load_settings({}, environ, tmp_path / "none.toml")
    server = ("f", 2, "g", "h")
    assert settings == Settings("a", tmp_path, "http://b:1", "c", "d", "e", *server, "i", "j")


def test_the_variable_of_ray_itself_names_the_cluster_too(tmp_path: Path) -> None:
    none = tmp_path / "none.toml"
    environ = {"RAY_ADDRESS": "head:6379"}
    assert load_settings({}, environ, none).ray_address == "head:6379"
    environ["EIDETIC_RAY_ADDRESS"] = "other:6379"
    assert load_settings({}, environ, none).ray_address == "other:6379"


def test_an_empty_variable_counts_as_not_set(file: Path) -> None:
    assert load_settings({}, {"EIDETIC_ARCHIVE": ""}, file).archive == "filed"


def test_rows_are_embedded_in_the_archives_folder_unless_a_server_is_named(tmp_path: Path) -> None:
    assert Settings("a", tmp_path).store_uri == str(tmp_path / "a" / "milvus.db")
    assert Settings("a", tmp_path, "http://b:1").store_uri == "http://b:1"


def test_a_home_folder_is_expanded_and_a_relative_one_made_absolute(tmp_path: Path) -> None:
    none = tmp_path / "none.toml"
    assert load_settings({"data_dir": "~/x"}, {}, none).data_dir == Path.home() / "x"
    assert load_settings({"data_dir": "x"}, {}, none).data_dir == Path.cwd() / "x"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("archive = 3", "archive must be a text in quotes"),
        ('colour = "red"', "unknown key 'colour'; known: archive, data_dir, uri, token, model"),
        ("archive = ", "cannot be read"),
    ],
)
def test_a_settings_file_that_cannot_be_used_is_named(
    tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match=rf"settings\.toml: {message}"):
        load_settings({}, {}, file)


def test_a_data_folder_in_the_home_of_nobody_is_refused(file: Path) -> None:
    with pytest.raises(UsageError, match="no such user"):
        load_settings({"data_dir": "~nobody-of-this-name/x"}, {}, file)


@pytest.mark.parametrize("text", ["two", "-1", "1.5"])
def test_replicas_are_a_whole_number(file: Path, text: str) -> None:
    with pytest.raises(UsageError, match=f"replicas '{text}': must be a whole number"):
        load_settings({}, {"EIDETIC_REPLICAS": text}, file)


def test_a_token_is_not_shown() -> None:
    assert "secret" not in repr(Settings(token="secret"))
