"""Exiftool, the reference for metadata: what it reads, and files that it writes."""

import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest


def require_exiftool() -> None:
    """Skip the test where exiftool is not installed."""
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool is not installed (Debian: libimage-exiftool-perl)")


def read_with_exiftool(paths: Iterable[Path], *tags: str) -> dict[Path, dict[str, Any]]:
    """Return the tags of each file by group and name, as "ExifIFD:DateTimeOriginal"; all as text,
    numbers as numbers."""
    command = ["exiftool", "-q", "-j", "-n", "-G1", *tags, *map(str, paths)]
    shown = subprocess.run(command, capture_output=True, check=False).stdout
    return {Path(facts.pop("SourceFile")): facts for facts in json.loads(shown)}


def write_with_exiftool(path: Path, *tags: str) -> Path:
    """Write tags, as "-XMP-dc:Title=A fjord", into a file, and return it."""
    command = ["exiftool", "-q", "-overwrite_original", "-charset", "iptc=UTF8", *tags, str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path
