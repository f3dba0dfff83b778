"""Ingestions that are killed at random moments, and what their archive must be like afterwards.

    python -m tests.e2e.crashes --kills 200

Each round changes the files, then starts the command line again and again and kills it with
SIGKILL after a random time, until one run gets to its end. After every kill each row that the
journal claims must be in the store, once; at the end of a round the archive must be the one that
an undisturbed run makes of the same files.
"""

import argparse
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from schema import Connection, ImageRecord, MilvusStore, Vectors, content_hash
from schema.records import Vector

Rows = dict[str, tuple[ImageRecord, Vector]]
"""Record and vector by path."""

IMAGES = 96
BATCH = 8
ARCHIVE = "crashes"


@dataclass(slots=True)
class Outcome:
    """What a series of kills did.

    Attributes:
        kills: Runs that were killed before their end.
        lost: Rows that the journal claimed and the store did not have, over all checks.
        double: Rows beyond one for the same image, over all checks.
        most_again: Most images embedded again after one kill.
        differences: Rows that differ from those of undisturbed runs, over all rounds.
    """

    kills: int = 0
    rounds: int = 0
    lost: int = 0
    double: int = 0
    most_again: int = 0
    differences: list[str] = field(default_factory=list)


def crash_runs(kills: int, place: Path, seed: int = 1) -> Outcome:
    """Kill ingestions until so many were killed, round by round."""
    choose = random.Random(seed)
    folder, data, log = place / "images", place / "data", place / "embedded.log"
    outcome = Outcome()
    _grow(folder, choose, IMAGES)
    began = time.monotonic()
    want = _undisturbed(folder, place / "first")
    length_s = time.monotonic() - began
    while outcome.kills < kills:
        known = _embedded(log)
        while _is_killed(run := _start(folder, data, log), log, length_s, choose):
            outcome.kills += 1
            _check(data, outcome)
            known = _count_again(log, known, outcome)
        assert run.returncode == 0
        _count_again(log, known, outcome)
        _check(data, outcome)
        outcome.rounds += 1
        outcome.differences += _differences(_on_disk(folder), _contents(_rows(data)))
        _disturb(folder, choose)
    assert _start(folder, data, log).wait() == 0
    want, got = _undisturbed(folder, place / "last"), _rows(data)
    outcome.differences += _differences(_records(want), _records(got))
    # A vector depends a little on the batch it was computed in.
    outcome.differences += [
        path
        for path in want.keys() & got.keys()
        if not np.allclose(want[path][1], got[path][1], atol=1e-4)
    ]
    return outcome


def _is_killed(
    run: subprocess.Popen[bytes], log: Path, length_s: float, choose: random.Random
) -> bool:
    """Kill a run at any time, or, more often, while it embeds; return False if it ended first."""
    length = log.stat().st_size if log.exists() else 0
    at_any_time = choose.random() < 0.4
    deadline = time.monotonic() + choose.uniform(0, length_s)
    while run.poll() is None:
        embeds = log.exists() and log.stat().st_size > length
        if not at_any_time and embeds:
            time.sleep(choose.uniform(0, 0.2))
        elif not at_any_time or time.monotonic() < deadline:
            time.sleep(0.002)
            continue
        run.send_signal(signal.SIGKILL)
        return run.wait() == -signal.SIGKILL
    return False


def _differences(want: Mapping[str, object], got: Mapping[str, object]) -> list[str]:
    return [path for path in want.keys() | got.keys() if want.get(path) != got.get(path)]


def _on_disk(folder: Path) -> dict[str, object]:
    images = folder.rglob("*.png")
    return {str(path.relative_to(folder)): content_hash(path.read_bytes()) for path in images}


def _records(rows: Rows) -> dict[str, object]:
    return {path: record for path, (record, _) in rows.items()}


def _contents(rows: Rows) -> dict[str, object]:
    return {path: record.content for path, (record, _) in rows.items()}


def _undisturbed(folder: Path, data: Path) -> Rows:
    assert _start(folder, data, data.with_suffix(".log")).wait() == 0
    return _rows(data)


def _start(folder: Path, data: Path, log: Path) -> subprocess.Popen[bytes]:
    arguments = ("--archive", ARCHIVE, "--data-dir", str(data), "-q", "ingest", str(folder))
    options = ("--model", "builtin", "--batch-size", str(BATCH), "--yes")
    return subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.crashes", "--child", str(log), *arguments, *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _child(log: Path, arguments: Sequence[str]) -> None:
    """Run the command line with an encoder that writes down what it has embedded."""
    import embed
    from embed.encoder import Encoder
    from embed.resizing import Pixels

    load = embed.load_encoder

    def load_logging(spec: str, **options: Any) -> Encoder:
        encoder = load(spec, **options)
        encode = encoder.encode_images

        def encode_and_log(batch: Sequence[Pixels]) -> Vectors:
            vectors = encode(batch)
            digests = [blake2b(pixels.tobytes(), digest_size=8).hexdigest() for pixels in batch]
            handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(handle, "".join(f"{digest}\n" for digest in digests).encode())
            os.close(handle)
            return vectors

        encoder.encode_images = encode_and_log  # type: ignore[method-assign]
        return encoder

    embed.load_encoder = load_logging
    from eidetic.cli import main

    sys.argv = ["eidetic", *arguments]
    main()


def _rows(data: Path) -> Rows:
    """Return the rows of an archive by path; a second row of a path has a key of its own."""
    rows: Rows = {}
    with Connection(str(data / ARCHIVE / "milvus.db")) as connection:
        store = MilvusStore.open(connection, ARCHIVE)
        records = list(store.iterate())
        vectors = store.vectors([record.id for record in records])
    for record in records:
        key = record.path
        while key in rows:
            key += " again"
        rows[key] = (record, vectors[record.id])
    return rows


def _check(data: Path, outcome: Outcome) -> None:
    database = data / ARCHIVE / "journal.sqlite"
    if not database.exists():
        return
    with closing(sqlite3.connect(database)) as journal:
        try:
            claimed = journal.execute(
                "SELECT path, content FROM entries WHERE state = 'indexed' AND size_bytes >= 0"
            ).fetchall()
        except sqlite3.OperationalError:
            claimed = []  # killed before the tables were made
    if not claimed:
        return
    rows = _rows(data)
    outcome.double += sum(key.endswith(" again") for key in rows)
    held = _contents(rows)
    outcome.lost += sum(held.get(path) != content for path, content in claimed)


def _embedded(log: Path) -> Counter[str]:
    return Counter(log.read_text().split()) if log.exists() else Counter()


def _count_again(log: Path, before: Counter[str], outcome: Outcome) -> Counter[str]:
    after = _embedded(log)
    again = sum((after - before)[digest] for digest in before)
    outcome.most_again = max(outcome.most_again, again)
    return after


def _grow(folder: Path, choose: random.Random, images: int) -> None:
    """Add images of random colours, each unlike all others."""
    for _ in range(images):
        name = f"{choose.choice('abc')}/{choose.getrandbits(48):012x}.png"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        blocks = np.frombuffer(choose.randbytes(48), np.uint8).reshape(4, 4, 3)
        Image.fromarray(blocks.repeat(16, 0).repeat(16, 1)).save(folder / name)
        long_ago = 1_600_000_000 + choose.randrange(10**6)
        os.utime(folder / name, (long_ago, long_ago))


def _disturb(folder: Path, choose: random.Random) -> None:
    """Add, delete, rename, copy, overwrite and touch images, and add a broken one."""
    files = sorted(path for path in folder.rglob("*.png"))
    choose.shuffle(files)
    for path in files[:8]:
        path.rename(path.with_name(f"renamed-{path.name}"))
    for path in files[8:16]:
        shutil.copy2(path, path.with_name(f"copy-{path.name}"))
    for path, other in zip(files[16:22], files[22:28], strict=True):
        shutil.copy2(path, other)
    for path in files[28:34]:
        # By the system's own clock, files touched within one tick would have one mtime; and a copy
        # of one over another of its size, mtime and all, is a change that no scan can see.
        now = time.time_ns()
        os.utime(path, ns=(now, now))
    for path in files[IMAGES // 2 :]:
        path.unlink()
    _grow(folder, choose, IMAGES // 2)
    (folder / f"broken-{choose.getrandbits(32):08x}.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        _child(Path(sys.argv[2]), sys.argv[3:])
        return
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        print(crash_runs(options.kills, Path(place), options.seed))  # noqa: T201


if __name__ == "__main__":
    main()
