"""The one place that touches the engines that run graphs on the CPU.

Images come by the thousand: OpenVINO lays a graph out for the processor, and multiplies fastest.
A query is one text: ONNX Runtime has a graph ready soonest (docs/adr/0010-exported-models.md).
"""

import math
import os
import sys
import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embed.resizing import Pixels

IMAGES_PER_LANE = 8
"""Images that one core works on at once: enough for its multiplications, and what they need between
the layers still lies near the core."""

MAX_LANES = 16
"""Each takes memory for what its layers hand on, 55 MB of the built-in model's; where there are
more cores, several share a lane."""

_CONVERTER = "openvino.tools.ovc"

_IMPORTING = threading.Lock()


def available_cores() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


class ImageGraph:
    """A graph from uint8 images (n, height, width, 3) to features (n, dim). Threads may share it.

    A batch is cut into parts, and each core works on a part of its own, its lane: cores that share
    every multiplication wait for the slowest of them at each, which is the one that decodes beside.
    The features of an image differ with the size of its part, by rounding.

    Attributes:
        precision: What it multiplies in: ``f32`` or ``bf16``.
    """

    def __init__(self, model: bytes | Path, threads: int = 0, *, half: bool = False) -> None:
        """Load a graph.

        Args:
            model: The graph, or the file that holds it.
            threads: Cores to use; 0 for all that there are.
            half: Whether to multiply in bfloat16 where this processor is faster so. Never in
                float16, which large numbers of some models exceed.

        Raises:
            Exception: Whatever OpenVINO raises for a graph that it cannot load.
        """
        self._model = model
        self._cores = threads or available_cores()
        self._width = min(self._cores, MAX_LANES)
        self._laying_out = threading.Lock()
        compiled = self._compile("PERFORMANCE" if half else "ACCURACY")
        if _precision(compiled) == "f16":
            compiled = self._compile("ACCURACY")
        self.precision = _precision(compiled)
        self._lanes: _Lanes | None = _Lanes(compiled, self._width)

    def run(self, batch: Sequence[Pixels]) -> NDArray[np.float32]:
        """Return the features of a batch that is not empty: shape (n, dim), in order.

        Raises:
            Exception: Whatever OpenVINO raises while it computes. Batches of other threads may
                fail with it; later ones do not.
        """
        size = min(IMAGES_PER_LANE, math.ceil(len(batch) / self._width))
        parts = (np.stack(batch[start : start + size]) for start in range(0, len(batch), size))
        lanes = self._ready()
        try:
            return np.concatenate(lanes.run(parts))
        except BaseException:
            # Lanes that failed once refuse all that comes, and some may be at work still.
            with self._laying_out:
                if self._lanes is lanes:
                    self._lanes = None
            raise

    def _ready(self) -> "_Lanes":
        with self._laying_out:
            lanes = self._lanes
            if lanes is None:
                mode = "PERFORMANCE" if self.precision == "bf16" else "ACCURACY"
                self._lanes = lanes = _Lanes(self._compile(mode), self._width)
            return lanes

    def _compile(self, mode: str) -> Any:
        """Lay the graph out for this processor, in an execution mode of OpenVINO."""
        core = _openvino().Core()
        options = {
            "EXECUTION_MODE_HINT": mode,
            # Single or half precision is what is asked for, and never eight bits.
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
            "NUM_STREAMS": self._width,
            "INFERENCE_NUM_THREADS": self._cores,
            # Lanes that keep to a core of their own could not get out of the way of decoding.
            "ENABLE_CPU_PINNING": False,
        }
        return core.compile_model(core.read_model(self._model), "CPU", options)


class _Lanes:
    """Requests of a compiled graph that work at once, and that threads share."""

    def __init__(self, compiled: Any, width: int) -> None:
        self._idle: SimpleQueue[Any] = SimpleQueue()
        for _ in range(width):
            self._idle.put(compiled.create_infer_request())

    def run(self, parts: Iterable[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """Return the features of each part, in order."""
        features = []
        begun: deque[Any] = deque()
        try:
            for part in parts:
                try:
                    # Only who has nothing at work waits for others.
                    request = self._idle.get(block=not begun)
                except Empty:
                    features.append(_finished(begun[0]))
                    request = begun.popleft()
                begun.append(request)
                request.start_async([part])
            features.extend(_finished(request) for request in begun)
        finally:
            # Also of lanes that failed, so that nobody waits for them for ever.
            for request in begun:
                self._idle.put(request)
        return features


def _precision(compiled: Any) -> str:
    """Return what half precision a graph runs in; where it runs in none, ``f32``."""
    told = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    return told if told in {"bf16", "f16"} else "f32"


def _finished(request: Any) -> NDArray[np.float32]:
    request.wait()
    features: NDArray[np.float32] = request.get_output_tensor(0).data.copy()
    return features


class TextGraph:
    """A graph from token ids (n, length), and their mask, to features (n, dim)."""

    def __init__(self, model: bytes | Path, threads: int = 0, *, prepack: bool = True) -> None:
        """Load a graph.

        Args:
            model: The graph, or the file that holds it.
            threads: Cores that one run takes; 0 for all.
            prepack: Whether weights are laid out anew for many runs; without that, loading is
                quicker and a run slower.

        Raises:
            Exception: Whatever ONNX Runtime raises for a graph that it cannot load.
        """
        from onnxruntime import InferenceSession, SessionOptions

        options = SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Spinning threads would take the cores from the processes that decode images.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if not prepack:
            options.add_session_config_entry("session.disable_prepacking", "1")
        source = model if isinstance(model, bytes) else str(model)
        self._session = InferenceSession(source, options, providers=["CPUExecutionProvider"])

    def run(self, inputs: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """Return the features of texts: shape (n, dim), in order."""
        features: NDArray[np.float32] = self._session.run(None, dict(inputs))[0]
        return features


def _openvino() -> ModuleType:
    """Return OpenVINO without its converter, which tells its makers of every import."""
    with _IMPORTING:
        left_out = sys.modules.setdefault(_CONVERTER, None) is None  # type: ignore[arg-type]
        try:
            import openvino
        finally:
            if left_out:
                sys.modules.pop(_CONVERTER, None)
        # Two threads that make their first tensors at once wait for each other for ever.
        _ = openvino.Tensor(np.zeros(1, dtype=np.uint8)).data
    module: ModuleType = openvino
    return module
