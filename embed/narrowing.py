"""Leaving out of a graph what it computes and never reads.

A transformer that answers with its class token alone still takes every token through its last
layer. What works on each token by itself (products with weights, norms, activations, sums) need
not: the choice of the one token is moved ahead of it, up to the last attention, which needs all
tokens as keys and values. The features stay what they were, but for rounding.
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

Needs = list[tuple[ir.Value, int | None]]
"""Inputs of a node, each with the axis of which one index is enough; None: it is needed whole."""


def narrow(graph: ir.Graph) -> int:
    """Move choices of one index along an axis ahead of what computes each index by itself.

    Args:
        graph: Changed in place; its nodes stand in the order in which they are computed.

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
    index = _chosen_index(choice)
    chosen = None if index is None else choice.inputs[0]
    if index is None or chosen is None or chosen.shape is None:
        return 0
    axis = choice.attributes.get_int("axis", 0) % len(chosen.shape)
    if chosen.shape[axis] == 1:
        return 0
    wanted: dict[ir.Value, int | None] = {chosen: axis}
    inside = {choice}
    for node in _before(graph, choice):
        output = node.outputs[0]
        own = wanted.get(output)
        if own is None or not inside.issuperset(_users(output)):
            continue
        needs = _needs_of_one_index(node, own)
        if needs is not None and _agree([*wanted.items(), *needs]):
            inside.add(node)
            wanted.update(needs)
    inside.remove(choice)
    if inside:
        _cut(graph, choice, inside, wanted, index)
    return len(inside)


def _agree(needs: Needs) -> bool:
    """Whether nobody needs of a value what another does not."""
    return len(dict(needs)) == len(set(needs))


def _cut(
    graph: ir.Graph,
    choice: ir.Node,
    inside: set[ir.Node],
    wanted: dict[ir.Value, int | None],
    index: int,
) -> None:
    """Have the nodes inside compute one index: what comes in is cut to it, once each."""
    for value, axis in wanted.items():
        if axis is None:
            continue
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
        if producer is None:
            graph.insert_before(graph[0], cut)
        else:
            graph.insert_after(producer, cut)
    choice.replace_input_with(1, _constant(graph, 0, ()))


def _needs_of_one_index(node: ir.Node, axis: int) -> Needs | None:
    """Return what a node needs of each input, where it is to give one index.

    Args:
        axis: Of the node's only output.

    Returns:
        None where the node mixes the indices of the axis, or may.
    """
    output = node.outputs[0]
    inputs = [(value, value.shape) for value in node.inputs if value is not None]
    if node.domain or len(node.outputs) != 1 or output.is_graph_output() or not inputs:
        return None
    shapes = [shape for _, shape in inputs if shape is not None]
    if output.shape is None or len(shapes) < len(inputs):
        return None
    rank = len(output.shape)
    others: Needs = [(value, None) for value, _ in inputs[1:]]
    first = inputs[0][0]
    if node.op_type in _OF_ONE:
        return [(first, axis)]
    if node.op_type in _OF_TWO:
        needs: Needs = []
        for (value, _), shape in zip(inputs, shapes, strict=True):
            own = axis - rank + len(shape)
            if own < 0 or shape[own] == 1:
                needs.append((value, None))
            elif shape[own] == output.shape[axis]:
                needs.append((value, own))
            else:
                return None
        return needs
    if node.op_type == "Transpose":
        order = node.attributes.get_ints("perm", list(reversed(range(rank))))
        return [(first, order[axis])]
    if node.op_type == "LayerNormalization":
        normed = node.attributes.get_int("axis", -1) % rank
        reach = max(map(len, shapes[1:]), default=0)
        return [(first, axis), *others] if axis < normed and reach <= rank - normed else None
    if node.op_type == "MatMul" and len(shapes[0]) == rank and len(shapes[1]) == 2:
        return [(first, axis), *others] if axis < rank - 1 else None
    return None


def _before(graph: ir.Graph, last: ir.Node) -> Iterator[ir.Node]:
    """Yield the nodes ahead of one, the nearest first."""
    nodes = list(graph)
    yield from reversed(nodes[: nodes.index(last)])


def _users(value: ir.Value | None) -> list[ir.Node]:
    """Return the nodes that a value goes into, once for each time."""
    return [] if value is None else [use.node for use in value.uses()]


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
