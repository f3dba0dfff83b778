"""Graphs of images: their order, their sameness, and what the engine must not do."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from embed.builtin.encoder import DATA
from embed.graphs import ImageGraph
from embed.hub import quiet
from embed.towers import image_tower

IMAGE = DATA / "image.onnx"


@pytest.fixture(scope="module")
def means(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph from images to the means of their channels."""
    tower = image_tower(
        torch.nn.Identity(), lambda _, pixels: pixels.mean(dim=(2, 3)), [0.0] * 3, [1.0] * 3
    )
    axes = ({0: torch.export.Dim("n")},)
    example = (torch.zeros((2, 4, 4, 3), dtype=torch.uint8),)
    with quiet():
        program = torch.onnx.export(tower, example, dynamic_shapes=axes, verbose=False)
    assert program is not None
    file = tmp_path_factory.mktemp("means") / "means.onnx"
    program.save(str(file))
    return file


BATCH = [np.full((4, 4, 3), i, dtype=np.uint8) for i in range(101)]


@pytest.mark.parametrize("lanes", [1, 3])
def test_a_batch_in_lanes_keeps_its_order(means: Path, lanes: int) -> None:
    found = ImageGraph(means, lanes).run(BATCH)
    assert np.allclose(found[:, 0] * 255, np.arange(101), atol=1e-3)


def test_a_batch_that_is_broken_off_leaves_the_graph_usable(means: Path) -> None:
    graph = ImageGraph(means, 2)
    other = [np.zeros((5, 5, 3), dtype=np.uint8)] * 8
    for broken in ([*other, *BATCH], [*BATCH[:96], *other], [*BATCH, *other]):
        with pytest.raises((RuntimeError, ValueError), match="shape"):
            graph.run(broken)
    assert np.array_equal(graph.run(BATCH), ImageGraph(means, 2).run(BATCH))


@pytest.mark.parametrize(("half", "error"), [(False, 1e-6), (True, 1e-3)])
def test_the_features_of_an_image_hardly_differ_with_its_batch(half: bool, error: float) -> None:
    graph = ImageGraph(IMAGE, half=half)
    rng = np.random.default_rng(0)
    images = list(rng.integers(0, 256, (13, 96, 96, 3), dtype=np.uint8))
    together = graph.run(images)
    alone = np.concatenate([graph.run([image]) for image in images])
    assert np.abs(together - alone).max() <= error
    assert np.array_equal(together, graph.run(images))


def test_many_threads_may_start_with_it_at_once() -> None:
    program = (
        "import sys, threading, numpy; from embed.graphs import ImageGraph\n"
        "batch = [numpy.zeros((96, 96, 3), 'u1')]\n"
        "start = threading.Barrier(8)\n"
        "def run(): start.wait(); ImageGraph(open(sys.argv[1], 'rb').read(), 2).run(batch)\n"
        "threads = [threading.Thread(target=run) for _ in range(8)]\n"
        "[thread.start() for thread in threads]; [thread.join() for thread in threads]\n"
        "print('done')"
    )
    told = subprocess.check_output([sys.executable, "-c", program, str(IMAGE)], timeout=120)
    assert told.split() == [b"done"]


def test_nobody_is_told_of_it(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "told = []\n"
        "sys.addaudithook(lambda event, _: event[:7] == 'socket.' and told.append(event))\n"
        "from embed.graphs import ImageGraph\n"
        "import numpy, time\n"
        "ImageGraph(open(sys.argv[1], 'rb').read()).run([numpy.zeros((96, 96, 3), 'u1')])\n"
        "time.sleep(1)\n"
        "print(told, [name for name in sys.modules if 'telemetry' in name])"
    )
    told = subprocess.check_output(
        [sys.executable, "-c", program, str(IMAGE)],
        env={"HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
        text=True,
    )
    assert told.split() == ["[]", "[]"]
    assert list(tmp_path.iterdir()) == []
