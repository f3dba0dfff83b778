"""Following folders: real files, the system's own events, a thread that watches."""

import logging
import os
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ingest import IngestReport, Progress, Scope, follow, ingest, plan_scopes
from ingest.changes import GONE_AFTER_S, HELD_AT_MOST_S, QUIET_S, Unsettled
from ingest.watch import touched_scopes
from schema import Root, StoreUnreachable, UsageError
from tests.ingest.small_archive import OPTIONS, SmallArchive, draw

PATIENCE_S = 40


class Watched:
    """An archive that is followed in a thread."""

    def __init__(self, archive: SmallArchive, *scopes: Scope, **options: Any) -> None:
        self.archive = archive
        self.reports: list[IngestReport] = []
        self.runs: list[Sequence[Scope]] = []
        self.failure: Exception | None = None
        self.stop = threading.Event()
        self._scopes = scopes or (Scope(archive.root),)
        self._options = options
        self._journal = archive.journal()
        self._thread = threading.Thread(target=self._follow)

    def __enter__(self) -> "Watched":
        self._thread.start()
        self.wait_for(lambda: self.reports or self.failure)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._thread.join(PATIENCE_S)
        self._journal.close()
        assert not self._thread.is_alive()
        if self.failure:
            raise self.failure

    def run(self, scopes: Sequence[Scope], *, progress: Progress) -> IngestReport:
        self.runs.append(scopes)
        return ingest(
            scopes,
            store=self.archive.store,
            encoder=self.archive.encoder,
            journal=self._journal,
            progress=progress,
            **OPTIONS,
        )

    def _follow(self) -> None:
        try:
            for report in follow(self._scopes, self.run, stop=self.stop, **self._options):
                self.reports.append(report)
        except Exception as failure:  # noqa: BLE001  # raised again by the test
            self.failure = failure

    def wait_for(self, condition: Any) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, (self.archive.paths(), self.reports)
            time.sleep(0.05)

    def wait_for_paths(self, *paths: str) -> None:
        self.wait_for(lambda: self.archive.paths() == sorted(paths))

    def total(self, name: str) -> int:
        return sum(getattr(report, name) for report in self.reports)


@pytest.fixture
def filled(archive: SmallArchive) -> SmallArchive:
    archive.draw_all([f"{n:02}.png" for n in range(12)] + ["sub/a.png", "sub/b.png"])
    return archive


FILLED = [f"{n:02}.png" for n in range(12)] + ["sub/a.png", "sub/b.png"]


def test_a_new_image_is_in_the_archive_within_seconds(filled: SmallArchive) -> None:
    with Watched(filled) as watched:
        assert watched.reports[0].indexed == 14
        draw(filled.folder / "new.png")
        watched.wait_for_paths(*FILLED, "new.png")
    assert filled.encoder.embedded == 15


def test_only_what_was_touched_is_looked_at(filled: SmallArchive) -> None:
    with Watched(filled) as watched:
        draw(filled.folder / "sub" / "new.png")
        watched.wait_for(lambda: len(watched.reports) == 2)
    assert watched.runs[1] == [Scope(filled.root, touched=("sub/new.png",))]
    assert watched.reports[1].scanned == 1


def test_a_changed_image_is_embedded_again(filled: SmallArchive) -> None:
    with Watched(filled) as watched:
        draw(filled.folder / "00.png", seed=99, mtime_ns=1_700_000_000_000_000_000)
        watched.wait_for(lambda: len(watched.reports) == 2)
    assert watched.reports[1].indexed == 1
    assert filled.paths() == FILLED


def test_a_deleted_image_loses_its_row_and_a_deleted_folder_all_of_them(
    filled: SmallArchive,
) -> None:
    with Watched(filled) as watched:
        (filled.folder / "00.png").unlink()
        shutil.rmtree(filled.folder / "sub")
        watched.wait_for_paths(*FILLED[1:12])
    assert watched.total("removed") == 3


def test_moved_images_and_folders_keep_their_vectors(filled: SmallArchive) -> None:
    with Watched(filled) as watched:
        (filled.folder / "00.png").rename(filled.folder / "sub" / "moved.png")
        (filled.folder / "sub").rename(filled.folder / "elsewhere")
        watched.wait_for_paths(
            *FILLED[1:12], "elsewhere/a.png", "elsewhere/b.png", "elsewhere/moved.png"
        )
    assert watched.total("moved") == 3
    assert filled.encoder.embedded == 14


def test_a_folder_that_arrives_whole_is_taken_in_with_all_below_it(
    filled: SmallArchive, tmp_path: Path
) -> None:
    draw(tmp_path / "album" / "x" / "y" / "deep.png")
    draw(tmp_path / "album" / ".hidden" / "h.png")
    with Watched(filled) as watched:
        (tmp_path / "album").rename(filled.folder / "album")
        watched.wait_for_paths(*FILLED, "album/x/y/deep.png")


def test_a_file_that_is_copied_slowly_is_embedded_once(
    filled: SmallArchive, tmp_path: Path
) -> None:
    data = draw(tmp_path / "big.png").read_bytes()
    step = len(data) // 8 + 1
    with Watched(filled) as watched:
        with (filled.folder / "slow.png").open("wb") as file:
            for at in range(0, len(data), step):
                file.write(data[at : at + step])
                file.flush()
                time.sleep(0.6)
        watched.wait_for_paths(*FILLED, "slow.png")
        time.sleep(3)
    assert [report.indexed for report in watched.reports] == [14, 1]
    assert watched.total("skipped") == 0


def test_a_burst_is_a_few_batches(filled: SmallArchive) -> None:
    with Watched(filled) as watched:
        for n in range(200):
            draw(filled.folder / "burst" / f"{n:03}.png")
        watched.wait_for(lambda: len(filled.paths()) == 214)
    assert len(watched.reports) <= 4
    assert watched.total("indexed") == 214


def test_a_file_of_no_interest_starts_no_run(filled: SmallArchive) -> None:
    with Watched(filled, exclude=["private"]) as watched:
        (filled.folder / "notes.txt").write_text("x")
        draw(filled.folder / ".hidden.png")
        draw(filled.folder / "private" / "p.png")
        draw(filled.folder / "last.png")
        watched.wait_for_paths(*FILLED, "last.png")
    touched = {path for scopes in watched.runs[1:] for s in scopes for path in s.touched}
    assert touched == {"last.png"}


def test_a_broken_file_is_reported_and_the_watch_goes_on(filled: SmallArchive) -> None:
    with Watched(filled) as watched:
        (filled.folder / "broken.png").write_bytes(b"no image")
        watched.wait_for(lambda: watched.total("skipped") == 1)
        draw(filled.folder / "good.png")
        watched.wait_for_paths(*FILLED, "good.png")


def test_a_root_that_vanishes_keeps_its_rows_and_is_followed_again_when_it_is_back(
    filled: SmallArchive, caplog: pytest.LogCaptureFixture
) -> None:
    away = filled.folder.with_name("away")
    with caplog.at_level(logging.WARNING), Watched(filled) as watched:
        filled.folder.rename(away)
        watched.wait_for(lambda: "is not there any more" in caplog.text)
        time.sleep(GONE_AFTER_S + 2)
        assert filled.paths() == FILLED
        draw(away / "while-away.png")
        away.rename(filled.folder)
        watched.wait_for_paths(*FILLED, "while-away.png")
        draw(filled.folder / "after.png")
        watched.wait_for_paths(*FILLED, "after.png", "while-away.png")
    assert watched.total("removed") == 0


def test_most_of_a_root_going_at_once_is_said_and_not_pruned(
    filled: SmallArchive, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), Watched(filled) as watched:
        for path in FILLED[:12]:
            (filled.folder / path).unlink()
        watched.wait_for(lambda: "more than half" in caplog.text)
    assert filled.paths() == FILLED


def test_a_store_that_fails_is_tried_again(
    filled: SmallArchive, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ingest.watch.BACK_OFF_S", (0.2,))
    real, failures = filled.store.upsert, []

    def fail_twice(rows: Any) -> int:
        if len(failures) < 2:
            failures.append(1)
            raise StoreUnreachable("the store is away")
        return real(rows)

    with caplog.at_level(logging.WARNING), Watched(filled) as watched:
        monkeypatch.setattr(filled.store, "upsert", fail_twice)
        draw(filled.folder / "new.png")
        watched.wait_for_paths(*FILLED, "new.png")
    assert caplog.text.count("the store is away; trying again") == 2
    assert filled.encoder.embedded == 15


def test_where_the_system_has_no_more_watches_changes_are_looked_for(
    filled: SmallArchive, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import watchfiles

    real = watchfiles.watch

    def limited(*folders: str, force_polling: bool | None, **options: Any) -> Iterator[Any]:
        if not force_polling:
            raise OSError("OS file watch limit reached. about ['/images']")
        return real(*folders, force_polling=True, **options)

    monkeypatch.setattr(watchfiles, "watch", limited)
    monkeypatch.setattr("ingest.changes.POLL_MS", 200)
    with caplog.at_level(logging.WARNING), Watched(filled) as watched:
        draw(filled.folder / "new.png")
        watched.wait_for_paths(*FILLED, "new.png")
    assert "max_user_watches" in caplog.text


def test_an_empty_folder_can_be_watched(archive: SmallArchive) -> None:
    with Watched(archive) as watched:
        draw(archive.folder / "first.png")
        watched.wait_for_paths("first.png")


def test_a_watched_file_is_followed_alone(filled: SmallArchive) -> None:
    with Watched(filled, Scope(filled.root, only="00.png")) as watched:
        draw(filled.folder / "01.png", seed=5)
        draw(filled.folder / "00.png", seed=6, mtime_ns=1_700_000_000_000_000_000)
        watched.wait_for(lambda: len(watched.reports) == 2)
    assert watched.runs[1] == [Scope(filled.root, touched=("00.png",))]


@pytest.mark.parametrize("location", ["s3://bucket/x", "zip://::/images.zip"])
def test_what_is_not_a_folder_of_this_machine_cannot_be_watched(
    archive: SmallArchive, location: str
) -> None:
    watched = Watched(archive, Scope(Root.at(location)))
    with pytest.raises(UsageError, match="only folders of this machine"), watched:
        pass
    assert watched.runs == []


class TestUnsettled:
    """When a path has settled, by a clock that the test turns."""

    @pytest.fixture
    def clock(self) -> list[float]:
        return [1000.0]

    @pytest.fixture
    def unsettled(self, clock: list[float]) -> Unsettled:
        return Unsettled(lambda: clock[0])

    def test_a_file_settles_once_it_has_been_the_same_for_a_while(
        self, tmp_path: Path, unsettled: Unsettled, clock: list[float]
    ) -> None:
        path = str(draw(tmp_path / "a.png"))
        unsettled.touch(path)
        assert unsettled.take() == []
        clock[0] += QUIET_S
        assert unsettled.take() == [path]
        assert unsettled.take() == []

    def test_a_file_that_grows_starts_anew(
        self, tmp_path: Path, unsettled: Unsettled, clock: list[float]
    ) -> None:
        path = draw(tmp_path / "a.png")
        unsettled.touch(str(path))
        for size in range(5):
            path.write_bytes(bytes(size))
            os.utime(path, ns=(size, size))
            clock[0] += QUIET_S
            assert unsettled.take() == []
        clock[0] += QUIET_S
        assert unsettled.take() == [str(path)]

    def test_a_file_dated_now_waits_until_its_date_can_be_believed(
        self, tmp_path: Path, unsettled: Unsettled, clock: list[float]
    ) -> None:
        path = draw(tmp_path / "a.png", mtime_ns=time.time_ns())
        unsettled.touch(str(path))
        unsettled.take()
        clock[0] += QUIET_S
        assert unsettled.take() == []
        os.utime(path, ns=(1, 1))
        unsettled.take()
        clock[0] += QUIET_S
        assert unsettled.take() == [str(path)]

    def test_what_is_gone_waits_for_what_is_coming_but_not_for_ever(
        self, tmp_path: Path, unsettled: Unsettled, clock: list[float]
    ) -> None:
        gone, coming = str(tmp_path / "gone.png"), tmp_path / "coming.png"
        unsettled.touch(gone)
        for tick in range(int(HELD_AT_MOST_S)):
            coming.write_bytes(bytes(tick))
            os.utime(coming, ns=(tick, tick))
            unsettled.touch(str(coming))
            assert unsettled.take() == []
            clock[0] += 1
        coming.write_bytes(bytes(100))
        assert unsettled.take() == [gone]

    def test_a_folder_is_its_files(
        self, tmp_path: Path, unsettled: Unsettled, clock: list[float]
    ) -> None:
        paths = [str(draw(tmp_path / "f" / name)) for name in ("a.png", "sub/b.png")]
        os.utime(tmp_path / "f", (1, 1))
        unsettled.touch(str(tmp_path / "f"))
        found = []
        for _ in range(4):
            found += unsettled.take()
            clock[0] += QUIET_S
        assert sorted(found) == paths


def test_a_sidecar_and_a_raw_file_touch_the_images_they_belong_to(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png", "ab.jpg", "b.jpg", "b.jpg.xmp", "a.xmp"):
        (tmp_path / name).write_bytes(b"x")
    scope = Scope(Root.at(str(tmp_path)))

    def touched(name: str) -> tuple[str, ...]:
        [found] = touched_scopes([str(tmp_path / name)], [scope])
        return found.touched

    assert touched("a.xmp") == ("a.jpg", "a.png")
    assert touched("b.jpg.xmp") == ("b.jpg",)
    assert touched("ab.jpg") == ("ab.jpg",)


def test_a_path_belongs_to_the_innermost_root(tmp_path: Path) -> None:
    draw(tmp_path / "in" / "a.png")
    inner = Root.at(str(tmp_path / "in"))
    scopes = plan_scopes([tmp_path], [inner])
    paths = [str(tmp_path / "in" / "a.png"), str(tmp_path / "b.png")]
    found = touched_scopes(paths, scopes)
    assert [(scope.root.location, scope.touched) for scope in found] == [
        (inner.location, ("a.png",)),
        (str(tmp_path), ("b.png",)),
    ]
