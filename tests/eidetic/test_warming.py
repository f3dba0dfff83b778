"""A model is prepared for this machine before long work, or when asked for."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from eidetic.cli.app import app
from eidetic.warming import WORTHWHILE, warmed
from embed import find_export, load_encoder
from embed.builtin import BuiltinEncoder
from embed.exported import ExportedEncoder
from tests.embed.test_exported import cache, save_family

__all__ = ["cache"]


@pytest.fixture
def model(tmp_path: Path, cache: Path) -> str:
    """A model that nothing was prepared of."""
    return str(save_family("clip", tmp_path / "model"))


def test_many_images_are_worth_it_and_few_are_not(model: str) -> None:
    encoder = load_encoder(model)
    assert warmed(encoder, WORTHWHILE - 1) is encoder
    assert find_export(model) is None
    assert isinstance(warmed(encoder, WORTHWHILE), ExportedEncoder)
    builtin = BuiltinEncoder()
    assert warmed(builtin, 10**6) is builtin


def test_a_machine_with_a_gpu_embeds_there(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embed.load.GPUS", ("/dev/null",))
    encoder = load_encoder(model)
    assert warmed(encoder, 10**6) is encoder


def test_without_the_memory_for_it_the_model_stays_in_torch(
    model: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "eidetic")
    monkeypatch.setattr("eidetic.warming.MEMORY_TIMES", 10**12)
    encoder = load_encoder(model)
    assert warmed(encoder, 10**6) is encoder
    assert "are free; later: eidetic models warm" in caplog.text


def test_a_model_that_cannot_be_prepared_stays_in_torch(
    model: str, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache.write_text("no folder")
    encoder = load_encoder(model)
    assert warmed(encoder, 10**6) is encoder
    assert "it runs in torch" in caplog.text


def test_the_command_prepares_says_so_and_takes_it_back(model: str) -> None:
    runner = CliRunner()

    def run(*arguments: str) -> Any:
        told = runner.invoke(app, ["--json", "models", "warm", model, *arguments])
        assert told.exit_code == 0
        return json.loads(told.stdout)[0]

    first, again = run(), run()
    assert first["model"] == model
    assert first["seconds"] > again["seconds"] == 0
    assert first["size_bytes"] > 100_000
    cosine = first["half_cosine"]
    assert first["half"] == again["half"] == (cosine is not None and cosine >= 0.9995)
    assert not run("--single")["half"]
    assert run() == again
    assert run("--remove") == {"model": model, "removed": True}
    assert run("--remove") == {"model": model, "removed": False}
