"""How fast a real server takes rows, with so many writes under way at a time.

    python -m scripts.benchmarks.server_writes [--rows 16000] [--rounds 3]

Each turn fills an archive of its own with synthetic rows of 512 dimensions: by `Store.upsert` of
4,000 rows, as an import or a migration does; by the same into a collection that is not loaded for
searching meanwhile; and by the writer of an ingest, whose batches are of 32 rows and whose journal
is a file. Each round takes all numbers in turn. Rows a second, acknowledged.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import schema.milvus_store
from ingest import Journal
from ingest.entries import Entry
from ingest.report import Tally
from ingest.writer import Result, Writer
from schema import Connection, Embedded, MilvusStore
from scripts.benchmarks.milvus_server import server
from scripts.benchmarks.synthetic import Synthetic

AT_ONCE = (1, 2, 4, 8)
BATCH = 32


def upsert(store: MilvusStore, rows: Sequence[Sequence[Embedded]]) -> None:
    for some in rows:
        store.upsert(some)


def unloaded(store: MilvusStore, rows: Sequence[Sequence[Embedded]]) -> None:
    store.connection.client.release_collection(store.collection.name)
    upsert(store, rows)


def ingest(store: MilvusStore, rows: Sequence[Sequence[Embedded]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal.open(Path(folder) / "journal.sqlite", store.collection.uid)
        with journal:
            writer = Writer(store, journal, Tally())
            flat = [row for some in rows for row in some]
            for start in range(0, len(flat), BATCH):
                batch = flat[start : start + BATCH]
                writer.put([Result("indexed", Entry.of(row.record), row) for row in batch])
            writer.finish()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=16_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--uri")
    options = parser.parse_args()
    rows = list(Synthetic().rows(options.rows))
    ways = {"upsert of 4,000": upsert, "the same, unloaded": unloaded, "ingest, by 32": ingest}
    rates: dict[tuple[str, int], list[float]] = {}
    with server(options.uri) as milvus:
        for turn in range(options.rounds):
            for name, way in ways.items():
                for at_once in AT_ONCE:
                    schema.milvus_store.WRITES_AT_ONCE = at_once
                    with MilvusStore.create(
                        Connection(milvus.uri),
                        f"writes_{os.getpid()}_{turn}",
                        model="toy",
                        dim=512,
                        fingerprint="toy",
                    ) as store:
                        started = time.perf_counter()
                        way(store, rows)
                        rate = options.rows / (time.perf_counter() - started)
                        rates.setdefault((name, at_once), []).append(rate)
                        store.drop()
    print(f"| rows/s, median of {options.rounds} |", " | ".join(map(str, AT_ONCE)), "|")
    print("| --- |" + " --- |" * len(AT_ONCE))
    for name in ways:
        medians = (statistics.median(rates[name, at_once]) for at_once in AT_ONCE)
        print(f"| {name} |", " | ".join(f"{rate:,.0f}" for rate in medians), "|")


if __name__ == "__main__":
    main()
