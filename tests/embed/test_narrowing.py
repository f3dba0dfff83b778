"""A narrowed graph gives the features that it gave before, and computes less for them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession

from embed import load_encoder
from embed.halving import probe_images
from embed.hub import quiet
from embed.narrowing import narrow
from embed.towers import Exportable
from tests.embed.checkpoints import save_clip, save_tokenizer
from tests.embed.test_hf_images import save_resnet, save_vit
from tests.embed.test_openclip import checkpoint

__all__ = ["checkpoint"]

TOKENS = 5

CONSTANT = np.arange(TOKENS * 4, dtype=np.float32).reshape(TOKENS, 4)

Arrays = dict[str, np.ndarray]


def run(model: ir.Model, inputs: Arrays) -> list[np.ndarray]:
    proto = ir.to_proto(model)
    session = InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, inputs)  # type: ignore[no-any-return]


def exported(spec: Path) -> tuple[ir.Model, Arrays]:
    """Return the graph of a model's images as torch exports it, and some images for it."""
    encoder = load_encoder(str(spec), device="cpu")
    assert isinstance(encoder, Exportable)
    images = np.stack(probe_images(encoder.resizing))
    with torch.inference_mode(), quiet():
        program = torch.onnx.export(
            encoder.towers().images,
            (torch.from_numpy(images),),
            input_names=["images"],
            dynamic_shapes=({0: torch.export.Dim("n")},),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    return program.model, {"images": images}


def save_words_too(folder: Path) -> None:
    save_clip(folder)
    save_tokenizer(folder)


@pytest.mark.parametrize("save", [save_words_too, save_vit])
def test_the_class_token_alone_goes_through_the_last_layers(
    save: Callable[[Path], None], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    save(tmp_path)
    assert_it_computes_less(*exported(tmp_path))


def test_so_it_does_in_open_clip(checkpoint: Path) -> None:
    assert_it_computes_less(*exported(checkpoint))


def assert_it_computes_less(model: ir.Model, inputs: Arrays) -> None:
    before = run(model, inputs)[0]
    # Two products and what is around them, of the last layer.
    assert narrow(model.graph) >= 7
    products = [node for node in model.graph if node.op_type == "MatMul"]
    assert sum(1 in list(node.outputs[0].shape or [])[:2] for node in products) >= 2
    assert np.allclose(run(model, inputs)[0], before, atol=1e-5)


def test_a_model_that_reads_all_it_computes_stays_as_it_is(tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_resnet(tmp_path)
    model, inputs = exported(tmp_path)
    before = run(model, inputs)[0]
    assert narrow(model.graph) == 0
    assert np.array_equal(run(model, inputs)[0], before)


def graph_of(*nodes: tuple[str, list[str], str, dict[str, object]], outputs: str) -> ir.Model:
    """Return a graph of "x", shape (n, TOKENS, 4), and "square", shape (n, 4, 4)."""
    rng = np.random.default_rng(0)
    constants: Arrays = {
        "table": rng.random((TOKENS, 4), dtype=np.float32),
        "line": rng.random(4, dtype=np.float32),
        "weights": rng.random((4, 4), dtype=np.float32),
        "two": np.array(2),
        "three": np.array(3),
        "last": np.array(-1),
        "some": np.array([0, 2]),
    }
    graph = helper.make_graph(
        [helper.make_node(op, inputs, [out], **kinds) for op, inputs, out, kinds in nodes],
        "graph",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", TOKENS, 4]),
            helper.make_tensor_value_info("square", TensorProto.FLOAT, ["n", 4, 4]),
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs.split()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = [helper.make_opsetid("", 20)]
    model = ir.from_proto(helper.make_model(graph, opset_imports=opset, ir_version=10))
    return ir.passes.common.ShapeInferencePass()(model).model


ADD = ("Add", ["x", "table"], "sum", {})
GROW = ("MatMul", ["sum", "weights"], "grown", {})
TURN = ("Transpose", ["grown"], "turned", {"perm": [1, 0, 2]})
BEND = ("Tanh", ["turned"], "bent", {})
CHOOSE = ("Gather", ["bent", "two"], "chosen", {"axis": 0})


@pytest.mark.parametrize(
    ("nodes", "outputs", "less"),
    [
        pytest.param([ADD, GROW, TURN, BEND, CHOOSE], "chosen", 4, id="all of it"),
        pytest.param([ADD, GROW, TURN, BEND, CHOOSE], "chosen bent", 0, id="read as a whole"),
        pytest.param([ADD, GROW, TURN, BEND, CHOOSE], "chosen turned", 1, id="read half way"),
        pytest.param(
            [ADD, GROW, TURN, BEND, CHOOSE, ("Gather", ["bent", "three"], "other", {"axis": 0})],
            "chosen other",
            0,
            id="two choices",
        ),
        pytest.param(
            [
                ADD,
                GROW,
                ("Softmax", ["grown"], "s", {"axis": 1}),
                ("Tanh", ["s"], "t", {}),
                ("Gather", ["t", "two"], "chosen", {"axis": 1}),
            ],
            "chosen",
            1,
            id="mixed along the axis",
        ),
        pytest.param(
            [
                ADD,
                ("Tanh", ["sum"], "t", {}),
                ("Add", ["t", "sum"], "again", {}),
                ("Gather", ["again", "two"], "chosen", {"axis": 1}),
            ],
            "chosen",
            3,
            id="a residual",
        ),
        pytest.param(
            [
                ("Mul", ["x", "line"], "sum", {}),
                GROW,
                ("Tanh", ["grown"], "t", {}),
                ("Gather", ["t", "two"], "chosen", {"axis": 2}),
            ],
            "chosen",
            1,
            id="the axis that is multiplied over",
        ),
        pytest.param(
            [ADD, GROW, ("Gather", ["grown", "some"], "chosen", {"axis": 1})],
            "chosen",
            0,
            id="several are chosen",
        ),
        pytest.param(
            [ADD, GROW, ("Gather", ["grown", "last"], "chosen", {"axis": 1})],
            "chosen",
            0,
            id="counted from the end",
        ),
        pytest.param(
            [
                ("Add", ["square", "line"], "sum", {}),
                ("Transpose", ["sum"], "turned", {"perm": [0, 2, 1]}),
                ("Mul", ["turned", "line"], "grown", {}),
                ("Gather", ["grown", "two"], "chosen", {"axis": 1}),
            ],
            "chosen",
            2,
            id="a line that is needed whole and in part",
        ),
        pytest.param(
            [
                ("Add", ["square", "weights"], "sum", {}),
                ("MatMul", ["sum", "weights"], "grown", {}),
                ("Gather", ["grown", "two"], "chosen", {"axis": 1}),
            ],
            "chosen",
            1,
            id="weights that are added too",
        ),
        pytest.param(
            [
                ("Tanh", ["weights"], "w", {}),
                ("MatMul", ["w", "w"], "grown", {}),
                ("Gather", ["grown", "two"], "chosen", {"axis": 0}),
            ],
            "chosen",
            0,
            id="a product with itself",
        ),
        pytest.param(
            [
                ("Constant", [], "c", {"value": numpy_helper.from_array(CONSTANT)}),
                ("Add", ["x", "c"], "sum", {}),
                ("Gather", ["sum", "two"], "chosen", {"axis": 1}),
            ],
            "chosen",
            1,
            id="a constant",
        ),
    ],
)
def test_a_choice_moves_as_far_as_each_index_stands_for_itself(
    nodes: list[tuple[str, list[str], str, dict[str, object]]], outputs: str, less: int
) -> None:
    model = graph_of(*nodes, outputs=outputs)
    rng = np.random.default_rng(1)
    shapes = {"x": (3, TOKENS, 4), "square": (3, 4, 4)}
    inputs = {name: rng.random(shape, dtype=np.float32) for name, shape in shapes.items()}
    before = run(model, inputs)
    assert narrow(model.graph) == less
    for one, other in zip(run(model, inputs), before, strict=True):
        assert np.allclose(one, other, atol=1e-6)
        assert one.shape == other.shape
