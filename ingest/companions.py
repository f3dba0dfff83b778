"""Files of one folder that belong together: a RAW file and its developed image, an image and its
XMP sidecar.
"""

from collections.abc import Iterable, Mapping

RAW_EXTENSIONS = frozenset({
    "3fr", "ari", "arw", "bay", "cap", "cr2", "cr3", "crw", "dcr", "dcs", "dng", "drf", "eip",
    "erf", "fff", "gpr", "iiq", "k25", "kdc", "mdc", "mef", "mos", "mrw", "nef", "nrw", "orf",
    "pef", "ptx", "pxn", "r3d", "raf", "raw", "rw2", "rwl", "rwz", "sr2", "srf", "srw", "x3f",
})  # fmt: skip
"""What cameras call their RAW files, in lower case."""

DEVELOPED_EXTENSIONS = ("jpg", "jpeg", "jpe", "heic", "heif", "hif", "jxl", "avif")
"""What a camera writes beside a RAW file at the same release, the likeliest first."""

SIDECAR_EXTENSION = "xmp"


class Companions:
    """The names of one folder, by which its files find each other. Case does not matter."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names: Mapping[str, str] = {name.casefold(): name for name in names}
        self._has_sidecars = any(name.endswith(f".{SIDECAR_EXTENSION}") for name in self._names)

    def developed(self, name: str) -> str:
        """Return the image that a camera wrote beside a RAW file, "" where there is none."""
        stem, extension = _split(name)
        if extension.lower() not in RAW_EXTENSIONS:
            return ""
        return self._first(f"{stem}.{developed}" for developed in DEVELOPED_EXTENSIONS)

    def sidecar(self, name: str) -> str:
        """Return an image's sidecar, "" where there is none.

        ``a.jpg.xmp`` (darktable, digiKam) speaks of that file alone, ``a.xmp`` (Lightroom, Bridge)
        of all files of that stem.
        """
        if not self._has_sidecars:
            return ""
        stem, _ = _split(name)
        endings = (f"{name}.{SIDECAR_EXTENSION}", f"{stem}.{SIDECAR_EXTENSION}")
        return self._first(endings)

    def _first(self, wanted: Iterable[str]) -> str:
        return next((n for name in wanted if (n := self._names.get(name.casefold()))), "")


def _split(name: str) -> tuple[str, str]:
    stem, dot, extension = name.rpartition(".")
    return (stem, extension) if dot else (name, "")
