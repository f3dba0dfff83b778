"""Exporting a model of torch as ONNX graphs, once, so that it runs without torch from then on.

On the CPU, graphs are faster than torch, several times where the processor has half precision, and
start in a tenth of the time (docs/adr/0010-exported-models.md). Exporting itself takes torch and
several times the model's size in memory, so that it runs in a process of its own,
`embed.exporting_worker`.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from embed.encoder import Encoder
from embed.exported import ExportedEncoder, tokenize
from embed.exports import IMAGES, TEXTS, TOKENIZER, Manifest, export_folder, find_export
from embed.graphs import ENGINES, Engine, ImageGraph
from embed.halving import lowest_cosine, probe_images
from embed.hub import quiet
from embed.resizing import Pixels
from embed.tensors import PROBE
from embed.towers import Exportable, Words
from schema.errors import ModelUnavailable
from schema.records import Vectors

if TYPE_CHECKING:
    import torch

WORKER_MODULE = "embed.exporting_worker"

MIN_COSINE = 0.9999
"""Between a vector of an export and the model's own: what rounding alone does stays far above."""

UNFINISHED = ".making-"
"""How the names of exports begin that are being made."""

UNFINISHED_S = 24 * 3600.0
"""Age from which on an unfinished export is what a killed process left: one takes minutes."""

OPENVINO_GAIN = 1.05
"""How many times as fast as ONNX Runtime it has to be."""

TRIALS, IMAGES_PER_TRIAL = 5, 4
"""How often each engine is timed, and on how many images for each lane."""

PROBES = ("a dog on the beach", PROBE, "red " * 200)


def export_model(spec: str) -> Path:
    """Return the export of a model; makes it where there is none.

    Args:
        spec: As `embed.catalogue.resolve` gives it.

    Raises:
        ModelUnavailable: It cannot be loaded, or not be exported; says why.
    """
    found = find_export(spec)
    if found is not None:
        return found
    folder = export_folder(spec)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_unfinished(folder.parent)
        with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=folder.parent) as scratch:
            _export_apart(spec, Path(scratch))
            shutil.rmtree(folder, ignore_errors=True)
            Path(scratch).rename(folder)
            # What the context manager is to remove.
            Path(scratch).mkdir()
    except OSError as error:
        raise ModelUnavailable(
            f"{spec}: {folder.parent} cannot be written ({error.strerror}); make room on its disk"
        ) from error
    return folder


def _remove_unfinished(exports: Path) -> None:
    for left in exports.glob(f"{UNFINISHED}*"):
        try:
            is_left = time.time() - left.stat().st_mtime > UNFINISHED_S
        except FileNotFoundError:
            continue
        if is_left:
            shutil.rmtree(left, ignore_errors=True)


def _export_apart(spec: str, folder: Path) -> None:
    command = [sys.executable, "-P", "-m", WORKER_MODULE, spec, str(folder)]
    paths = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": paths},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        lines = done.stdout.strip().splitlines() or done.stderr.strip().splitlines()
        said = lines[-1] if lines else f"exit status {done.returncode}"
        raise ModelUnavailable(f"{spec} cannot be exported: {said}")


def write_export(encoder: Encoder, folder: Path) -> Manifest:
    """Write the graphs of an encoder of torch into an empty folder, and compare their vectors.

    Raises:
        ModelUnavailable: torch cannot export it, or the graphs give other vectors.
    """
    if not isinstance(encoder, Exportable):
        raise ModelUnavailable(f"{encoder.spec}: there is nothing to prepare of it")
    towers = encoder.towers()
    images = probe_images(encoder.resizing)
    # The boundary to torch's exporter: what it raises for a model that it cannot trace.
    try:
        pixels = {"images": np.stack(images)}
        _write_graph(towers.images, pixels, folder / IMAGES, free_length=False)
        if towers.words is not None:
            _write_words(towers.words, folder)
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelUnavailable(f"{encoder.spec}: torch cannot export it ({reason})") from error
    manifest = Manifest(
        spec=encoder.spec,
        dim=encoder.dim,
        fingerprint=encoder.fingerprint,
        resizing=encoder.resizing,
        scoring=encoder.scoring,
        tokens=None if towers.words is None else towers.words.rules,
        engine=faster_engine(folder / IMAGES, images),
    )
    own = encoder.encode_images(images)
    exported = ExportedEncoder(folder, manifest)
    lowest = lowest_cosine(own, exported.encode_images(images))
    if towers.words is not None:
        words = lowest_cosine(encoder.encode_texts(PROBES), exported.encode_texts(PROBES))
        lowest = min(lowest, words)
    if not lowest >= MIN_COSINE:
        raise ModelUnavailable(
            f"{encoder.spec}: its graphs give other vectors than the model (cosine {lowest:.5f}, "
            f"and {MIN_COSINE} is needed)"
        )
    del exported
    half_cosine = _cosine_in_half(folder, manifest, images, own)
    manifest = replace(manifest, half_cosine=half_cosine).in_precision()
    manifest.write(folder)
    return manifest


def faster_engine(file: Path, images: list[Pixels]) -> Engine:
    """Return what runs a graph of images faster on this machine, in single precision.

    Which one that is depends on the processor and on the model. They take turns, so that what else
    the machine does slows both alike. OpenVINO is to be faster by `OPENVINO_GAIN`, since it takes
    more memory.

    Args:
        images: One or more of the model's input size.

    Raises:
        ModelUnavailable: No engine can run it.
    """
    graphs: dict[Engine, ImageGraph] = {}
    failure: Exception | None = None
    for engine in ENGINES:
        # The boundary to the engines: one that cannot run a graph, why ever, is not chosen.
        try:
            graphs[engine] = graph = ImageGraph(file, engine=engine)
            batch = list(islice(cycle(images), graph.width * IMAGES_PER_TRIAL))
            graph.run(batch)
        except Exception as error:  # noqa: BLE001
            graphs.pop(engine, None)
            failure = error
    if not graphs:
        raise ModelUnavailable(f"its graph of images cannot be run ({failure})") from failure
    if len(graphs) == 1:
        return next(iter(graphs))
    gains = []
    for _ in range(TRIALS):
        took_s = {engine: _run_s(graph, batch) for engine, graph in graphs.items()}
        gains.append(took_s["onnxruntime"] / took_s["openvino"])
    return "openvino" if median(gains) >= OPENVINO_GAIN else "onnxruntime"


def _run_s(graph: ImageGraph, batch: list[Pixels]) -> float:
    began = time.perf_counter()
    graph.run(batch)
    return time.perf_counter() - began


def _cosine_in_half(
    folder: Path, manifest: Manifest, images: list[Pixels], own: Vectors
) -> float | None:
    """Return how close half precision comes; None where this processor does without it."""
    encoder = ExportedEncoder(folder, replace(manifest, half=True))
    return None if encoder.precision == "f32" else lowest_cosine(own, encoder.encode_images(images))


def _write_words(words: Words, folder: Path) -> None:
    words.tokenizer.save(str(folder / TOKENIZER))
    inputs = tokenize(words.tokenizer, words.rules, PROBES)
    padding = words.tokenizer.padding
    free = padding is not None and padding["length"] is None
    _write_graph(words.tower, inputs, folder / TEXTS, free_length=free)


def _write_graph(
    tower: "torch.nn.Module", inputs: Mapping[str, Any], file: Path, *, free_length: bool
) -> None:
    """Write one tower; the first axis of its inputs is free, and the second where it says so."""
    import torch

    from embed.narrowing import narrow

    axes: dict[int, Any] = {0: torch.export.Dim("n")}
    if free_length:
        axes[1] = torch.export.Dim("length", min=2, max=inputs["ids"].shape[1])
    with torch.inference_mode(), quiet():
        program = torch.onnx.export(
            tower,
            tuple(torch.from_numpy(each) for each in inputs.values()),
            input_names=list(inputs),
            output_names=["features"],
            dynamic_shapes=tuple(axes for _ in inputs),
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise ValueError("it gave no program")
    narrow(program.model.graph)
    # Weights in a file of their own are mapped into memory as they are used, and not read.
    program.save(str(file), external_data=True)
