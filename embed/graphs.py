"""Graphs on the CPU: images in lanes, by whichever engine is faster, and words.

Images come by the thousand, and an engine that has them sooner is worth its start. A query is one
text: ONNX Runtime has a graph ready soonest (docs/adr/0010-exported-models.md).
"""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from embed.openvino_lanes import OpenVinoLanes
from embed.ort_lanes import OrtLanes, load_session
from embed.resizing import Pixels

Engine = Literal["openvino", "onnxruntime"]
"""What runs a graph of images."""

ENGINES: tuple[Engine, ...] = get_args(Engine)

IMAGES_PER_LANE = 8
"""Images that one core works on at once: enough for its multiplications, and what they need between
the layers still lies near the core."""

MAX_LANES = 16
"""Each takes memory for what its layers hand on, 55 MB of the built-in model's; where there are
more cores, several share a lane."""


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
        width: How many parts are computed at a time.
    """

    def __init__(
        self,
        model: bytes | Path,
        threads: int = 0,
        *,
        engine: Engine = "openvino",
        half: bool = False,
    ) -> None:
        """Load a graph.

        Args:
            model: The graph, or the file that holds it.
            threads: Cores to use; 0 for all that there are.
            engine: What runs it; OpenVINO where it is to be in half precision.
            half: Whether to multiply in bfloat16 where this processor is faster so. Never in
                float16, which large numbers of some models exceed.

        Raises:
            Exception: Whatever the engine raises for a graph that it cannot load.
        """
        cores = threads or available_cores()
        self.width = min(cores, MAX_LANES)
        self._lanes: OpenVinoLanes | OrtLanes
        if engine == "openvino" or half:
            self._lanes = OpenVinoLanes(model, self.width, cores, half=half)
        else:
            self._lanes = OrtLanes(model, self.width, cores)
        self.precision = self._lanes.precision

    def run(self, batch: Sequence[Pixels]) -> NDArray[np.float32]:
        """Return the features of a batch that is not empty: shape (n, dim), in order.

        Raises:
            Exception: Whatever the engine raises while it computes. Batches of other threads may
                fail with it; later ones do not.
        """
        size = min(IMAGES_PER_LANE, math.ceil(len(batch) / self.width))
        parts = (np.stack(batch[start : start + size]) for start in range(0, len(batch), size))
        return np.concatenate(self._lanes.run(parts))


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
        self._session = load_session(model, threads, prepack=prepack)

    def run(self, inputs: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """Return the features of texts: shape (n, dim), in order."""
        features: NDArray[np.float32] = self._session.run(None, dict(inputs))[0]
        return features
