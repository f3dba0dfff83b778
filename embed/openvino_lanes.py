"""The one place that touches OpenVINO: graphs of images, laid out for this processor."""

import sys
import threading
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from queue import Empty, SimpleQueue
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CONVERTER = "openvino.tools.ovc"

_IMPORTING = threading.Lock()


class OpenVinoLanes:
    """A graph whose parts of a batch are computed side by side. Threads may share it.

    Attributes:
        precision: What it multiplies in: ``f32`` or ``bf16``.
    """

    def __init__(self, model: bytes | Path, width: int, cores: int, *, half: bool) -> None:
        """Load a graph; the arguments are those of `embed.graphs.ImageGraph`.

        Args:
            width: Parts that are computed at a time.

        Raises:
            Exception: Whatever OpenVINO raises for a graph that it cannot load.
        """
        self._model = model
        self._width = width
        self._cores = cores
        self._laying_out = threading.Lock()
        compiled = self._compile("PERFORMANCE" if half else "ACCURACY")
        if _precision(compiled) == "f16":
            compiled = self._compile("ACCURACY")
        self.precision = _precision(compiled)
        self._requests: _Requests | None = _Requests(compiled, width)

    def run(self, parts: Iterable[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """Return the features of each part, in order: (m, height, width, 3) gives (m, dim).

        Raises:
            Exception: Whatever OpenVINO raises while it computes. Batches of other threads may
                fail with it; later ones do not.
        """
        requests = self._ready()
        try:
            return requests.run(parts)
        except BaseException:
            # Requests that failed once refuse all that comes, and some may be at work still.
            with self._laying_out:
                if self._requests is requests:
                    self._requests = None
            raise

    def _ready(self) -> "_Requests":
        with self._laying_out:
            requests = self._requests
            if requests is None:
                mode = "PERFORMANCE" if self.precision == "bf16" else "ACCURACY"
                self._requests = requests = _Requests(self._compile(mode), self._width)
            return requests

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


class _Requests:
    """Requests of a compiled graph that work at once, and that threads share."""

    def __init__(self, compiled: Any, width: int) -> None:
        self._idle: SimpleQueue[Any] = SimpleQueue()
        for _ in range(width):
            self._idle.put(compiled.create_infer_request())

    def run(self, parts: Iterable[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
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
            # Also of those that failed, so that nobody waits for them for ever.
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
