"""Buckets, against a local S3 server; and what other protocols say."""

import importlib
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import fsspec
import pytest
from moto.server import ThreadedMotoServer

from ingest import Originals, Scope, plan_scopes
from ingest.filesystems import Filesystem, marker_of
from schema import ImageUnreadable, Root, SkipReason, UsageError
from tests.conftest import free_port
from tests.ingest.small_archive import SmallArchive, counts
from tests.ingest.sources.packing import image, images, make_tar, make_zip, scope_of
from tests.samples import a_record

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    port = free_port()
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the credentials of whoever runs the tests out of them."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr("ingest.filesystems.BACKOFF_S", 0.01)


@pytest.fixture
def s3(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of the server, with an empty bucket "shelf"."""
    # As FSSPEC_S3_ENDPOINT_URL does when a process starts.
    monkeypatch.setitem(fsspec.config.conf, "s3", {"endpoint_url": endpoint})
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    client.create_bucket(Bucket="shelf")
    yield client
    for found in client.list_objects_v2(Bucket="shelf").get("Contents", []):
        client.delete_object(Bucket="shelf", Key=found["Key"])
    client.delete_bucket(Bucket="shelf")
    client.close()


def put(s3: Any, members: dict[str, bytes]) -> None:
    for key, data in members.items():
        s3.put_object(Bucket="shelf", Key=key, Body=data)


SHELF = ["x/a.png", "x/b/c.png", "x/b/d e.png", "x/.hidden/h.png", "y/z.png"]


def test_every_image_below_a_prefix_has_a_row(s3: Any, archive: SmallArchive) -> None:
    put(s3, images(*SHELF) | {"x/notes.md": b"#", "x/empty/": b""})
    scope = scope_of("s3://shelf/x/")
    assert scope == Scope(Root.at("s3://shelf/x"))
    assert counts(archive.ingest(scope)) == {"indexed": 3}
    assert archive.paths() == ["a.png", "b/c.png", "b/d e.png"]
    [record] = [r for r in archive.store.iterate() if r.path == "a.png"]
    assert record.size_bytes == len(images("x/a.png")["x/a.png"])
    assert record.mtime_ns > 1_600_000_000 * 10**9


def test_where_an_object_is_said_to_be_fsspec_opens_it(s3: Any) -> None:
    put(s3, images("x/d e.png"))
    with fsspec.open(Root.at("s3://shelf/x").locate("d e.png")) as stream:
        assert stream.read() == images("x/d e.png")["x/d e.png"]


def test_an_object_and_a_member_of_a_packed_one_are_read_by_their_rows(
    s3: Any, tmp_path: Path
) -> None:
    members = images("d e.png", "b.png")
    put(s3, {f"x/{name}": data for name, data in members.items()})
    put(s3, {"y.zip": make_zip(tmp_path / "y.zip", members).read_bytes()})
    with Originals() as originals:
        for location in ("s3://shelf/x", "zip://::s3://shelf/y.zip"):
            root = Root.at(location)
            for name, data in members.items():
                assert originals.read(a_record(name, root.id), root) == data
            with pytest.raises(ImageUnreadable, match="no such file any more"):
                originals.read(a_record("gone.png", root.id), root)


def test_a_second_run_costs_a_listing_a_folder(
    s3: Any, archive: SmallArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, images(*SHELF))
    scope = scope_of("s3://shelf/x")
    archive.ingest(scope)
    let_time_pass(archive, scope)
    listed: list[str] = []
    real = Filesystem.list
    monkeypatch.setattr(Filesystem, "list", lambda s, url: listed.append(url) or real(s, url))
    monkeypatch.setattr(Filesystem, "read", None)
    monkeypatch.setattr(Filesystem, "look_at", None)
    assert counts(archive.ingest(scope)) == {"unchanged": 3}
    assert listed == ["s3://shelf/x", "s3://shelf/x/b"]


def let_time_pass(archive: SmallArchive, scope: Scope) -> None:
    """Make the journal say that the objects were read long after they were written."""
    from dataclasses import replace

    with archive.journal() as journal:
        entries = list(journal.known(scope.root.id))
        journal.record([replace(e, read_ns=e.read_ns + 10**10) for e in entries])


def test_changed_new_and_deleted_objects_are_noticed(s3: Any, archive: SmallArchive) -> None:
    put(s3, images("x/a.png", "x/b.png", "x/c.png"))
    scope = scope_of("s3://shelf/x")
    archive.ingest(scope)
    let_time_pass(archive, scope)
    put(s3, {"x/a.png": image(7), "x/new.png": images("x/b.png")["x/b.png"]})
    s3.delete_object(Bucket="shelf", Key="x/b.png")
    assert counts(archive.ingest(scope)) == {
        "indexed": 1, "unchanged": 1, "moved": 1, "removed": 1,
    }  # fmt: skip


def test_a_whole_bucket_is_a_root_and_a_prefix_in_it_a_part(s3: Any) -> None:
    put(s3, images(*SHELF))
    whole = scope_of("s3://shelf")
    assert whole == Scope(Root.at("s3://shelf"))
    assert plan_scopes(["s3://shelf/x/b"], [whole.root]) == [Scope(whole.root, "x/b")]
    inner = Root.at("s3://shelf/x")
    assert plan_scopes(["s3://shelf"], [inner]) == [
        Scope(whole.root, leave_out=("x",)),
        Scope(inner),
    ]


def test_one_object_is_a_file_with_its_sidecar(s3: Any, archive: SmallArchive) -> None:
    put(s3, images("x/a.png", "x/b.png") | {"x/a.xmp": b"<x/>"})
    scope = scope_of("s3://shelf/x/a.png")
    assert scope == Scope(Root.at("s3://shelf/x"), only="a.png")
    archive.ingest(scope)
    with archive.journal() as journal:
        [entry] = journal.known(scope.root.id)
    assert (entry.path, entry.sidecar_ns != 0) == ("a.png", True)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
def test_a_packed_object_is_a_root(
    s3: Any, archive: SmallArchive, tmp_path: Path, name: str
) -> None:
    make = make_zip if name.endswith("zip") else make_tar
    put(s3, {name: make(tmp_path / name, images("1.png", "2.png")).read_bytes()})
    scope = scope_of(f"s3://shelf/{name}")
    kind = "zip" if name.endswith("zip") else "tar"
    assert scope.root.location == f"{kind}://::s3://shelf/{name}"
    assert counts(archive.ingest(scope)) == {"indexed": 2}
    with fsspec.open(scope.root.locate("1.png")) as stream:
        assert stream.read() == images("1.png")["1.png"]


def test_no_copy_of_a_packed_object_is_left_behind(
    s3: Any, archive: SmallArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, {"a.zip": make_zip(tmp_path / "a.zip", images("1.png")).read_bytes(), "b.zip": b"x"})
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    archive.ingest(scope_of("s3://shelf/a.zip"))
    with pytest.raises(Exception, match="can be listed"):
        archive.ingest(scope_of("s3://shelf/b.zip"))
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://no-such-bucket/x", "no such"),
        ("s3://shelf/nothing", "there is no such file or folder"),
    ],
)
def test_what_is_not_there_is_named(s3: Any, url: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as failure:
        plan_scopes([url], [])
    assert url in str(failure.value)


def test_missing_credentials_are_told_with_what_to_do(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in KEYS:
        monkeypatch.delenv(name)
    with pytest.raises(UsageError, match=r"no credentials.*docs/sources.md"):
        plan_scopes(["s3://shelf/x"], [])


def test_a_prefix_that_was_emptied_is_not_pruned(s3: Any, archive: SmallArchive) -> None:
    put(s3, images(*SHELF))
    scope = scope_of("s3://shelf/x")
    archive.ingest(scope)
    for key in SHELF:
        s3.delete_object(Bucket="shelf", Key=key)
    with pytest.raises(Exception, match="cannot be looked at"):
        archive.ingest(scope, allow_mass_prune=True)
    assert len(archive.paths()) == 3


def test_a_host_that_is_away_is_an_error_and_removes_nothing(
    s3: Any, archive: SmallArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, images(*SHELF))
    scope = scope_of("s3://shelf/x")
    archive.ingest(scope)
    away = {"endpoint_url": f"http://127.0.0.1:{free_port()}"}
    monkeypatch.setitem(fsspec.config.conf, "s3", away)
    with pytest.raises(UsageError, match=r"does not answer.*nothing was removed"):
        archive.ingest(scope, allow_mass_prune=True)
    assert len(archive.paths()) == 3


def test_a_host_that_goes_away_in_mid_run_ends_it_and_the_next_goes_on(
    s3: Any, archive: SmallArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, images(*(f"x/{n:02}.png" for n in range(40))))
    scope = scope_of("s3://shelf/x")
    real, reads = Filesystem._read, []

    def read(self: Filesystem, url: str, limit: int) -> bytes:
        reads.append(url)
        if len(reads) > 10:
            raise ConnectionError("cable pulled")
        return real(self, url, limit)

    monkeypatch.setattr(Filesystem, "_read", read)
    with pytest.raises(UsageError, match="does not answer: cable pulled"):
        archive.ingest(scope)
    assert len(set(reads)) < 40
    monkeypatch.setattr(Filesystem, "_read", real)
    archive.ingest(scope)
    assert len(archive.paths()) == 40


def test_an_object_that_vanishes_before_it_is_read_is_named(
    s3: Any, archive: SmallArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, images("x/a.png", "x/b.png"))
    real = Filesystem._read

    def read(self: Filesystem, url: str, limit: int) -> bytes:
        if url.endswith("b.png"):
            s3.delete_object(Bucket="shelf", Key="x/b.png")
        return real(self, url, limit)

    monkeypatch.setattr(Filesystem, "_read", read)
    report = archive.ingest(scope_of("s3://shelf/x"))
    assert counts(report) == {"indexed": 1, "skipped": 1}
    assert report.skips[0].reason is SkipReason.VANISHED


def test_the_endpoint_comes_from_the_environment(s3: Any, endpoint: str, tmp_path: Path) -> None:
    put(s3, images(*SHELF))
    program = (
        "from ingest import plan_scopes\nfrom ingest.filesystems import Filesystem\n"
        "[scope] = plan_scopes(['s3://shelf/x'], [])\n"
        "print(*[facts.name for facts in Filesystem('s3://shelf').list(scope.location)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"FSSPEC_S3_ENDPOINT_URL": endpoint},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == [".hidden", "a.png", "b"], done.stderr


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense://x/y", r"unknown protocol 'nonsense'; known are .*s3"),
        ("git://x/y", "needs a package"),
    ],
)
def test_a_protocol_that_cannot_be_opened_is_named(url: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        plan_scopes([url], [])


@pytest.mark.parametrize(
    ("url", "module", "extra"), [("gs://b/x", "gcsfs", "gcs"), ("s3://b/x", "s3fs", "s3")]
)
def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, url: str, module: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    loaded = importlib.import_module("fsspec.registry")
    monkeypatch.delitem(loaded._registry, url[:2], raising=False)
    with pytest.raises(UsageError, match=rf"pip install 'eidetic\[{extra}\]'"):
        plan_scopes([url], [])


def test_fsspec_is_not_imported_for_local_folders() -> None:
    program = "import sys, ingest; assert not {'fsspec', 'pyarrow', 'aiohttp'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_marker_is_a_positive_integer_that_the_journal_can_hold() -> None:
    markers = {marker_of("etag", n) for n in range(1000)}
    assert len(markers) == 1000
    assert all(0 < marker < 2**63 for marker in markers)
