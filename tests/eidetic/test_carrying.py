"""An archive leaves as a Parquet file and comes back elsewhere as it was, row by row."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import eidetic
from ingest import Journal
from schema import ArchiveMismatch, ArchiveMissing, ModelUnavailable, UsageError, load_roots
from schema.parquet import RowsFile
from tests.conftest import drop_everything
from tests.eidetic.every_row import every_row, said
from tests.images import write_colours, write_image

pytestmark = pytest.mark.usefixtures("toy")

COLOURS = ("red", "green", "blue", "yellow")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = write_colours(tmp_path / "images", *COLOURS)
    write_image(folder / "sub" / "größer.jpg", "white", exif=b"")
    with eidetic.open(model="builtin") as archive:
        archive.ingest([folder])
    return folder


@pytest.fixture
def exported(images: Path, tmp_path: Path) -> Path:
    with eidetic.open() as archive:
        archive.export_rows(tmp_path / "rows.parquet")
    return tmp_path / "rows.parquet"


@pytest.fixture(params=["embedded", pytest.param("server", marks=pytest.mark.milvus_server)])
def elsewhere(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[dict[str, str | Path | None]]:
    """Where another machine has its archive."""
    if request.param == "embedded":
        yield {"data_dir": tmp_path / "elsewhere", "uri": None}
        return
    uri: str = request.getfixturevalue("milvus_uri")
    yield {"data_dir": tmp_path / "elsewhere", "uri": uri}
    drop_everything(uri)


class TestRoundTrip:
    def test_every_row_arrives_field_by_field_and_bit_by_bit_and_no_model_is_loaded(
        self, exported: Path, elsewhere: dict[str, str], toy: list[str]
    ) -> None:
        toy.clear()
        with eidetic.open() as source, eidetic.open(**elsewhere) as target:
            done = target.import_rows(exported)
            assert (done.rows, done.added, done.total_rows) == (5, 5, 5)
            assert said(target.collection) == said(source.collection)
            assert every_row(target._opening.store()) == every_row(source._opening.store())
            assert load_roots(target.settings.roots_file) == load_roots(source.settings.roots_file)
        assert toy == []

    def test_what_was_imported_is_exported_as_the_same_rows(
        self, exported: Path, elsewhere: dict[str, str], tmp_path: Path
    ) -> None:
        again = tmp_path / "again.parquet"
        with eidetic.open(**elsewhere) as target:
            target.import_rows(exported)
            target.export_rows(again)
        assert pq.read_table(again).equals(pq.read_table(exported))

    def test_importing_again_changes_nothing(
        self, exported: Path, elsewhere: dict[str, str]
    ) -> None:
        with eidetic.open(**elsewhere) as target:
            target.import_rows(exported)
            rows = every_row(target._opening.store())
            done = target.import_rows(exported)
            assert (done.added, done.replaced, done.unchanged) == (0, 0, 5)
            assert every_row(target._opening.store()) == rows


class TestImport:
    def test_an_ingest_of_the_same_files_afterwards_embeds_nothing(
        self, exported: Path, images: Path
    ) -> None:
        with eidetic.open("other") as target:
            target.import_rows(exported)
            report = target.ingest([images])
        assert (report.indexed, report.unchanged) == (0, 5)

    def test_the_doctor_finds_nothing_amiss_afterwards(
        self, exported: Path, elsewhere: dict[str, str]
    ) -> None:
        with eidetic.open(**elsewhere) as target:
            target.import_rows(exported)
            found = target.doctor()
            assert (found.problems, found.rows, found.journal) == ((), 5, 5)
            # As after an import that was cut short, and was run again.
            target.settings.journal_file.unlink()
            target.import_rows(exported)
            found = target.doctor()
            assert (found.problems, found.rows, found.journal) == ((), 5, 5)

    def test_an_archive_of_the_same_model_takes_rows_in_beside_its_own(
        self, exported: Path, tmp_path: Path
    ) -> None:
        more = write_colours(tmp_path / "more", "black")
        with eidetic.open("other", model="builtin") as target:
            target.ingest([more])
            done = target.import_rows(exported)
            assert (done.added, done.total_rows) == (5, 6)
            assert {root.rows for root in target.roots()} == {1, 5}
            with target._opening.journal() as journal:
                assert sum(1 for root in target.roots() for _ in journal.known(root.id)) == 6

    def test_rows_that_say_something_else_are_replaced(
        self, exported: Path, images: Path, tmp_path: Path
    ) -> None:
        write_image(images / "red.png", "black")
        with eidetic.open() as archive:
            archive.ingest([images])
            done = archive.import_rows(exported)
            assert (done.replaced, done.unchanged) == (1, 4)
            archive.export_rows(tmp_path / "after.parquet")
        assert pq.read_table(tmp_path / "after.parquet").equals(pq.read_table(exported))

    def test_another_model_is_refused_with_the_reason(self, exported: Path, tmp_path: Path) -> None:
        with eidetic.open("other", model="siglip2-b32-256") as target:
            target.ingest([write_colours(tmp_path / "more", "black")])
            with pytest.raises(ArchiveMismatch, match="vectors of model"):
                target.import_rows(exported)
            assert target.status().rows == 1

    def test_a_file_without_vectors_is_refused_and_makes_no_archive(
        self, images: Path, tmp_path: Path
    ) -> None:
        with eidetic.open() as archive:
            archive.export_rows(tmp_path / "table.parquet", vectors=False)
        with eidetic.open("other") as target:
            with pytest.raises(UsageError, match="export it again without --no-vectors"):
                target.import_rows(tmp_path / "table.parquet")
            with pytest.raises(ArchiveMissing):
                target.status()

    def test_a_file_that_turns_out_damaged_leaves_no_archive_behind(
        self, exported: Path, tmp_path: Path
    ) -> None:
        table = pq.read_table(exported)
        bad = tmp_path / "bad.parquet"
        ids = table["id"].to_pylist()
        ids[-1] = "f" * 40
        place = table.schema.get_field_index("id")
        pq.write_table(table.set_column(place, "id", [ids]), bad)
        with eidetic.open("other") as target:
            with pytest.raises(UsageError, match="row 5"):
                target.import_rows(bad)
            with pytest.raises(ArchiveMissing):
                target.status()

    def test_a_root_that_is_not_there_is_named_and_can_be_moved(
        self, exported: Path, images: Path
    ) -> None:
        new = images.rename(images.with_name("here"))
        with eidetic.open("other") as target:
            done = target.import_rows(exported)
            ((root, location),) = done.away.items()
            assert location == str(images)
            target.move_root(root, new)
            assert target.ingest([new]).indexed == 0

    def test_a_known_root_keeps_its_place_here(self, exported: Path, images: Path) -> None:
        new = images.rename(images.with_name("here"))
        with eidetic.open("other") as target:
            (root,) = target.import_rows(exported).roots
            target.move_root(root, new)
            assert target.import_rows(exported).away == {}
            assert target.roots()[0].location == str(new)

    def test_a_journal_that_was_lost_is_rebuilt_with_what_was_imported(
        self, exported: Path, images: Path
    ) -> None:
        with eidetic.open() as archive:
            archive.settings.journal_file.unlink()
            archive.import_rows(exported)
            uid = archive.collection.uid
            with Journal.open(archive.settings.journal_file, uid) as journal:
                assert not journal.needs_rebuild
            assert archive.ingest([images]).unchanged == 5


class TestExport:
    def test_a_filter_chooses_rows(self, images: Path, tmp_path: Path) -> None:
        with eidetic.open() as archive:
            done = archive.export_rows(tmp_path / "some.parquet", where='name == "red.png"')
        assert (done.rows, pq.read_table(done.file)["path"].to_pylist()) == (1, ["red.png"])

    def test_the_file_says_what_is_neutral_to_the_model_for_a_server_that_loads_none(
        self, exported: Path, elsewhere: dict[str, str]
    ) -> None:
        with eidetic.open(**elsewhere) as target:
            target.import_rows(exported)
            store = target._opening.store()
            (found,) = store.search(store.sample_vectors(5)[:1], 5)
            told = {match.neutral is not None for match in found}
        assert told == {elsewhere["uri"] is not None}
        with RowsFile.open(exported) as file:
            assert file.origin.collection.neutral

    def test_where_the_model_cannot_be_loaded_the_file_does_without(
        self, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(spec: str) -> None:
            raise ModelUnavailable(spec)

        monkeypatch.setattr("eidetic.opening.load_encoder", refuse)
        with eidetic.open() as archive:
            assert archive.export_rows(tmp_path / "some.parquet").rows == 5
        with RowsFile.open(tmp_path / "some.parquet") as file:
            assert file.origin.collection.neutral == ""

    def test_a_filter_that_cannot_be_read_leaves_no_file(
        self, images: Path, tmp_path: Path
    ) -> None:
        folder = tmp_path / "out"
        folder.mkdir()
        with eidetic.open() as archive, pytest.raises(UsageError, match="the filter"):
            archive.export_rows(folder / "some.parquet", where="colour ==")
        assert list(folder.iterdir()) == []

    def test_a_file_that_is_there_is_replaced_only_when_that_is_said(self, exported: Path) -> None:
        with eidetic.open() as archive:
            with pytest.raises(UsageError, match="is there already; replace it with --yes"):
                archive.export_rows(exported)
            assert archive.export_rows(exported, replace=True).rows == 5
            with pytest.raises(UsageError, match="is there already; give another name"):
                archive.export_rows(exported.parent, replace=True)
