"""Two commands on one archive at the same time."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.test_command_line import EIDETIC, Run, answer, archive, environ, images, run
from tests.images import write_colours

__all__ = ["archive", "environ", "images", "run"]


@contextmanager
def watching(folder: Path, environ: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run `ingest --watch`, and wait for the report of its first run."""
    process = subprocess.Popen(
        [EIDETIC, "--json", "ingest", str(folder), "--watch"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        # Where the tests run in the background, Ctrl-C would be ignored in all they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    with process:
        try:
            assert next_report(process)["skipped"] == 0
            yield process
        finally:
            process.kill()


def next_report(process: subprocess.Popen[str]) -> dict[str, int]:
    assert process.stdout is not None
    report: dict[str, int] = json.loads(process.stdout.readline())
    return report


def test_search_and_ingest_work_beside_a_watched_folder(
    run: Run, archive: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    others = write_colours(tmp_path / "others", "white", "gray")
    with watching(archive, environ) as watcher:
        assert len(answer(run("search", "a red image", "--json"))["hits"]) == 5
        assert answer(run("ingest", others, "--json"))["indexed"] == 2
        assert answer(run("status", "--json"))["rows"] == 7
        assert len(answer(run("search", "anything", "--json"))["hits"]) == 7
        write_colours(archive, "pink")
        assert next_report(watcher)["indexed"] == 1
        assert len(answer(run("search", "anything", "--json"))["hits"]) == 8


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_the_archive_is_usable_whatever_became_of_the_other_process(
    run: Run, archive: Path, environ: dict[str, str], how: signal.Signals
) -> None:
    with watching(archive, environ) as watcher:
        os.kill(watcher.pid, how)
        watcher.wait(timeout=60)
    assert len(answer(run("search", "a red image", "--json"))["hits"]) == 5
    assert answer(run("doctor", "--json"))["problems"] == []


def test_a_second_ingest_at_the_same_time_is_refused_with_whom_it_waits_for(
    run: Run, archive: Path, environ: dict[str, str]
) -> None:
    for n in range(150):
        write_colours(archive / str(n), f"#{n:06x}")
    with subprocess.Popen([EIDETIC, "ingest", str(archive)], env=environ) as first:
        lock = Path(environ["EIDETIC_DATA_DIR"]) / "default" / "writer.lock"
        while first.poll() is None and not lock.read_text():
            pass
        refused = run("ingest", archive, code=3)
        assert f"process {first.pid} (ingest, since" in refused.stderr
    assert first.returncode == 0
    assert answer(run("status", "--json"))["rows"] == 155
