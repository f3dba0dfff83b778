"""From the paths a person names to what one scan covers: whole roots, parts of them, files."""

import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.addresses import PACKED_KINDS, look_up, packed_kind
from ingest.names import is_passed_over
from schema.errors import UsageError
from schema.roots import Root

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scope:
    """What one scan covers: a root, a folder of it, one file of it, or what changed in it.

    Attributes:
        sub: Folder below the root, POSIX, relative; "" for the whole root.
        only: Path of the one file that is meant, POSIX, relative to the root; None for all.
        leave_out: Folders relative to the root that are roots of their own.
        touched: Files and folders, POSIX, relative to the root, that alone are looked at because
            something happened to them; those that are gone lose their rows. () for all.
    """

    root: Root
    sub: str = ""
    only: str | None = None
    leave_out: tuple[str, ...] = ()
    touched: tuple[str, ...] = ()

    @property
    def location(self) -> str:
        """Absolute path or URL of the folder or file that is scanned."""
        return self.root.locate(self.sub if self.only is None else self.only)

    @property
    def parts(self) -> tuple[str, ...]:
        """What a scan sees to its end: files and folders with all below them, "" for the root."""
        return self.touched or (self.sub,)

    def covers(self, other: "Scope") -> bool:
        """Whether a scan of this scope finds all that a scan of the other finds."""
        if self.root != other.root:
            return False
        if self.only is not None:
            return self.only == other.only
        inner = other.sub if other.only is None else other.only
        return self.sub == "" or inner == self.sub or inner.startswith(self.sub + "/")


def plan_scopes(paths: Iterable[str | os.PathLike[str]], roots: Sequence[Root]) -> list[Scope]:
    """Return what to scan for the paths and URLs a person named, outer folders first.

    A path inside a known root becomes a scope of it, unless a scan of that root passes it over
    (a hidden folder, say). Any other folder becomes a new root; any other file makes its folder
    a root, of which only that file is scanned. Known roots below a folder stay roots: they are
    left out of the folder's scan and scanned themselves. Links are followed to tell which folder
    lies in which, but a new root keeps the path it was named by. Scopes inside others are merged.
    The same holds for buckets and web pages; a packed file is a root of its own.

    Args:
        roots: Those the archive knows; the caller adds the new ones it finds in the scopes.

    Raises:
        UsageError: A path or URL is missing, away, not to be read, or its name is not UTF-8.
    """
    known = list(roots)
    scopes: list[Scope] = []
    targets = [_target(os.fspath(path)) for path in paths]
    for target in sorted(targets, key=lambda target: target.folder.count("/") + target.is_file):
        if target.is_packed:
            scopes.append(Scope(_packed_root(target.path, known)))
            continue
        root, below = _locate(target.folder, known)
        if root not in known:
            known.append(root)
        if target.is_file:
            name = target.path.rpartition("/")[2]
            scopes.append(Scope(root, only=f"{below}/{name}" if below else name))
        else:
            scopes.append(Scope(root, below))
            scopes += [Scope(nested) for nested in _nested(target.folder, root, known)]
    scopes = [_leave_out_nested(scope, known) for scope in scopes]
    return [
        scope
        for i, scope in enumerate(scopes)
        if not any(
            other.covers(scope) and (not scope.covers(other) or j < i)
            for j, other in enumerate(scopes)
            if j != i
        )
    ]


def whole_scope(root: Root, roots: Sequence[Root]) -> Scope | None:
    """Return the scope of a whole root, ``None`` where it cannot be reached or read.

    Args:
        roots: All that the archive knows.
    """
    try:
        scopes = plan_scopes([root.location], roots)
    except UsageError:
        return None
    return next((scope for scope in scopes if scope.root == root and not scope.sub), None)


@dataclass(frozen=True, slots=True)
class _Target:
    path: str
    folder: str
    is_file: bool
    is_packed: bool = False


def _target(path: str) -> _Target:
    protocol, is_url, rest = path.partition("://")
    if is_url and protocol in PACKED_KINDS.values():
        return _named_as_packed(path)
    if is_url and protocol not in ("file", "local"):
        return _look_up(path)
    return _check(_absolute(rest if is_url else path))


def _named_as_packed(path: str) -> _Target:
    """Return the target of fsspec's chained form, ``zip://::/abs/images.zip``."""
    protocol, _, rest = path.partition("://")
    member, is_chained, place = rest.partition("::")
    if not is_chained or member:
        raise UsageError(
            f"{path}: a packed file is ingested whole; name it by its own path or URL, or as "
            f"{protocol}://::PATH"
        )
    inner = _target(place)
    if not inner.is_file:
        raise UsageError(f"{path}: {place} is a folder; name a packed file")
    place = inner.path.partition("://::")[2] if inner.is_packed else inner.path
    return _Target(f"{protocol}://::{place}", inner.folder, is_file=True, is_packed=True)


def _look_up(url: str) -> _Target:
    place = look_up(url)
    folder, _, name = place.url.rpartition("/")
    if place.kind == "file" and (kind := packed_kind(name)):
        return _Target(f"{kind}://::{place.url}", folder, is_file=True, is_packed=True)
    if place.kind == "file":
        is_web = place.url.startswith("http")
        return _Target(place.url, f"{folder}/" if is_web else folder, is_file=True)
    return _Target(place.url, place.url, is_file=False)


def _absolute(path: str) -> str:
    # An empty name, as of an unset shell variable, must not mean the current folder.
    if not path:
        raise UsageError("a path is empty; say '.' for the current folder")
    try:
        return os.path.abspath(Path(path).expanduser())  # noqa: PTH100
    except RuntimeError as error:
        raise UsageError(f"{path}: there is no such user; give the whole path") from error


def _check(path: str) -> _Target:
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{path!r}: the name is not UTF-8; rename the folder or file") from error
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(
            f"{path}: there is no such file or folder; check the spelling, and that its disk is "
            "mounted. (For what was deleted, ingest the folder it was in.)"
        ) from error
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be looked at ({error.strerror}); check the name, and the permissions "
            "of the folders above it"
        ) from error
    is_file = not Path(path).is_dir()
    if Path(path).is_file() and (kind := packed_kind(path)):
        folder = os.path.dirname(path)  # noqa: PTH120
        return _Target(f"{kind}://::{path}", folder, is_file=True, is_packed=True)
    folder = os.path.dirname(path) if is_file else path  # noqa: PTH120
    try:
        os.scandir(folder).close()
    except OSError as error:
        raise UsageError(
            f"{folder}: the folder cannot be read ({error.strerror}); check its permissions"
        ) from error
    return _Target(path, folder, is_file)


def _packed_root(location: str, known: Sequence[Root]) -> Root:
    """Return the known root of a packed file, or a new one. Links are followed to compare."""

    def real(root_location: str) -> str:
        kind, place = Root("", root_location).packed
        return f"{kind}://::{place if '://' in place else os.path.realpath(place)}"

    wanted = real(location)
    found = (root for root in known if root.packed[0] and real(root.location) == wanted)
    return next(found, None) or Root.at(location)


def _locate(folder: str, known: Sequence[Root]) -> tuple[Root, str]:
    """Return the innermost root whose scan reaches the folder, and the path below it."""
    reaching = [
        (root, below)
        for root in known
        if (below := _below(folder, root.location)) is not None
        and not any(is_passed_over(part) for part in below.split("/") if part)
    ]
    if reaching:
        return min(reaching, key=lambda found: len(found[1]))
    return Root.at(folder), ""


def _nested(folder: str, root: Root, known: Sequence[Root]) -> list[Root]:
    """Return the other known roots below a folder that are there to be scanned."""
    nested = [r for r in known if r.id != root.id and _below(r.location, folder)]
    missing = [r for r in nested if r.is_local and not Path(r.location).is_dir()]
    for gone in missing:
        log.warning(
            "%s: this root inside %s is not there and is left as it is", gone.location, folder
        )
    return [root for root in nested if root not in missing]


def _leave_out_nested(scope: Scope, known: Sequence[Root]) -> Scope:
    inside = (_below(r.location, scope.root.location) for r in known if r.id != scope.root.id)
    return Scope(scope.root, scope.sub, scope.only, tuple(sorted(b for b in inside if b)))


def _below(path: str, folder: str) -> str | None:
    """Return the path relative to the folder, "" for the folder itself, None if outside.

    No folder holds a packed file in this sense, and a packed file holds no folder.
    """
    if "://::" in path or "://::" in folder or ("://" in path) != ("://" in folder):
        return None
    if "://" in path:
        if path.startswith("http") and not path.endswith("/"):
            # A listing is no part of the folder it lies in.
            return "" if path == folder else None
        prefix = folder.rstrip("/") + "/"
        if path.rstrip("/") == folder.rstrip("/"):
            return ""
        return path[len(prefix) :].rstrip("/") if path.startswith(prefix) else None
    real_path, real_folder = os.path.realpath(path), os.path.realpath(folder)
    if real_path == real_folder:
        return ""
    prefix = real_folder.rstrip("/") + "/"
    return real_path[len(prefix) :] if real_path.startswith(prefix) else None
