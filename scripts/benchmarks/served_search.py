"""How long `eidetic search` takes as a whole process, alone and beside a running `eidetic serve`.

    python scripts/benchmarks/served_search.py FOLDER [--runs 15]

The folder is ingested with the built-in model into a temporary archive. Wall-clock times of whole
processes, alternately without and with a server, so that what else the machine does falls on both.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EIDETIC = str(Path(sys.executable).with_name("eidetic"))
QUERY = "a dog on a beach"


def search(environ: dict[str, str]) -> float:
    """Return the seconds that one search took."""
    began = time.perf_counter()
    subprocess.run([EIDETIC, "search", QUERY], env=environ, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def served(environ: dict[str, str], runs: int) -> list[float]:
    server = subprocess.Popen(
        [EIDETIC, "serve", "--port", "0"], env=environ, stderr=subprocess.PIPE
    )
    assert server.stderr is not None
    server.stderr.readline()
    times = [search(environ) for _ in range(runs)]
    server.terminate()
    server.communicate()
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as data:
        environ = os.environ | {"EIDETIC_DATA_DIR": data}
        subprocess.run(
            [EIDETIC, "ingest", "-q", str(options.folder), "--model", "builtin"],
            env=environ,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        alone: list[float] = []
        beside: list[float] = []
        for _ in range(3):
            alone += [search(environ) for _ in range(options.runs // 3)]
            beside += served(environ, options.runs // 3)
    for name, times in (("alone", alone), ("beside a server", beside)):
        median, least, most = statistics.median(times), min(times), max(times)
        print(f"{name:16} median {median:.2f} s, from {least:.2f} to {most:.2f}")
    print(f"ratio {statistics.median(alone) / statistics.median(beside):.1f}")


if __name__ == "__main__":
    main()
