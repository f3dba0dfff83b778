"""The doctor names every kind of problem with its next step, mends what can be, and says so."""

import json
import os
import shutil
import time
from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import eidetic
from eidetic.doctor import Diagnosis
from schema import Connection, Embedded, MilvusStore
from tests.images import write_colours, write_image

pytestmark = pytest.mark.usefixtures("toy")

COLOURS = ("red", "green", "blue", "yellow", "white")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = write_colours(tmp_path / "images", *COLOURS)
    with eidetic.open(model="builtin") as archive:
        archive.ingest([folder])
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The archive's own folder."""
    return tmp_path / "data" / "default"


@contextmanager
def rows(place: Path) -> Iterator[MilvusStore]:
    """The rows, opened behind the archive's back."""
    with MilvusStore.open(Connection(str(place / "milvus.db")), "default") as store:
        yield store


def examine(**options: object) -> Diagnosis:
    with eidetic.open() as archive:
        return archive.doctor(**options)  # type: ignore[arg-type]


def kinds(found: Diagnosis) -> dict[str, int]:
    return {problem.kind: problem.count for problem in found.problems}


def test_a_healthy_archive_is_accounted_for_in_full(images: Path) -> None:
    (images / "broken.jpg").write_text("no image")
    with eidetic.open() as archive:
        archive.ingest([images])
    found = examine()
    assert found.problems == ()
    assert (found.files, found.journal, found.skipped, found.rows) == (6, 6, 1, 5)
    assert (found.recall_at_10, found.sampled, found.short) == (1.0, 5, {})
    assert json.loads(json.dumps(found.as_dict())).keys() == {
        "archive", "files", "journal", "skipped", "rows", "recall_at_10", "sampled", "short",
        "free_bytes", "seconds", "repairs", "problems",
    }  # fmt: skip


def test_without_a_sample_no_recall_is_measured(images: Path) -> None:
    found = examine(sample=0)
    assert (found.recall_at_10, found.sampled) == (None, 0)


def test_files_that_are_new_changed_and_gone_are_named_with_the_next_step(images: Path) -> None:
    write_image(images / "black.png", "black")
    write_image(images / "red.png", "black", size=(10, 10))
    (images / "blue.png").unlink()
    found = examine()
    assert kinds(found) == {"missing": 1, "stale": 1, "orphaned": 1}
    missing, stale, orphaned = found.problems
    assert missing.examples == (str(images / "black.png"),)
    assert missing.fix == f"eidetic ingest {images}"
    assert stale.examples == (str(images / "red.png"),)
    assert orphaned.examples == (str(images / "blue.png"),)
    assert orphaned.fix == "eidetic doctor --fix"
    mended = examine(fix=True)
    assert [(repair.kind, repair.count) for repair in mended.repairs] == [("orphaned", 1)]
    assert kinds(mended) == {"missing": 1, "stale": 1}
    assert mended.rows == 4
    with eidetic.open() as archive:
        archive.ingest([images])
    assert examine().problems == ()


def test_a_broken_vector_is_dropped_and_embedded_by_the_next_ingest(
    images: Path, place: Path
) -> None:
    with rows(place) as store:
        record = next(record for record in store.iterate() if record.name == "red.png")
        store.upsert([Embedded(record, np.full(48, np.nan, dtype=np.float32))])
    found = examine()
    assert kinds(found) == {"bad-vector": 1}
    assert found.sampled == 4
    mended = examine(fix=True)
    assert [repair.kind for repair in mended.repairs] == ["bad-vector"]
    assert kinds(mended) == {"missing": 1}
    assert mended.problems[0].fix == f"eidetic ingest {images}"
    with eidetic.open() as archive:
        assert archive.ingest([images]).indexed == 1
    assert examine().problems == ()


def test_a_lost_journal_is_filled_from_the_rows(images: Path, place: Path) -> None:
    (place / "journal.sqlite").unlink()
    assert kinds(examine()) == {"journal": 1}
    assert not (place / "journal.sqlite").exists()
    mended = examine(fix=True)
    assert [(repair.kind, repair.count) for repair in mended.repairs] == [("journal", 5)]
    assert mended.problems == ()


def test_a_root_that_is_away_is_one_problem_however_many_rows_it_has(images: Path) -> None:
    images.rename(images.with_name("elsewhere"))
    found = examine(fix=True)
    (problem,) = found.problems
    assert (problem.kind, problem.count) == ("root-away", 1)
    assert str(images) in problem.examples[0]
    assert "5 rows" in problem.examples[0]
    assert "eidetic roots move ID PATH" in problem.fix
    assert (found.rows, found.repairs) == (5, ())


def test_rows_of_another_machines_root_are_never_dropped(images: Path, place: Path) -> None:
    (place / "roots.json").unlink()
    found = examine(fix=True, allow_mass_removal=True)
    (problem,) = found.problems
    assert (problem.kind, problem.count) == ("root-unknown", 1)
    assert "5 rows" in problem.examples[0]
    assert found.rows == 5


def test_dropping_most_rows_of_a_root_wants_a_yes(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    for n in range(12):
        write_image(folder / f"{n}.png", f"hsl({n * 30}, 80%, 50%)")
    with eidetic.open("holidays", model="builtin") as archive:
        archive.ingest([folder])
        for file in folder.iterdir():
            file.unlink()
        refused = archive.doctor(fix=True)
        assert kinds(refused) == {"orphaned": 12}
        assert "--yes" in refused.problems[0].fix
        assert refused.rows == 12
        done = archive.doctor(fix=True, allow_mass_removal=True)
        assert (done.rows, done.problems) == (0, ())


def test_the_next_step_names_the_archive_and_quotes_the_folder(tmp_path: Path) -> None:
    folder = write_colours(tmp_path / "my images", "red")
    with eidetic.open("holidays", model="builtin") as archive:
        archive.ingest([folder])
        write_image(folder / "blue.png", "blue")
        assert archive.doctor().problems[0].fix == f"eidetic --archive holidays ingest '{folder}'"


def test_an_index_that_misses_neighbours_is_a_problem_with_the_rows_named(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = MilvusStore.search
    monkeypatch.setattr(
        MilvusStore, "search", lambda store, queries, k: [m[:3] for m in real(store, queries, k)]
    )
    found = examine()
    (problem,) = found.problems
    assert found.recall_at_10 == pytest.approx(0.6)
    assert (problem.kind, problem.count) == ("recall", 5)
    assert set(problem.examples) == {str(images / f"{colour}.png") for colour in COLOURS}
    assert "flat" in problem.fix
    assert found.short[str(images / "red.png")] == pytest.approx(0.6)


def test_rows_of_another_pre_processing_are_a_problem(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embed.encoder.ToyEncoder.fingerprint", "toy-2")
    (problem,) = examine().problems
    assert (problem.kind, problem.count) == ("model", 5)
    assert "'toy-1'" in problem.detail


def test_a_full_disk_is_told_before_it_breaks_something(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 10**12 - 10**8, 10**8))
    found = examine()
    assert kinds(found) == {"disk": 1}
    assert "100,000,000 bytes free" in found.problems[0].detail
    assert found.free_bytes == 10**8


def test_what_killed_runs_left_is_deleted_and_what_one_writes_now_is_not(
    images: Path, place: Path
) -> None:
    old, new = place / "roots.json0ld", place / "roots.jsonn3w"
    for file in (old, new):
        file.touch()
    hour_ago = time.time() - 3600
    os.utime(old, (hour_ago, hour_ago))
    assert kinds(examine()) == {"leftover": 1}
    assert examine(fix=True).problems == ()
    assert (old.exists(), new.exists()) == (False, True)


def test_an_empty_archive_is_healthy(images: Path) -> None:
    with eidetic.open() as archive:
        archive.forget_root(images)
        found = archive.doctor()
    assert (found.problems, found.rows, found.recall_at_10) == ((), 0, None)
