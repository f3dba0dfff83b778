"""A second collection takes the first one's place with the rows that a fresh ingest would make."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import eidetic
from eidetic.migration_check import HANDFUL
from embed.encoder import ToyEncoder
from ingest import IngestInterrupted
from schema import (
    ArchiveBusy,
    ArchiveMismatch,
    ArchiveMissing,
    UsageError,
    fields,
    load_roots,
    milvus_store,
    succession,
)
from tests.conftest import drop_everything
from tests.eidetic.every_row import OTHER, MirroredEncoder, every_row, said
from tests.images import write_colours, write_image

COLOURS = ("red", "green", "blue", "yellow", "black", "white")


def load(spec: str) -> ToyEncoder:
    """Two models, of which neither has to be fetched."""
    encoder = ToyEncoder() if spec == "builtin" else MirroredEncoder()
    encoder.spec = spec
    return encoder


@pytest.fixture(autouse=True)
def models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eidetic.opening.load_encoder", load)


@dataclass(frozen=True)
class Prepared:
    """Images and archives of them that are made once, and copied for each test.

    Attributes:
        kept: Holds the images and the archive ``mine`` as each test finds them.
        images: Where the images are for each test: a row's id is that of its place.
        other: Rows of a fresh ingest with the other model; ``builtin`` with the first one.
    """

    kept: Path
    images: Path
    other: dict[str, Any]
    builtin: dict[str, Any]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    place, kept = tmp_path_factory.mktemp("images"), tmp_path_factory.mktemp("kept")
    folder = write_colours(place / "images", *COLOURS)
    write_image(folder / "sub" / "red.jpg", "red")
    (folder / "broken.jpg").write_bytes(b"no image")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("eidetic.opening.load_encoder", load)
        rows = {}
        for name, model in (("mine", "builtin"), ("fresh", OTHER)):
            with eidetic.open(name, model=model, data_dir=kept / "data") as archive:
                archive.ingest([folder])
                rows[model] = rows_of(archive)
    shutil.copytree(folder, kept / "images")
    return Prepared(kept, folder, rows[OTHER], rows["builtin"])


@pytest.fixture
def images(prepared: Prepared) -> Path:
    for folder in prepared.images.parent.iterdir():
        shutil.rmtree(folder)
    return Path(shutil.copytree(prepared.kept / "images", prepared.images))


@pytest.fixture(params=["embedded", pytest.param("server", marks=pytest.mark.milvus_server)])
def archive(
    request: pytest.FixtureRequest, images: Path, tmp_path: Path
) -> Iterator[eidetic.Archive]:
    """An archive of the images: first in the embedded store, then on a real server."""
    if request.param == "embedded":
        yield request.getfixturevalue("embedded")
        return
    uri: str = request.getfixturevalue("milvus_uri")
    with eidetic.open("mine", model="builtin", uri=uri) as archive:
        archive.ingest([images])
    with eidetic.open("mine", uri=uri) as archive:
        yield archive
    drop_everything(uri)


@pytest.fixture
def embedded(prepared: Prepared, images: Path, tmp_path: Path) -> Iterator[eidetic.Archive]:
    shutil.copytree(prepared.kept / "data" / "mine", tmp_path / "data" / "mine")
    with eidetic.open("mine") as archive:
        yield archive


def fresh(images: Path, model: str = OTHER) -> dict[str, Any]:
    """The rows that an ingest makes of the files, as they are now, with a model."""
    with eidetic.open("fresh", model=model) as archive:
        archive.ingest([images])
        return rows_of(archive)


def rows_of(archive: eidetic.Archive) -> dict[str, Any]:
    return every_row(archive._opening.store())


class TestAnotherModel:
    def test_every_row_is_as_a_fresh_ingest_makes_it_and_the_old_ones_are_kept(
        self, archive: eidetic.Archive, prepared: Prepared
    ) -> None:
        before = archive.collection
        done = archive.migrate(OTHER)
        assert (done.rows, done.written, done.lost) == (7, 7, 0)
        assert (done.model_before, done.model, done.recall_at_10) == ("builtin", OTHER, 1.0)
        assert (done.previous, archive.collection.name) == (before.name, done.collection)
        assert rows_of(archive) == prepared.other
        assert archive.search("red", k=1).model == OTHER
        dropped = archive.drop_previous()
        assert dropped == before
        names = archive._opening.store().connection.client.list_collections()
        assert before.name not in names
        assert done.collection in names
        assert len(rows_of(archive)) == 7

    def test_the_journal_goes_along_so_that_the_next_ingest_does_nothing(
        self, embedded: eidetic.Archive, images: Path
    ) -> None:
        embedded.migrate(OTHER)
        assert embedded.status().skipped == 1
        report = embedded.ingest([images])
        assert (report.indexed, report.unchanged, report.skipped) == (0, 7, 1)
        assert not embedded.settings.next_journal_file.exists()
        assert embedded.doctor().problems == ()

    def test_files_that_the_archive_does_not_know_are_left_to_an_ingest(
        self, tmp_path: Path
    ) -> None:
        folder = write_colours(tmp_path / "images", "red", "green")
        with eidetic.open("mine", model="builtin") as archive:
            archive.ingest([folder / "red.png"])
        with eidetic.open("mine") as archive:
            assert archive.migrate(OTHER).rows == 1
            assert archive.ingest([folder]).indexed == 1

    def test_labels_stay_with_their_images(self, embedded: eidetic.Archive) -> None:
        tagged = embedded.tag(["red", "green"], threshold=0.0)
        assert tagged
        labels = {r.record.path: r.record.labels for r in _records(embedded)}
        assert any(labels.values())
        embedded.migrate(OTHER)
        assert {r.record.path: r.record.labels for r in _records(embedded)} == labels

    def test_descriptions_stay_with_their_rows(
        self, embedded: eidetic.Archive, toy_words: list[str]
    ) -> None:
        embedded.refresh_descriptions("minilm")
        embedded.migrate(OTHER)
        assert embedded.doctor().problems == ()

    def test_the_same_model_again_is_nothing_to_do(self, embedded: eidetic.Archive) -> None:
        for model in (None, "builtin"):
            with pytest.raises(UsageError, match=r"has the model builtin .* already"):
                embedded.migrate(model)

    def test_an_archive_that_is_not_there_is_named(self) -> None:
        with eidetic.open("none") as archive, pytest.raises(ArchiveMissing, match="'none'"):
            archive.migrate(OTHER)

    def test_one_collection_of_before_is_kept_and_has_to_go_before_the_next_migration(
        self, embedded: eidetic.Archive, prepared: Prepared
    ) -> None:
        embedded.migrate(OTHER)
        with pytest.raises(UsageError, match=r"only one is kept.*--drop-old"):
            embedded.migrate("builtin")
        embedded.drop_previous()
        with pytest.raises(ArchiveMissing, match="nothing to drop"):
            embedded.drop_previous()
        embedded.migrate("builtin")
        assert rows_of(embedded) == prepared.builtin


class TestLosses:
    def test_rows_whose_files_are_gone_are_counted_and_named(
        self, embedded: eidetic.Archive, images: Path
    ) -> None:
        (images / "red.png").unlink()
        (images / "green.png").write_bytes(b"no image any more")
        done = embedded.migrate(OTHER)
        assert (done.rows, done.lost) == (5, 2)
        told = {loss.path: loss.reason for loss in done.losses}
        assert told[str(images / "red.png")] == "its file is not there"
        assert "image format" in told[str(images / "green.png")]

    def test_more_than_half_of_the_rows_are_not_given_up_unasked(
        self, embedded: eidetic.Archive, images: Path
    ) -> None:
        rows = rows_of(embedded)
        away = images.rename(images.with_name("away"))
        with pytest.raises(UsageError, match=r"7 of 7 rows.*its root is not there.*--yes"):
            embedded.migrate(OTHER)
        assert embedded.collection.model == "builtin"
        assert rows_of(embedded) == rows
        away.rename(images)
        assert embedded.migrate().rows == 7

    def test_they_are_when_that_is_said(self, embedded: eidetic.Archive, images: Path) -> None:
        for colour in COLOURS[:5]:
            (images / f"{colour}.png").unlink()
        with pytest.raises(UsageError, match="5 of 7 rows"):
            embedded.migrate(OTHER)
        assert embedded.migrate(OTHER, allow_loss=True).rows == 2

    def test_more_than_a_handful_and_a_share_are_not_given_up_either(self, tmp_path: Path) -> None:
        folder = tmp_path / "many"
        for number in range(3 * HANDFUL):
            write_image(folder / f"{number}.png", "red", (32 + number, 32))
        with eidetic.open("mine", model="builtin") as archive:
            archive.ingest([folder])
        for number in range(HANDFUL + 1):
            (folder / f"{number}.png").unlink()
        with eidetic.open("mine") as archive, pytest.raises(UsageError, match="11 of 30 rows"):
            archive.migrate(OTHER)


class _Interrupted(MirroredEncoder):
    """Runs something in the place of its second batch."""

    def __init__(self, what: Callable[[], None]) -> None:
        self._what = what
        self._batches = 0

    def encode_images(self, batch: Any) -> Any:
        self._batches += 1
        if self._batches == 2:
            self._what()
        return super().encode_images(batch)


def interrupt_with(monkeypatch: pytest.MonkeyPatch, what: Callable[[], None]) -> None:
    def load(spec: str) -> ToyEncoder:
        encoder = ToyEncoder() if spec == "builtin" else _Interrupted(what)
        encoder.spec = spec
        return encoder

    monkeypatch.setattr("eidetic.opening.load_encoder", load)


class TestMeanwhile:
    def test_what_is_ingested_and_removed_during_a_migration_is_caught_up_with(
        self, embedded: eidetic.Archive, images: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def others() -> None:
            write_image(images / "new.png", "blue", (70, 50))
            (images / "green.png").unlink()
            write_image(images / "yellow.png", "red", (99, 50))
            with eidetic.open("mine") as second:
                second.ingest([images])
                assert second.collection.model == "builtin"
                assert second.search("blue", k=1)[0].path

        interrupt_with(monkeypatch, others)
        done = embedded.migrate(OTHER, batch_size=2)
        assert (done.rows, done.lost) == (7, 0)
        assert rows_of(embedded) == fresh(images)
        assert embedded.doctor().problems == ()

    def test_a_root_that_is_forgotten_meanwhile_stays_forgotten(
        self,
        embedded: eidetic.Archive,
        prepared: Prepared,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        more = write_image(tmp_path / "more" / "a.png", "red", (40, 40)).parent
        embedded.ingest([more])

        def others() -> None:
            with eidetic.open("mine") as second:
                second.forget_root(more)

        interrupt_with(monkeypatch, others)
        embedded.migrate(OTHER, batch_size=6)
        assert rows_of(embedded) == prepared.other
        assert len(load_roots(embedded.settings.roots_file)) == 1

    def test_a_second_migration_at_the_same_time_is_refused(
        self, embedded: eidetic.Archive, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told: list[str] = []

        def others() -> None:
            with eidetic.open("mine") as second, pytest.raises(ArchiveBusy) as refused:
                second.migrate(OTHER)
            told.append(str(refused.value))

        interrupt_with(monkeypatch, others)
        embedded.migrate(OTHER, batch_size=2)
        assert "migrate" in told[0]

    def test_whoever_has_the_old_collection_open_goes_on_searching_it(
        self, embedded: eidetic.Archive
    ) -> None:
        with eidetic.open("mine") as reader:
            reader.search("red", k=1)
            embedded.migrate(OTHER)
            assert reader.search("red", k=1).model == "builtin"
            with pytest.raises(ArchiveMismatch, match=r"has been migrated to .* start it again"):
                reader.status()
        assert embedded.status().skipped == 1

    def test_whoever_writes_with_the_old_one_open_writes_into_the_new_one(
        self, embedded: eidetic.Archive, images: Path
    ) -> None:
        with eidetic.open("mine") as writer:
            writer.search("red", k=1)
            embedded.migrate(OTHER)
            write_image(images / "new.png", "blue", (70, 50))
            assert writer.ingest([images]).indexed == 1
            assert writer.collection.model == OTHER
        assert rows_of(embedded) == fresh(images)

    def test_following_folders_ends_with_the_reason(
        self, embedded: eidetic.Archive, images: Path
    ) -> None:
        with eidetic.open("mine") as follower:
            reports = follower.watch([images])
            next(reports)
            embedded.migrate(OTHER)
            write_image(images / "new.png", "blue", (70, 50))
            with pytest.raises(ArchiveMismatch, match=r"has been migrated to .* start it again"):
                next(reports)


class TestCutShort:
    def test_an_interrupted_migration_goes_on_and_embeds_nothing_twice(
        self, embedded: eidetic.Archive, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def stop() -> None:
            raise KeyboardInterrupt

        interrupt_with(monkeypatch, stop)
        with pytest.raises(IngestInterrupted):
            embedded.migrate(OTHER, batch_size=2)
        assert embedded.collection.model == "builtin"
        interrupt_with(monkeypatch, lambda: None)
        done = embedded.migrate()
        assert 0 < done.written < 7
        assert rows_of(embedded) == prepared.other

    def test_an_unfinished_one_has_to_be_finished_or_abandoned_before_another(
        self, embedded: eidetic.Archive, images: Path
    ) -> None:
        away = images.rename(images.with_name("away"))
        with pytest.raises(UsageError, match="nothing was switched"):
            embedded.migrate(OTHER)
        away.rename(images)
        with pytest.raises(UsageError, match="is unfinished"):
            embedded.migrate(index="flat", model="builtin")
        gone = embedded.abandon_migration()
        assert gone.model == OTHER
        with pytest.raises(ArchiveMissing, match="nothing to abandon"):
            embedded.abandon_migration()
        assert embedded.migrate(index="flat").rows == 7

    def test_one_that_was_killed_right_after_the_switch_is_finished_by_the_next_run(
        self,
        embedded: eidetic.Archive,
        images: Path,
        prepared: Prepared,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def killed(*_: object) -> None:
            raise SystemExit(137)

        with monkeypatch.context() as patched:
            patched.setattr("schema.succession.finish_switch", killed)
            with pytest.raises(SystemExit):
                embedded.migrate(OTHER)
        done = embedded.migrate()
        assert (done.model, done.rows) == (OTHER, 7)
        assert embedded.status().skipped == 1
        report = embedded.ingest([images])
        assert (report.indexed, report.unchanged) == (0, 7)
        assert rows_of(embedded) == prepared.other

    def test_one_that_was_killed_right_before_the_switch_endangers_nothing(
        self, embedded: eidetic.Archive, prepared: Prepared
    ) -> None:
        store = embedded._opening.store()
        store.connection.client.create_alias(store.collection.name, "_previous_of_mine")
        with pytest.raises(ArchiveMissing, match="nothing to drop"):
            embedded.drop_previous()
        assert embedded.migrate(OTHER).previous == store.collection.name
        assert embedded.drop_previous() == store.collection
        assert rows_of(embedded) == prepared.other


class TestTheSameVectors:
    def test_another_index_takes_rows_and_vectors_over_without_files_or_model(
        self, archive: eidetic.Archive, images: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = rows_of(archive)
        images.rename(images.with_name("away"))
        monkeypatch.setattr("eidetic.opening.load_encoder", None)
        done = archive.migrate(index="flat")
        assert (done.rows, done.written, archive.collection.index) == (7, 7, "flat")
        assert rows_of(archive) == rows

    def test_the_journal_stays_as_it_is(self, embedded: eidetic.Archive, images: Path) -> None:
        embedded.migrate(index="flat")
        assert embedded.status().skipped == 1
        report = embedded.ingest([images])
        assert (report.indexed, report.unchanged, report.skipped) == (0, 7, 1)

    def test_an_archive_of_an_older_version_is_brought_up_to_date(
        self, images: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        newer = {"labels", "taken_from"}
        with monkeypatch.context() as older:
            kept = tuple(field for field in fields.FIELDS if field.name not in newer)
            older.setattr(fields, "FIELDS", kept)
            names = tuple(field.name for field in kept)
            older.setattr(milvus_store, "RECORD_FIELDS", names)
            older.setattr(milvus_store, "SCHEMA_VERSION", 1)
            with eidetic.open("mine", model="builtin") as archive:
                archive.ingest([images])
        with eidetic.open("mine") as archive:
            with pytest.raises(ArchiveMismatch, match="eidetic --archive mine migrate"):
                archive.status()
            done = archive.migrate()
            assert (done.rows, archive.collection.schema_version) == (7, fields.SCHEMA_VERSION)
            found = rows_of(archive)
        unknown = {"taken_from": None, "labels": ()}
        assert found == {i: (r | unknown, vector) for i, (r, vector) in prepared.builtin.items()}

    def test_an_archive_of_a_newer_version_is_refused(
        self, embedded: eidetic.Archive, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(succession, "SCHEMA_VERSION", 2)
        with pytest.raises(ArchiveMismatch, match="use the Eidetic that made it"):
            embedded.migrate(OTHER)

    def test_said_is_the_same_but_for_the_index(self, embedded: eidetic.Archive) -> None:
        before = said(embedded.collection)
        embedded.migrate(index="flat")
        assert said(embedded.collection) == (*before[:3], "flat", before[4])


def _records(archive: eidetic.Archive) -> list[Any]:
    return [row for batch in archive._opening.store().iterate_rows() for row in batch]
