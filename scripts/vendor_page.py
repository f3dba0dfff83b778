"""Fetch the libraries of the web page anew, at fixed versions, with their licences.

The page runs without a build step: what stands in `eidetic/page/vendor/` is what browsers load. The
names that these modules import each other by become relative, because the page's content security
policy forbids the import map in which a browser would look them up.

Needs npm, which says where packages come from:

    python scripts/vendor_page.py            # write
    python scripts/vendor_page.py --check    # compare only
"""

import argparse
import hashlib
import io
import re
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).parents[1] / "eidetic" / "page" / "vendor"


@dataclass(frozen=True, slots=True)
class Library:
    """One package.

    Attributes:
        sha256: Of the package as it was published; another is refused.
        modules: Names in the package, and the names here.
    """

    name: str
    version: str
    sha256: str
    modules: dict[str, str]


LIBRARIES = (
    Library(
        "preact",
        "11.2.0",
        "3c4456766bd32b6b534d52bf4e9c2a29b33e7eedf6e96ed479300ba1a7888ebf",
        {"dist/preact.mjs": "preact.js", "hooks/dist/hooks.mjs": "preact-hooks.js"},
    ),
    Library(
        "@preact/signals-core",
        "1.14.5",
        "94c421ac996214c94f532fb4c43d8ede048a16df0cd9538ffb965174dbe8daba",
        {"dist/signals-core.mjs": "signals-core.js"},
    ),
    Library(
        "@preact/signals",
        "2.11.4",
        "66ea8221dd8aaa0da2365d49c3f116b071d56cfb63b2e16c072c6b4e08a928b7",
        {"dist/signals.mjs": "signals.js"},
    ),
    Library(
        "htm",
        "3.1.1",
        "2425b9bee11409177bcabc7f32e319926fc6690c1701c0b257c88bdff2d5ba90",
        {"dist/htm.mjs": "htm.js"},
    ),
)

IMPORTED_AS = {
    "preact": "./preact.js",
    "preact/hooks": "./preact-hooks.js",
    "@preact/signals-core": "./signals-core.js",
}

_IMPORT = re.compile(r'(from\s*)"([^"]+)"')
_SOURCE_MAP = re.compile(r"\n//# sourceMappingURL=\S+\s*$")


def main() -> int:
    """Write the files, or say which differ; return how the process should exit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    wanted: dict[str, bytes] = {}
    for library in LIBRARIES:
        wanted |= files_of(library)
    present = {path.name: path.read_bytes() for path in VENDOR.glob("*") if path.is_file()}
    if options.check:
        differing = sorted(n for n in wanted | present if wanted.get(n) != present.get(n))
        print(*(f"differs: {name}" for name in differing), sep="\n", end="\n" if differing else "")
        return 1 if differing else 0
    VENDOR.mkdir(parents=True, exist_ok=True)
    for name in present.keys() - wanted.keys():
        (VENDOR / name).unlink()
    for name, data in wanted.items():
        (VENDOR / name).write_bytes(data)
    print(f"{len(wanted)} files, {sum(map(len, wanted.values())):,} bytes in {VENDOR}")
    return 0


def files_of(library: Library) -> dict[str, bytes]:
    """Return what is kept of a package, by file name."""
    packed = fetch(library)
    found = hashlib.sha256(packed).hexdigest()
    if found != library.sha256:
        sys.exit(f"{library.name} {library.version} has the hash {found}, not {library.sha256}")
    plain = library.name.removeprefix("@").replace("/", "-")
    kept = {f"{plain}.LICENSE": b"\n".join(_read(packed, "LICENSE").splitlines()) + b"\n"}
    for inner, name in library.modules.items():
        source = _SOURCE_MAP.sub("", _read(packed, inner).decode())
        source = _IMPORT.sub(lambda m: f'{m[1]}"{IMPORTED_AS[m[2]]}"', source)
        kept[name] = (
            f"// {library.name} {library.version}, see {plain}.LICENSE\n{source}\n".encode()
        )
    return kept


def fetch(library: Library) -> bytes:
    """Return a package as it was published."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = f"{library.name}@{library.version}"
        subprocess.run(["npm", "pack", "--silent", wanted], cwd=folder, check=True)
        (packed,) = Path(folder).glob("*.tgz")
        return packed.read_bytes()


def _read(packed: bytes, inner: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        member = archive.extractfile(f"package/{inner}")
        if member is None:
            raise FileNotFoundError(f"the package has no file {inner}")
        return member.read()


if __name__ == "__main__":
    sys.exit(main())
