"""Whatever is wrong between files, journal and rows is found, and what can be mended is."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ingest.audit import Audit, Kind
from ingest.names import compile_excluded
from ingest.repair import repair
from schema import Embedded, Root, row_id
from tests.ingest.small_archive import LONG_AGO_NS, SmallArchive, draw, write
from tests.ingest.test_accounts import forbid

NAMES = ("a.png", "b.png", "sub/c.png", "sub/d.png")


@pytest.fixture
def archive(archive: SmallArchive) -> SmallArchive:
    """Four images and a file that is none, all ingested."""
    archive.draw_all(NAMES)
    write(archive.folder / "broken.jpg", b"no image")
    archive.ingest()
    return archive


def examine(
    archive: SmallArchive, roots: Sequence[Root] | None = None, *, exclude: Sequence[str] = ()
) -> dict[str, list[str]]:
    """The paths of all findings, by kind."""
    with compared(archive, roots, exclude=exclude) as audit:
        found = {
            kind.value: [f.path for page in audit.findings(kind) for f in page] for kind in Kind
        }
        assert all(audit.count(kind) == len(found[kind]) for kind in Kind)
        if audit.journal_damage:
            found["journal"] = [audit.journal_damage]
    return {kind: paths for kind, paths in found.items() if paths}


def compared(
    archive: SmallArchive, roots: Sequence[Root] | None = None, *, exclude: Sequence[str] = ()
) -> Audit:
    audit = Audit(archive.journal_path, archive.store.collection.uid)
    audit.take_files([archive.root] if roots is None else roots, compile_excluded(exclude))
    audit.take_rows(archive.store.iterate())
    for ids, vectors in archive.store.iterate_vectors():
        audit.take_vectors(ids, vectors)
    audit.compare()
    return audit


def mend(archive: SmallArchive, *, allow_mass: bool = False) -> tuple[dict[str, int], list[str]]:
    with compared(archive) as audit, archive.journal() as journal:
        repairs, refusals = repair(
            audit, store=archive.store, journal=journal, allow_mass=allow_mass
        )
    return {r.kind: r.count for r in repairs}, refusals


def row_of(archive: SmallArchive, path: str) -> Embedded:
    row = row_id(archive.root.id, path)
    return Embedded(archive.store.get([row])[row], archive.store.vectors([row])[row])


def test_an_archive_that_was_just_ingested_is_in_order(archive: SmallArchive) -> None:
    assert examine(archive) == {}
    with compared(archive) as audit:
        assert audit.count_entries() == (4, 1)
        assert audit.count_rows(archive.root.id) == 4


class TestFiles:
    def test_a_new_file_is_missing_until_it_is_ingested(self, archive: SmallArchive) -> None:
        draw(archive.folder / "new.png")
        assert examine(archive) == {"missing": ["new.png"]}
        assert mend(archive) == ({}, [])
        archive.ingest()
        assert examine(archive) == {}

    def test_a_file_that_an_ingest_left_out_is_not_missed(self, archive: SmallArchive) -> None:
        draw(archive.folder / "thumbs" / "new.png")
        assert examine(archive, exclude=["thumbs"]) == {}

    @pytest.mark.parametrize(
        "change",
        [
            lambda path: draw(path, seed=9, mtime_ns=LONG_AGO_NS + 10**9),
            lambda path: os.utime(path, ns=(LONG_AGO_NS + 5, LONG_AGO_NS + 5)),
            lambda path: write(path.with_suffix(".xmp"), b"<x/>"),
        ],
        ids=["bytes", "date", "sidecar"],
    )
    def test_a_file_that_changed_is_stale(self, archive: SmallArchive, change: object) -> None:
        assert callable(change)
        change(archive.folder / "a.png")
        assert examine(archive) == {"stale": ["a.png"]}
        archive.ingest()
        assert examine(archive) == {}

    def test_a_skipped_file_that_changed_is_stale(self, archive: SmallArchive) -> None:
        draw(archive.folder / "other.png")
        (archive.folder / "other.png").rename(archive.folder / "broken.jpg")
        assert examine(archive) == {"stale": ["broken.jpg"]}

    def test_a_moved_file_keeps_its_row_for_the_ingest_that_moves_it(
        self, archive: SmallArchive
    ) -> None:
        (archive.folder / "a.png").rename(archive.folder / "sub" / "renamed.png")
        assert examine(archive) == {"moved": ["a.png"]}
        assert mend(archive) == ({}, [])
        assert archive.ingest().moved == 1
        assert examine(archive) == {}

    @pytest.mark.parametrize("folder", ["sub", ""])
    def test_nothing_is_said_of_files_below_a_folder_that_cannot_be_read(
        self, archive: SmallArchive, folder: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (archive.folder / "sub" / "c.png").unlink()
        with monkeypatch.context() as patch:
            forbid(archive, folder, patch)
            assert examine(archive) == {"unreadable": [folder]}
        assert examine(archive) == {"orphaned": ["sub/c.png"]}

    def test_files_that_cannot_be_named_or_opened_are_accounted_for(
        self, archive: SmallArchive
    ) -> None:
        (archive.folder / "nowhere.png").symlink_to("gone.png")
        with open(os.fsencode(archive.folder) + b"/caf\xe9.png", "wb"):  # noqa: PTH123
            pass
        assert examine(archive) == {"missing": [r"caf\xe9.png", "nowhere.png"]}
        archive.ingest()
        assert examine(archive) == {}

    def test_a_root_that_is_away_is_one_finding(self, archive: SmallArchive) -> None:
        archive.folder.rename(archive.folder.with_name("elsewhere"))
        assert examine(archive) == {"root-away": [str(archive.folder)]}

    def test_a_root_inside_another_is_looked_at_once(self, archive: SmallArchive) -> None:
        inner = Root.at(str(archive.folder / "sub"))
        found = examine(archive, [archive.root, inner])
        # As roots they share no file: the outer one's rows of the inner folder have lost theirs.
        assert found == {"moved": ["sub/c.png", "sub/d.png"]}


class TestRows:
    def test_a_row_whose_file_is_gone_is_orphaned_and_dropped(self, archive: SmallArchive) -> None:
        (archive.folder / "sub" / "c.png").unlink()
        assert examine(archive) == {"orphaned": ["sub/c.png"]}
        assert mend(archive) == ({"orphaned": 1}, [])
        assert archive.paths() == ["a.png", "b.png", "sub/d.png"]
        assert examine(archive) == {}

    def test_the_skip_of_a_file_that_is_gone_is_dropped(self, archive: SmallArchive) -> None:
        (archive.folder / "broken.jpg").unlink()
        assert examine(archive) == {"orphaned": ["broken.jpg"]}
        assert mend(archive) == ({"orphaned": 1}, [])
        assert examine(archive) == {}

    def test_most_rows_of_a_root_are_dropped_only_if_that_is_allowed(
        self, archive: SmallArchive
    ) -> None:
        archive.draw_all(f"many/{n}.png" for n in range(20))
        archive.ingest()
        for file in (archive.folder / "many").iterdir():
            file.unlink()
        repairs, refusals = mend(archive)
        assert repairs == {}
        assert refusals[0].startswith("20 of the 24 rows")
        assert len(archive.paths()) == 24
        assert mend(archive, allow_mass=True) == ({"orphaned": 20}, [])
        assert archive.paths() == sorted(NAMES)

    def test_rows_of_a_root_that_the_list_lacks_are_found_and_kept(
        self, archive: SmallArchive
    ) -> None:
        assert examine(archive, []) == {"root-unknown": [""]}
        with compared(archive, []) as audit:
            assert audit.roots_of(Kind.ROOT_UNKNOWN) == [archive.root.id]

    def test_a_second_row_of_one_file_is_dropped(self, archive: SmallArchive) -> None:
        row = row_of(archive, "a.png")
        archive.store.upsert([Embedded(replace(row.record, id="f" * 40), row.vector)])
        assert examine(archive) == {"double": ["a.png"]}
        assert mend(archive) == ({"double": 1}, [])
        assert archive.paths() == sorted(NAMES)
        assert examine(archive) == {}

    def test_a_row_that_stands_under_a_wrong_id_alone_is_embedded_again(
        self, archive: SmallArchive
    ) -> None:
        row = row_of(archive, "a.png")
        archive.store.delete([row.record.id])
        archive.store.upsert([Embedded(replace(row.record, id="f" * 40), row.vector)])
        assert mend(archive) == ({"double": 1}, [])
        assert examine(archive) == {"missing": ["a.png"]}
        assert archive.ingest().indexed == 1
        assert examine(archive) == {}

    def test_rows_of_equal_content_are_in_order(self, archive: SmallArchive) -> None:
        draw(archive.folder / "copy.png", seed=3)
        draw(archive.folder / "copy of it.png", seed=3)
        archive.ingest()
        assert examine(archive) == {}

    @pytest.mark.parametrize("factor", [0.0, 0.5, 2.0, np.nan, np.inf])
    def test_a_vector_that_is_not_of_unit_norm_is_embedded_again(
        self, archive: SmallArchive, factor: float
    ) -> None:
        row = row_of(archive, "b.png")
        with np.errstate(invalid="ignore"):
            broken = (row.vector * factor).astype(np.float32)
        archive.store.upsert([Embedded(row.record, broken)])
        assert examine(archive) == {"bad-vector": ["b.png"]}
        assert mend(archive) == ({"bad-vector": 1}, [])
        assert examine(archive) == {"missing": ["b.png"]}
        assert archive.ingest().indexed == 1
        assert examine(archive) == {}


class TestJournal:
    def test_an_entry_without_its_row_is_dropped_so_that_the_file_is_embedded(
        self, archive: SmallArchive
    ) -> None:
        archive.store.delete([row_id(archive.root.id, "a.png")])
        assert examine(archive) == {"rowless": ["a.png"]}
        assert archive.ingest().indexed == 0
        assert mend(archive) == ({"rowless": 1}, [])
        assert archive.ingest().indexed == 1
        assert examine(archive) == {}

    def test_a_row_without_its_entry_is_entered(self, archive: SmallArchive) -> None:
        with archive.journal() as journal:
            journal.forget(archive.root.id, ["a.png"])
        assert examine(archive) == {"unjournaled": ["a.png"]}
        assert mend(archive) == ({"unjournaled": 1}, [])
        assert examine(archive) == {}
        assert archive.ingest().indexed == 0

    def test_a_row_whose_entry_says_skipped_is_entered(self, archive: SmallArchive) -> None:
        with archive.journal() as journal:
            entry = journal.find(archive.root.id, "a.png")
            assert entry is not None
            journal.record([replace(entry, state="skipped", row_id="", reason="corrupt")])
        assert examine(archive) == {"unjournaled": ["a.png"]}
        assert mend(archive) == ({"unjournaled": 1}, [])
        assert examine(archive) == {}

    @pytest.fixture(params=["gone", "garbage", "pages", "other layout", "other uid", "half"])
    def damage(self, request: pytest.FixtureRequest, archive: SmallArchive) -> str:
        path, damage = archive.journal_path, str(request.param)
        if damage == "gone":
            path.unlink()
        elif damage == "garbage":
            path.write_bytes(b"not a database at all" * 1000)
        elif damage == "pages":
            data = bytearray(path.read_bytes())
            data[4096:8192] = b"\xff" * 4096
            path.write_bytes(data)
        else:
            change = {
                "other layout": "UPDATE facts SET value = '0' WHERE key = 'layout'",
                "other uid": "UPDATE facts SET value = 'x' WHERE key = 'collection'",
                "half": "DELETE FROM facts WHERE key = 'complete'",
            }
            with sqlite3.connect(path) as journal:
                journal.execute(change[damage])
            journal.close()
        return damage

    def test_a_journal_that_is_of_no_use_is_one_finding_and_is_left_as_it_is(
        self, archive: SmallArchive, damage: str
    ) -> None:
        path = archive.journal_path
        before = path.read_bytes() if path.exists() else None
        found = examine(archive)
        assert set(found) == {"missing", "journal"}
        # The only file without a row; why, the journal would have said.
        assert found["missing"] == ["broken.jpg"]
        assert (path.read_bytes() if path.exists() else None) == before

    def test_a_journal_that_is_of_no_use_is_filled_from_the_rows(
        self, archive: SmallArchive, damage: str
    ) -> None:
        assert mend(archive) == ({"journal": 4}, [])
        assert archive.ingest().indexed == 0
        assert examine(archive) == {}

    def test_a_journal_of_a_killed_process_is_read_with_what_it_had_written(
        self, archive: SmallArchive
    ) -> None:
        with archive.journal() as journal:
            journal.forget(archive.root.id, ["a.png"])
            assert archive.journal_path.with_name("journal.sqlite-wal").stat().st_size > 0
            assert examine(archive) == {"unjournaled": ["a.png"]}


def test_findings_come_page_by_page(archive: SmallArchive) -> None:
    archive.draw_all(f"many/{n:04}.png" for n in range(1001))
    with compared(archive) as audit:
        pages = list(audit.findings(Kind.MISSING))
    assert [len(page) for page in pages] == [1000, 1]
    paths = [found.path for page in pages for found in page]
    assert paths == sorted(paths)


def test_the_sample_of_rows_is_the_same_every_time(archive: SmallArchive) -> None:
    def sample() -> Iterator[list[str]]:
        for _ in range(2):
            with compared(archive) as audit:
                yield audit.first_ids(3)

    first, second = sample()
    assert first == second == sorted(record.id for record in archive.store.iterate())[:3]


def test_a_quote_in_a_path_is_no_trouble(tmp_path: Path) -> None:
    place = tmp_path / "a 'b' \"c\" #?%20"
    place.mkdir()
    archive = SmallArchive(place)
    archive.draw_all(["it's.png"])
    archive.ingest()
    assert examine(archive) == {}
