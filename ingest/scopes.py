"""From the paths a person names to what one scan covers: whole roots, folders in them, files."""

import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.names import is_passed_over
from schema.errors import UsageError
from schema.roots import Root

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scope:
    """What one scan covers: a root, a folder of it, or one file of it.

    Attributes:
        sub: Folder below the root, POSIX, relative; "" for the whole root.
        only: Path of the one file that is meant, POSIX, relative to the root; None for all.
        leave_out: Folders relative to the root that are roots of their own.
    """

    root: Root
    sub: str = ""
    only: str | None = None
    leave_out: tuple[str, ...] = ()

    @property
    def location(self) -> str:
        """Absolute path of the folder or file that is scanned."""
        below = self.sub if self.only is None else self.only
        return os.path.join(self.root.location, below) if below else self.root.location  # noqa: PTH118

    def covers(self, other: "Scope") -> bool:
        """Whether a scan of this scope finds all that a scan of the other finds."""
        if self.root != other.root:
            return False
        if self.only is not None:
            return self.only == other.only
        inner = other.sub if other.only is None else other.only
        return self.sub == "" or inner == self.sub or inner.startswith(self.sub + "/")


def plan_scopes(paths: Iterable[str | os.PathLike[str]], roots: Sequence[Root]) -> list[Scope]:
    """Return what to scan for the paths a person named, outer folders first.

    A path inside a known root becomes a scope of it, unless a scan of that root passes it over
    (a hidden folder, say). Any other folder becomes a new root; any other file makes its folder
    a root, of which only that file is scanned. Known roots below a folder stay roots: they are
    left out of the folder's scan and scanned themselves. Links are followed to tell which folder
    lies in which, but a new root keeps the path it was named by. Scopes inside others are merged.

    Args:
        roots: Those the archive knows; the caller adds the new ones it finds in the scopes.

    Raises:
        UsageError: A path is missing, not to be read, or its name is not UTF-8.
    """
    known = list(roots)
    scopes: list[Scope] = []
    targets = [_check(_absolute(os.fspath(path))) for path in paths]
    for target in sorted(targets, key=lambda target: target.folder.count("/") + target.is_file):
        root, below = _locate(target.folder, known)
        if root not in known:
            known.append(root)
        if target.is_file:
            name = os.path.basename(target.path)  # noqa: PTH119
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


@dataclass(frozen=True, slots=True)
class _Target:
    path: str
    folder: str
    is_file: bool


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
    folder = os.path.dirname(path) if is_file else path  # noqa: PTH120
    try:
        os.scandir(folder).close()
    except OSError as error:
        raise UsageError(
            f"{folder}: the folder cannot be read ({error.strerror}); check its permissions"
        ) from error
    return _Target(path, folder, is_file)


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
    missing = [r for r in nested if not Path(r.location).is_dir()]
    for gone in missing:
        log.warning(
            "%s: this root inside %s is not there and is left as it is", gone.location, folder
        )
    return [root for root in nested if root not in missing]


def _leave_out_nested(scope: Scope, known: Sequence[Root]) -> Scope:
    inside = (_below(r.location, scope.root.location) for r in known if r.id != scope.root.id)
    return Scope(scope.root, scope.sub, scope.only, tuple(sorted(b for b in inside if b)))


def _below(path: str, folder: str) -> str | None:
    """Return the path relative to the folder, "" for the folder itself, None if outside."""
    real_path, real_folder = os.path.realpath(path), os.path.realpath(folder)
    if real_path == real_folder:
        return ""
    prefix = real_folder.rstrip("/") + "/"
    return real_path[len(prefix) :] if real_path.startswith(prefix) else None
