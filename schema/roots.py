"""The folders an archive was made from, kept as a small JSON file beside its journal."""

import json
import os
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from schema.errors import ArchiveError

LEFTOVER_AGE_S = 600
"""The list is written in milliseconds; a temporary file of this age is nobody's."""


@dataclass(frozen=True, slots=True)
class Root:
    """A folder that was ingested.

    Attributes:
        id: 16 hex digits of blake2b-64 of the location at first sight; stays when the folder moves.
        location: Absolute path of the folder as it can be opened now.
    """

    id: str
    location: str

    @classmethod
    def at(cls, location: str) -> "Root":
        """Return the root of a folder that no archive knows yet."""
        return cls(blake2b(os.fsencode(location), digest_size=8).hexdigest(), location)

    @property
    def is_there(self) -> bool:
        """Whether the folder can be reached now; one on a disk that is not mounted cannot."""
        return Path(self.location).is_dir()

    def locate(self, path: str) -> str:
        """Return the absolute path of a file of this root."""
        return str(Path(self.location) / path)


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
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(data, file, indent=2, ensure_ascii=False)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise ArchiveError(
            f"{path}: cannot be written ({error.strerror}); check the permissions of the data "
            "folder and that its disk has room"
        ) from error


def find_leftovers(path: Path) -> list[Path]:
    """Return the temporary files that killed processes left beside the roots file, by name."""
    newest = time.time() - LEFTOVER_AGE_S
    return sorted(f for f in path.parent.glob(f"{path.name}?*") if f.stat().st_mtime < newest)
