"""Load on a running server: how long many clients wait, and how fast thumbnails come.

    python scripts/benchmarks/server_load.py --archive NAME --clients 50 --seconds 60

Starts `eidetic serve` on an archive, as a process of its own. Each client in turn searches by words
and then asks for the thumbnails of its ten hits, over one connection that is kept. Then one client
alone asks for thumbnails that are there already. Clients and server share the machine.
"""

import argparse
import asyncio
import itertools
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx2

WORDS = ("a dog", "two people", "a red car", "the sea", "children playing", "snow", "a bicycle")


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1000 if found else 0.0


async def use(address: str, number: int, ends: float, took: dict[str, list[float]]) -> Counter[str]:
    """Search and look, over and over; count what is not as it should be."""
    failures: Counter[str] = Counter()
    async with httpx2.AsyncClient(base_url=address, timeout=60) as client:

        async def get(kind: str, path: str, **params: str) -> httpx2.Response:
            started = time.perf_counter()
            answer = await client.get(path, params=params)
            took[kind].append((time.perf_counter() - started) * 1000)
            if answer.status_code != 200:
                failures[f"{kind} {answer.status_code}"] += 1
            return answer

        for n in itertools.count(number):
            if time.monotonic() > ends:
                return failures
            found = await get("search", "/api/search", q=f"{WORDS[n % len(WORDS)]} {n}", k="10")
            for hit in found.json().get("hits", []):
                await get("thumbnail", f"/api/images/{hit['id']}/thumbnail", size="320")
    return failures


async def measure(address: str, pid: int, clients: int, seconds: float) -> None:
    took: dict[str, list[float]] = {"search": [], "thumbnail": []}
    before = rss_mb(pid)
    middle = asyncio.create_task(later_rss(pid, seconds / 2))
    ends = time.monotonic() + seconds
    failures = sum(
        await asyncio.gather(*(use(address, n, ends, took) for n in range(clients))), Counter()
    )
    print(f"{clients} clients, {seconds:g} s; not 200: {dict(failures) or 'none'}")
    for kind, values in took.items():
        print(
            f"{kind}: {len(values):,} ({len(values) / seconds:.0f} a second), "
            f"p50 {percentile(values, 0.5):.0f} ms, p99 {percentile(values, 0.99):.0f} ms"
        )
    print(
        f"resident memory of the server: {before:.0f} MB before, {await middle:.0f} MB half way, "
        f"{rss_mb(pid):.0f} MB after"
    )
    async with httpx2.AsyncClient(base_url=address) as client:
        hits = (await client.get("/api/search", params={"q": "a dog", "k": "100"})).json()["hits"]
        paths = [f"/api/images/{hit['id']}/thumbnail?size=320" for hit in hits]
        for path in paths:
            await client.get(path)
        started = time.perf_counter()
        for path in paths * 3:
            await client.get(path)
        rate = 3 * len(paths) / (time.perf_counter() - started)
    print(f"one client, thumbnails that are there already: {rate:.0f} a second")


async def later_rss(pid: int, seconds: float) -> float:
    await asyncio.sleep(seconds)
    return rss_mb(pid)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--archive", default="default")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    given = parser.parse_args()
    command = Path(sys.executable).with_name("eidetic")
    process = subprocess.Popen(
        [command, "--archive", given.archive, "serve", "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        told = process.stderr.readline() if process.stderr else ""
        found = re.search(r"served at (\S+)", told)
        if found is None:
            sys.exit(told)
        asyncio.run(measure(found[1], process.pid, given.clients, given.seconds))
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
