"""An archive with the toy encoder in the place of a model."""

from collections.abc import Callable
from pathlib import Path

import pytest

from embed.encoder import TextTower, ToyEncoder

LoadToy = Callable[..., ToyEncoder]


@pytest.fixture(autouse=True)
def settings_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for name in ("ARCHIVE", "DATA_DIR", "URI", "TOKEN", "MODEL", "TEXT_MODEL"):
        monkeypatch.delenv(f"EIDETIC_{name}", raising=False)
    monkeypatch.setenv("EIDETIC_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr("eidetic.settings.settings_path", lambda: tmp_path / "settings.toml")


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Load the toy encoder whatever model is asked for; returns the specs that were loaded."""
    loaded: list[str] = []

    def load(spec: str) -> ToyEncoder:
        loaded.append(spec)
        encoder = ToyEncoder()
        encoder.spec = spec
        return encoder

    monkeypatch.setattr("eidetic.opening.load_encoder", load)
    return loaded


@pytest.fixture
def toy_words(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Load the toy's words whatever model of descriptions is asked for; returns the specs."""
    loaded: list[str] = []

    def load(spec: str) -> TextTower:
        loaded.append(spec)
        encoder = ToyEncoder()
        encoder.spec = spec
        return TextTower(encoder)

    monkeypatch.setattr("eidetic.held_descriptions.load_text_encoder", load)
    monkeypatch.setattr("eidetic.describing.load_text_encoder", load)
    return loaded
