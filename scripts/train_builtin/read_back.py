"""Shipped ONNX files to torch modules: the way back from `export`.

int8 weights are widened with their scales, so a module read back computes what the file computes,
up to rounding in float32. Batch norms were folded into their convolutions; `unfold_norms` puts them
back, so that training can go on.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from scripts.train_builtin.export import folded_pairs

FILTER_NORM = 2.0
"""Euclidean norm every filter is given: a batch norm behind it undoes any scale, but the optimiser
moves small filters faster than large ones."""


def exported_weights(path: Path) -> dict[str, Tensor]:
    """Read the weights of one file `export` wrote, by the names of the module's parameters.

    Raises:
        ValueError: The file holds an int8 tensor without its scale.
    """
    graph = onnx.load(path).graph
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    axes = {
        node.input[0]: next(a.i for a in node.attribute if a.name == "axis")
        for node in graph.node
        if node.op_type == "DequantizeLinear"
    }
    weights = {}
    for name, values in found.items():
        if name.endswith(".int8"):
            scale = found.get(name.removesuffix(".int8") + ".scale")
            if scale is None:
                raise ValueError(f"{path} holds {name} without its scale; export the model again")
            if scale.ndim == 1:
                shape = [-1 if i == axes[name] else 1 for i in range(values.ndim)]
                scale = scale.reshape(shape)
            weights[name.removesuffix(".int8")] = values.astype(np.float32) * scale
        elif values.dtype == np.float32 and not name.endswith(".scale"):
            weights[name] = values
    weights.update(_anonymous_weights(graph, weights))
    return {name: torch.from_numpy(values.copy()) for name, values in weights.items()}


def _anonymous_weights(
    graph: onnx.GraphProto, weights: dict[str, NDArray[np.float32]]
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Name the matrices of linear layers that the exporter transposed, after the bias added next.

    A linear layer over a sequence becomes MatMul(x, val_N) and Add(_, LAYER.bias).
    """
    products = {n.output[0]: n.input[1] for n in graph.node if n.op_type == "MatMul"}
    for node in graph.node:
        if node.op_type != "Add" or node.input[0] not in products:
            continue
        matrix, bias = products[node.input[0]], node.input[1]
        if matrix in weights and bias.endswith(".bias"):
            yield bias.removesuffix("bias") + "weight", weights[matrix].T


def restore(module: nn.Module, weights: dict[str, Tensor], prefix: str) -> None:
    """Fill a module with the weights whose names begin with ``prefix``.

    Raises:
        ValueError: A parameter is missing or has another shape: the file is of another preset.
    """
    for name, parameter in module.state_dict().items():
        stored = weights.get(prefix + name)
        if stored is None or stored.shape != parameter.shape:
            shape = "nothing" if stored is None else f"shape {tuple(stored.shape)}"
            raise ValueError(
                f"the exported model holds {shape} for {prefix + name}, not "
                f"{tuple(parameter.shape)}; continue with the preset it was trained with"
            )
    module.load_state_dict({name: weights[prefix + name] for name in module.state_dict()})


@torch.no_grad()
def unfold_norms(module: nn.Module, weights: dict[str, Tensor], prefix: str, views: Tensor) -> None:
    """Fill convolutions from folded weights, and set the batch norms behind them to match.

    Each norm gets the mean and variance its convolution has over ``views``, and the gain and bias
    that undo them: in evaluation mode the module computes what the folded one does, and in training
    mode the same up to the difference between a batch's statistics and those of ``views``.

    Args:
        views: Shape (n, 3, h, w), float32 in [0, 1]: what the module is to be trained on.
    """
    watched = []
    for name, conv, norm in folded_pairs(module):
        weight, bias = weights[f"{prefix}{name}.weight"], weights[f"{prefix}{name}.bias"]
        norms = weight.flatten(1).norm(dim=1).clamp(min=1e-6)
        conv.weight.copy_(weight * (FILTER_NORM / norms).view(-1, 1, 1, 1))
        norm.running_mean.zero_()
        norm.running_var.fill_(1 - norm.eps)
        norm.weight.copy_(norms / FILTER_NORM)
        norm.bias.copy_(bias)
        moments = torch.zeros(3, len(bias), dtype=torch.float64)
        watched.append((norm, moments))
        norm.register_forward_pre_hook(_gathering(moments))
    module.eval()
    for batch in views.split(256):
        module(batch)
    for norm, (count, total, squares) in watched:
        norm._forward_pre_hooks.clear()
        mean = (total / count).float()
        variance = (squares / count - (total / count).square()).clamp(min=0).float()
        norm.bias.add_(norm.weight * mean)
        norm.weight.mul_((variance + norm.eps).sqrt())
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)


def _gathering(moments: Tensor):
    def gather(_: nn.Module, inputs: tuple[Tensor]) -> None:
        columns = inputs[0].transpose(0, 1).flatten(1)
        moments[0] += columns.shape[1]
        moments[1] += columns.sum(dim=1)
        moments[2] += columns.square().sum(dim=1)

    return gather
