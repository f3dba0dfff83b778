"""Leaving out of a graph what it computes and never reads.

A vision transformer that answers with its class token alone still takes every token through the
last layers. What works on each token by itself (products with weights, norms, activations, sums)
need not: the choice of the one token is moved ahead of it, up to the last attention, which needs
all tokens as keys and values. The features stay what they were, but for rounding; of CLIP
ViT-B/32's multiplications one in eighteen is saved, of ViT-L/14's one in thirty-six.
"""

from collections.abc import Iterator

import numpy as np
import onnx_ir as ir

_OF_ONE = {
    *("Cast", "Elu", "Erf", "Exp", "Gelu", "HardSwish", "Identity", "LeakyRelu", "Mish", "Neg"),
    *("Relu", "Sigmoid", "Softplus", "Sqrt", "Swish", "Tanh"),
}
"""Operators that make each number of one number."""

_OF_TWO = {"Add", "Div", "Mul", "Pow", "Sub"}
"""Operators that make each number of a pair; the shorter shape is repeated."""

Narrowed = list[tuple[ir.Value, int]]
"""Inputs of which one index is enough, each with the axis."""


def narrow(graph: ir.Graph) -> int:
    """Move choices of one index along an axis ahead of what computes each index by itself.

    Returns:
        How many operators compute less than before.
    """
    return sum(_move_ahead(graph, node) for node in reversed(list(graph)))


def _chosen_index(node: ir.Node) -> int | None:
    """Return which one index a node takes of a value that nothing else needs."""
    if node.op_type != "Gather" or len(_users(node.inputs[0])) != 1:
        return None
    place = node.inputs[1]
    index = None if place is None else ir.convenience.get_const_tensor(place)
    if index is None or index.shape != () or index.numpy() < 0:
        return None
    return int(index.numpy())


def _move_ahead(graph: ir.Graph, choice: ir.Node) -> int:
    chosen, index = choice.inputs[0], _chosen_index(choice)
    if chosen is None or chosen.shape is None or index is None:
        return 0
    axis = choice.attributes.get_int("axis", 0) % len(chosen.shape)
    if chosen.shape[axis] == 1:
        return 0
    wanted = {chosen: axis}
    inside = {choice}
    for node in _before(graph, choice):
        output = node.outputs[0]
        if output not in wanted or not inside.issuperset(_users(output)):
            continue
        inputs = _inputs_of_one_index(node, wanted[output])
        if inputs is None or any(wanted.get(value, axis) != axis for value, axis in inputs):
            continue
        inside.add(node)
        wanted.update(inputs)
    inside.remove(choice)
    if inside:
        _cut(graph, choice, inside, wanted, index)
    return len(inside)


def _cut(
    graph: ir.Graph,
    choice: ir.Node,
    inside: set[ir.Node],
    wanted: dict[ir.Value, int],
    index: int,
) -> None:
    """Have the nodes inside compute one index: what comes in is cut to it, once each."""
    for value, axis in wanted.items():
        if value.producer() in inside:
            value.shape = _with_one(value.shape, axis)
            continue
        bounds = [_constant(graph, n) for n in (index, index + 1, axis)]
        cut = ir.node("Slice", [value, *bounds])
        cut.outputs[0].type, cut.outputs[0].shape = value.type, _with_one(value.shape, axis)
        for user, at in list(value.uses()):
            if user in inside:
                user.replace_input_with(at, cut.outputs[0])
        producer = value.producer()
        graph.insert_before(graph[0], cut) if producer is None else graph.insert_after(
            producer, cut
        )
    choice.replace_input_with(1, _constant(graph, 0, ()))


def _inputs_of_one_index(node: ir.Node, axis: int) -> Narrowed | None:
    """Return which inputs a node needs one index of, where that is all that it is to give.

    Args:
        axis: Of the node's only output.

    Returns:
        None where the node mixes the indices of the axis, or may.
    """
    output = node.outputs[0]
    if node.domain or len(node.outputs) != 1 or output.shape is None or output.is_graph_output():
        return None
    rank = len(output.shape)
    inputs = [value for value in node.inputs if value is not None]
    if any(value.shape is None for value in inputs):
        return None
    first = inputs[0]
    if node.op_type in _OF_ONE:
        return [(first, axis)]
    if node.op_type in _OF_TWO:
        return [
            (value, own)
            for value in inputs
            if (own := axis - rank + len(_shape(value))) >= 0 and _shape(value)[own] != 1
        ]
    if node.op_type == "Transpose":
        order = node.attributes.get_ints("perm", list(reversed(range(rank))))
        return [(first, order[axis])]
    if node.op_type == "LayerNormalization":
        normed = node.attributes.get_int("axis", -1) % rank
        return [(first, axis)] if axis < normed else None
    if node.op_type == "MatMul" and len(_shape(inputs[1])) == 2 and len(_shape(first)) == rank:
        return [(first, axis)] if axis < rank - 1 else None
    return None


def _before(graph: ir.Graph, last: ir.Node) -> Iterator[ir.Node]:
    """Yield the nodes ahead of one, the nearest first."""
    nodes = list(graph)
    yield from reversed(nodes[: nodes.index(last)])


def _users(value: ir.Value | None) -> list[ir.Node]:
    """Return the nodes that a value goes into, once for each time."""
    return [] if value is None else [use.node for use in value.uses()]


def _shape(value: ir.Value) -> ir.Shape:
    if value.shape is None:
        raise ValueError(f"the shape of {value.name} is not known")
    return value.shape


def _with_one(shape: ir.Shape | None, axis: int) -> ir.Shape | None:
    if shape is None:
        return None
    return ir.Shape([1 if at == axis else size for at, size in enumerate(shape)])


def _constant(graph: ir.Graph, number: int, shape: tuple[int, ...] = (1,)) -> ir.Value:
    name = f"narrowed_{number}_{len(shape)}"
    if name not in graph.initializers:
        tensor = ir.tensor(np.full(shape, number, dtype=np.int64), name=name)
        graph.register_initializer(ir.Value(name=name, const_value=tensor))
    return graph.initializers[name]
