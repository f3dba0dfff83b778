"""A toy model that notes what it embeds, for runs in processes that are killed in the middle."""

import os
import time
from pathlib import Path

import pytest

from embed.encoder import ToyEncoder
from embed.resizing import Pixels
from schema import Vectors

PAUSE_S = 0.02


class Noting(ToyEncoder):
    """Notes how many images it has embedded, and takes its time."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def encode_images(self, batch: "list[Pixels]") -> Vectors:  # type: ignore[override]
        time.sleep(PAUSE_S)
        with self._log.open("a") as file:
            file.write("x" * len(batch))
        return super().encode_images(batch)


def embedded(log: Path) -> int:
    """How many images were embedded, by all runs that note it in a file."""
    return log.stat().st_size if log.exists() else 0


def use_settings_of_its_own(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Have this process, and those it starts, keep archives and settings in a folder."""
    for name in [name for name in os.environ if name.startswith("EIDETIC_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("EIDETIC_DATA_DIR", str(folder / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
