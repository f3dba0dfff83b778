"""Models of torch as ONNX graphs, in the cache: where they are, and whether they are still true.

An export is a folder that holds the graphs of a model's towers, its tokenizer, and `Manifest`. It
is found by the model's spec and, where the weights are files of the user's, by their state, so that
other weights under the same name are never taken for it. It can be removed at any time.
"""

import json
import shutil
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from PIL import Image
from platformdirs import user_cache_path

from embed.catalogue import HF, OPEN_CLIP
from embed.graphs import ENGINES, Engine
from embed.halving import is_close
from embed.resizing import Resizing
from embed.scoring import Scoring

LAYOUT = 3
"""Grows when exports of older versions can no longer be read, and are made anew."""

MANIFEST, IMAGES, TEXTS, TOKENIZER = "export.json", "images.onnx", "texts.onnx", "tokenizer.json"


@dataclass(frozen=True, slots=True)
class TokenRules:
    """How texts become token ids, beside what `tokenizer.json` says.

    Attributes:
        cleaning: A key of `embed.cleaning.CLEANING`.
        erased: Token id that is set to 0 after tokenizing, None for none.
        masked: Whether the text tower is told which tokens are padding.
    """

    cleaning: str = ""
    erased: int | None = None
    masked: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an export is of.

    Attributes:
        spec: The model; it, ``dim``, ``fingerprint``, ``resizing`` and ``scoring`` are those of
            its encoder.
        tokens: None where it takes images only.
        engine: What was found faster here for images in single precision.
        half_cosine: The least cosine between the model's own vectors of probes and those that
            images get in half precision; None where the processor is not faster so.
        half: Whether images are computed in half precision.
    """

    spec: str
    dim: int
    fingerprint: str
    resizing: Resizing
    scoring: Scoring | None
    tokens: TokenRules | None
    engine: Engine
    half_cosine: float | None = None
    half: bool = False

    def write(self, folder: Path) -> None:
        """Write it into an export's folder."""
        # Whoever reads meanwhile finds the old one or the new one, whole.
        fresh = folder / f"{MANIFEST}.new"
        fresh.write_text(json.dumps(asdict(self), indent=2), encoding="utf-8")
        fresh.replace(folder / MANIFEST)

    def in_precision(self, *, single: bool = False) -> "Manifest":
        """Return it with half precision chosen where that is faster and close enough.

        Args:
            single: Ask for single precision anyway.
        """
        return replace(self, half=not single and is_close(self.half_cosine))

    @classmethod
    def read(cls, folder: Path) -> "Manifest | None":
        """Read an export's manifest; None where there is none that can be read."""
        try:
            facts: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            resizing, scoring, tokens = (facts.pop(n) for n in ("resizing", "scoring", "tokens"))
            resample = Image.Resampling(resizing.pop("resample"))
            if facts["engine"] not in ENGINES:
                return None
            return cls(
                resizing=Resizing(resample=resample, **resizing),
                scoring=scoring and Scoring(**scoring),
                tokens=tokens and TokenRules(**tokens),
                **facts,
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None


def exports_folder() -> Path:
    """Return the folder of all exports, in the user's cache."""
    return user_cache_path("eidetic") / "models"


def export_folder(spec: str) -> Path:
    """Return where the export of a model is, or would be.

    Args:
        spec: As `embed.catalogue.resolve` gives it.
    """
    facts = json.dumps([LAYOUT, spec, _weights(spec)])
    return exports_folder() / blake2b(facts.encode(), digest_size=12).hexdigest()


def find_export(spec: str) -> Path | None:
    """Return the folder of a model's export, None where there is none that can be read.

    Args:
        spec: As `embed.catalogue.resolve` gives it.
    """
    folder = export_folder(spec)
    # A folder gets its name when all is in it.
    return None if Manifest.read(folder) is None else folder


def remove_export(spec: str) -> bool:
    """Remove the export of a model; whether there was one."""
    folder = export_folder(spec)
    if not folder.is_dir():
        return False
    shutil.rmtree(folder)
    return True


def _weights(spec: str) -> list[tuple[str, int, int]]:
    """Return name, size and mtime of the files a model is loaded from, where they are the user's.

    Published weights never change under their name: what is in the hub's cache is used as it is.
    """
    place = Path(spec.removeprefix(HF))
    if spec.startswith(OPEN_CLIP):
        place = Path(spec.removeprefix(OPEN_CLIP).partition("/")[2])
    if not place.exists():
        return []
    files = sorted(place.rglob("*")) if place.is_dir() else [place]
    states = [(str(file), file.stat()) for file in files if file.is_file()]
    return [(name, state.st_size, state.st_mtime_ns) for name, state in states]
