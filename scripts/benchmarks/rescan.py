"""What a scan of unchanged files costs, against the floor of listing and looking at them.

    python scripts/benchmarks/rescan.py --files 100000 --rounds 5

Makes the smallest of files, 500 to a folder, enters them into a journal as an ingestion would, and
then measures in turns: the bare floor (`os.scandir` of every folder and `stat` of every file), the
walk, and a whole `ingest.ingest` that finds nothing to do.
"""

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from embed.encoder import ToyEncoder
from ingest import Journal, Scope, ingest
from ingest.entries import Entry
from ingest.names import compile_excluded
from ingest.walk import FoundFile, walk
from schema import Collection, MemoryStore, Root, row_id

FILES_PER_FOLDER = 500


def make_files(folder: Path, files: int) -> None:
    """Write the smallest of files: a re-scan opens none of them."""
    long_ago = 1_600_000_000
    for start in range(0, files, FILES_PER_FOLDER):
        below = folder / f"{start // 50_000:03}" / f"{start:09}"
        below.mkdir(parents=True)
        for n in range(start, min(start + FILES_PER_FOLDER, files)):
            handle = os.open(below / f"IMG_{n:07}.jpg", os.O_CREAT | os.O_WRONLY)
            os.write(handle, b"x")
            os.utime(handle, (long_ago, long_ago))
            os.close(handle)


def enter(scope: Scope, journal: Journal) -> None:
    """Let the journal know every file, as if it had been indexed."""
    journal.rebuild(())
    entries = [
        Entry(
            root=scope.root.id,
            path=found.path,
            size_bytes=found.size_bytes,
            mtime_ns=found.mtime_ns,
            inode=found.inode,
            state="indexed",
            content=f"{n:032x}",
            row_id=row_id(scope.root.id, found.path),
            reason="",
            detail="",
            read_ns=time.time_ns(),
            scan=0,
        )
        for n, found in enumerate(walk(scope, compile_excluded(())))
        if isinstance(found, FoundFile)
    ]
    journal.record(entries)


def floor(folder: str) -> int:
    """List every folder and look at every file, and nothing else."""
    count = 0
    folders = [folder]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    entry.stat(follow_symlinks=False)
                    count += 1
    return count


def seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "images"
        make_files(folder, options.files)
        scope = Scope(Root.at(str(folder)))
        store = MemoryStore(Collection("a__toy", "uid", "toy", 48, "toy-1", "hnsw", 1))
        with Journal.open(Path(place) / "journal.sqlite", "uid") as journal:
            enter(scope, journal)

            def rescan() -> None:
                report = ingest([scope], store=store, encoder=ToyEncoder(), journal=journal)
                assert report.unchanged == options.files, report

            runs: dict[str, Callable[[], object]] = {
                "floor: scandir and stat": lambda: floor(str(folder)),
                "walk": lambda: sum(1 for _ in walk(scope, compile_excluded(()))),
                "re-scan": rescan,
            }
            took: dict[str, list[float]] = {name: [] for name in runs}
            peaks = []
            for _ in range(options.rounds):
                for name, run in runs.items():
                    took[name].append(seconds(run))
                peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        print(f"{options.files:,} files, median of {options.rounds} rounds")
        for name, times in took.items():
            median = statistics.median(times)
            micros = median / options.files * 1e6
            print(f"{name:26} {options.files / median:10,.0f} files/s  {micros:6.1f} us a file")
        print(
            f"peak memory: {peaks[0]:.0f} MB after the first round, {peaks[-1]:.0f} MB in the end"
        )


if __name__ == "__main__":
    main()
