"""An archive whose disk fills up in the middle of an ingestion."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from schema import ArchiveError

IMAGES = 400


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 900 kB, in memory."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=900k", "tmpfs", str(place)]
    if os.getuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only a superuser who may mount can make a small file system")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    random = np.random.default_rng(1)
    for n in range(IMAGES):
        blocks = random.integers(0, 255, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(blocks.repeat(16, 0).repeat(16, 1)).save(folder / f"{n:03}.png")
        os.utime(folder / f"{n:03}.png", (1_600_000_000, 1_600_000_000))
    return folder


@pytest.mark.slow
def test_a_full_disk_stops_a_run_and_the_next_goes_on(small_disk: Path, images: Path) -> None:
    stopped = eidetic(small_disk, "ingest", str(images), "--model", "builtin")
    assert stopped.returncode == ArchiveError.exit_code
    assert "its disk is full; make room there" in stopped.stderr
    stored = json.loads(eidetic(small_disk, "status").stdout)["rows"]
    assert 0 < stored < IMAGES
    subprocess.run(["mount", "-o", "remount,size=32m", str(small_disk)], check=True)
    report = json.loads(eidetic(small_disk, "ingest", str(images)).stdout)
    assert report["unchanged"] + report["indexed"] == IMAGES
    assert report["unchanged"] >= stored - 32
    assert json.loads(eidetic(small_disk, "status").stdout)["rows"] == IMAGES


def eidetic(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        str(Path(sys.executable).with_name("eidetic")),
        "--data-dir",
        str(place),
        "--json",
        *arguments,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)
