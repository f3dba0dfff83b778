"""What a URL that a person names stands for: one file, a folder, or a listing of files."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from ingest.filesystems import Facts, Filesystem
from ingest.names import is_image_candidate
from schema.errors import UsageError

PACKED_KINDS = {
    ".zip": "zip",
    ".tar": "tar",
    ".tar.gz": "tar",
    ".tgz": "tar",
    ".tar.bz2": "tar",
    ".tbz2": "tar",
    ".tar.xz": "tar",
    ".txz": "tar",
    ".parquet": "parquet",
}
"""Endings of packed files, and fsspec's names for what reads them (parquet is our own)."""

_LISTING_TYPES = {"text/plain", "text/csv", "application/json"}


@dataclass(frozen=True, slots=True)
class Place:
    """A URL that is there.

    Attributes:
        url: As roots spell it: an index page ends with "/", nothing else does.
    """

    kind: Literal["file", "folder", "listing"]
    url: str


def packed_kind(name: str) -> str:
    """Return what kind of packed file a name speaks of, "" for none."""
    lower = name.lower()
    return next((kind for ending, kind in PACKED_KINDS.items() if lower.endswith(ending)), "")


def look_up(url: str) -> Place:
    """Ask the host what is at a URL.

    Raises:
        UsageError: Nothing, or nothing that can be ingested; no access; the host is away; or a
            package is missing.
    """
    filesystem = Filesystem(url)
    is_web = url.startswith(("http://", "https://"))
    if is_web and not urlsplit(url).path:
        url += "/"
    try:
        facts = filesystem.look_at(url)
    except FileNotFoundError as error:
        raise UsageError(
            f"{url}: there is no such file or folder; check the spelling of the address"
        ) from error
    except PermissionError as error:
        raise UsageError(
            f"{url}: {error.strerror}; give credentials as the service's own tools take them, or "
            "settings of fsspec (see docs/sources.md)"
        ) from error
    except ConnectionError as error:
        raise UsageError(f"{url}: {error.strerror}; check the address and the network") from error
    except OSError as error:
        raise UsageError(f"{url}: cannot be looked at ({error.strerror})") from error
    finally:
        filesystem.close()
    if is_web:
        return _web_place(url, facts)
    return Place("folder" if facts.is_folder else "file", url.rstrip("/"))


def _web_place(url: str, facts: Facts) -> Place:
    path = urlsplit(url).path
    name = path.rpartition("/")[2]
    if facts.media_type == "text/html":
        # A page named index.html lists its folder, as the folder's own address does.
        is_page = name.lower().endswith((".html", ".htm"))
        folder = url.rpartition("/")[0] if is_page or url.endswith("/") else url
        return Place("folder", f"{folder}/")
    is_listing = facts.media_type in _LISTING_TYPES
    if packed_kind(name) or facts.media_type.startswith("image/"):
        return Place("file", url)
    # A server may call a file text whose ending it does not know.
    if is_image_candidate(name) and ("." in name or not is_listing):
        return Place("file", url)
    if is_listing or name.lower().endswith((".txt", ".json")):
        return Place("listing", url)
    raise UsageError(
        f"{url}: neither an image nor a packed file, an index page or a listing (the server calls "
        f"it {facts.media_type or 'nothing'}); name one of these"
    )
