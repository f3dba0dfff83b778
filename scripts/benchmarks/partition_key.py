"""What a partition key by root would do to searches, with and without a filter by root.

    python -m scripts.benchmarks.partition_key [--rows 100000]

The same synthetic rows in two collections of a real server, under HNSW with the product's
parameters; one has the root as its partition key, with Milvus's default number of partitions. Roots
are 12, the n-th of them 1/n as large as the first. Asked in turns: all rows, the rows of the
largest root, and those of the smallest.
"""

import argparse
import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from schema import Connection, Vectors
from schema.fields import VECTOR_FIELD
from schema.index import PROFILES
from scripts.benchmarks.milvus_server import server, wait_indexed
from scripts.benchmarks.synthetic import QUERY_SEED, ROWS_AT_ONCE, Synthetic

K = 10
ROOTS = 12
QUESTIONS = 300
HNSW = PROFILES["hnsw"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--uri")
    given = parser.parse_args()
    source = Synthetic(given.dim)
    shares = 1 / np.arange(1, ROOTS + 1)
    roots = np.random.default_rng(0).choice(ROOTS, given.rows, p=shares / shares.sum())
    queries = source.vectors(QUESTIONS, seed=QUERY_SEED)
    filters = {"all rows": None, "the largest root": 0, "the smallest root": ROOTS - 1}
    with server(given.uri) as milvus:
        connection = Connection(milvus.uri)
        client = connection.client
        names = {"no key": f"plain_{os.getpid()}", "partition key": f"keyed_{os.getpid()}"}
        for kind, name in names.items():
            took = fill(connection, name, source, roots, keyed=kind == "partition key")
            parts = len(client.list_partitions(name))
            print(f"{kind}: {parts} partitions, filled, indexed and loaded in {took:.0f} s")
        print(
            "\n| asked | rows | " + " | ".join(f"{k}: p50, p95, recall@{K}" for k in names) + " |"
        )
        print("| --- | --- | " + " | ".join("---" for _ in names) + " |")
        for label, root in filters.items():
            wanted = np.arange(given.rows) if root is None else np.flatnonzero(roots == root)
            exact = nearest(source, given.rows, wanted, queries)
            where = "" if root is None else f'root == "{root:016x}"'
            told = [ask(client, name, queries, where, exact) for name in names.values()]
            print(f"| {label} | {len(wanted):,} | " + " | ".join(told) + " |", flush=True)
        for name in names.values():
            client.drop_collection(name)
        connection.close()


def batches(source: Synthetic, n: int) -> Iterator[tuple[int, Vectors]]:
    for start in range(0, n, ROWS_AT_ONCE):
        yield start, source.vectors(min(ROWS_AT_ONCE, n - start), seed=start)


def fill(
    connection: Connection, name: str, source: Synthetic, roots: np.ndarray, *, keyed: bool
) -> float:
    """Make a collection of all rows, indexed and loaded; return the seconds that took."""
    from pymilvus import DataType, MilvusClient

    started = time.perf_counter()
    client = connection.client
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("root", DataType.VARCHAR, max_length=16, is_partition_key=keyed)
    schema.add_field(VECTOR_FIELD, DataType.FLOAT_VECTOR, dim=source.dim)
    client.create_collection(name, schema=schema)
    for start, vectors in batches(source, len(roots)):
        rows = [
            {"id": start + i, "root": f"{roots[start + i]:016x}", VECTOR_FIELD: vector}
            for i, vector in enumerate(vectors)
        ]
        client.insert(name, rows)
    client.flush(name, timeout=600)
    params = client.prepare_index_params()
    params.add_index(
        VECTOR_FIELD, index_type=HNSW.index_type, metric_type="COSINE", params=dict(HNSW.build)
    )
    client.create_index(name, params, sync=False)
    wait_indexed(connection, name)
    client.load_collection(name)
    return time.perf_counter() - started


def nearest(source: Synthetic, n: int, wanted: np.ndarray, queries: Vectors) -> list[set[int]]:
    """Return each query's nearest of the rows that are wanted, by comparing all."""
    is_wanted = np.zeros(n, dtype=bool)
    is_wanted[wanted] = True
    scores = np.full((len(queries), n), -2, dtype=np.float32)
    for start, vectors in batches(source, n):
        here = np.flatnonzero(is_wanted[start : start + len(vectors)])
        scores[:, start + here] = queries @ vectors[here].T
    return [set(row) for row in np.argsort(-scores, axis=1)[:, :K].tolist()]


def ask(client: Any, name: str, queries: Vectors, where: str, exact: list[set[int]]) -> str:
    """Return how long questions took, and how many of their true neighbours were found."""
    times, right = [], 0
    for i, query in enumerate((*queries[:20], *queries)):
        started = time.perf_counter()
        (hits,) = client.search(
            name,
            data=[query],
            anns_field=VECTOR_FIELD,
            limit=K,
            filter=where,
            search_params=HNSW.search_params(K),
        )
        times.append((time.perf_counter() - started) * 1000)
        if i >= 20:
            right += len(exact[i - 20] & {hit["id"] for hit in hits})
    p50, p95 = np.percentile(times[20:], [50, 95])
    return f"{p50:.1f} ms, {p95:.1f} ms, {right / (K * len(queries)):.4f}"


if __name__ == "__main__":
    main()
