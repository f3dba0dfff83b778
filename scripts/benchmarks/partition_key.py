"""Whether a partition key by root makes searches faster, with and without a filter on the root.

    python -m scripts.benchmarks.partition_key [--rows 100000] [--roots 10]

Two collections of the same synthetic rows on a real server, one with ``root`` as partition key (16
partitions, Milvus's default). Questions are asked of both in turns: of all rows, and of one root.
"""

import argparse
import os
import time
from dataclasses import replace

import numpy as np

from schema import Connection, Embedded, Match, MilvusStore
from schema.fields import SCHEMA_VERSION, milvus_schema
from schema.milvus_collection import create_collection
from schema.store import Collection
from scripts.benchmarks.milvus_server import server, settle
from scripts.benchmarks.synthetic import QUERY_SEED, Synthetic, exact_neighbours, recall

K = 10
QUESTIONS = 200


def create(uri: str, name: str, *, has_key: bool) -> MilvusStore:
    """Make an archive whose collection has a partition key, or not."""
    connection = Connection(uri)
    collection = Collection(name, name, "synthetic", 512, "synthetic", "hnsw", SCHEMA_VERSION)
    fields = milvus_schema(512, bm25=False)
    if has_key:
        (root,) = (field for field in fields.fields if field.name == "root")
        root.is_partition_key = True
    create_collection(connection, f"archive_{name}", collection, fields)
    return MilvusStore(connection, collection, bm25=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--roots", type=int, default=10)
    parser.add_argument("--uri")
    options = parser.parse_args()
    source = Synthetic()
    queries = source.vectors(QUESTIONS, seed=QUERY_SEED)
    exact = exact_neighbours(source, options.rows, queries, K)
    with server(options.uri) as milvus:
        stores = {
            kind: create(milvus.uri, f"{kind}_{os.getpid()}", has_key=kind == "keyed")
            for kind in ("plain", "keyed")
        }
        for store in stores.values():
            for rows in source.rows(options.rows):
                store.upsert([in_roots(row, options.roots) for row in rows])
            settle(store.connection, store)
        print(
            "| collection | all rows, p50 | recall@10 | one root, p50 |\n| --- | --- | --- | --- |"
        )
        times: dict[tuple[str, str], list[float]] = {}
        found: dict[str, list[list[Match]]] = {kind: [] for kind in stores}
        for n, query in enumerate(queries):
            for kind, store in stores.items():
                for where in ("", f'root == "{root_of(n, options.roots)}"'):
                    started = time.perf_counter()
                    (matches,) = store.search(query[None], K, where=where)
                    took = (time.perf_counter() - started) * 1000
                    times.setdefault((kind, where and "root"), []).append(took)
                    if not where:
                        found[kind].append(matches)
        for kind, store in stores.items():
            whole, one = (np.median(times[kind, where]) for where in ("", "root"))
            share = recall(found[kind], exact)
            print(f"| {kind} | {whole:.2f} ms | {share:.4f} | {one:.2f} ms |")
            store.drop()
            store.close()


def root_of(n: int, roots: int) -> str:
    return f"{n % roots:016x}"


def in_roots(row: Embedded, roots: int) -> Embedded:
    n = int(row.record.content, 16)
    return Embedded(replace(row.record, root=root_of(n, roots)), row.vector)


if __name__ == "__main__":
    main()
