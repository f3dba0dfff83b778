"""Records, rows and vectors for tests."""

import numpy as np

from schema import Collection, Embedded, ImageRecord, Vectors, row_id


def a_collection(dim: int = 8) -> Collection:
    """What a collection of the toy encoder says of itself."""
    return Collection("archive__toy", "uid", "toy", dim, "toy-1", "hnsw", 1)


def a_record(
    path: str = "holidays/beach.jpg", root: str = "r" * 16, **facts: object
) -> ImageRecord:
    """A record with every required fact; ``facts`` replace single ones."""
    required = {
        "id": row_id(root, path),
        "root": root,
        "path": path,
        "content": "c" * 32,
        "size_bytes": 1000,
        "mtime_ns": 1_700_000_000_000_000_000,
        "width": 640,
        "height": 480,
        "format": "jpeg",
    }
    return ImageRecord(**{**required, **facts})  # type: ignore[arg-type]


def random_vectors(n: int, dim: int = 8, seed: int = 0) -> Vectors:
    """Shape (n, dim), float32, unit norm."""
    vectors = np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def some_rows(n: int, dim: int = 8, seed: int = 0) -> list[Embedded]:
    """Rows named 0.jpg, 1.jpg ... with random vectors."""
    vectors = random_vectors(n, dim, seed)
    return [Embedded(a_record(f"{i}.jpg", rating=i % 6), vectors[i]) for i in range(n)]
