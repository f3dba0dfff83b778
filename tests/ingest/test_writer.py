"""Several batches may be on their way to the store; the journal hears of what has arrived."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ingest import Journal
from ingest.entries import Entry
from ingest.report import Tally
from ingest.writer import Result, Writer
from schema import Embedded, MemoryStore, StoreError
from schema.records import row_id
from tests.samples import a_collection, a_record, random_vectors

WAIT_S = 10


class SlowStore(MemoryStore):
    """Takes several writes at a time; one of a row with a gate waits until that is open."""

    writes_at_once = 3

    def __init__(self) -> None:
        super().__init__(a_collection())
        self.gates: dict[str, threading.Event] = {}
        self.arrived: list[str] = []
        self.refused = ""

    def upsert(self, rows: Sequence[Embedded]) -> int:
        for row in rows:
            path = row.record.path
            if row.record.view == "frame":
                path += f"@{row.record.offset_ms}"
            if path in self.gates:
                assert self.gates[path].wait(WAIT_S)
            if path == self.refused:
                raise StoreError(f"cannot write {path}")
            self.arrived.append(path)
        return super().upsert(rows)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.sqlite", "uid") as opened:
        opened.begin_scan()
        yield opened


def done(path: str, *, rating: int | None = None, drop: str = "") -> Result:
    record = a_record(path, rating=rating)
    entry = Entry.of(record)
    drops = (drop,) if drop else ()
    return Result("indexed", entry, Embedded(record, random_vectors(1)[0]), drops=drops)


def known(journal: Journal, path: str) -> bool:
    return journal.find("r" * 16, path) is not None


def test_batches_overtake_one_that_the_store_is_slow_with(journal: Journal) -> None:
    store, tally = SlowStore(), Tally()
    gate = store.gates["slow.jpg"] = threading.Event()
    writer = Writer(store, journal, tally)
    writer.put([done("slow.jpg")])
    writer.put([done("quick.jpg")])
    while "quick.jpg" not in store.arrived:
        threading.Event().wait(0.001)
    assert "slow.jpg" not in store.arrived
    gate.set()
    writer.finish()
    assert store.count() == tally.indexed == 2


def test_the_journal_hears_of_a_batch_only_when_the_store_has_it(journal: Journal) -> None:
    store = SlowStore()
    gate = store.gates["slow.jpg"] = threading.Event()
    writer = Writer(store, journal, Tally())
    writer.put([done("slow.jpg")])
    writer.put([done("quick.jpg")])
    while "quick.jpg" not in store.arrived:
        threading.Event().wait(0.001)
    assert not known(journal, "slow.jpg")
    gate.set()
    writer.finish()
    assert known(journal, "slow.jpg")
    assert known(journal, "quick.jpg")


def test_of_a_row_that_is_written_twice_the_later_stays(journal: Journal) -> None:
    store = SlowStore()
    gate = store.gates["twice.jpg"] = threading.Event()
    writer = Writer(store, journal, Tally())
    writer.put([done("twice.jpg", rating=1)])
    threading.Timer(0.05, gate.set).start()
    writer.put([done("twice.jpg", rating=2)])
    writer.finish()
    (row,) = store.iterate()
    assert row.rating == 2


def test_a_row_that_goes_waits_for_what_was_written_before(journal: Journal) -> None:
    store = SlowStore()
    gate = store.gates["gone.jpg"] = threading.Event()
    writer = Writer(store, journal, Tally())
    writer.put([done("gone.jpg")])
    threading.Timer(0.05, gate.set).start()
    writer.put([done("other.jpg", drop=a_record("gone.jpg").id)])
    writer.finish()
    assert [row.path for row in store.iterate()] == ["other.jpg"]


def test_the_first_frame_of_a_video_waits_for_all_others(journal: Journal) -> None:
    store = SlowStore()
    gate = store.gates["film.mp4@4000"] = threading.Event()
    first, later = (
        a_record(
            "film.mp4", id=row_id("r" * 16, "film.mp4", "frame", ms), view="frame", offset_ms=ms
        )
        for ms in (0, 4000)
    )
    writer = Writer(store, journal, Tally())
    writer.put([Result("part", None, Embedded(later, random_vectors(1)[0]))])
    threading.Timer(0.1, gate.set).start()
    writer.put([Result("indexed", Entry.of(first), Embedded(first, random_vectors(1)[0]))])
    writer.finish()
    assert store.arrived == ["film.mp4@4000", "film.mp4@0"]


def test_after_a_failure_what_arrived_is_in_the_journal_and_nothing_more_is_begun(
    journal: Journal,
) -> None:
    store, tally = SlowStore(), Tally()
    store.refused = "bad.jpg"
    bad = store.gates["bad.jpg"] = threading.Event()
    writer = Writer(store, journal, tally)
    writer.put([done("bad.jpg")])
    writer.put([done("good.jpg")])
    while "good.jpg" not in store.arrived:
        threading.Event().wait(0.001)
    bad.set()
    with pytest.raises(StoreError, match=r"cannot write bad\.jpg"):
        writer.finish()
    assert known(journal, "good.jpg")
    assert not known(journal, "bad.jpg")
    assert store.count() == tally.indexed == 1
    with pytest.raises(StoreError, match=r"cannot write bad\.jpg"):
        writer.put([done("late.jpg")])
