"""The journal's promises: what it remembers, when it starts afresh, what it counts as gone."""

import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.entries import RACY_NS, Entry
from ingest.journal import Journal
from schema import ArchiveError, row_id
from tests.samples import a_record


def entry(path: str = "a.jpg", root: str = "r", **facts: object) -> Entry:
    usual = Entry(
        root, path, 1, 2, 3, "indexed", f"hash of {path}", row_id(root, path), "", "", 10**18, 1
    )
    return replace(usual, **facts)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "archive" / "journal.sqlite"


def test_what_was_recorded_is_found_after_opening_again(path: Path) -> None:
    bad = entry("b.jpg", state="skipped", row_id="", reason="corrupt", detail="x")
    with Journal.open(path, "uid") as journal:
        journal.record([entry(), bad])
    with Journal.open(path, "uid") as journal:
        assert journal.find("r", "a.jpg") == entry()
        assert journal.find("r", "b.jpg") == bad
        assert journal.find("other", "a.jpg") is None


def test_recording_a_file_again_replaces_what_was_known(path: Path) -> None:
    with Journal.open(path, "uid") as journal:
        journal.record([entry()])
        journal.record([entry(size_bytes=9)])
        assert journal.find("r", "a.jpg") == entry(size_bytes=9)
        assert journal.count_indexed("r") == 1


def test_another_collection_starts_afresh(path: Path) -> None:
    with Journal.open(path, "uid") as journal:
        journal.record([entry()])
        journal.rebuild([])
    with Journal.open(path, "another") as journal:
        assert journal.needs_rebuild
        assert journal.find("r", "a.jpg") is None


@pytest.mark.parametrize("damage", [b"", b"not a database at all" * 100])
def test_a_file_that_is_no_journal_starts_afresh(path: Path, damage: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(damage)
    with Journal.open(path, "uid") as journal:
        assert journal.needs_rebuild
        journal.record([entry()])
        assert journal.find("r", "a.jpg") == entry()


def test_a_journal_with_damaged_pages_starts_afresh(path: Path) -> None:
    with Journal.open(path, "uid") as journal:
        journal.record([entry(f"{n}.jpg") for n in range(2000)])
        journal.rebuild([])
    data = bytearray(path.read_bytes())
    data[4096 * 8 : 4096 * 12] = b"\xff" * (4096 * 4)
    path.write_bytes(data)
    with Journal.open(path, "uid") as journal:
        assert journal.needs_rebuild
        assert journal.count_indexed("r") == 0


def test_a_journal_of_other_tables_starts_afresh(path: Path) -> None:
    Journal.open(path, "uid").close()
    with sqlite3.connect(path) as other:
        other.execute("UPDATE facts SET value = '0' WHERE key = 'layout'")
    other.close()
    with Journal.open(path, "uid") as journal:
        assert journal.needs_rebuild


def test_a_journal_that_cannot_be_opened_says_what_to_do(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(ArchiveError, match=r"journal\.sqlite: .*delete it.*embeds nothing again"):
        Journal.open(path, "uid")


def test_a_journal_locked_by_another_process_is_not_taken_for_damaged(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.journal.BUSY_TIMEOUT_S", 0.05)
    with Journal.open(path, "uid") as journal:
        journal.record([entry()])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with (
        pytest.raises(ArchiveError, match=r"locked.*no other ingest"),
        Journal.open(path, "uid") as journal,
    ):
        journal.record([entry("b.jpg")])
    other.execute("ROLLBACK")
    other.close()
    with Journal.open(path, "uid") as journal:
        assert journal.find("r", "a.jpg") == entry()


def test_a_full_disk_is_an_error_that_loses_nothing_recorded_before(path: Path) -> None:
    with Journal.open(path, "uid") as journal:
        journal.record([entry()])
        pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
        journal._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(ArchiveError, match=r"full.*disk has room"):
            journal.record([entry(f"{n}.jpg") for n in range(2000)])
        assert journal.count_indexed("r") == 1


def test_a_rebuilt_journal_knows_the_rows_and_their_files_are_unchanged(path: Path) -> None:
    records = [a_record(f"{n}.jpg", size_bytes=n, mtime_ns=7) for n in range(2500)]
    with Journal.open(path, "uid") as journal:
        assert journal.rebuild(iter(records)) == 2500
        assert not journal.needs_rebuild
        known = journal.find("r" * 16, "2400.jpg")
    assert known is not None
    assert (known.size_bytes, known.mtime_ns, known.inode) == (2400, 7, 0)
    assert (known.content, known.row_id) == (records[0].content, row_id("r" * 16, "2400.jpg"))
    assert not known.is_racy


def test_a_rebuild_cut_short_begins_again(path: Path) -> None:
    def rows() -> object:
        yield a_record()
        raise RuntimeError("store away")

    with Journal.open(path, "uid") as journal, pytest.raises(RuntimeError):
        journal.rebuild(rows())  # type: ignore[arg-type]
    with Journal.open(path, "uid") as journal:
        assert journal.needs_rebuild


def test_frames_of_a_video_are_not_files_of_their_own(path: Path) -> None:
    with Journal.open(path, "uid") as journal:
        assert journal.rebuild([a_record(view="frame", offset_ms=5)]) == 0


def test_only_indexed_files_are_found_by_content(path: Path) -> None:
    with Journal.open(path, "uid") as journal:
        journal.record([entry(), entry("b.jpg", state="skipped", content="bad")])
        assert journal.find_content("hash of a.jpg") == entry()
        assert journal.find_content("bad") is None


def test_scans_are_numbered_upwards_across_openings(path: Path) -> None:
    with Journal.open(path, "uid") as journal:
        first = journal.begin_scan()
    with Journal.open(path, "uid") as journal:
        assert journal.begin_scan() > first


def test_what_a_scan_did_not_see_is_gone(path: Path) -> None:
    names = ["a", "a.jpg", "a/1.jpg", "a/b/2.jpg", "a0.jpg", "ab/3.jpg"]
    with Journal.open(path, "uid") as journal:
        journal.record([entry(name) for name in names])
        journal.mark_seen("r", ["a/1.jpg", "unknown.jpg"], 2)
        assert [e.path for e in journal.gone("r", "", 2)] == [n for n in names if n != "a/1.jpg"]
        assert [e.path for e in journal.gone("r", "a", 2)] == ["a", "a/b/2.jpg"]
        assert list(journal.gone("other", "", 2)) == []


def test_a_folder_that_could_not_be_read_is_not_gone(path: Path) -> None:
    with Journal.open(path, "uid") as journal:
        journal.record([entry(name) for name in ["a/1.jpg", "a/b/2.jpg", "ab/3.jpg"]])
        journal.mark_below_seen("r", "a", 2)
        assert [e.path for e in journal.gone("r", "", 2)] == ["ab/3.jpg"]
        journal.mark_below_seen("r", "", 2)
        assert list(journal.gone("r", "", 2)) == []


def test_a_later_scan_beside_this_one_is_not_taken_back(path: Path) -> None:
    with Journal.open(path, "uid") as journal:
        journal.record([entry(scan=1)])
        journal.mark_seen("r", ["a.jpg"], 3)
        journal.mark_seen("r", ["a.jpg"], 2)
        assert list(journal.gone("r", "", 3)) == []


def test_forgetting_while_reading_what_is_gone_misses_nothing(path: Path) -> None:
    with Journal.open(path, "uid") as journal:
        journal.record([entry(f"{n:05}.jpg") for n in range(2500)])
        count = 0
        for gone in journal.gone("r", "", 2):
            journal.forget("r", [gone.path])
            count += 1
        assert count == 2500
        assert journal.count_indexed("r") == 0


def test_files_found_elsewhere_by_content_are_not_lost(path: Path) -> None:
    with Journal.open(path, "uid") as journal:
        journal.record(
            [
                entry("old/1.jpg", content="one"),
                entry("old/2.jpg", content="two"),
                entry("old/3.jpg", state="skipped", content="three"),
                entry("new/1.jpg", content="one", scan=2),
            ]
        )
        assert journal.count_lost("r", "", 2) == 1
        assert journal.count_lost("r", "new", 2) == 0


def test_skipped_files_are_counted_for_the_whole_archive(path: Path) -> None:
    with Journal.open(path, "uid") as journal:
        journal.record([entry(), entry("b.jpg", state="skipped"), entry("c.jpg", state="skipped")])
        assert journal.count_skipped() == 2


def test_a_rehearsal_changes_nothing(path: Path) -> None:
    with Journal.open(path, "uid") as journal:
        journal.record([entry()])
        with journal.rehearse() as copy:
            assert copy.find("r", "a.jpg") == entry()
            copy.forget("r", ["a.jpg"])
            assert copy.find("r", "a.jpg") is None
        assert journal.find("r", "a.jpg") == entry()


def test_many_threads_may_read_and_write(path: Path) -> None:
    with Journal.open(path, "uid") as journal:

        def work(n: int) -> None:
            for i in range(50):
                journal.record([entry(f"{n}/{i}.jpg")])
                journal.find("r", f"{n}/{i}.jpg")

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert journal.count_indexed("r") == 200


@pytest.mark.parametrize(
    ("age_ns", "racy"), [(0, True), (RACY_NS - 1, True), (RACY_NS, False), (-RACY_NS, False)]
)
def test_a_file_read_within_a_tick_of_its_date_is_racy(age_ns: int, racy: bool) -> None:
    assert entry(mtime_ns=10**18, read_ns=10**18 + age_ns).is_racy is racy
