"""What a run makes of videos: a row for each scene, and every change of the file followed.

The row of the first frame is written last. Whatever a run was doing when it was killed, the next
one finds the file undone and completes it; and a journal rebuilt from the rows takes no video for
indexed that is not.
"""

import os
from collections.abc import Sequence

import numpy as np
import pytest

from embed.video import frame_at
from ingest.decoding_pool import DecodingPool
from ingest.names import VIDEOS, is_candidate, is_image_candidate
from ingest.repair import repair
from schema import Embedded, ImageRecord, MemoryStore, StoreError, row_id
from tests.ingest.small_archive import LONG_AGO_NS, SmallArchive, counts, draw, write
from tests.ingest.test_audit import compared, examine
from tests.videos import BLUE, GREEN, RED, YELLOW, save, scene, sound, three_scenes, turned, video


@pytest.fixture(scope="module")
def clip() -> bytes:
    return three_scenes(metadata={"creation_time": "2024-05-01T10:00:00Z", "title": "Three walls"})


@pytest.fixture(scope="module")
def long_clip() -> bytes:
    """A minute and a half: five segments, a new scene every three seconds."""
    colours = (RED, GREEN, BLUE, YELLOW)
    return video([(scene(colours[n % 4], n), 3.0) for n in range(30)])


def frames(archive: SmallArchive, path: str = "clip.mp4") -> list[ImageRecord]:
    """The rows of a video in order of time."""
    rows = [row for row in archive.store.iterate() if row.path == path]
    return sorted(rows, key=lambda row: row.offset_ms)


def times(archive: SmallArchive, path: str = "clip.mp4") -> list[int]:
    return [row.offset_ms for row in frames(archive, path)]


def test_each_scene_is_a_row_with_its_time(archive: SmallArchive, clip: bytes) -> None:
    save(archive.folder / "clip.mp4", clip)
    report = archive.ingest()
    assert (counts(report), report.frames) == ({"indexed": 1}, 3)
    rows = frames(archive)
    assert [(row.view, row.offset_ms) for row in rows] == [
        ("frame", 0), ("frame", 3000), ("frame", 6000)
    ]  # fmt: skip
    assert {(row.width, row.height, row.format) for row in rows} == {(96, 64, "mp4")}
    assert all(row.id == row_id(row.root, row.path, "frame", row.offset_ms) for row in rows)
    assert all("Three walls" in row.text for row in rows)


def test_a_frame_was_taken_so_much_later_than_its_video(archive: SmallArchive, clip: bytes) -> None:
    save(archive.folder / "clip.mp4", clip)
    archive.ingest()
    first, second, third = frames(archive)
    assert first.taken_from == "video"
    assert first.taken_at is not None
    assert first.utc_offset_min is not None
    # 10:00 UTC by this machine's clock.
    assert first.taken_at - first.utc_offset_min * 60_000 == 1_714_557_600_000
    assert [second.taken_at, third.taken_at] == [first.taken_at + 3000, first.taken_at + 6000]


def test_a_frame_has_the_vector_of_the_same_frame_saved_as_an_image(
    archive: SmallArchive, clip: bytes
) -> None:
    path = save(archive.folder / "clip.mp4", clip)
    with path.open("rb") as file:
        frame_at(file, "mp4", 3000, max_pixels=10**6).save(archive.folder / "same.png")
    archive.ingest()
    rows = {(row.path, row.offset_ms): row for row in archive.store.iterate()}
    of_video, of_image = rows["clip.mp4", 3000], rows["same.png", 0]
    vectors = archive.store.vectors([of_video.id, of_image.id])
    np.testing.assert_array_equal(vectors[of_video.id], vectors[of_image.id])
    assert of_video.phash == of_image.phash


def test_a_long_video_is_embedded_scene_by_scene_over_all_its_segments(
    archive: SmallArchive, long_clip: bytes
) -> None:
    save(archive.folder / "clip.mp4", long_clip)
    archive.ingest()
    assert {time // 3000 for time in times(archive)} == set(range(30))
    assert archive.decoding.decoded == 5


def test_frames_that_show_what_the_last_one_shows_get_no_row(archive: SmallArchive) -> None:
    save(archive.folder / "clip.mp4", video([(scene(RED), 60.0)]))
    report = archive.ingest()
    assert times(archive) == [0]
    # They were embedded to be told apart.
    assert archive.encoder.embedded > 1
    assert report.frames == 1


def test_a_run_over_what_has_not_changed_decodes_and_embeds_nothing(
    archive: SmallArchive, clip: bytes
) -> None:
    save(archive.folder / "clip.mp4", clip)
    archive.ingest()
    done = archive.decoding.decoded, archive.encoder.embedded
    assert counts(archive.ingest()) == {"unchanged": 1}
    assert (archive.decoding.decoded, archive.encoder.embedded) == done


def test_a_moved_video_keeps_its_vectors(archive: SmallArchive, clip: bytes) -> None:
    path = save(archive.folder / "clip.mp4", clip)
    archive.ingest()
    done = archive.decoding.decoded, archive.encoder.embedded
    (archive.folder / "sub").mkdir()
    path.rename(archive.folder / "sub" / "moved.mp4")
    assert counts(archive.ingest()) == {"moved": 1, "removed": 1}
    assert (archive.decoding.decoded, archive.encoder.embedded) == done
    assert times(archive) == []
    assert times(archive, "sub/moved.mp4") == [0, 3000, 6000]
    assert examine(archive) == {}


def test_a_copy_of_an_indexed_video_is_not_embedded(archive: SmallArchive, clip: bytes) -> None:
    save(archive.folder / "clip.mp4", clip)
    archive.ingest()
    save(archive.folder / "copy.mp4", clip)
    assert counts(archive.ingest()) == {"unchanged": 1, "moved": 1}
    assert archive.encoder.embedded == 3
    assert times(archive, "copy.mp4") == times(archive, "clip.mp4")


def test_a_touched_video_has_its_rows_told_the_new_date(archive: SmallArchive, clip: bytes) -> None:
    path = save(archive.folder / "clip.mp4", clip)
    archive.ingest()
    embedded = archive.encoder.embedded
    os.utime(path, ns=(LONG_AGO_NS + 10**9, LONG_AGO_NS + 10**9))
    assert counts(archive.ingest()) == {"unchanged": 1}
    assert {row.mtime_ns for row in frames(archive)} == {LONG_AGO_NS + 10**9}
    assert archive.encoder.embedded == embedded
    assert examine(archive) == {}


def test_a_changed_video_has_all_its_frames_replaced(archive: SmallArchive, clip: bytes) -> None:
    path = save(archive.folder / "clip.mp4", clip)
    archive.ingest()
    other = video([(scene(YELLOW, 3), 4.0), (scene(BLUE, 7), 4.0)])
    write(path, other, LONG_AGO_NS + 10**9)
    report = archive.ingest()
    assert counts(report) == {"indexed": 1}
    assert times(archive) == [0, 4000]
    assert len({row.content for row in frames(archive)}) == 1
    assert examine(archive) == {}


def test_a_deleted_video_loses_all_its_rows(archive: SmallArchive, clip: bytes) -> None:
    path = save(archive.folder / "clip.mp4", clip)
    draw(archive.folder / "a.png")
    archive.ingest()
    path.unlink()
    assert counts(archive.ingest()) == {"unchanged": 1, "removed": 1}
    assert archive.paths() == ["a.png"]


def test_an_image_in_the_place_of_a_video_replaces_it_and_the_other_way_round(
    archive: SmallArchive, clip: bytes
) -> None:
    path = archive.folder / "without an ending"
    save(path, clip)
    archive.ingest()
    assert len(archive.paths()) == 3
    image = draw(archive.folder.parent / "other.png").read_bytes()
    write(path, image, LONG_AGO_NS + 10**9)
    archive.ingest()
    assert [row.view for row in frames(archive, path.name)] == ["photo"]
    write(path, clip, LONG_AGO_NS + 2 * 10**9)
    archive.ingest()
    assert {row.view for row in frames(archive, path.name)} == {"frame"}
    assert examine(archive) == {}


def test_a_video_that_can_no_longer_be_read_loses_its_rows(
    archive: SmallArchive, clip: bytes
) -> None:
    path = save(archive.folder / "clip.mp4", clip)
    draw(archive.folder / "a.png")
    archive.ingest()
    write(path, clip[:400], LONG_AGO_NS + 10**9)
    report = archive.ingest()
    assert counts(report) == {"unchanged": 1, "removed": 1, "skipped": 1}
    assert times(archive) == []


class TestInterrupted:
    """Half of a long video is written, then the store fails, as when the process is killed."""

    @pytest.fixture
    def archive(self, archive: SmallArchive, long_clip: bytes) -> SmallArchive:
        save(archive.folder / "clip.mp4", long_clip)
        whole = archive.store
        archive.store = FailingStore(whole, after=12)  # type: ignore[assignment]
        with pytest.raises(StoreError):
            archive.ingest()
        archive.store = whole
        return archive

    def test_the_row_of_the_first_frame_is_not_there(self, archive: SmallArchive) -> None:
        assert len(times(archive)) >= 8
        assert 0 not in times(archive)

    def test_the_next_run_completes_it_with_the_vectors_that_are_there(
        self, archive: SmallArchive
    ) -> None:
        written, embedded = len(times(archive)), archive.encoder.embedded
        assert counts(archive.ingest()) == {"indexed": 1}
        assert len(times(archive)) >= 30
        assert examine(archive) == {}
        second = archive.encoder.embedded - embedded
        archive.store.delete([row.id for row in frames(archive)])
        archive.journal_path.unlink()
        archive.ingest()
        assert second == archive.encoder.embedded - embedded - second - written

    def test_a_journal_rebuilt_from_the_rows_does_not_take_it_for_indexed(
        self, archive: SmallArchive
    ) -> None:
        archive.journal_path.unlink()
        assert counts(archive.ingest()) == {"indexed": 1}
        assert 0 in times(archive)

    def test_doctor_finds_its_frames_and_drops_them(self, archive: SmallArchive) -> None:
        assert set(examine(archive)) == {"partial"}
        with compared(archive) as audit, archive.journal() as journal:
            repairs, _ = repair(audit, store=archive.store, journal=journal, allow_mass=False)
        assert [each.kind for each in repairs] == ["partial"]
        assert times(archive) == []

    def test_if_the_file_changes_before_the_next_run_nothing_of_it_stays(
        self, archive: SmallArchive, clip: bytes
    ) -> None:
        write(archive.folder / "clip.mp4", clip, LONG_AGO_NS + 10**9)
        archive.ingest()
        assert times(archive) == [0, 3000, 6000]


def test_a_rebuilt_journal_knows_a_whole_video_by_its_first_frame(
    archive: SmallArchive, clip: bytes
) -> None:
    save(archive.folder / "clip.mp4", clip)
    archive.ingest()
    done = archive.decoding.decoded
    archive.journal_path.unlink()
    assert counts(archive.ingest()) == {"unchanged": 1}
    assert archive.decoding.decoded == done


def test_a_row_lost_from_a_video_is_made_again_by_doctor_and_ingest(
    archive: SmallArchive, clip: bytes
) -> None:
    save(archive.folder / "clip.mp4", clip)
    archive.ingest()
    archive.store.delete([row_id(archive.root.id, "clip.mp4", "frame", 0)])
    assert set(examine(archive)) == {"partial"}
    with compared(archive) as audit, archive.journal() as journal:
        repair(audit, store=archive.store, journal=journal, allow_mass=False)
    archive.ingest()
    assert times(archive) == [0, 3000, 6000]


class TestHostile:
    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("sound", "not-an-image"),
            ("header", "corrupt"),
            ("huge", "too-large"),
            ("playlist", "not-an-image"),
            ("lie", "corrupt"),
            ("no frames", "corrupt"),
        ],
    )
    def test_what_is_no_video_is_skipped_with_a_reason(
        self, archive: SmallArchive, clip: bytes, name: str, reason: str
    ) -> None:
        data = {
            "sound": sound(),
            "header": clip[:200],
            "huge": video([(scene(RED, size=(1280, 800)), 0.2)]),
            "playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/passwd\n",
            "lie": clip[:36] + b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n" * 20,
            "no frames": clip[: clip.index(b"mdat") + 4].ljust(clip.index(b"moov") - 4, b"\0")
            + clip[clip.index(b"moov") - 4 :],
        }[name]
        save(archive.folder / "bad.mp4", data)
        draw(archive.folder / "a.png")
        report = archive.ingest()
        assert counts(report) == {"indexed": 1, "skipped": 1}
        assert [skip.reason.value for skip in report.skips] == [reason]
        assert archive.paths() == ["a.png"]

    def test_of_a_video_that_ends_too_early_what_is_there_is_indexed(
        self, archive: SmallArchive
    ) -> None:
        data = three_scenes(codec="mpeg2video", container="mpegts")
        save(archive.folder / "clip.ts.m2ts", data[: len(data) * 5 // 9])
        archive.ingest()
        assert times(archive, "clip.ts.m2ts") == [0, 3000]

    def test_a_video_of_no_length_has_its_frame(self, archive: SmallArchive) -> None:
        save(archive.folder / "clip.mp4", video([(scene(RED), 0.1)]))
        archive.ingest()
        assert times(archive) == [0]

    def test_a_recording_that_does_not_say_its_length_is_read_to_its_end(
        self, archive: SmallArchive
    ) -> None:
        # As browsers record: nothing is known when the header is written.
        data = three_scenes(codec="libvpx-vp9", container="webm", live=True)
        save(archive.folder / "clip.webm", data)
        archive.ingest()
        assert times(archive, "clip.webm") == [0, 3000, 6000]

    def test_a_turned_video_is_upright(self, archive: SmallArchive, clip: bytes) -> None:
        path = save(archive.folder / "clip.mp4", turned(clip))
        archive.ingest()
        assert {(row.width, row.height) for row in frames(archive)} == {(64, 96)}
        with path.open("rb") as file:
            image = frame_at(file, "mp4", 0, max_pixels=10**6)
        # The square at the left of the top is at its right when turned clockwise.
        assert min(image.getpixel((48, 16))) > 200  # type: ignore[arg-type, type-var]

    def test_a_worker_that_dies_of_a_later_segment_costs_the_video_and_no_more(
        self, archive: SmallArchive, long_clip: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        save(archive.folder / "clip.mp4", long_clip)
        draw(archive.folder / "z.png")
        with DecodingPool(module="tests.ingest.hostile_worker") as pool:
            monkeypatch.setattr(archive.decoding, "_pool", pool)
            monkeypatch.setenv("EIDETIC_TEST_DIES_AT", "3")
            report = archive.ingest()
        assert [skip.reason.value for skip in report.skips] == ["decoder-crashed"]
        assert archive.paths() == ["z.png"]

    def test_a_worker_may_say_any_number_of_times_that_it_goes_on(
        self, archive: SmallArchive, clip: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        save(archive.folder / "clip.mp4", clip)
        monkeypatch.setenv("EIDETIC_TEST_TOILS_AT", "0")
        with DecodingPool(module="tests.ingest.hostile_worker") as pool:
            monkeypatch.setattr(archive.decoding, "_pool", pool)
            assert counts(archive.ingest()) == {"indexed": 1}
        assert times(archive) == [0, 3000, 6000]


def test_without_pyav_a_video_is_named_with_what_to_install(
    archive: SmallArchive, clip: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(archive.folder / "clip.mp4", clip)
    draw(archive.folder / "a.png")
    with monkeypatch.context() as without:
        without.setattr("embed.video_formats.find_spec", lambda name: None)
        (skip,) = archive.ingest().skips
        assert skip.reason.value == "missing-plugin"
        assert "eidetic[video]" in skip.detail
    assert counts(archive.ingest()) == {"indexed": 1, "unchanged": 1}
    with monkeypatch.context() as without:
        # What was indexed before stays, though it was touched.
        os.utime(archive.folder / "clip.mp4", ns=(LONG_AGO_NS + 5, LONG_AGO_NS + 5))
        without.setattr("embed.video_formats.find_spec", lambda name: None)
        archive.ingest()
    assert len(times(archive)) == 3


def test_only_files_of_folders_may_be_videos() -> None:
    assert all(is_candidate(f"a.{ending}") for ending in VIDEOS)
    assert not any(is_image_candidate(f"a.{ending.upper()}") for ending in VIDEOS)
    assert is_image_candidate("a.jpg")


class FailingStore(MemoryStore):
    """Takes so many rows, and then fails."""

    def __init__(self, whole: MemoryStore, after: int) -> None:
        super().__init__(whole.collection)
        self._rows = whole._rows
        self._left = after

    def upsert(self, rows: Sequence[Embedded]) -> int:
        if self._left < len(rows):
            raise StoreError("the disk is full")
        self._left -= len(rows)
        return super().upsert(rows)
