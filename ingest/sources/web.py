"""What a web page lists: the links of an HTML index, or the lines of a text or JSON listing.

Only what lies below the page's own folder is looked at; other links are never followed.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import urljoin, urlsplit

from ingest.filesystems import Facts, Filesystem
from ingest.names import is_image_candidate, is_passed_over
from ingest.scopes import Scope
from ingest.walk import Unwalkable
from schema.errors import SkipReason, UsageError
from schema.roots import Root

AT_ONCE = 16
"""Questions that wait for their answers side by side, as a browser would have a few."""

MAX_LISTING_BYTES = 64 << 20
MAX_PAGES = 100_000
"""Index pages of one root: a server that makes up pages without end is left at some point."""

_ADDRESS_KEYS = ("url", "path", "file_name", "name")

Listed = tuple[str, list[Facts]] | Unwalkable


def look_at_pages(root: Root, filesystem: Filesystem, scope: Scope) -> Iterator[Listed]:
    """Yield per folder of a root what its pages list, with what the host says of each image.

    Args:
        root: Its location ends with "/" for an HTML index, otherwise it is a listing.

    Raises:
        UsageError: The host is away, or the listing is none.
    """
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="eidetic-look") as pool:

        def look_at(folder: str, names: list[str]) -> Iterator[Listed]:
            paths = [f"{folder}/{name}" if folder else name for name in names]
            found = []
            for answer in pool.map(lambda path: _look_at(root, filesystem, path), paths):
                if isinstance(answer, Unwalkable):
                    yield answer
                elif answer is not None:
                    found.append(answer)
            yield folder, found

        if scope.only is not None:
            folder, _, name = scope.only.rpartition("/")
            yield from look_at(folder, [name])
        elif root.location.endswith("/"):
            yield from _read_index(root, filesystem, scope, look_at)
        else:
            yield from _read_listing(root, filesystem, look_at)


def _read_index(
    root: Root,
    filesystem: Filesystem,
    scope: Scope,
    look_at: Callable[[str, list[str]], Iterator[Listed]],
) -> Iterator[Listed]:
    folders, seen = [scope.sub], {scope.sub}
    while folders:
        folder = folders.pop()
        url = root.locate(f"{folder}/") if folder else root.location
        try:
            entries = filesystem.list(url)
        except ConnectionError as error:
            raise UsageError(
                f"{url}: {error.strerror}; check the address and the network; nothing was removed"
            ) from error
        except OSError as error:
            detail = f"the page cannot be read ({error.strerror}); check access to it"
            yield Unwalkable(folder, SkipReason.UNREADABLE, detail, is_folder=True)
            continue
        names = [e.name for e in entries if not e.is_folder and _is_image(e.name)]
        yield from look_at(folder, names)
        below = [f"{folder}/{e.name}" if folder else e.name for e in entries if e.is_folder]
        for path in reversed(below):
            name = path.rpartition("/")[2]
            if name in ("", ".", "..") or is_passed_over(name) or path in seen:
                continue
            if len(seen) >= MAX_PAGES:
                detail = f"more than {MAX_PAGES:,} pages; name the folders one by one"
                yield Unwalkable(path, SkipReason.UNREADABLE, detail, is_folder=True)
                continue
            seen.add(path)
            folders.append(path)


def _read_listing(
    root: Root, filesystem: Filesystem, look_at: Callable[[str, list[str]], Iterator[Listed]]
) -> Iterator[Listed]:
    try:
        data = filesystem.read(root.location, MAX_LISTING_BYTES)
    except OSError as error:
        raise UsageError(
            f"{root.location}: {error.strerror}; check the address and the network; nothing was "
            "removed"
        ) from error
    if len(data) > MAX_LISTING_BYTES:
        raise UsageError(
            f"{root.location}: the listing has more than {MAX_LISTING_BYTES:,} bytes, which is the "
            "limit; divide it"
        )
    base = root.locate("x")[:-1]
    folders: dict[str, list[str]] = {}
    for address in dict.fromkeys(_addresses(root.location, data)):
        url = urljoin(base, address)
        path = url.removeprefix(base)
        if path == url or ".." in path.split("/"):
            detail = f"lies outside {base}, where its listing is; ingest it by its own address"
            yield Unwalkable(address, SkipReason.OUTSIDE, detail, is_folder=False)
            continue
        folder, _, name = path.rpartition("/")
        if _is_image(name):
            folders.setdefault(folder, []).append(name)
    for folder, names in folders.items():
        yield from look_at(folder, list(dict.fromkeys(names)))


def _addresses(url: str, data: bytes) -> list[str]:
    """Return what a listing lists: a line an address, or a JSON array of texts or objects."""
    try:
        text = data.decode("utf-8-sig")
        if not text.lstrip().startswith("["):
            return [line for raw in text.splitlines() if (line := raw.strip()) and line[0] != "#"]
        entries = json.loads(text)
    except ValueError as error:
        raise UsageError(
            f"{url}: not a listing ({error}); one address a line, or a JSON array, is"
        ) from error
    found: list[str] = []
    for entry in entries:
        known = entry if isinstance(entry, dict) else {"url": entry}
        address = next((known[key] for key in _ADDRESS_KEYS if known.get(key)), None)
        if not isinstance(address, str):
            raise UsageError(
                f"{url}: entry {len(found) + 1} names no address; an entry is a text, or an object "
                f"with one of: {', '.join(_ADDRESS_KEYS)}"
            )
        found.append(address)
    return found


def _is_image(name: str) -> bool:
    # What a server is asked after "?" is no part of the name's ending.
    bare = urlsplit(f"/{name}").path[1:]
    return bool(bare) and is_image_candidate(bare)


def _look_at(root: Root, filesystem: Filesystem, path: str) -> Facts | Unwalkable | None:
    try:
        facts = filesystem.look_at(root.locate(path))
    except FileNotFoundError:
        return None
    except ConnectionError as error:
        raise UsageError(
            f"{root.locate(path)}: {error.strerror}; check the address and the network; nothing "
            "was removed"
        ) from error
    except OSError as error:
        detail = f"the file cannot be looked at ({error.strerror}); check access to it"
        return Unwalkable(path, SkipReason.UNREADABLE, detail, is_folder=False)
    name = path.rpartition("/")[2]
    if facts.media_type == "text/html":
        if "." not in name:
            # A link to another page, which is not entered.
            return None
        detail = "the server answers with a page in its place; check access to it"
        return Unwalkable(path, SkipReason.UNREADABLE, detail, is_folder=False)
    return replace(facts, name=name)
