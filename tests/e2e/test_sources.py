"""Packed files, web addresses and watching as a person has them: whole processes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.images import write_colours, write_image
from tests.ingest.sources.packing import aged, make_zip
from tests.ingest.sources.servers import serving

EIDETIC = str(Path(sys.executable).with_name("eidetic"))
PATIENCE_S = 90


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EIDETIC_")}
    return kept | {"EIDETIC_DATA_DIR": str(tmp_path / "data"), "XDG_CONFIG_HOME": str(tmp_path)}


def eidetic(environ: dict[str, str], *arguments: str | Path, code: int = 0) -> Any:
    done = subprocess.run(
        [EIDETIC, "--json", *map(str, arguments)],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


def test_hits_say_where_a_packed_or_remote_image_can_be_opened(
    environ: dict[str, str], tmp_path: Path
) -> None:
    site = write_colours(tmp_path / "site", "red", "blue")
    members = {path.name: path.read_bytes() for path in sorted(site.iterdir())}
    packed = make_zip(tmp_path / "images.zip", {"z/red.png": members["red.png"]})
    for path in site.iterdir():
        aged(path)
    with serving(site) as web:
        report = eidetic(environ, "ingest", packed, f"{web.url}/", "--model", "builtin")
        assert report["indexed"] + report["moved"] == 3
        hits = eidetic(environ, "search", "red", "-k", "5")["hits"]
        assert {hit["path"] for hit in hits} == {
            f"zip://z/red.png::{packed}",
            f"{web.url}/red.png",
            f"{web.url}/blue.png",
        }
        assert eidetic(environ, "ingest", packed, f"{web.url}/")["unchanged"] == 3
        status = eidetic(environ, "status")
    assert {root["location"]: root["rows"] for root in status["roots"]} == {
        f"zip://::{packed}": 1,
        f"{web.url}/": 2,
    }


@contextmanager
def watching(environ: dict[str, str], *arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [EIDETIC, "--json", "ingest", *map(str, arguments), "--watch"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # However the tests were started, the command is to hear of Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def next_report(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout
    report: dict[str, Any] = json.loads(process.stdout.readline())
    return report


def test_watching_prints_a_line_a_batch_and_ends_with_ctrl_c(
    environ: dict[str, str], tmp_path: Path
) -> None:
    images = write_colours(tmp_path / "images", "red", "green", "blue")
    with watching(environ, images, "--model", "builtin") as process:
        assert next_report(process)["indexed"] == 3
        write_image(images / "yellow.png", "yellow")
        assert next_report(process)["indexed"] == 1
        (images / "red.png").rename(images / "crimson.png")
        counted = {"moved": 0, "removed": 0}
        deadline = time.monotonic() + PATIENCE_S
        while counted != {"moved": 1, "removed": 1}:
            assert time.monotonic() < deadline
            report = next_report(process)
            for name in counted:
                counted[name] += report[name]
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "ended; in all 4 indexed, 1 moved, 1 removed" in said
    assert "Traceback" not in said
    assert eidetic(environ, "status")["rows"] == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["IMAGES", "--dry-run"], "leave one of them out"),
        (["IMAGES.zip"], "only folders of this machine can be watched"),
    ],
)
def test_what_cannot_be_watched_is_an_error_of_use(
    environ: dict[str, str], tmp_path: Path, arguments: list[str], said: str
) -> None:
    images = write_colours(tmp_path / "images", "red")
    make_zip(tmp_path / "images.zip", {"red.png": (images / "red.png").read_bytes()})
    given = [argument.replace("IMAGES", str(images)) for argument in arguments]
    message = eidetic(environ, "ingest", *given, "--watch", "--model", "builtin", code=2)
    assert said in message
    assert not (tmp_path / "data").exists()
