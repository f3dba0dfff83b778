"""What a warm search costs above Milvus and the encoder, on a real server.

    python -m scripts.benchmarks.server_search [--rows 100000] [--rounds 300]

Fills an archive of synthetic rows (see `scripts.benchmarks.synthetic`) with the built-in model's
name, then asks in turns: the encoder alone for words; a bare pymilvus search with a vector, of the
same fields, k and index parameters; and `archive.search` with words, as users call it. Above is the
median of each round's last less the two others. Recall@10 is that of the archive's default index
against comparing all rows. ``--uri`` names a server that runs already; it gets an archive more.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

import eidetic
from embed.builtin import BuiltinEncoder
from schema import Connection, MilvusStore, Root, save_roots
from schema.fields import RECORD_FIELDS, VECTOR_FIELD
from schema.index import PROFILES
from schema.store import packed
from scripts.benchmarks.milvus_server import server, settle
from scripts.benchmarks.synthetic import QUERY_SEED, ROOT, Synthetic, exact_neighbours, recall
from search import Calibration

K = 10
QUERIES = ("two dogs", "a red boat", "people at a table", "snow on a roof", "a cat asleep")


def timed(call: Callable[[], object]) -> float:
    """Return the milliseconds that a call took."""
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def row(name: str, times: list[float]) -> str:
    ranked = sorted(times)
    return (
        f"| {name} | {statistics.median(times):.2f} | {ranked[len(ranked) // 10]:.2f} "
        f"| {ranked[len(ranked) * 9 // 10]:.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--index", default="hnsw", choices=list(PROFILES))
    parser.add_argument("--uri")
    options = parser.parse_args()
    encoder = BuiltinEncoder()
    source = Synthetic(encoder.dim)
    name = f"bench_{os.getpid()}"
    with server(options.uri) as milvus, tempfile.TemporaryDirectory() as data:
        connection = Connection(milvus.uri)
        store = MilvusStore.create(
            connection,
            name,
            model=encoder.spec,
            dim=encoder.dim,
            fingerprint=encoder.fingerprint,
            index=options.index,
            neutral=packed(Calibration().captions(encoder).mean(axis=0)),
        )
        for some in source.rows(options.rows):
            store.upsert(some)
        waited = settle(connection, store)
        print(f"{options.rows:,} rows, sealed and indexed {waited:.0f} s after the last\n")

        queries = source.vectors(200, seed=QUERY_SEED)
        exact = exact_neighbours(source, options.rows, queries, K)
        share = recall(store.search(queries, K), exact)
        print(f"recall@{K} of {options.index}: {share:.4f}\n")
        store.close()

        folder = Path(data) / name
        folder.mkdir()
        save_roots(folder / "roots.json", [Root(ROOT, "/images")])
        with eidetic.open(name, uri=milvus.uri, data_dir=data) as archive:
            measure(archive, milvus.uri, name, options.index, options.rounds)
        with MilvusStore.open(Connection(milvus.uri), name) as gone:
            gone.drop()


def measure(archive: eidetic.Archive, uri: str, name: str, index: str, rounds: int) -> None:
    from pymilvus import MilvusClient

    encoder = BuiltinEncoder()
    client = MilvusClient(uri)
    params = PROFILES[index].search_params(K)

    def bare(vector: np.ndarray) -> list[dict[str, object]]:
        (hits,) = client.search(
            name,
            data=[vector],
            anns_field=VECTOR_FIELD,
            limit=K,
            output_fields=list(RECORD_FIELDS),
            search_params=params,
            consistency_level="Bounded",
        )
        return [hit["entity"] for hit in hits]

    names = ("encoder alone", "bare pymilvus search", "archive.search")
    times: dict[str, list[float]] = {each: [] for each in (*names, "above")}
    for n in range(-20, rounds):
        words = QUERIES[n % len(QUERIES)]
        vector = encoder.encode_texts([words])[0]
        took = (
            timed(partial(encoder.encode_texts, [words])),
            timed(partial(bare, vector)),
            timed(partial(archive.search, words, k=K)),
        )
        if n >= 0:
            for each, ms in zip(names, took, strict=True):
                times[each].append(ms)
            times["above"].append(took[2] - took[1] - took[0])
    print("| ms | median | 10 % | 90 % |\n| --- | --- | --- | --- |")
    for each, some in times.items():
        print(row(each, some))


if __name__ == "__main__":
    main()
