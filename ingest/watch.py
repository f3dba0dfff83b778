"""Following folders: what is added, changed, moved or deleted there is soon so in the archive.

    events of the system -> unsettled -> [settled paths] -> scopes of them -> ingest -> report

A change costs a look at the files it touched, whatever the size of the root.
"""

import logging
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import Protocol

from ingest.changes import Events, Unsettled
from ingest.companions import SIDECAR_EXTENSION
from ingest.names import Excluded, compile_excluded, is_candidate, is_passed_over
from ingest.report import IngestReport, NoProgress, NothingUsable, Progress, PruneRefused
from ingest.scopes import Scope
from schema.errors import StoreError, UsageError

log = logging.getLogger(__name__)

TICK_S = 0.25
BACK_OFF_S = (1, 2, 5, 10, 30, 60)
"""Waits between tries while the store fails; the last one repeats."""


class Run(Protocol):
    """Ingests some scopes."""

    def __call__(self, scopes: Sequence[Scope], *, progress: Progress) -> IngestReport: ...


def follow(
    scopes: Sequence[Scope],
    run: Run,
    *,
    stop: threading.Event,
    exclude: Iterable[str] = (),
    progress: Progress | None = None,
) -> Iterator[IngestReport]:
    """Ingest scopes, then follow their folders until ``stop`` is set.

    A root that vanishes as a whole is left as it is; when it comes back, it is scanned.

    Args:
        run: Is called in the caller's thread, once for all scopes and then for each batch.
        exclude: Shell patterns, see `ingest.names.compile_excluded`.
        progress: Told of the first run; batches are too small to tell of.

    Yields:
        The report of the first run, then one for each batch of changes.

    Raises:
        UsageError: A scope is no folder of this machine. Nothing has been done then.
        IngestInterrupted: Ctrl-C during a run; a bare KeyboardInterrupt between two.
        StoreError: The store failed in the first run; later failures are tried again.
    """
    require_local(scopes)
    excluded = compile_excluded(exclude)
    folders = {scope: scope.root.location for scope in scopes}
    identities = {folder: _identity(folder) for folder in folders.values()}
    unsettled = Unsettled()
    with Events(sorted(identities)) as events:
        yield _report_of(run, scopes, progress or NoProgress())
        while not stop.wait(TICK_S):
            returned = _returned(identities)
            if returned:
                events.watch(sorted(identities))
                again = [scope for scope in scopes if scope.root.location in returned]
                yield from _run_patiently(run, again, stop)
            for path, is_new in events.take():
                if _matters(path, is_new, scopes, excluded):
                    unsettled.touch(path)
            batch = touched_scopes(unsettled.take(), scopes)
            if batch:
                yield from _run_patiently(run, batch, stop)


def require_local(scopes: Iterable[Scope]) -> None:
    """Raise `UsageError` where a scope is no folder of this machine."""
    for scope in scopes:
        if not scope.root.is_local:
            raise UsageError(
                f"{scope.location}: only folders of this machine can be watched; leave it out, "
                "and ingest it again when it has changed"
            )


def touched_scopes(paths: Iterable[str], scopes: Sequence[Scope]) -> list[Scope]:
    """Return the scopes of some absolute paths and of the files that belong to them."""
    found: dict[Scope, dict[str, None]] = {}
    for path in _with_companions(paths):
        place = _place(path, scopes)
        if place is not None:
            scope, below = place
            found.setdefault(scope, {})[below] = None
    return [
        Scope(scope.root, leave_out=scope.leave_out, touched=_outermost(below))
        for scope, below in found.items()
    ]


def _outermost(paths: Iterable[str]) -> tuple[str, ...]:
    """Return paths in order, without those below another."""
    found = set(paths)
    return tuple(
        path
        for path in sorted(found)
        if not any(path[:at] in found for at, char in enumerate(path) if char == "/")
    )


def _run_patiently(
    run: Run, scopes: Sequence[Scope], stop: threading.Event
) -> Iterator[IngestReport]:
    """Yield the report of a run, tried until the store takes it; nothing if nothing was found."""
    for failures in range(1_000_000):
        try:
            report = _report_of(run, scopes, NoProgress())
        except StoreError as error:
            wait_s = BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)]
            log.warning("%s; trying again in %d s", error, wait_s)
            if stop.wait(wait_s):
                return
        else:
            if report.scanned or report.removed:
                yield report
            return


def _report_of(run: Run, scopes: Sequence[Scope], progress: Progress) -> IngestReport:
    try:
        return run(scopes, progress=progress)
    except NothingUsable as nothing:
        # An empty folder is worth watching.
        return nothing.report
    except PruneRefused as refused:
        log.warning("%s", refused)
        return refused.report


def _identity(folder: str) -> tuple[int, int] | None:
    """Return what tells a folder from another one mounted in its place; None if it is away."""
    try:
        found = os.stat(folder)  # noqa: PTH116
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _returned(identities: dict[str, tuple[int, int] | None]) -> set[str]:
    """Update the identities of folders, and return those that came back."""
    returned = set()
    for folder, was in identities.items():
        now = _identity(folder)
        if now == was:
            continue
        identities[folder] = now
        if now is None:
            log.warning(
                "%s is not there any more; its images stay in the archive, and it is watched "
                "again when it is back",
                folder,
            )
        else:
            log.warning("%s is back and is scanned", folder)
            returned.add(folder)
    return returned


def _place(path: str, scopes: Sequence[Scope]) -> tuple[Scope, str] | None:
    """Return the scope a path belongs to, and the path relative to its root."""
    best: tuple[Scope, str] | None = None
    for scope in scopes:
        prefix = scope.root.location.rstrip("/") + "/"
        below = path.removeprefix(prefix)
        if below == path or not _is_within(below, scope):
            continue
        if best is None or len(below) < len(best[1]):
            best = scope, below
    return best


def _is_within(below: str, scope: Scope) -> bool:
    if scope.only is not None:
        return below == scope.only
    if any(below == left or below.startswith(f"{left}/") for left in scope.leave_out):
        return False
    return not scope.sub or below == scope.sub or below.startswith(f"{scope.sub}/")


def _matters(path: str, is_new: bool, scopes: Sequence[Scope], excluded: Excluded) -> bool:
    """Whether a change can concern an image."""
    folder, _, name = path.rpartition("/")
    # A sidecar lies beside its image, also where that alone is followed.
    place = _place(path, scopes) or _place(f"{folder}/{PurePath(name).stem}", scopes)
    if place is None:
        return False
    parts = place[1].split("/")
    if any(is_passed_over(part) for part in parts):
        return False
    if any(excluded("/".join(parts[: n + 1])) for n in range(len(parts))):
        return False
    if os.path.isdir(path):  # noqa: PTH112
        return is_new
    # Of what is gone the name does not tell whether it was a folder.
    return is_candidate(name) or _is_sidecar(name) or not os.path.lexists(path)


def _with_companions(paths: Iterable[str]) -> list[str]:
    """Return paths and the files beside them whose rows may depend on them, by their names."""
    stems: dict[str, set[str]] = {}
    found = dict.fromkeys(paths)
    for path in found:
        folder, _, name = path.rpartition("/")
        if is_candidate(name) or _is_sidecar(name):
            stems.setdefault(folder, set()).update({_stem(name), name.casefold()})
    for folder, wanted in stems.items():
        try:
            with os.scandir(folder) as entries:
                names = sorted(entry.name for entry in entries if is_candidate(entry.name))
        except OSError:
            continue
        for name in names:
            if {_stem(name), f"{name}.{SIDECAR_EXTENSION}".casefold()} & wanted:
                found[f"{folder}/{name}"] = None
    return [path for path in found if not _is_sidecar(path)]


def _stem(name: str) -> str:
    return PurePath(name).stem.casefold()


def _is_sidecar(name: str) -> bool:
    return name.lower().endswith(f".{SIDECAR_EXTENSION}")
