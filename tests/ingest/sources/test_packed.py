"""Zip and tar files: their members are images like files, and an unchanged one is not opened."""

import io
import os
import tarfile
import zipfile
from pathlib import Path

import fsspec
import pytest

from ingest import Scope, plan_scopes
from schema import Root, SkipReason, UsageError, row_id
from tests.ingest.small_archive import SmallArchive, counts
from tests.ingest.sources.packing import (
    LONG_AGO_S,
    aged,
    image,
    images,
    make,
    make_tar,
    make_zip,
    report_of,
    scope_of,
)

KINDS = ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "a.tar.bz2", "a.tar.xz"]
MANY = [f"{n:02}.png" for n in range(60)]


@pytest.fixture(params=KINDS)
def packed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / str(request.param)


def test_every_image_has_a_row_with_the_id_of_its_root_and_path(
    packed: Path, archive: SmallArchive
) -> None:
    make(packed, images("x.png", "b/y.png", "b/.hidden/z.png", "notes.md"))
    scope = scope_of(packed)
    assert counts(archive.ingest(scope)) == {"indexed": 2}
    assert archive.paths() == ["b/y.png", "x.png"]
    [record] = [r for r in archive.store.iterate() if r.path == "b/y.png"]
    assert record.id == row_id(Root.at(scope.root.location).id, "b/y.png")
    assert record.size_bytes == len(images("b/y.png")["b/y.png"])
    assert record.mtime_ns == LONG_AGO_S * 10**9


def test_where_a_member_is_said_to_be_fsspec_opens_it(packed: Path, archive: SmallArchive) -> None:
    members = images("a b.png", "b/y.png")
    make(packed, members)
    scope = scope_of(packed)
    # fsspec does not know what .tgz stands for and wants to be told.
    told = {"tar": {"compression": "gzip"}} if packed.suffix == ".tgz" else {}
    for path, data in members.items():
        with fsspec.open(scope.root.locate(path), **told) as stream:
            assert stream.read() == data


def test_a_second_run_does_not_open_the_file(
    packed: Path, archive: SmallArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(packed, images(*MANY) | {"broken.png": b"no image"})
    scope = scope_of(packed)
    first = archive.ingest(scope)
    monkeypatch.setattr("ingest.sources.packed.PackedSource._open", None)
    again = archive.ingest(scope)
    assert counts(again) == {"unchanged": 60, "skipped": 1}
    assert again.skips == first.skips
    assert again.scanned == first.scanned


def test_changed_new_and_deleted_members_are_handled_like_files(
    packed: Path, archive: SmallArchive
) -> None:
    make(packed, images("a.png", "b.png", "c.png"))
    scope = scope_of(packed)
    archive.ingest(scope)
    aged(make(packed, images("b.png", "d.png") | {"c.png": image(7)}), 60)
    assert counts(archive.ingest(scope)) == {"indexed": 2, "unchanged": 1, "removed": 1}
    assert archive.paths() == ["b.png", "c.png", "d.png"]
    assert archive.encoder.embedded == 5


def test_a_member_that_was_renamed_keeps_its_vector(packed: Path, archive: SmallArchive) -> None:
    make(packed, images("a.png", "b.png"))
    scope = scope_of(packed)
    archive.ingest(scope)
    aged(make(packed, {"z/new.png": images("a.png")["a.png"], **images("b.png")}), 60)
    assert counts(archive.ingest(scope)) == {"unchanged": 1, "moved": 1, "removed": 1}
    assert archive.encoder.embedded == 2


def test_what_an_interrupted_run_left_is_done_by_the_next(
    packed: Path, archive: SmallArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(packed, images(*MANY))
    scope = scope_of(packed)
    real, calls = archive.encoder.encode_images, []

    def fail_at_third(batch):  # type: ignore[no-untyped-def]
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("power cut")
        return real(batch)

    monkeypatch.setattr(archive.encoder, "encode_images", fail_at_third)
    with pytest.raises(RuntimeError, match="power cut"):
        archive.ingest(scope)
    monkeypatch.undo()
    report = archive.ingest(scope)
    assert report.indexed + report.unchanged == 60
    assert archive.paths() == MANY


def test_a_file_packed_a_moment_ago_is_not_believed_yet(
    packed: Path, archive: SmallArchive
) -> None:
    make(packed, images("a.png", "b.png"))
    os.utime(packed)
    scope = scope_of(packed)
    archive.ingest(scope)
    size = packed.stat().st_size
    before = packed.stat().st_mtime_ns
    make(packed, images("a.png", "c.png"))
    packed.write_bytes(packed.read_bytes().ljust(size, b"\0"))
    os.utime(packed, ns=(before, before))
    assert counts(archive.ingest(scope)) == {"indexed": 1, "unchanged": 1, "removed": 1}


def test_excluded_members_go_and_come_back(packed: Path, archive: SmallArchive) -> None:
    make(packed, images("keep/a.png", "drop/b.png", "drop/c.png"))
    scope = scope_of(packed)
    archive.ingest(scope)
    assert counts(archive.ingest(scope, exclude=["drop"])) == {"unchanged": 1, "removed": 2}
    assert counts(archive.ingest(scope)) == {"indexed": 2, "unchanged": 1}


def test_half_an_archive_going_missing_is_not_pruned_unasked(
    packed: Path, archive: SmallArchive
) -> None:
    make(packed, images(*MANY))
    scope = scope_of(packed)
    archive.ingest(scope)
    aged(make(packed, images("00.png")), 60)
    with pytest.raises(UsageError, match="more than half"):
        archive.ingest(scope)
    assert len(archive.paths()) == 60


def test_a_file_cut_short_keeps_the_rows_of_what_it_no_longer_lists(
    packed: Path, archive: SmallArchive
) -> None:
    make(packed, images(*MANY))
    scope = scope_of(packed)
    archive.ingest(scope)
    packed.write_bytes(packed.read_bytes()[: packed.stat().st_size * 2 // 3])
    aged(packed, 60)
    report = report_of(archive, scope, allow_mass_prune=True)
    assert report.removed == 0
    assert len(archive.paths()) == 60
    [skip] = [s for s in report.skips if s.path == scope.root.location]
    assert skip.reason is SkipReason.TRUNCATED


def test_a_file_of_another_kind_than_its_name_is_named(packed: Path, archive: SmallArchive) -> None:
    packed.write_bytes(b"not packed at all" * 100)
    with pytest.raises(Exception, match="can be listed") as failure:
        archive.ingest(scope_of(packed))
    assert str(packed) in str(failure.value)


def test_a_tar_that_lies_about_its_compression_is_read_all_the_same(
    tmp_path: Path, archive: SmallArchive
) -> None:
    real = make_tar(tmp_path / "a.tar.gz", images("a.png"))
    real.rename(tmp_path / "b.tar")
    assert counts(archive.ingest(scope_of(tmp_path / "b.tar"))) == {"indexed": 1}


def test_packed_files_inside_packed_files_are_named_and_not_entered(
    packed: Path, archive: SmallArchive
) -> None:
    make(packed, images("a.png") | {"inner.zip": b"PK", "more.tar.gz": b"x"})
    report = archive.ingest(scope_of(packed))
    assert counts(report) == {"indexed": 1, "skipped": 2}
    assert {s.reason for s in report.skips} == {SkipReason.UNSUPPORTED}
    assert report.skips[0].path.endswith(f"://inner.zip::{packed}")


@pytest.mark.parametrize("name", ["/etc/a.png", "../a.png", "x/../../a.png"])
def test_names_that_lead_outside_are_refused(
    packed: Path, archive: SmallArchive, name: str
) -> None:
    make(packed, images("a.png") | {name: image(1)})
    report = archive.ingest(scope_of(packed))
    assert counts(report) == {"indexed": 1, "skipped": 1}
    assert report.skips[0].reason is SkipReason.OUTSIDE


def test_a_folder_scan_does_not_enter_packed_files(tmp_path: Path, archive: SmallArchive) -> None:
    archive.draw_all(["a.png"])
    make_zip(archive.folder / "b.zip", images("c.png"))
    assert counts(archive.ingest()) == {"indexed": 1}
    known = [archive.root, scope_of(archive.folder / "b.zip").root]
    assert plan_scopes([archive.folder], known) == [Scope(archive.root)]


def test_a_packed_file_that_moved_is_known_by_its_new_place(packed: Path) -> None:
    make(packed, images("a.png"))
    scope = scope_of(packed)
    known = Root("of-old", scope.root.location)
    assert plan_scopes([packed], [known]) == [Scope(known)]
    assert plan_scopes([scope.root.location], [known]) == [Scope(known)]


def test_one_member_alone_cannot_be_named(packed: Path) -> None:
    make(packed, images("a.png"))
    with pytest.raises(UsageError, match="ingested whole"):
        plan_scopes([scope_of(packed).root.locate("a.png")], [])


def test_sidecars_and_developed_images_belong_together_in_a_packed_file(
    packed: Path, archive: SmallArchive
) -> None:
    make(packed, images("a.png", "r.jpg") | {"a.xmp": b"<x/>", "r.png": image(3)})
    archive.ingest(scope_of(packed))
    with archive.journal() as journal:
        root = scope_of(packed).root.id
        entries = {entry.path: entry for entry in journal.known(root)}
    assert entries["a.png"].sidecar_ns != 0
    assert entries["r.jpg"].sidecar_ns == 0


class TestZip:
    def test_a_member_that_stays_is_not_read_when_another_changes(
        self, tmp_path: Path, archive: SmallArchive, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = make_zip(tmp_path / "a.zip", images("a.png", "b.png"))
        scope = scope_of(path)
        archive.ingest(scope)
        make_zip(path, images("a.png") | {"b.png": image(5)})
        read = []
        real = zipfile.ZipFile.open
        monkeypatch.setattr(
            zipfile.ZipFile, "open", lambda s, i, *a: read.append(i.filename) or real(s, i, *a)
        )
        archive.ingest(scope)
        assert read == ["b.png"]

    def test_of_two_members_of_one_name_the_later_counts(
        self, tmp_path: Path, archive: SmallArchive
    ) -> None:
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
            file.writestr("a.png", b"no image")
            with pytest.warns(UserWarning, match="Duplicate name"):
                file.writestr("a.png", image(1))
        assert counts(archive.ingest(scope_of(tmp_path / "a.zip"))) == {"indexed": 1}

    def test_a_member_that_declares_too_much_is_not_read(
        self, tmp_path: Path, archive: SmallArchive, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = make_zip(tmp_path / "a.zip", {"bomb.png": bytes(50_000_000), **images("a.png")})
        assert path.stat().st_size < 100_000
        monkeypatch.setattr("ingest.sources.packed.MAX_FILE_BYTES", 1_000_000)
        report = archive.ingest(scope_of(path))
        assert counts(report) == {"indexed": 1, "skipped": 1}
        assert report.skips[0].reason is SkipReason.TOO_LARGE
        assert "50,000,000 bytes, the limit is 1,000,000" in report.skips[0].detail

    def test_a_member_that_declares_too_little_gives_no_more_than_that(
        self, tmp_path: Path, archive: SmallArchive
    ) -> None:
        path = make_zip(tmp_path / "a.zip", {"a.png": image(1), "b.png": image(2)})
        data = bytearray(path.read_bytes())
        directory = data.index(b"PK\x01\x02")
        data[directory + 24 : directory + 28] = (20).to_bytes(4, "little")
        path.write_bytes(data)
        report = archive.ingest(scope_of(aged(path)))
        assert counts(report) == {"indexed": 1, "skipped": 1}
        assert report.skips[0].reason is SkipReason.CORRUPT

    def test_an_encrypted_member_is_named(self, tmp_path: Path, archive: SmallArchive) -> None:
        path = make_zip(tmp_path / "a.zip", images("a.png", "b.png"))
        data = bytearray(path.read_bytes())
        data[data.index(b"PK\x01\x02") + 8] |= 1
        path.write_bytes(data)
        report = archive.ingest(scope_of(aged(path)))
        assert counts(report) == {"indexed": 1, "skipped": 1}
        assert "encrypted" in report.skips[0].detail


class TestTar:
    @pytest.fixture(params=["a.tar", "a.tar.gz"])
    def packed(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        return tmp_path / str(request.param)

    def test_of_two_members_of_one_name_the_later_counts(
        self, packed: Path, archive: SmallArchive
    ) -> None:
        make_tar(packed, [("a.png", b"no image"), ("b.png", image(2)), ("a.png", image(1))])
        assert counts(archive.ingest(scope_of(packed))) == {"indexed": 2}

    def test_names_that_begin_with_a_dot_and_a_slash_are_taken_without(
        self, packed: Path, archive: SmallArchive
    ) -> None:
        make_tar(packed, images("./a.png", "./b/c.png"))
        archive.ingest(scope_of(packed))
        assert archive.paths() == ["a.png", "b/c.png"]

    def test_a_name_that_is_not_utf8_is_skipped_for_that(
        self, packed: Path, archive: SmallArchive
    ) -> None:
        make_tar(packed, {os.fsdecode(b"caf\xe9.png"): image(1), **images("a.png")})
        report = archive.ingest(scope_of(packed))
        assert counts(report) == {"indexed": 1, "skipped": 1}
        assert report.skips[0].reason is SkipReason.NAME_NOT_UTF8
        again = archive.ingest(scope_of(packed))
        assert counts(again) == {"unchanged": 1, "skipped": 1}

    def test_a_hard_link_is_an_image_of_its_own_and_devices_are_passed_over(
        self, packed: Path, archive: SmallArchive
    ) -> None:
        make_tar(packed, {})
        mode = "w:gz" if packed.suffix == ".gz" else "w"
        with tarfile.open(packed, mode) as file:  # type: ignore[call-overload]
            info = tarfile.TarInfo("a.png")
            info.size = len(image(1))
            file.addfile(info, io.BytesIO(image(1)))
            for name, kind in [
                ("hard.png", tarfile.LNKTYPE),
                ("soft.png", tarfile.SYMTYPE),
                ("fifo.png", tarfile.FIFOTYPE),
            ]:
                link = tarfile.TarInfo(name)
                link.type, link.linkname = kind, "a.png"
                file.addfile(link)
        archive.ingest(scope_of(aged(packed)))
        assert archive.paths() == ["a.png", "hard.png"]

    def test_a_compressed_tar_is_read_in_one_pass(
        self, tmp_path: Path, archive: SmallArchive, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = make_tar(tmp_path / "a.tar.gz", images(*MANY, *(f"b/{name}" for name in MANY)))
        begun = []
        real = tarfile.TarFile
        monkeypatch.setattr(
            "ingest.sources.archives.tarfile.TarFile", lambda **a: begun.append(1) or real(**a)
        )
        report = archive.ingest(scope_of(path), workers=8)
        assert report.indexed == 120
        assert len(begun) == 2  # one to list it, one to read it

    def test_a_tar_that_ends_without_its_mark_is_not_taken_for_whole(
        self, packed: Path, archive: SmallArchive
    ) -> None:
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as file:
            for name, data in images("a.png", "b.png").items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                file.addfile(info, io.BytesIO(data))
            end = file.offset
        path = packed.with_name("cut.tar")
        path.write_bytes(stream.getvalue()[:end])
        report = archive.ingest(scope_of(aged(path)))
        assert counts(report) == {"indexed": 2, "skipped": 1}
        assert report.skips[0].reason is SkipReason.TRUNCATED
