"""The one place that touches ONNX Runtime: graphs on the CPU."""

import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from embed.resizing import Pixels

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

IMAGES_PER_LANE = 8
"""Images that one core works on at once: enough for its multiplications, and what they need between
the layers still lies near the core."""


def available_cores() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def open_graph(model: bytes | Path, threads: int, *, prepack: bool = True) -> "InferenceSession":
    """Load an ONNX graph.

    Args:
        model: The graph, or the file that holds it.
        threads: Cores that one run takes; 0 for all.
        prepack: Whether weights are laid out anew for many runs; without that, loading is quicker
            and a run slower.

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
    return InferenceSession(source, options, providers=["CPUExecutionProvider"])


class ImageGraph:
    """A graph from uint8 images (n, height, width, 3) to features (n, dim). Safe in many threads.

    A batch is cut into parts, and each core works on a part of its own: cores that share every
    multiplication wait for the slowest of them at each, which is the one that decodes beside.
    """

    def __init__(self, model: bytes | Path, threads: int = 0) -> None:
        """Load a graph.

        Args:
            model: See `open_graph`.
            threads: Cores to use; 0 for all that there are.
        """
        self._lanes = threads or available_cores()
        self._session = open_graph(model, 1)
        self._input = self._session.get_inputs()[0].name
        self._pool = ThreadPoolExecutor(self._lanes, thread_name_prefix="encoder-lane")

    def run(self, batch: Sequence[Pixels]) -> NDArray[np.float32]:
        """Return the features of a batch that is not empty: shape (n, dim), in order."""
        size = min(IMAGES_PER_LANE, math.ceil(len(batch) / self._lanes))
        parts = [batch[start : start + size] for start in range(0, len(batch), size)]
        features = list(self._pool.map(self._run, parts))
        return np.concatenate(features)

    def _run(self, part: Sequence[Pixels]) -> NDArray[np.float32]:
        features: NDArray[np.float32] = self._session.run(None, {self._input: np.stack(part)})[0]
        return features


class TextGraph:
    """A graph from token ids (n, length), and their mask, to features (n, dim)."""

    def __init__(self, model: bytes | Path, threads: int = 0, *, prepack: bool = True) -> None:
        """Load a graph; for the arguments see `open_graph`."""
        self._session = open_graph(model, threads, prepack=prepack)

    def run(self, inputs: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """Return the features of texts: shape (n, dim), in order."""
        features: NDArray[np.float32] = self._session.run(None, dict(inputs))[0]
        return features
