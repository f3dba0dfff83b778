"""A model that was exported gives its own vectors, without torch, and never those of another."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from embed import (
    Encoder,
    export_model,
    find_export,
    load_encoder,
    loading_images,
    remove_export,
)
from embed.cleaning import CLEANING
from embed.exported import ExportedEncoder, tokenize
from embed.exporting import UNFINISHED_S, faster_engine, write_export
from embed.exports import IMAGES as IMAGE_GRAPH
from embed.exports import MANIFEST, Manifest, TokenRules, exports_folder
from embed.exports import TEXTS as TEXT_GRAPH
from embed.graphs import ENGINES, Engine
from embed.halving import MIN_COSINE_IN_HALF
from embed.openvino_lanes import OpenVinoLanes
from embed.ort_lanes import OrtLanes
from embed.towers import Towers, byte_pairs
from schema import ModelUnavailable, UsageError
from tests.embed.checkpoints import (
    FAMILIES,
    IMAGES,
    TEXTS,
    save_siglip2_tokenizer,
    save_tokenizer,
)
from tests.embed.test_hf_images import save_resnet, save_vit
from tests.embed.test_openclip import checkpoint

__all__ = ["checkpoint"]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache, an empty one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A model that was exported into a cache that is the user's."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        model = save_family("clip", folder / "model")
        export_model(str(model))
        yield model


@pytest.fixture
def damaged(made: Path) -> Iterator[Path]:
    """The same export, for a test to damage; gives its folder."""
    folder = find_export(str(made))
    assert folder is not None
    with tempfile.TemporaryDirectory() as kept:
        shutil.copytree(folder, kept, dirs_exist_ok=True)
        yield folder
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(kept, folder)


def save_family(family: str, folder: Path) -> Path:
    torch.manual_seed(0)
    folder.mkdir()
    FAMILIES[family](folder)
    (save_siglip2_tokenizer if family == "siglip2" else save_tokenizer)(folder)
    return folder


def exported(encoder: Encoder, folder: Path) -> ExportedEncoder:
    """Return the encoder of its graphs, in single precision."""
    folder.mkdir()
    return ExportedEncoder(folder, write_export(encoder, folder).in_precision(single=True))


def prepared(encoder: Encoder) -> list[np.ndarray]:
    return [encoder.resizing.apply(image) for image in IMAGES]


def assert_same_images(one: Encoder, other: Encoder) -> None:
    cosines = (one.encode_images(prepared(one)) * other.encode_images(prepared(other))).sum(axis=1)
    in_half = isinstance(one, ExportedEncoder) and one.precision == "bf16"
    assert cosines.min() >= (MIN_COSINE_IN_HALF if in_half else 0.99999)


def assert_same_words(one: Encoder, other: Encoder) -> None:
    for texts in (TEXTS, TEXTS[:1], [*TEXTS, "Two words"]):
        cosines = (one.encode_texts(texts) * other.encode_texts(texts)).sum(axis=1)
        assert cosines.min() >= 0.99999


@pytest.mark.parametrize("family", ["siglip2", "altclip"])
def test_images_and_texts_are_the_models_own(family: str, tmp_path: Path) -> None:
    encoder = load_encoder(str(save_family(family, tmp_path / "model")), device="cpu")
    graphs = exported(encoder, tmp_path / "graphs")
    assert_same_images(graphs, encoder)
    assert_same_words(graphs, encoder)


def test_so_are_those_of_open_clip(checkpoint: Path, tmp_path: Path) -> None:
    encoder = load_encoder(str(checkpoint), device="cpu")
    graphs = exported(encoder, tmp_path / "graphs")
    assert_same_images(graphs, encoder)
    assert_same_words(graphs, encoder)
    assert graphs.encode_texts([]).shape == graphs.encode_images([]).shape == (0, encoder.dim)


@pytest.mark.parametrize("save", [save_vit, save_resnet])
def test_so_are_those_of_a_model_without_words(
    save: Callable[[Path], None], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    save(tmp_path / "model")
    encoder = load_encoder(str(tmp_path / "model"), device="cpu")
    graphs = exported(encoder, tmp_path / "graphs")
    assert_same_images(graphs, encoder)
    with pytest.raises(UsageError, match="images only"):
        graphs.encode_texts(["a dog"])


def assigned(text: str) -> bool:
    """Whether this Python knows all its characters: newer ones are letters to some libraries."""
    return all(unicodedata.category(character) != "Cn" for character in text)


@given(st.text(max_size=100))
def test_open_clips_own_tokenizer_is_carried_over(text: str) -> None:
    theirs = SIMPLE([text]).numpy()
    assume(assigned(CLEANING["lower"](text)))
    assert tokenize(BYTE_PAIRS, TokenRules("lower"), [text])["ids"].tolist() == theirs.tolist()


SIMPLE = open_clip.SimpleTokenizer()
BYTE_PAIRS = byte_pairs(SIMPLE, SIMPLE.context_length)


@given(st.text(max_size=100))
def test_texts_are_mended_as_open_clip_does(text: str) -> None:
    for name in ("lower", "whitespace", "canonicalize"):
        assert CLEANING[name](text) == open_clip.tokenizer.get_clean_fn(name)(text)


def test_once_exported_a_model_is_loaded_without_torch(made: Path) -> None:
    program = (
        "import sys, numpy; from embed import load_encoder; e = load_encoder(sys.argv[1]);"
        "e.encode_texts(['a dog']); e.encode_images([numpy.zeros((32, 32, 3), 'u1')]);"
        "print(type(e).__name__, {'torch', 'transformers', 'open_clip'} & set(sys.modules))"
    )
    told = subprocess.check_output([sys.executable, "-c", program, str(made)], text=True)
    assert told.split() == ["ExportedEncoder", "set()"]


def test_it_is_made_once_and_nothing_else_is_left_beside(made: Path) -> None:
    folder = find_export(str(made))
    assert folder is not None
    before = (folder / IMAGE_GRAPH).stat().st_mtime_ns
    assert export_model(str(made)) == folder
    assert (folder / IMAGE_GRAPH).stat().st_mtime_ns == before
    assert [place.name for place in exports_folder().iterdir()] == [folder.name]


def test_what_a_killed_process_left_is_removed_and_what_one_is_making_is_not(
    tmp_path: Path, cache: Path
) -> None:
    left, being_made = exports_folder() / ".making-left", exports_folder() / ".making-now"
    for folder in (left, being_made):
        folder.mkdir(parents=True)
        (folder / IMAGE_GRAPH).write_bytes(b"half of it")
    long_ago = time.time() - UNFINISHED_S - 60
    os.utime(left, (long_ago, long_ago))
    with pytest.raises(ModelUnavailable, match="no model"):
        export_model(str(tmp_path))
    assert exports_folder().is_relative_to(cache)
    assert list(exports_folder().iterdir()) == [being_made]


def test_a_device_that_is_named_means_torch(made: Path) -> None:
    graphs, model = load_encoder(str(made)), load_encoder(str(made), device="cpu")
    assert isinstance(graphs, ExportedEncoder)
    assert not isinstance(model, ExportedEncoder)
    assert_same_images(graphs, model)
    assert_same_words(graphs, model)
    facts = ("spec", "dim", "fingerprint", "resizing", "scoring", "image_size")
    assert [getattr(graphs, f) for f in facts] == [getattr(model, f) for f in facts]


def test_with_a_gpu_only_words_go_to_the_export(
    made: Path, damaged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (damaged / IMAGE_GRAPH).unlink()
    monkeypatch.setattr("embed.load.GPUS", ("/dev/null",))
    encoder = load_encoder(str(made))
    assert isinstance(encoder, ExportedEncoder)
    assert_same_images(encoder, load_encoder(str(made), device="cpu"))


def test_other_weights_under_the_same_name_are_not_taken_for_it(made: Path) -> None:
    weights = made / "model.safetensors"
    kept = weights.stat()
    os.utime(weights, ns=(kept.st_atime_ns, kept.st_mtime_ns + 1))
    assert find_export(str(made)) is None
    assert not isinstance(load_encoder(str(made)), ExportedEncoder)
    os.utime(weights, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    assert find_export(str(made)) is not None


def test_a_damaged_graph_says_how_it_is_made_anew(made: Path, damaged: Path) -> None:
    (damaged / TEXT_GRAPH).write_bytes(b"no graph")
    with pytest.raises(ModelUnavailable, match=r"texts\.onnx.*eidetic models warm --remove"):
        load_encoder(str(made)).encode_texts(["a dog"])


def test_one_without_its_description_is_none(made: Path, damaged: Path) -> None:
    (damaged / MANIFEST).write_text("{}")
    assert find_export(str(made)) is None
    assert not isinstance(load_encoder(str(made)), ExportedEncoder)


def test_what_is_removed_is_gone(made: Path, damaged: Path) -> None:
    assert remove_export(str(made))
    assert not damaged.exists()
    assert not remove_export(str(made))


class Deceiver:
    """An encoder whose towers are not its own."""

    def __init__(self, encoder: Encoder, other: Encoder) -> None:
        self.encoder, self.other = encoder, other

    def __getattr__(self, name: str) -> object:
        return getattr(self.encoder, name)

    def towers(self) -> Towers:
        return self.other.towers()  # type: ignore[attr-defined, no-any-return]


def test_graphs_that_give_other_vectors_are_refused(made: Path, tmp_path: Path) -> None:
    one, other = (load_encoder(str(made), device="cpu") for _ in range(2))
    projection = other._model.visual_projection.weight  # type: ignore[attr-defined]
    with torch.no_grad():
        projection.copy_(projection.flip(0))
    with pytest.raises(ModelUnavailable, match="other vectors than the model"):
        write_export(Deceiver(one, other), tmp_path)  # type: ignore[arg-type]


def test_what_cannot_be_loaded_cannot_be_exported_and_leaves_nothing(
    tmp_path: Path, cache: Path
) -> None:
    with pytest.raises(ModelUnavailable, match="no model; a folder saved by transformers"):
        export_model(str(tmp_path))
    assert exports_folder().is_relative_to(cache)
    assert list(exports_folder().iterdir()) == []


def test_the_built_in_model_needs_no_export() -> None:
    with pytest.raises(ModelUnavailable, match=r"builtin.*nothing to prepare"):
        export_model("builtin")


def test_half_precision_is_taken_where_it_is_there_and_close_enough(made: Path) -> None:
    folder = find_export(str(made))
    assert folder is not None
    manifest = Manifest.read(folder)
    assert manifest is not None
    encoder = load_encoder(str(made))
    assert isinstance(encoder, ExportedEncoder)
    close = manifest.half_cosine is not None and manifest.half_cosine >= MIN_COSINE_IN_HALF
    assert manifest.half == close == (encoder.precision == "bf16")


@pytest.mark.parametrize(
    ("times", "chosen"),
    [
        ({"openvino": 1.0, "onnxruntime": 2.0}, "openvino"),
        ({"openvino": 2.0, "onnxruntime": 1.0}, "onnxruntime"),
        ({"openvino": 1.0, "onnxruntime": 1.01}, "onnxruntime"),
    ],
)
def test_the_faster_engine_computes_images_and_the_smaller_one_if_they_are_alike(
    made: Path, times: dict[str, float], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = find_export(str(made))
    assert folder is not None
    images = [np.zeros((32, 32, 3), dtype=np.uint8)]
    by_kind = {OpenVinoLanes: times["openvino"], OrtLanes: times["onnxruntime"]}
    monkeypatch.setattr("embed.exporting._run_s", lambda graph, _: by_kind[type(graph._lanes)])
    assert faster_engine(folder / IMAGE_GRAPH, images) == chosen


@pytest.mark.parametrize(("engine", "other"), [ENGINES, ENGINES[::-1]])
def test_an_engine_that_cannot_run_the_graph_leaves_it_to_the_other(
    made: Path, engine: Engine, other: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = find_export(str(made))
    assert folder is not None
    images = [np.zeros((32, 32, 3), dtype=np.uint8)]
    kinds = {"openvino": OpenVinoLanes, "onnxruntime": OrtLanes}
    monkeypatch.setattr(kinds[engine], "run", lambda *_: 1 / 0)
    assert faster_engine(folder / IMAGE_GRAPH, images) == other
    monkeypatch.setattr(kinds[other], "run", lambda *_: 1 / 0)
    with pytest.raises(ModelUnavailable, match="cannot be run"):
        faster_engine(folder / IMAGE_GRAPH, images)


def test_its_images_can_be_loaded_ahead(made: Path, damaged: Path) -> None:
    encoder = load_encoder(str(made))
    with loading_images(encoder):
        pass
    shutil.rmtree(damaged)
    assert encoder.encode_images(prepared(encoder)).shape == (len(IMAGES), encoder.dim)


@pytest.mark.parametrize("engine", ENGINES)
def test_either_engine_gives_the_models_own_vectors(made: Path, engine: Engine) -> None:
    folder = find_export(str(made))
    assert folder is not None
    manifest = Manifest.read(folder)
    assert manifest is not None
    encoder = ExportedEncoder(folder, replace(manifest, engine=engine, half=False))
    assert_same_images(encoder, load_encoder(str(made), device="cpu"))


def test_an_export_for_an_unknown_engine_is_none(made: Path, damaged: Path) -> None:
    facts = json.loads((damaged / MANIFEST).read_text())
    (damaged / MANIFEST).write_text(json.dumps({**facts, "engine": "abacus"}))
    assert find_export(str(made)) is None


@pytest.mark.parametrize(
    ("cosine", "half"), [(None, False), (0.99949, False), (MIN_COSINE_IN_HALF, True), (1.0, True)]
)
def test_it_is_left_where_it_is_not_or_when_asked_to(
    made: Path, cosine: float | None, half: bool
) -> None:
    manifest = Manifest.read(find_export(str(made)) or made)
    assert manifest is not None
    manifest = replace(manifest, half_cosine=cosine)
    assert manifest.in_precision().half is half
    assert manifest.in_precision(single=True).half is False
