"""A second collection is filled while the first serves, and then takes its place in one step.

    fill (others may write) -> catch up (nobody may) -> compare rows -> recall -> switch the alias

Rows are embedded anew for another model, and copied with their vectors where only the version of
the fields or the index is another. A run that was cut short goes on where it stopped.
"""

import logging
from math import inf

from eidetic.migrated import Migrated, Wanted
from eidetic.migration_check import measure_recall, require_sound
from eidetic.opening import Opening
from eidetic.row_pairs import Settled, copy_rows, settle
from embed import Encoder
from ingest import Journal, NoProgress, Progress, ingest
from ingest.journal_file import collection_of, remove_journal, replace_journal
from ingest.scopes import whole_scope
from schema import (
    ArchiveMissing,
    Collection,
    Connection,
    MilvusStore,
    NoUsableImage,
    UsageError,
    load_roots,
)
from schema.fields import SCHEMA_VERSION
from schema.index import find_profile, usable_profile
from schema.succession import (
    OldRows,
    create_next,
    find_current,
    find_next,
    find_previous,
    finish_switch,
    switch,
)

log = logging.getLogger("eidetic")


def migrate(opening: Opening, wanted: Wanted, progress: Progress | None) -> Migrated:
    """See `eidetic.Archive.migrate`."""
    with opening.migrating() as (connection, turn):
        return _Migration(opening, connection, wanted).run(turn.beside(progress))


def drop_previous(opening: Opening) -> Collection:
    """See `eidetic.Archive.drop_previous`."""
    with opening.migrating() as (connection, _):
        _require_current(opening, connection)
        found = find_previous(connection, opening.settings.archive)
        if found is None:
            raise ArchiveMissing(
                f"the archive {opening.settings.archive!r} keeps no collection of before a "
                "migration; there is nothing to drop"
            )
        OldRows(connection, found).drop()
        return found


def abandon(opening: Opening) -> Collection:
    """See `eidetic.Archive.abandon_migration`."""
    with opening.migrating() as (connection, _):
        current = _require_current(opening, connection)
        found = find_next(connection, opening.settings.archive)
        if found is None or found.uid == current.uid:
            raise ArchiveMissing(
                f"no migration of the archive {opening.settings.archive!r} is unfinished; there "
                "is nothing to abandon"
            )
        OldRows(connection, found).drop()
        remove_journal(opening.settings.next_journal_file)
        return found


class _Migration:
    def __init__(self, opening: Opening, connection: Connection, wanted: Wanted) -> None:
        self._opening = opening
        self._settings = opening.settings
        self._connection = connection
        self._wanted = wanted
        self._encoder: Encoder | None = None

    def run(self, progress: Progress) -> Migrated:
        with self._opening.writing("migrate", wait_s=inf):
            before = _require_current(self._opening, self._connection)
            began = find_next(self._connection, self._settings.archive)
            if began is not None and began.uid == before.uid:
                return self._finish(before)
            after = self._begin(before, began)
            old = OldRows(self._connection, before)
            new = MilvusStore.of(self._connection, after)
            known = self._known_files(old)
        with known:
            if _same_vectors(before, after):
                return self._copy(old, new, known)
            return self._embed(old, new, known, progress)

    def _begin(self, before: Collection, began: Collection | None) -> Collection:
        """Return the collection to be filled: the one that was begun, if it is what is wanted."""
        model, dim, fingerprint = self._vectors_wanted(before, began)
        embedded = self._connection.embedded
        index = (
            began.index if began is not None else usable_profile(before.index, embedded=embedded)
        )
        index = find_profile(self._wanted.index or index, embedded=embedded).name
        wanted = (model, dim, fingerprint, index, SCHEMA_VERSION)
        if began is not None:
            if _facts(began) != wanted:
                raise UsageError(
                    f"a migration to {began.model} (index {began.index}) is unfinished; go on with "
                    f"it: {self._settings.command} migrate; or drop what it has done: "
                    f"{self._settings.command} migrate --abandon"
                )
            return began
        if _facts(before) == wanted:
            raise UsageError(
                f"the archive has the model {model} and the index {index} already, and its fields "
                "are up to date; name what is to be another with --model or --index"
            )
        kept = find_previous(self._connection, self._settings.archive)
        if kept is not None:
            raise UsageError(
                f"the collection of before the last migration ({kept.model}) is still there, and "
                f"only one is kept; drop it with: {self._settings.command} migrate --drop-old"
            )
        log.info("filling a second collection with the model %s; the first one serves", model)
        return create_next(
            self._connection,
            self._settings.archive,
            model=model,
            dim=dim,
            fingerprint=fingerprint,
            index=index,
            vectors=before.vectors,
            neutral=self._neutral(before),
        ).collection

    def _neutral(self, before: Collection) -> str:
        """Return what the next collection says is neutral; rows that are copied keep theirs."""
        if self._encoder is None:
            return before.neutral
        return "" if self._connection.embedded else self._opening.neutral(self._encoder)

    def _vectors_wanted(self, before: Collection, began: Collection | None) -> tuple[str, int, str]:
        """Return model, dimension and fingerprint; the model is loaded where it has to embed."""
        held = before if began is None else began
        if self._wanted.model is None and _same_vectors(before, held):
            return before.model, before.dim, before.fingerprint
        self._encoder = self._opening.encoder_of(self._wanted.model or held.model)
        return self._encoder.spec, self._encoder.dim, self._encoder.fingerprint

    def _known_files(self, old: OldRows) -> Journal:
        """Return the journal of the collection that serves, filled from its rows if need be."""
        journal = Journal.open(self._settings.journal_file, old.collection.uid)
        if journal.needs_rebuild:
            journal.rebuild(old.iterate())
        return journal

    def _copy(self, old: OldRows, new: MilvusStore, known: Journal) -> Migrated:
        log.info("copying %s rows with their vectors", f"{old.count():,}")
        written, _ = copy_rows(old, new)
        with self._opening.writing("migrate", wait_s=inf):
            more, rows = copy_rows(old, new)
            result = self._result(old, new, Settled(rows=rows, before=rows), written + more)
            self._switch(old, new)
            # Its entries hold: the same rows of the same files.
            known.hand_over(new.collection.uid)
        return result

    def _embed(
        self, old: OldRows, new: MilvusStore, known: Journal, progress: Progress
    ) -> Migrated:
        file = self._settings.next_journal_file
        with Journal.open(file, new.collection.uid) as journal:
            written = self._fill(new, known, journal, progress)
            with self._opening.writing("migrate", wait_s=inf):
                # What others wrote meanwhile; of all else the journal says that it is done.
                written += self._fill(new, known, journal, NoProgress())
                roots = {root.id: root for root in load_roots(self._settings.roots_file)}
                settled = settle(old, new, known, journal, roots)
                result = self._result(old, new, settled, written)
                known.close()
                journal.close()
                self._switch(old, new)
                replace_journal(file, self._settings.journal_file)
        return result

    def _fill(self, new: MilvusStore, known: Journal, journal: Journal, progress: Progress) -> int:
        """Embed those of the archive's files that the next collection has not, or not as they are
        now, and return how many they were.
        """
        roots = load_roots(self._settings.roots_file)
        reachable = [root for root in roots if root.is_there]
        scopes = [scope for r in reachable if (scope := whole_scope(r, roots)) is not None]
        if not scopes or self._encoder is None:
            return 0
        try:
            report = ingest(
                scopes,
                store=new,
                encoder=self._encoder,
                journal=journal,
                workers=self._wanted.workers,
                batch_size=self._wanted.batch_size,
                prune=False,
                among=known,
                progress=progress,
            )
        except NoUsableImage:
            # Then all rows are lost, and that is judged as such.
            return 0
        return report.indexed

    def _result(self, old: OldRows, new: MilvusStore, found: Settled, written: int) -> Migrated:
        """Say what came of it, if that may take the old collection's place."""
        recall = require_sound(
            new, found, allow_loss=self._wanted.allow_loss, command=self._settings.command
        )
        return Migrated(
            archive=self._settings.archive,
            model_before=old.collection.model,
            model=new.collection.model,
            collection=new.collection.name,
            previous=old.collection.name,
            rows=found.rows,
            written=written,
            lost=found.lost,
            losses=tuple(found.losses),
            recall_at_10=recall,
        )

    def _switch(self, old: OldRows, new: MilvusStore) -> None:
        switch(self._connection, self._settings.archive, old.collection, new.collection)
        # Commands would go on asking a running server, which has the old collection open.
        self._settings.served_file.unlink(missing_ok=True)

    def _finish(self, current: Collection) -> Migrated:
        """Do what a run that was killed right after the switch has left to do."""
        settings, connection = self._settings, self._connection
        previous = find_previous(connection, settings.archive)
        journal, following = settings.journal_file, settings.next_journal_file
        held = collection_of(journal)
        if held != current.uid and collection_of(following) == current.uid:
            replace_journal(following, journal)
        elif previous and held == previous.uid and _same_vectors(previous, current):
            with Journal.open(journal, held) as entries:
                entries.hand_over(current.uid)
        remove_journal(following)
        finish_switch(connection, settings.archive, current)
        log.info("an earlier migration was cut short after its switch; it is complete now")
        store = MilvusStore.of(connection, current)
        return Migrated(
            archive=settings.archive,
            model_before=previous.model if previous else "",
            model=current.model,
            collection=current.name,
            previous=previous.name if previous else "",
            rows=store.count(),
            written=0,
            lost=0,
            losses=(),
            recall_at_10=measure_recall(store),
        )


def _require_current(opening: Opening, connection: Connection) -> Collection:
    archive = opening.settings.archive
    found = find_current(connection, archive)
    if found is None:
        raise ArchiveMissing(
            f"there is no archive {archive!r} at {connection.uri}; make it with: "
            f"{opening.settings.command} ingest FOLDER"
        )
    return found


def _facts(collection: Collection) -> tuple[str, int, str, str, int]:
    c = collection
    return c.model, c.dim, c.fingerprint, c.index, c.schema_version


def _same_vectors(one: Collection, other: Collection) -> bool:
    return _facts(one)[:3] == _facts(other)[:3]
