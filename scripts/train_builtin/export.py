"""Torch modules to small ONNX files: batch norms folded, large weights kept as int8."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

SMALLEST = 4096
"""Weights with fewer numbers stay float32: they cost nothing and are the delicate ones."""


def fold_norms(module: nn.Module) -> None:
    """Fold every batch norm into the convolution it follows, in place (evaluation mode only)."""
    for name, conv, norm in list(folded_pairs(module)):
        module.set_submodule(name, fuse_conv_bn_eval(conv, norm))
        module.set_submodule(_norm_behind(name), nn.Identity())


def folded_pairs(module: nn.Module) -> Iterator[tuple[str, nn.Conv2d, nn.BatchNorm2d]]:
    """Yield each convolution that a batch norm follows: its name, itself, and the norm."""
    named = dict(module.named_modules())
    for name, child in named.items():
        if isinstance(child, nn.Conv2d):
            norm = named.get(_norm_behind(name))
            if isinstance(norm, nn.BatchNorm2d):
                yield name, child, norm


def _norm_behind(name: str) -> str:
    """Name the place of a convolution's norm: the next of a sequence, or norm1 for conv1."""
    parent, _, own = name.rpartition(".")
    after = str(int(own) + 1) if own.isdecimal() else own.replace("conv", "norm")
    return f"{parent}.{after}" if parent else after


def export(tower: nn.Module, example: Tensor, path: Path, input_name: str, length: bool) -> None:
    """Write one tower; the first axis is free, and the second where ``length`` says so."""
    axes = {0: torch.export.Dim("n")}
    if length:
        axes[1] = torch.export.Dim("length", max=512)
    with torch.no_grad():
        program = torch.onnx.export(
            tower.eval(),
            (example,),
            input_names=[input_name],
            output_names=["vectors"],
            dynamic_shapes=(axes,),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    model = program.model_proto
    quantise_weights(model)
    del model.metadata_props[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del model.graph.value_info[:]
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def quantise_weights(model: onnx.ModelProto) -> None:
    """Store each large float weight as int8 with a scale per slice of its widest-ranging axis.

    Symmetric, weights only: activations stay float32, so the result does not depend on the batch.
    Tables that are looked up row by row are scaled per row and widened after the look-up.
    """
    graph = model.graph
    looked_up = {n.input[0]: n for n in graph.node if n.op_type == "Gather"}
    new_nodes: list[onnx.NodeProto] = []
    for tensor in list(graph.initializer):
        if tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size < SMALLEST or values.ndim < 2:
            continue
        name = tensor.name
        users = [n for n in graph.node if name in n.input]
        by_column = any(n.op_type == "MatMul" for n in users)
        axis = values.ndim - 1 if by_column else 0
        others = tuple(i for i in range(values.ndim) if i != axis)
        scale = np.maximum(np.abs(values).max(axis=others), 1e-12).astype(np.float32) / 127
        shape = [-1 if i == axis else 1 for i in range(values.ndim)]
        small = np.clip(np.rint(values / scale.reshape(shape)), -127, 127).astype(np.int8)
        graph.initializer.remove(tensor)
        graph.initializer.append(numpy_helper.from_array(small, f"{name}.int8"))
        if name in looked_up:
            new_nodes += _widen_after_lookup(graph, looked_up[name], name, scale)
            continue
        graph.initializer.append(numpy_helper.from_array(scale, f"{name}.scale"))
        new_nodes.append(
            helper.make_node(
                "DequantizeLinear", [f"{name}.int8", f"{name}.scale"], [name], axis=axis
            )
        )
    old = list(graph.node)
    del graph.node[:]
    graph.node.extend(new_nodes + old)
    _sort(graph)


def _widen_after_lookup(
    graph: onnx.GraphProto, lookup: onnx.NodeProto, name: str, scale: np.ndarray
) -> list[onnx.NodeProto]:
    result, rows = lookup.output[0], lookup.input[1]
    graph.initializer.append(numpy_helper.from_array(scale[:, None], f"{name}.scale"))
    lookup.input[0] = f"{name}.int8"
    lookup.output[0] = f"{result}.int8"
    return [
        helper.make_node("Gather", [f"{name}.scale", rows], [f"{result}.scale"], axis=0),
        helper.make_node("Cast", [f"{result}.int8"], [f"{result}.wide"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Mul", [f"{result}.wide", f"{result}.scale"], [result]),
    ]


def _sort(graph: onnx.GraphProto) -> None:
    """Put the nodes into an order in which every input is made before it is used."""
    ready = {t.name for t in graph.initializer} | {i.name for i in graph.input} | {""}
    waiting = list(graph.node)
    done: list[onnx.NodeProto] = []
    while waiting:
        able = [n for n in waiting if all(i in ready for i in n.input)]
        if not able:
            raise ValueError(f"the graph has a cycle near {waiting[0].name}")
        done += able
        ready.update(o for n in able for o in n.output)
        names = {id(n) for n in able}
        waiting = [n for n in waiting if id(n) not in names]
    del graph.node[:]
    graph.node.extend(done)
