"""The one place that touches ONNX Runtime: its sessions, and graphs of images in several lanes."""

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class OrtLanes:
    """A graph whose parts of a batch are computed side by side. Threads may share it.

    Attributes:
        precision: ``f32``.
    """

    precision = "f32"

    def __init__(self, model: bytes | Path, width: int, cores: int) -> None:
        """Load a graph; the arguments are those of `embed.graphs.ImageGraph`.

        Args:
            width: Parts that are computed at a time, each in a thread of its own; where there are
                more cores, all lanes share the others.

        Raises:
            Exception: Whatever ONNX Runtime raises for a graph that it cannot load.
        """
        self._session = load_session(model, cores - width + 1)
        self._input = self._session.get_inputs()[0].name
        self._pool = ThreadPoolExecutor(width, thread_name_prefix="eidetic-lane")

    def run(self, parts: Iterable[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """Return the features of each part, in order: (m, height, width, 3) gives (m, dim).

        Raises:
            Exception: Whatever ONNX Runtime raises while it computes.
        """
        begun: list[Future[NDArray[np.float32]]] = []
        try:
            # All at once: a batch's pixels are little beside what the layers hand on.
            begun.extend(self._pool.submit(self._compute, part) for part in parts)
            return [each.result() for each in begun]
        finally:
            # Of a batch that failed nobody wants the rest.
            for each in begun:
                each.cancel()

    def _compute(self, part: NDArray[np.uint8]) -> NDArray[np.float32]:
        features: NDArray[np.float32] = self._session.run(None, {self._input: part})[0]
        return features


def load_session(model: bytes | Path, threads: int, *, prepack: bool = True) -> Any:
    """Return a session of ONNX Runtime.

    Args:
        model: The graph, or the file that holds it.
        threads: Cores that one run takes; 0 for all.
        prepack: Whether weights are laid out anew for many runs.

    Raises:
        Exception: Whatever ONNX Runtime raises for a graph that it cannot load.
    """
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Failures are raised, and told once.
    options.log_severity_level = 4
    # Spinning threads would take the cores from the processes that decode images.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not prepack:
        options.add_session_config_entry("session.disable_prepacking", "1")
    source = model if isinstance(model, bytes) else str(model)
    return InferenceSession(source, options, providers=["CPUExecutionProvider"])
