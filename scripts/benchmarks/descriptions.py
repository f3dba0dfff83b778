"""How well descriptions are found by what they mean, and what keeping them in step costs.

    python scripts/benchmarks/descriptions.py KIT --model builtin --model minilm

KIT is a folder with captions.jsonl, a line per image: {"file", "captions": {"en":
[five captions]}}.
The first English caption of each image is taken for its description; the other four are queries,
whose image is to be found first, or among the first five or ten. Then a store of --rows rows is
described, refreshed with nothing to do, and refreshed with a hundredth of its texts changed.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import numpy as np

from embed import TextEncoder, load_text_encoder
from ingest import refresh_descriptions
from schema import Connection, DescriptionStore, Embedded, ImageRecord, MilvusStore, row_id


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kit", type=Path)
    parser.add_argument("--model", action="append", required=True)
    parser.add_argument("--rows", type=int, default=0, help="rows of the second part; 0 for none")
    given = parser.parse_args()
    lines = (given.kit / "captions.jsonl").read_text(encoding="utf-8").splitlines()
    captions = [json.loads(line)["captions"]["en"] for line in lines]
    for model in given.model:
        encoder = load_text_encoder(model)
        print(f"{model}: {find(encoder, captions)}")
        if given.rows:
            print(f"{model}: {keep_in_step(encoder, captions, given.rows)}")


def find(encoder: TextEncoder, captions: Sequence[Sequence[str]]) -> str:
    """Return recall at 1, 5 and 10, and texts a second."""
    described = encoder.encode_texts([each[0] for each in captions])
    queries = [text for each in captions for text in each[1:]]
    wanted = np.array([n for n, each in enumerate(captions) for _ in each[1:]])
    began = time.perf_counter()
    asked = encoder.encode_texts(queries)
    seconds = time.perf_counter() - began
    scores = asked @ described.T
    ranks = (scores > scores[np.arange(len(wanted)), wanted][:, None]).sum(axis=1)
    recalls = ", ".join(f"R@{k} {(ranks < k).mean():.3f}" for k in (1, 5, 10))
    return (
        f"{recalls} over {len(queries):,} queries, {len(captions):,} descriptions; "
        f"{len(queries) / seconds:,.0f} texts/s"
    )


def keep_in_step(encoder: TextEncoder, captions: Sequence[Sequence[str]], rows: int) -> str:
    """Return what a first, an idle and a small refresh take."""
    texts = [
        f"{each[n % len(each)]} {n}" for n, each in zip(range(rows), cycle(captions), strict=False)
    ]
    with tempfile.TemporaryDirectory() as folder:
        connection = Connection(str(Path(folder) / "milvus.db"))
        with MilvusStore.create(
            connection, "archive", model="none", dim=8, fingerprint="none"
        ) as store:
            vector = np.full(8, 8**-0.5, dtype=np.float32)
            records = [_record(n, text) for n, text in enumerate(texts)]
            store.upsert([Embedded(record, vector) for record in records])
            held = DescriptionStore.create(
                connection,
                "archive",
                model=encoder.spec,
                dim=encoder.dim,
                fingerprint=encoder.fingerprint,
            )
            first = refresh_descriptions(store, held, encoder).seconds
            idle = refresh_descriptions(store, held, encoder).seconds
            changed = [replace(record, text=record.text + " again") for record in records[::100]]
            store.upsert([Embedded(record, vector) for record in changed])
            small = refresh_descriptions(store, held, encoder)
    return (
        f"{rows:,} rows: first refresh {first:.1f} s, with nothing to do {idle:.1f} s, with "
        f"{small.described:,} texts changed {small.seconds:.1f} s"
    )


def _record(n: int, text: str) -> ImageRecord:
    path = f"{n}.jpg"
    return ImageRecord(
        id=row_id("r" * 16, path),
        root="r" * 16,
        path=path,
        content=f"{n:032x}",
        size_bytes=1,
        mtime_ns=1,
        width=1,
        height=1,
        format="jpeg",
        text=text,
    )


if __name__ == "__main__":
    main()
