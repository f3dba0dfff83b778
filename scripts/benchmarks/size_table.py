"""What an archive of so many rows takes on a real server: memory, disk, time, latency, recall.

    python -m scripts.benchmarks.size_table [--rows 100000] [--index hnsw ivf_sq8]

Fills one collection with synthetic rows (see `scripts.benchmarks.synthetic`), not loaded meanwhile,
then builds one index after the other over the same rows, loads them, and asks 500 questions one by
one as `Store.search` does, with the parameters that the product chooses. Memory is the resident
memory of the server's process (all of Milvus standalone, etcd and storage among it); disk is its
data folder; the rows' Markdown is printed as soon as it is known.
"""

import argparse
import os
import time
from dataclasses import replace

import numpy as np

from schema import Connection, Match, MilvusStore, Vectors
from schema.fields import VECTOR_FIELD
from schema.index import PROFILES
from schema.loading import load
from scripts.benchmarks.milvus_server import server, wait_indexed
from scripts.benchmarks.synthetic import QUERY_SEED, Synthetic, exact_neighbours, recall

K = 10
QUESTIONS = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--index", nargs="+", default=["hnsw", "ivf_sq8"], choices=list(PROFILES))
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--uri")
    options = parser.parse_args()
    source = Synthetic(options.dim)
    queries = source.vectors(QUESTIONS, seed=QUERY_SEED)
    exact = exact_neighbours(source, options.rows, queries, K)
    name = f"size_{os.getpid()}"
    with server(options.uri) as milvus:
        idle = milvus.memory_mb()
        connection = Connection(milvus.uri)
        store = MilvusStore.create(
            connection,
            name,
            model="synthetic",
            dim=options.dim,
            fingerprint="synthetic",
            index=options.index[0],
        )
        connection.client.release_collection(store.collection.name)
        started = time.perf_counter()
        for rows in source.rows(options.rows):
            store.upsert(rows)
        filled = time.perf_counter() - started
        print(f"{options.rows:,} rows of {options.dim} dimensions, filled in {filled:.0f} s")
        print(f"the server alone: {idle:,.0f} MB\n")
        print(
            "| rows | index | memory | disk | index and load | p50 | p99 | recall@10 |\n"
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
            flush=True,
        )
        for index in options.index:
            took = build(connection, store.collection.name, index)
            asked = MilvusStore(connection, replace(store.collection, index=index), bm25=False)
            times, found = ask(asked, queries)
            print(
                f"| {options.rows:,} | {index} | {milvus.memory_mb():,.0f} MB "
                f"| {milvus.disk_mb():,.0f} MB | {took:.0f} s | {np.percentile(times, 50):.1f} ms "
                f"| {np.percentile(times, 99):.1f} ms | {recall(found, exact):.4f} |",
                flush=True,
            )
        store.drop()
        store.close()


def build(connection: Connection, name: str, index: str) -> float:
    """Have the rows under an index, and loaded; return the seconds that took."""
    client, profile = connection.client, PROFILES[index]
    started = time.perf_counter()
    client.flush(name, timeout=600)
    client.release_collection(name)
    for old in client.list_indexes(name, field_name=VECTOR_FIELD):
        client.drop_index(name, old)
    params = client.prepare_index_params()
    params.add_index(
        VECTOR_FIELD,
        index_type=profile.index_type,
        metric_type="COSINE",
        params=dict(profile.build),
    )
    client.create_index(name, params, sync=False)
    wait_indexed(connection, name)
    load(connection, name)
    took = time.perf_counter() - started
    # What the index was built in is given back to the system by and by.
    time.sleep(30)
    return took


def ask(store: MilvusStore, queries: Vectors) -> tuple[list[float], list[list[Match]]]:
    """Return the milliseconds of each question, and what was found."""
    times, found = [], []
    for query in (*queries[:20], *queries):
        started = time.perf_counter()
        found += store.search(query[None], K)
        times.append((time.perf_counter() - started) * 1000)
    return times[20:], found[20:]


if __name__ == "__main__":
    main()
