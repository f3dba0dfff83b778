"""How precisely a collection holds its vectors, and a vector's way there and back.

Half precision (IEEE 754 binary16) keeps 11 bits: a part of a unit vector is rounded by 2**-12 of
itself at most, a cosine by far less than models differ by. It halves what vectors take.
"""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from schema.connection import Connection
from schema.errors import UsageError
from schema.records import Vector, Vectors

Precision = Literal["float32", "float16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


def check_precision(name: str, connection: Connection) -> Precision:
    """Return a precision by its name.

    Raises:
        UsageError: There is none of that name, or the connected Milvus has not got it.
    """
    for precision in PRECISIONS:
        if precision == name:
            break
    else:
        raise UsageError(f"vectors of {name!r}: they are held as {' or '.join(PRECISIONS)}")
    if precision == "float16" and not connection.capabilities.float16:
        what = "the embedded store" if connection.embedded else f"Milvus {connection.version}"
        raise UsageError(
            f"vectors of float16: {what} has none, they came with Milvus 2.4; leave --vectors out, "
            "or have vectors compressed by the index: --index ivf_sq8"
        )
    return precision


def to_stored(vector: NDArray[np.float32], precision: str) -> NDArray[Any]:
    """Return a vector, or several, as pymilvus takes it for a field of that precision."""
    return vector.astype(np.float16) if precision == "float16" else vector


def from_stored(value: Any) -> Vector:
    """Return a vector as pymilvus gives it: shape (dim,), float32.

    One of half precision comes as bytes; rounding has moved its norm, which is made 1 again.
    """
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], bytes):
        (value,) = value
    if not isinstance(value, bytes):
        return np.asarray(value, dtype=np.float32)
    vector = np.frombuffer(value, dtype="<f2").astype(np.float32)
    norm = np.linalg.norm(vector)
    return vector / norm if norm else vector


def stack(values: Sequence[Any], dim: int) -> Vectors:
    """Return vectors as pymilvus gives them: shape (n, dim), float32."""
    vectors = [from_stored(value) for value in values]
    return np.stack(vectors) if vectors else np.empty((0, dim), dtype=np.float32)
