"""The health of an archive: every file and row accounted for, vectors, index, model and disk."""

import logging
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from shlex import quote
from typing import Any

import numpy as np

from eidetic.opening import Opening
from eidetic.results import locate
from embed.catalogue import BUILTIN
from ingest import count_outdated
from ingest.audit import Audit, Finding, Kind, are_sound
from ingest.names import compile_excluded
from ingest.repair import Repair, repair
from schema import ArchiveMismatch, ModelUnavailable, Root, Store, load_roots
from schema.roots import find_leftovers
from search.recall import ExactNeighbours, IndexRecall

log = logging.getLogger("eidetic")

EXAMPLES = 5

MIN_RECALL = 0.95
"""Below this, the index and not the model decides what is found."""

MIN_FREE_BYTES = 1 << 30
MIN_FREE_SHARE = 0.1
"""Of the archive's size: what Milvus rewrites when it compacts, and the journal when it grows."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong, and what mends it.

    Attributes:
        kind: A stable code.
        count: How many files, rows, entries or roots are affected.
        detail: What is wrong, for people; ``fix`` is the next step.
        examples: A few of them, by path where they have one.
    """

    kind: str
    count: int
    detail: str
    fix: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What an examination found.

    Attributes:
        files: Files found on disk that may be images.
        journal: Entries of the journal, of which ``skipped`` say why a file has no row.
        recall_at_10: Share of the ten nearest rows that the index finds, mean over ``sampled``
            rows; ``None`` where none was looked for.
        short: Sampled rows for which the index missed some, by path, with their share.
        repairs: What was mended; ``problems`` are those that are there now.
    """

    archive: str
    files: int
    journal: int
    skipped: int
    rows: int
    recall_at_10: float | None
    sampled: int
    short: dict[str, float]
    free_bytes: int
    seconds: float
    repairs: tuple[Repair, ...]
    problems: tuple[Problem, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the keys of the command line's contract."""
        return asdict(self) | {
            "short": [{"path": path, "recall": share} for path, share in self.short.items()],
            "seconds": round(self.seconds, 3),
            "repairs": [asdict(repair) for repair in self.repairs],
            "problems": [
                asdict(problem) | {"examples": list(problem.examples)} for problem in self.problems
            ],
        }


_INGEST = "{eidetic} ingest {roots}"
_FIX = "{eidetic} doctor --fix"

TOLD: Mapping[Kind, tuple[str, str]] = {
    Kind.ROOT_AWAY: (
        "roots that are not there, so that nothing can be said of their files",
        "mount the disk; or say where the folder lives by now: {eidetic} roots move ID PATH; or "
        "drop it: {eidetic} roots forget ID",
    ),
    Kind.ROOT_UNKNOWN: (
        "roots that only rows know of: another machine ingested them, or the list was lost",
        "say where the folder lives here: {eidetic} roots move ID PATH; or drop its rows: "
        "{eidetic} roots forget ID",
    ),
    Kind.UNREADABLE: (
        "folders that cannot be read, so that nothing can be said of their files",
        "mend their permissions, then " + _INGEST,
    ),
    Kind.JOURNAL: (
        "the journal is of no use: {damage}",
        _FIX + ", which fills a new one from the rows",
    ),
    Kind.MISSING: ("files that have neither a row nor a reason why not", _INGEST),
    Kind.STALE: ("files that have changed since they were read", _INGEST),
    Kind.MOVED: (
        "rows whose file is gone while a new file has its size and date: most likely moved",
        _INGEST + ", which keeps their vectors",
    ),
    Kind.ORPHANED: ("rows or entries of files that are gone", _FIX),
    Kind.DOUBLE: (
        "rows with an id that is not that of their place, beside or in place of the right one",
        _FIX,
    ),
    Kind.BAD_VECTOR: (
        "rows whose vector is not of unit length, so that their scores are wrong",
        _FIX + ", then " + _INGEST,
    ),
    Kind.UNJOURNALED: ("rows without an entry in the journal", _FIX),
    Kind.ROWLESS: (
        "files that the journal calls indexed and that have no row",
        _FIX + ", then " + _INGEST,
    ),
    Kind.PARTIAL: (
        "frames of videos that were not indexed to their end, or are none any more",
        _INGEST + ", and " + _FIX,
    ),
}
"""What each kind of finding is, and what mends it; in the order of telling."""


def examine(
    opening: Opening,
    *,
    fix: bool,
    sample: int,
    exclude: Sequence[str],
    allow_mass_removal: bool,
) -> Diagnosis:
    """See `eidetic.Archive.doctor`."""
    began = time.monotonic()
    examination = _Examination(opening, exclude)
    repairs: list[Repair] = []
    refusals: list[str] = []
    if fix:
        repairs, refusals = examination.mend(allow_mass=allow_mass_removal)
    return examination.diagnose(sample, repairs, refusals, began)


class _Examination:
    def __init__(self, opening: Opening, exclude: Sequence[str]) -> None:
        self._opening = opening
        self._settings = opening.settings
        self._store = opening.store()
        self._excluded = compile_excluded(exclude)
        self._roots = load_roots(opening.settings.roots_file)

    def mend(self, *, allow_mass: bool) -> tuple[list[Repair], list[str]]:
        with self._audit() as audit:
            log.info("looking for what can be mended")
            self._take_files_and_rows(audit)
            for ids, vectors in self._store.iterate_vectors():
                audit.take_vectors(ids, vectors)
            audit.compare()
            with self._opening.journal() as journal:
                repairs, refusals = repair(
                    audit, store=self._store, journal=journal, allow_mass=allow_mass
                )
        leftovers = find_leftovers(self._settings.roots_file)
        for file in leftovers:
            file.unlink(missing_ok=True)
        if leftovers:
            repairs.append(Repair("leftover", len(leftovers), "temporary files were deleted"))
        return repairs, refusals

    def diagnose(
        self, sample: int, repairs: Sequence[Repair], refusals: Sequence[str], began: float
    ) -> Diagnosis:
        with self._audit() as audit:
            log.info("comparing files, journal and rows")
            files, rows = self._take_files_and_rows(audit)
            log.info("checking vectors and index")
            recall, sampled = self._check_vectors(audit, sample)
            audit.compare()
            indexed, skipped = audit.count_entries()
            free = shutil.disk_usage(self._settings.archive_dir).free
            problems = [
                *self._problems(audit, refusals),
                *self._recall_problem(recall),
                *self._model_problem(),
                *self._description_problem(),
                *self._disk_problems(free),
            ]
        return Diagnosis(
            archive=self._settings.archive,
            files=files,
            journal=indexed + skipped,
            skipped=skipped,
            rows=rows,
            recall_at_10=recall.at_10 if recall else None,
            sampled=sampled,
            short=self._paths(recall.short) if recall else {},
            free_bytes=free,
            seconds=time.monotonic() - began,
            repairs=tuple(repairs),
            problems=tuple(problems),
        )

    def _audit(self) -> Audit:
        return Audit(self._settings.journal_file, self._store.collection.uid)

    def _take_files_and_rows(self, audit: Audit) -> tuple[int, int]:
        files = audit.take_files(self._roots, self._excluded)
        return files, audit.take_rows(self._store.iterate())

    def _check_vectors(self, audit: Audit, sample: int) -> tuple[IndexRecall | None, int]:
        """Check all vectors and measure recall, in one pass over them."""
        ids, vectors = _sound(self._store, audit.first_ids(sample))
        exact = ExactNeighbours(vectors) if ids else None
        for page_ids, page in self._store.iterate_vectors():
            audit.take_vectors(page_ids, page)
            if exact is not None:
                exact.take(page)
        return (exact.measure(ids, self._store) if exact else None), len(ids)

    def _problems(self, audit: Audit, refusals: Sequence[str]) -> Iterator[Problem]:
        for kind, (detail, fix) in TOLD.items():
            count = int(bool(audit.journal_damage)) if kind is Kind.JOURNAL else audit.count(kind)
            if not count:
                continue
            locations = {root.id: quote(root.location) for root in self._roots}
            roots = [locations[i] for i in audit.roots_of(kind) if i in locations]
            words = {
                "eidetic": self._settings.command,
                "roots": " ".join(roots) or "FOLDER",
                "damage": audit.journal_damage,
            }
            refused = kind is Kind.ORPHANED and refusals
            yield Problem(
                kind=kind,
                count=count,
                detail=detail.format(**words),
                fix="; ".join(refusals) if refused else fix.format(**words),
                examples=tuple(self._examples(audit, kind)),
            )

    def _recall_problem(self, recall: IndexRecall | None) -> Iterator[Problem]:
        if recall is not None and recall.at_10 < MIN_RECALL:
            yield Problem(
                "recall",
                len(recall.short),
                f"sampled rows for which the index {self._store.collection.index} misses some of "
                f"the ten nearest; it finds {recall.at_10:.1%} of them, at least {MIN_RECALL:.0%} "
                "are expected",
                "ask for more hits (-k 100), which makes the index look harder; an archive with "
                "the index profile flat is exact",
                tuple(islice(self._paths(recall.short), EXAMPLES)),
            )

    def _model_problem(self) -> Iterator[Problem]:
        # The built-in model says what it is without being loaded, which others do not.
        if self._store.collection.model != BUILTIN:
            return
        try:
            self._opening.encoder()
        except (ArchiveMismatch, ModelUnavailable) as error:
            yield Problem(
                "model",
                self._store.count(),
                f"rows that cannot be compared with what the model makes: {error}",
                "use the version of Eidetic that made the archive, or ingest the folders into "
                "another archive",
            )

    def _description_problem(self) -> Iterator[Problem]:
        held = self._opening.descriptions.open()
        if held is None:
            return
        found = count_outdated(self._store, held)
        if found.count:
            yield Problem(
                "descriptions",
                found.count,
                f"descriptions that are not in step with the rows: {found.missing:,} missing, "
                f"{found.changed:,} of another text, {found.gone:,} of rows that are gone",
                f"{self._settings.command} descriptions refresh",
            )

    def _disk_problems(self, free: int) -> Iterator[Problem]:
        leftovers = find_leftovers(self._settings.roots_file)
        if leftovers:
            yield Problem(
                "leftover",
                len(leftovers),
                "temporary files that were left by runs that were killed",
                _FIX.format(eidetic=self._settings.command),
                tuple(str(file) for file in leftovers[:EXAMPLES]),
            )
        needed = max(MIN_FREE_BYTES, int(MIN_FREE_SHARE * self._opening.disk_bytes()))
        if free < needed:
            yield Problem(
                "disk",
                1,
                f"the disk of {self._settings.archive_dir} has {free:,} bytes free, fewer than the "
                f"{needed:,} that an archive of this size may need for a while",
                "make room, or move the folder and name its new parent with --data-dir",
            )

    def _examples(self, audit: Audit, kind: Kind) -> Iterator[str]:
        roots = {root.id: root for root in self._roots}
        for found in islice(next(audit.findings(kind), []), EXAMPLES):
            match kind:
                case Kind.ROOT_AWAY:
                    rows = audit.count_rows(found.root)
                    yield f"{found.path} ({found.root}, {rows:,} rows)"
                case Kind.ROOT_UNKNOWN:
                    yield f"{found.root} ({audit.count_rows(found.root):,} rows)"
                case _:
                    yield _place(found, roots)

    def _paths(self, shares: Mapping[str, float]) -> dict[str, float]:
        roots = {root.id: root for root in self._roots}
        records = self._store.get(list(shares))
        return {locate(records[i], roots): share for i, share in shares.items() if i in records}


def _sound(store: Store, ids: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Return those of some rows whose vectors are sound, and the vectors: shape (n, dim)."""
    stored = store.vectors(ids)
    names = [i for i in ids if i in stored]
    if not names:
        return [], np.empty((0, store.collection.dim), dtype=np.float32)
    vectors = np.stack([stored[i] for i in names])
    sound = are_sound(vectors)
    return [i for i, is_sound in zip(names, sound, strict=True) if is_sound], vectors[sound]


def _place(found: Finding, roots: Mapping[str, Root]) -> str:
    root = roots.get(found.root)
    return root.locate(found.path) if root else f"{found.root}:{found.path}"
