"""Graphs of images: their order, their sameness, and what the engine must not do."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.capi.onnxruntime_pybind11_state import Fail

from embed.builtin.encoder import DATA
from embed.encoder import unit
from embed.graphs import ENGINES, Engine, ImageGraph
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


in_each_engine = pytest.mark.parametrize("engine", ENGINES)


@in_each_engine
@pytest.mark.parametrize("lanes", [1, 3, 40])
def test_a_batch_in_lanes_keeps_its_order(means: Path, lanes: int, engine: Engine) -> None:
    found = ImageGraph(means, lanes, engine=engine).run(BATCH)
    assert np.allclose(found[:, 0] * 255, np.arange(101), atol=1e-3)


@in_each_engine
def test_images_of_several_shapes_are_refused(means: Path, engine: Engine) -> None:
    with pytest.raises(ValueError, match="same shape"):
        ImageGraph(means, 2, engine=engine).run([*BATCH[:4], np.zeros((5, 5, 3), dtype=np.uint8)])


@in_each_engine
def test_a_batch_that_fails_leaves_the_graph_usable(engine: Engine) -> None:
    graph = ImageGraph(products_of_48_numbers(), 3, engine=engine)
    right = [np.full((4, 4, 3), i, dtype=np.uint8) for i in range(50)]
    wrong = [np.zeros((5, 5, 3), dtype=np.uint8)] * 24
    before = graph.run(right)
    # In the engine; and as soon as the batch is begun, half way, at its end.
    for batch in (wrong, [*right[:8], *wrong, *right[:8]], [*right[:48], *wrong]):
        with pytest.raises((RuntimeError, Fail)):
            graph.run(batch)
        assert np.array_equal(graph.run(right), before)


def products_of_48_numbers() -> bytes:
    """Return a graph that takes images of any size, and fails where they have other numbers."""
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["floats", "shape"], ["rows"]),
        helper.make_node("MatMul", ["rows", "weights"], ["features"]),
    ]
    constants = {"shape": np.array([-1, 48]), "weights": np.ones((48, 4), dtype=np.float32)}
    graph = helper.make_graph(
        nodes,
        "products",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", "h", "w", 3])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["m", 4])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    model: bytes = helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    return model


@in_each_engine
def test_threads_that_share_a_graph_get_their_own_features(means: Path, engine: Engine) -> None:
    graph = ImageGraph(means, 3, engine=engine)
    with ThreadPoolExecutor(8) as pool:
        batches = [[np.full((4, 4, 3), i, dtype=np.uint8)] * (1 + i % 40) for i in range(200)]
        for i, found in enumerate(pool.map(graph.run, batches)):
            assert np.allclose(found * 255, i, atol=1e-3)


@pytest.mark.parametrize(
    ("engine", "half", "error"),
    [("openvino", False, 1e-6), ("openvino", True, 1e-3), ("onnxruntime", False, 1e-4)],
)
def test_the_features_of_an_image_hardly_differ_with_its_batch(
    engine: Engine, half: bool, error: float
) -> None:
    graph = ImageGraph(IMAGE, engine=engine, half=half)
    rng = np.random.default_rng(0)
    images = list(rng.integers(0, 256, (13, 96, 96, 3), dtype=np.uint8))
    together = graph.run(images)
    alone = np.concatenate([graph.run([image]) for image in images])
    assert np.abs(together - alone).max() <= error
    assert np.array_equal(together, graph.run(images))


def test_the_engines_give_the_same_features() -> None:
    images = list(np.random.default_rng(0).integers(0, 256, (5, 96, 96, 3), dtype=np.uint8))
    one, other = (ImageGraph(IMAGE, engine=engine).run(images) for engine in ENGINES)
    assert (unit(one) * unit(other)).sum(axis=1).min() >= 0.99999


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
