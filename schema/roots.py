"""The places an archive was made from, kept as a small JSON file beside its journal."""

import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from schema.atomic import write_atomically
from schema.errors import ArchiveError

LEFTOVER_AGE_S = 600
"""The list is written in milliseconds; a temporary file of this age is nobody's."""


@dataclass(frozen=True, slots=True)
class Root:
    """A folder, a bucket, a web page or a packed file that was ingested.

    Attributes:
        id: 16 hex digits of blake2b-64 of the location at first sight; stays when the place moves.
        location: Where it can be opened now: the absolute path of a folder, a URL, or for a packed
            file fsspec's chained form, ``zip://::/abs/images.zip``, ``tar://::s3://bucket/00.tar``.
    """

    id: str
    location: str

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of this machine, neither a URL nor a packed file."""
        return "://" not in self.location

    @property
    def is_there(self) -> bool:
        """Whether it can be reached now: the folder or packed file of a disk that is not mounted
        cannot. A URL is taken for there: whether it is, only its host can tell.
        """
        _, place = self.packed
        if "://" in (place or self.location):
            return True
        return Path(place).is_file() if place else Path(self.location).is_dir()

    @property
    def packed(self) -> tuple[str, str]:
        """Kind and place of the packed file, ``("zip", "/abs/images.zip")``; ("", "") of others."""
        kind, is_packed, place = self.location.partition("://::")
        return (kind, place) if is_packed else ("", "")

    def locate(self, path: str) -> str:
        """Return where a file of the root can be opened now.

        Args:
            path: POSIX path relative to the root; "" for the root itself.
        """
        kind, place = self.packed
        if not path:
            return self.location
        if kind:
            return f"{kind}://{path}::{place}"
        if self.location.startswith(("http://", "https://")):
            # Beside the page that lists it, as a browser would look for it.
            return f"{self.location.rpartition('/')[0]}/{path}"
        return f"{self.location.rstrip('/')}/{path}"

    def below(self, place: str) -> str:
        """Return the path of the file that `locate` puts at a place, "" where it is not in it."""
        # No path holds this, so that it shows what stands before and behind every path.
        before, _, behind = self.locate("\0").partition("\0")
        if not place.startswith(before) or not place.endswith(behind):
            return ""
        return place[len(before) : len(place) - len(behind)]

    @classmethod
    def at(cls, location: str) -> "Root":
        """Return the root of a place that no archive knows yet."""
        return cls(blake2b(os.fsencode(location), digest_size=8).hexdigest(), location)


def load_roots(path: Path) -> tuple[Root, ...]:
    """Read the roots file; a missing one means no roots.

    Raises:
        ArchiveError: The file is not what `save_roots` writes.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return tuple(Root(str(item["id"]), str(item["location"])) for item in data["roots"])
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise ArchiveError(
            f"{path}: cannot be read ({error.strerror}); check the permissions of the data folder, "
            "or choose another with --data-dir"
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        raise ArchiveError(
            f"{path}: not a readable list of roots ({error}); mend it or delete it, the next "
            "ingest of the same folders writes it anew and embeds nothing twice"
        ) from error


def save_roots(path: Path, roots: Iterable[Root]) -> None:
    """Write the roots file so that a crash leaves the old or the new one whole.

    Raises:
        ArchiveError: The file cannot be written.
    """
    data = {"roots": [{"id": root.id, "location": root.location} for root in roots]}
    try:
        write_atomically(path, json.dumps(data, indent=2, ensure_ascii=False))
    except OSError as error:
        raise ArchiveError(
            f"{path}: cannot be written ({error.strerror}); check the permissions of the data "
            "folder and that its disk has room"
        ) from error


def find_leftovers(path: Path) -> list[Path]:
    """Return the temporary files that killed processes left beside the roots file, by name."""
    newest = time.time() - LEFTOVER_AGE_S
    return sorted(f for f in path.parent.glob(f"{path.name}?*") if f.stat().st_mtime < newest)
