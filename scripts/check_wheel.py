"""Build the wheel and check what is in it: all of the product, and nothing else."""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HOUSE = ("schema", "embed", "ingest", "search", "eidetic")
REQUIRED = (
    *(f"{name}/py.typed" for name in HOUSE),
    *(f"{name}/__init__.py" for name in HOUSE),
    "embed/builtin/data/image.onnx",
    "embed/builtin/data/text.onnx",
    "embed/builtin/data/tokenizer.json",
    "embed/builtin/data/model.json",
    "embed/builtin/data/MODEL_CARD.md",
    "eidetic/page/index.html",
    "eidetic/page/main.js",
    "eidetic/page/page.css",
    "eidetic/page/messages/ar.js",
    "eidetic/page/vendor/preact.js",
    "eidetic/page/vendor/preact.LICENSE",
)
MAX_BYTES = 45_000_000
"""The built-in model may have 40 MB; the code is small beside it."""

MAX_PAGE_BYTES = 300_000
"""Of the web page and its libraries: it opens at once on a telephone too."""


def main() -> int:
    """Print every fault, and return how the process should exit."""
    with tempfile.TemporaryDirectory() as folder:
        build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder]
        done = subprocess.run(build, capture_output=True, text=True, check=False)
        if done.returncode:
            print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
            return 1
        (wheel,) = Path(folder).glob("*.whl")
        size = wheel.stat().st_size
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            page_size = sum(
                each.file_size
                for each in archive.infolist()
                if each.filename.startswith("eidetic/page/")
            )
    faults = [f"missing: {name}" for name in REQUIRED if name not in names]
    faults += [
        f"does not belong: {name}"
        for name in names
        if not name.startswith((*(f"{package}/" for package in HOUSE), "eidetic-"))
    ]
    if size > MAX_BYTES:
        faults.append(f"{wheel.name} has {size:,} bytes, the limit is {MAX_BYTES:,}")
    if page_size > MAX_PAGE_BYTES:
        faults.append(f"eidetic/page has {page_size:,} bytes, the limit is {MAX_PAGE_BYTES:,}")
    print(*(faults or [f"{wheel.name}: {len(names)} files, {size:,} bytes"]), sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
