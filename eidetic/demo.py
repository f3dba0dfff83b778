"""A small archive of real photographs that come with well-known Python packages."""

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from shlex import quote

from eidetic.archive import Archive
from eidetic.archive import open as open_archive
from eidetic.results import Hits
from schema import UsageError

# Package, folder in it, files: no scientific figures, which no words of a photograph describe.
SAMPLES: tuple[tuple[str, str, str], ...] = (
    ("skimage", "data", "astronaut.png brick.png camera.png chelsea.png clock_motion.png"),
    ("skimage", "data", "coffee.png coins.png grass.png gravel.png horse.png"),
    ("skimage", "data", "hubble_deep_field.jpg moon.png motorcycle_left.png page.png"),
    ("skimage", "data", "retina.jpg rocket.jpg"),
    ("sklearn", "datasets/images", "china.jpg flower.jpg"),
    ("matplotlib", "mpl-data/sample_data", "grace_hopper.jpg"),
)
QUERIES = ("a cat", "a motorbike", "a person with a camera", "قطة")
QUERY_IMAGE = "chelsea.png"
HITS = 3


def open_demo(*, data_dir: str | None = None) -> Archive:
    """Open the archive "demo", which always uses the built-in model."""
    return open_archive("demo", model="builtin", data_dir=data_dir)


def find_images(archive: Archive, folder: Path | None) -> Path:
    """Return the folder of images: the given one, or a fresh copy of the samples.

    Raises:
        UsageError: The packages with the samples are not installed.
    """
    if folder is not None:
        return folder
    samples = archive.settings.archive_dir / "images"
    samples.mkdir(parents=True, exist_ok=True)
    for package, inner, names in SAMPLES:
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise UsageError(
                f"the sample images come with the Python package {package!r}, which is not "
                'installed: pip install "eidetic[demo]", or give a folder: eidetic demo FOLDER'
            )
        for name in names.split():
            source = Path(spec.origin).parent / inner / name
            if source.is_file():
                shutil.copy2(source, samples / name)
    return samples


def questions(archive: Archive, images: Path) -> Iterator[tuple[str, Hits]]:
    """Yield commands as they would be typed, and their answers."""
    for words in QUERIES:
        yield f'search "{words}" -k {HITS}', archive.search(words, k=HITS)
    image = images / QUERY_IMAGE
    if not image.is_file():
        image = Path(archive.search(QUERIES[0], k=1)[0].path)
    yield f"similar {quote(str(image))} -k {HITS}", archive.similar(str(image), k=HITS)
