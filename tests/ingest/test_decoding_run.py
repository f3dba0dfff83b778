"""Runs in which decoders crash, hang and are interrupted: what is lost, what is left running."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from embed import Pixels
from ingest import IngestInterrupted
from ingest.decoding_pool import DecodingPool
from schema import SkipReason, StoreError, Vectors
from tests.ingest.hostile_worker import EXIT, LIKE_A_JPEG, SEGFAULT, SLEEP
from tests.ingest.small_archive import SmallArchive, counts, draw, write
from tests.ingest.test_decoding_pool import children, eventually
from tests.ingest.test_ingest_run import threads_of_a_run

MANY = [f"{n:02}.png" for n in range(24)]


@pytest.fixture
def hostile(archive: SmallArchive, monkeypatch: pytest.MonkeyPatch) -> SmallArchive:
    """An archive whose decoders misbehave on request, in processes of each run's own."""

    def pool() -> DecodingPool:
        return DecodingPool(module="tests.ingest.hostile_worker", time_limit_s=2.0)

    monkeypatch.setattr("ingest.runner.DecodingPool", pool)
    return archive


def test_crashes_in_the_middle_cost_their_files_and_nothing_else(hostile: SmallArchive) -> None:
    hostile.draw_all(MANY)
    write(hostile.folder / "03 crash.jpg", LIKE_A_JPEG + SEGFAULT)
    write(hostile.folder / "10 hang.jpg", LIKE_A_JPEG + SLEEP)
    write(hostile.folder / "17 exit.jpg", LIKE_A_JPEG + EXIT)
    before = children()
    report = hostile.ingest()
    assert counts(report) == {"indexed": 24, "skipped": 3}
    assert [(Path(skip.path).name, skip.reason) for skip in report.skips] == [
        ("03 crash.jpg", SkipReason.DECODER_CRASHED),
        ("10 hang.jpg", SkipReason.DECODER_TIMED_OUT),
        ("17 exit.jpg", SkipReason.DECODER_CRASHED),
    ]
    assert hostile.paths() == MANY
    assert children() == before


def test_what_crashed_a_decoder_is_not_tried_again_until_it_changes(
    hostile: SmallArchive,
) -> None:
    hostile.draw_all(MANY[:2])
    path = write(hostile.folder / "crash.jpg", LIKE_A_JPEG + SEGFAULT)
    hostile.ingest()
    before = children()
    report = hostile.ingest()
    assert counts(report) == {"unchanged": 2, "skipped": 1}
    assert report.skips[0].reason is SkipReason.DECODER_CRASHED
    assert children() == before
    path.unlink()
    draw(hostile.folder / "crash.jpg", mtime_ns=1_700_000_000_000_000_000)
    assert counts(hostile.ingest()) == {"indexed": 1, "unchanged": 2}


def test_the_vectors_are_in_the_order_of_the_files_after_a_crash(hostile: SmallArchive) -> None:
    hostile.draw_all(MANY[:6])
    write(hostile.folder / "02 crash.jpg", LIKE_A_JPEG + SEGFAULT)
    embedded: list[Pixels] = []
    encode = hostile.encoder.encode_images

    def remember(batch: Sequence[Pixels]) -> Vectors:
        embedded.extend(batch)
        return encode(batch)

    hostile.encoder.encode_images = remember  # type: ignore[method-assign]
    hostile.ingest()
    straight = [np.asarray(pixels) for pixels in embedded]
    (hostile.folder / "02 crash.jpg").unlink()
    embedded.clear()
    hostile.store.delete([record.id for record in hostile.store.iterate()])
    hostile.journal_path.unlink()
    hostile.ingest()
    assert len(straight) == 6
    assert all(np.array_equal(a, b) for a, b in zip(straight, embedded, strict=True))


@pytest.mark.parametrize("error", [KeyboardInterrupt(), StoreError("full"), MemoryError()])
def test_a_run_that_ends_early_leaves_no_process(
    hostile: SmallArchive, error: BaseException
) -> None:
    hostile.draw_all(MANY)
    # One worker hangs while the run ends.
    write(hostile.folder / "20 hang.jpg", LIKE_A_JPEG + SLEEP)
    before = children()

    def fail(batch: Sequence[Pixels]) -> Vectors:
        raise error

    hostile.encoder.encode_images = fail  # type: ignore[method-assign]
    expected = IngestInterrupted if isinstance(error, KeyboardInterrupt) else type(error)
    with pytest.raises(expected):
        hostile.ingest()
    assert children() == before
    assert threads_of_a_run() == []


def test_a_file_that_is_no_image_starts_no_process(hostile: SmallArchive) -> None:
    hostile.draw_all(MANY[:1])
    hostile.ingest()
    write(hostile.folder / "notes", b"some words, and no image at all")
    write(hostile.folder / "empty.jpg", b"")
    started = []
    start = subprocess.Popen.__init__

    def count(*args: object, **options: object) -> None:
        started.append(args)
        start(*args, **options)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess.Popen, "__init__", count)
        assert counts(hostile.ingest()) == {"unchanged": 1, "skipped": 2}
    assert started == []


def test_an_unguarded_script_of_the_caller_runs_once(tmp_path: Path) -> None:
    draw(tmp_path / "images" / "a.png")
    script = tmp_path / "script.py"
    script.write_text(
        "import eidetic\n"
        "print('running', flush=True)\n"
        f"with eidetic.open('once', model='builtin', data_dir={str(tmp_path / 'data')!r}) as a:\n"
        f"    print(a.ingest([{str(tmp_path / 'images')!r}]).indexed)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["running", "1"], done.stderr


def test_ctrl_c_in_the_middle_of_a_command_leaves_no_process(tmp_path: Path) -> None:
    big = draw(tmp_path / "images" / "000.png")
    for n in range(1, 1500):
        shutil.copyfile(big, tmp_path / "images" / f"{n:03}.png")
        with (tmp_path / "images" / f"{n:03}.png").open("ab") as file:
            file.write(str(n).encode())
    command = f"""
import sys
from eidetic.cli import main
sys.argv = ["eidetic", "--data-dir", {str(tmp_path / "data")!r},
            "ingest", {str(tmp_path / "images")!r}, "--model", "builtin"]
main()
"""
    run = subprocess.Popen(
        [sys.executable, "-c", command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        # Where the tests run in the background, Ctrl-C would be ignored in all they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert eventually(lambda: bool(children(run.pid)), 60)
    workers = children(run.pid)
    time.sleep(0.5)
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 130, said
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)
