"""Decoders that crash, hang or eat memory cost one file; no process outlives its pool."""

import io
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from embed.encoder import ToyEncoder
from ingest.decoding import Job, decode
from ingest.decoding_pool import DecodingPool
from schema import EideticError, ImageUnreadable, SkipReason
from tests.ingest.hostile_worker import (
    ALLOCATE,
    BUG,
    EXIT,
    KILLED_ONCE,
    SEGFAULT,
    SHOUT,
    SLEEP,
)

JOB = Job(b"", ToyEncoder.resizing, ToyEncoder.image_size, max_pixels=1_000_000)

TIME_LIMIT_S = 2.0


def an_image(colour: str = "red") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(file, "JPEG")
    return file.getvalue()


def children(of: int | None = None) -> set[int]:
    """The processes that a process has started and that still run."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                facts = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(facts[1]) == (of or os.getpid()) and facts[0] != "Z":
                found.add(int(entry.name))
    return found


def eventually(condition: Callable[[], bool], within_s: float = 20.0) -> bool:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def hostile() -> Iterator[DecodingPool]:
    """A pool whose decoders misbehave on request."""
    before = children()
    with DecodingPool(module="tests.ingest.hostile_worker", time_limit_s=TIME_LIMIT_S) as pool:
        yield pool
    assert children() == before


def refusal(pool: DecodingPool, data: bytes) -> ImageUnreadable:
    with pytest.raises(ImageUnreadable) as caught:
        pool.decode(JOB, data)
    return caught.value


def test_what_a_worker_gives_is_what_this_process_would_give(workers: DecodingPool) -> None:
    data = an_image()
    there, here = workers.decode(JOB, data), decode(JOB, data)
    assert np.array_equal(there.pixels, here.pixels)  # type: ignore[arg-type]
    for name in ("facts", "width", "height", "format", "phash"):
        assert getattr(there, name) == getattr(here, name)


def test_a_job_without_resizing_gives_the_facts_only(workers: DecodingPool) -> None:
    found = workers.decode(Job(b"", None, 32, 1), an_image())
    assert (found.width, found.height, found.format) == (64, 48, "jpeg")
    assert found.pixels is found.phash is None


def test_a_refusal_comes_back_with_its_reason_and_detail(workers: DecodingPool) -> None:
    for data in (b"\x89PNG\r\n\x1a\n" + bytes(50), an_image()[:-200], b"words"):
        with pytest.raises(ImageUnreadable) as here:
            decode(JOB, data)
        there = refusal(workers, data)
        assert (there.reason, there.detail) == (here.value.reason, here.value.detail)


@pytest.mark.parametrize(
    ("data", "how"), [(SEGFAULT, "SIGSEGV"), (EXIT, "exit status 3")], ids=["segfault", "exit"]
)
def test_a_decoder_that_crashes_costs_one_file(
    hostile: DecodingPool, data: bytes, how: str
) -> None:
    error = refusal(hostile, data)
    assert error.reason is SkipReason.DECODER_CRASHED
    assert how in error.detail
    assert hostile.decode(JOB, an_image()).width == 64


def test_a_decoder_that_hangs_costs_one_file_and_its_time(hostile: DecodingPool) -> None:
    began = time.monotonic()
    error = refusal(hostile, SLEEP)
    assert error.reason is SkipReason.DECODER_TIMED_OUT
    assert "2 seconds" in error.detail
    assert time.monotonic() - began < 10 * TIME_LIMIT_S
    assert hostile.decode(JOB, an_image()).width == 64


def test_a_decoder_that_eats_memory_is_stopped_by_its_limit(hostile: DecodingPool) -> None:
    assert refusal(hostile, ALLOCATE).reason is SkipReason.TOO_LARGE
    assert hostile.decode(JOB, an_image()).width == 64


def test_a_worker_that_was_killed_for_other_reasons_costs_nothing(
    hostile: DecodingPool, tmp_path: Path
) -> None:
    # The second worker is another one, and lives.
    with pytest.raises(EideticError, match="the second worker got it"):
        hostile.decode(JOB, KILLED_ONCE + os.fsencode(tmp_path / "was here"))


def test_an_idle_worker_that_was_killed_is_replaced(hostile: DecodingPool) -> None:
    before = children()
    hostile.decode(JOB, an_image())
    (worker,) = children() - before
    os.kill(worker, signal.SIGKILL)
    assert eventually(lambda: worker not in children())
    assert hostile.decode(JOB, an_image()).width == 64


def test_a_bug_is_no_fault_of_the_file(hostile: DecodingPool) -> None:
    with pytest.raises(EideticError, match=r"(?s)a\.jpg failed.*KeyError.*a bug in the program"):
        hostile.decode(JOB, BUG, name="a.jpg")


def test_what_decoders_write_goes_to_the_log_and_stops_nothing(
    hostile: DecodingPool, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG, "ingest.decoding_pool"):
        hostile_refusal = refusal(hostile, SHOUT)
    assert hostile_refusal.reason is SkipReason.NOT_AN_IMAGE
    assert "libtiff: warning" in caplog.text
    assert len(caplog.text) < 10_000
    assert capfd.readouterr() == ("", "")


def test_answers_of_many_threads_are_not_mixed_up(hostile: DecodingPool) -> None:
    levels = [16 * n for n in range(16)] * 3
    files = [an_image(f"rgb({level}, {level}, {level})") for level in levels]

    def level_of(data: bytes) -> float:
        return float(np.mean(hostile.decode(JOB, data).pixels))  # type: ignore[arg-type]

    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(level_of, files))
    assert found == pytest.approx(levels, abs=2)


def test_no_more_processes_start_than_threads_ask_at_a_time(hostile: DecodingPool) -> None:
    before = children()
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda data: hostile.decode(JOB, data), [an_image()] * 30))
    assert 1 <= len(children() - before) <= 2


def test_no_process_starts_before_there_is_something_to_decode() -> None:
    before = children()
    with DecodingPool():
        assert children() == before


def test_closing_ends_workers_in_the_middle_of_a_job() -> None:
    before = children()
    pool = DecodingPool(module="tests.ingest.hostile_worker")
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(pool.decode, JOB, SLEEP)
        assert eventually(lambda: len(children() - before) == 1)
        time.sleep(0.2)
        pool.close()
        with pytest.raises(CancelledError):
            waiting.result(10)
    assert children() == before
    with pytest.raises(CancelledError):
        pool.decode(JOB, an_image())
    pool.close()


@pytest.mark.parametrize("module", ["tests.ingest.no_such_worker", "this"])
def test_workers_that_do_not_start_end_the_run_with_what_they_said(module: str) -> None:
    before = children()
    with (
        DecodingPool(module=module) as pool,
        pytest.raises(EideticError, match="cannot be started"),
    ):
        pool.decode(JOB, an_image())
    assert children() == before


ORPHANS_PARENT = """
import sys, threading
from ingest.decoding_pool import DecodingPool
from tests.ingest.test_decoding_pool import JOB, an_image
pool = DecodingPool(module="tests.ingest.hostile_worker", time_limit_s=1.0)
pool.decode(JOB, an_image())
if sys.argv[1] == "busy":
    threading.Thread(target=pool.decode, args=(JOB, b"sleep"), daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
"""


@pytest.mark.parametrize("state", ["idle", "busy"])
def test_workers_end_when_their_parent_is_killed(state: str) -> None:
    path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHANS_PARENT, state],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert parent.stdout is not None
    with parent.stdout:
        assert parent.stdout.readline() == b"ready\n"
    workers = children(parent.pid)
    assert len(workers) == 1
    time.sleep(0.2)
    parent.kill()
    parent.wait()
    assert eventually(lambda: not any(is_running(worker) for worker in workers))


def is_running(pid: int) -> bool:
    try:
        facts = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return facts.rpartition(")")[2].split()[0] != "Z"


def test_ctrl_c_is_for_the_main_process(hostile: DecodingPool) -> None:
    before = children()
    hostile.decode(JOB, an_image())
    (worker,) = children() - before
    os.kill(worker, signal.SIGINT)
    assert os.getsid(worker) != os.getsid(0), "a terminal's Ctrl-C does not reach it"
    assert hostile.decode(JOB, an_image()).width == 64
    assert children() - before == {worker}


def test_a_worker_leaves_no_core_and_imports_nothing_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "imagehash.py").write_text("raise SystemExit('imported from the current folder')")
    monkeypatch.chdir(tmp_path)
    before = children()
    with DecodingPool() as pool:
        assert pool.decode(JOB, an_image()).phash is not None
        (worker,) = children() - before
        limits = Path(f"/proc/{worker}/limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4] == "0"
