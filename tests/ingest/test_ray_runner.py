"""Ingestion on a Ray cluster gives the rows that ingestion on this machine gives.

One local cluster of two CPUs serves all tests, with the built-in model: a worker loads its encoder
by its spec, as it would anywhere.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from embed import Encoder, load_encoder
from ingest import IngestInterrupted, IngestReport, Journal, NoProgress, Scope, ingest
from ingest.entries import Entry
from ingest.ray_layout import Layout
from ingest.ray_local import claim_token, local_cluster
from ingest.ray_runner import RayRunner
from ingest.runner import LocalRunner, Runner, choose_runner
from schema import ArchiveMismatch, Collection, MemoryStore, Root, UsageError
from tests.conftest import free_port
from tests.ingest.small_archive import LONG_AGO_NS, counts, draw, write
from tests.ingest.sources.packing import make_zip

# Ray leaves sockets and files to the end of the process, and warns of its own settings.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning"
)

PATIENCE_S = 60
ATOL = 1e-4
"""Vectors are equal bit for bit, save where an image was alone in its batch: there up to 2e-5."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a local cluster, which this process is connected to."""
    claim_token()
    import ray

    with local_cluster(num_cpus=2, object_store_bytes=200 << 20) as address:
        ray.init(address, log_to_driver=False, logging_level="ERROR")
        yield address
        ray.shutdown()


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder("builtin")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "images"


@dataclass
class Archive:
    """A store and a journal in memory and a folder of their own, filled by one runner."""

    place: Path
    runner: Runner
    encoder: Encoder
    store: MemoryStore

    def ingest(self, *scopes: Scope, **options: Any) -> IngestReport:
        with self.journal() as journal:
            return ingest(
                scopes,
                store=self.store,
                encoder=self.encoder,
                journal=journal,
                runner=self.runner,
                **{"workers": 2, "batch_size": 4, "max_pixels": 1_000_000, **options},
            )

    def journal(self) -> Journal:
        return Journal.open(self.place / "journal.sqlite", "uid")

    def entries(self, root: Root) -> list[Entry]:
        """What the journal says of each file, without the time of its reading."""
        with self.journal() as journal:
            return [replace(entry, read_ns=0) for entry in journal.known(root.id)]


@pytest.fixture
def local(tmp_path: Path, encoder: Encoder) -> Archive:
    return make_archive(tmp_path / "local", LocalRunner(), encoder)


@pytest.fixture
def remote(tmp_path: Path, encoder: Encoder, cluster: str) -> Archive:
    return make_archive(tmp_path / "remote", RayRunner(), encoder)


def make_archive(place: Path, runner: Runner, encoder: Encoder) -> Archive:
    collection = Collection("a", "uid", "builtin", encoder.dim, encoder.fingerprint, "hnsw", 1)
    return Archive(place, runner, encoder, MemoryStore(collection))


def assert_same_rows(one: Archive, other: Archive) -> None:
    records = {record.id: record for record in one.store.iterate()}
    assert {record.id: record for record in other.store.iterate()} == records
    vectors, others = one.store.vectors(list(records)), other.store.vectors(list(records))
    assert vectors.keys() == others.keys() == records.keys()
    for row, vector in vectors.items():
        assert np.allclose(vector, others[row], atol=ATOL)


def assert_same_reports(one: IngestReport, other: IngestReport) -> None:
    def told(report: IngestReport) -> IngestReport:
        skips = tuple(sorted(report.skips, key=lambda skip: skip.path))
        return replace(report, seconds=0.0, images_per_second=0.0, skips=skips)

    assert told(one) == told(other)


XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"/></rdf:RDF></x:xmpmeta>"""


def draw_mixed(folder: Path) -> None:
    """A folder with a bit of everything."""
    for n in range(9):
        draw(folder / f"sub{n % 3}" / f"{n}.png")
    draw(folder / "photo.jpg")
    write(folder / "photo.xmp", XMP)
    write(folder / "text.jpg", b"this is text")
    write(folder / "empty.png", b"")
    write(folder / "cut.png", (folder / "sub0" / "0.png").read_bytes()[:-60])
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    frames[0].save(folder / "animated.gif", save_all=True, append_images=frames[1:])
    exif = Image.Exif()
    exif[0x0110] = "Camera"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 0.0), 3: "E", 4: (2.0, 21.0, 0.0)})
    Image.new("RGB", (64, 48), "green").save(folder / "gps.jpg", exif=exif)


def change(folder: Path) -> None:
    """Everything that can become of files between two runs."""
    (folder / "sub0" / "0.png").rename(folder / "renamed.png")
    shutil.copy2(folder / "sub1" / "1.png", folder / "copy.png")
    draw(folder / "sub2" / "2.png", seed=99, mtime_ns=LONG_AGO_NS + 10**10)
    os.utime(folder / "sub0" / "3.png", ns=(LONG_AGO_NS, LONG_AGO_NS + 10**10))
    write(folder / "sub1" / "4.xmp", XMP)
    (folder / "sub2" / "5.png").unlink()
    draw(folder / "new.png")
    write(folder / "sub0" / "6.png", b"no longer an image", LONG_AGO_NS + 10**10)


def test_rows_journal_and_reports_are_those_of_this_machine(
    local: Archive, remote: Archive, folder: Path, tmp_path: Path
) -> None:
    draw_mixed(folder)
    members = {f"{n}.png": draw(tmp_path / "packed" / f"{n}.png").read_bytes() for n in range(5)}
    packed = Root.at(f"zip://::{make_zip(tmp_path / 'images.zip', members)}")
    root = Root.at(str(folder))
    scopes = (Scope(root), Scope(packed))
    first = remote.ingest(*scopes)
    assert counts(first) == {"indexed": 17, "skipped": 3}
    assert_same_reports(first, local.ingest(*scopes))
    assert_same_rows(remote, local)
    change(folder)
    second = remote.ingest(*scopes)
    assert counts(second) == {
        "indexed": 2, "moved": 2, "unchanged": 13, "removed": 3, "skipped": 4,
    }  # fmt: skip
    assert_same_reports(second, local.ingest(*scopes))
    assert_same_rows(remote, local)
    for one in (root, packed):
        assert remote.entries(one) == local.entries(one)


class Killing(NoProgress):
    """Kills one worker of each stage as soon as the first images are done."""

    def __init__(self) -> None:
        self.killed: list[str] = []

    def advance(self, files: int) -> None:
        for stage in ("Reading", "Encoding"):
            if stage not in self.killed:
                for pid in workers_of(stage)[:1]:
                    os.kill(pid, signal.SIGKILL)
                    self.killed.append(stage)


def workers_of(stage: str) -> list[int]:
    """Ids of the processes of this cluster that do one of the stages."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            title = (place / "cmdline").read_bytes().decode()
            if title.startswith("ray::") and stage in title and is_ours(int(place.name)):
                found.append(int(place.name))
    return sorted(found)


def is_ours(pid: int) -> bool:
    """Whether a process descends from this one."""
    while pid > 1:
        if pid == os.getpid():
            return True
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return False


def test_workers_that_are_killed_cost_no_row_and_double_none(
    local: Archive, remote: Archive, folder: Path
) -> None:
    for n in range(60):
        draw(folder / f"{n:02}.png")
    scope = Scope(Root.at(str(folder)))
    killing = Killing()
    report = remote.ingest(scope, batch_size=2, progress=killing)
    assert sorted(killing.killed) == ["Encoding", "Reading"]
    assert counts(report) == {"indexed": 60}
    local.ingest(scope)
    assert_same_rows(remote, local)


class Interrupting(NoProgress):
    def advance(self, files: int) -> None:
        raise KeyboardInterrupt


def test_ctrl_c_ends_the_workers_and_keeps_what_was_written(remote: Archive, folder: Path) -> None:
    for n in range(20):
        draw(folder / f"{n:02}.png")
    scope = Scope(Root.at(str(folder)))
    with pytest.raises(IngestInterrupted) as interrupted:
        remote.ingest(scope, batch_size=2, progress=Interrupting())
    written = interrupted.value.report.indexed
    assert 0 < written < 20
    assert remote.store.count() == written
    give_up = time.monotonic() + PATIENCE_S
    while workers_of("Reading") or workers_of("Encoding"):
        assert time.monotonic() < give_up
        time.sleep(0.1)
    # What one runner began the other may finish.
    rest = replace(remote, runner=LocalRunner()).ingest(scope)
    assert counts(rest) == {"indexed": 20 - written, "unchanged": written}


def test_a_row_that_is_gone_though_the_journal_knows_it_is_made_again(
    local: Archive, remote: Archive, folder: Path
) -> None:
    draw(folder / "a.png")
    draw(folder / "b.png")
    scope = Scope(Root.at(str(folder)))
    local.ingest(scope)
    with local.journal() as journal:
        a, b = (journal.find(scope.root.id, name) for name in ("a.png", "b.png"))
        assert a is not None
        assert b is not None
    with remote.journal() as journal:
        journal.rebuild(())
        # Of one file the row is gone, of the other it is not known but its vector is.
        journal.record([replace(a, mtime_ns=0)])
        journal.keep_vectors({b.content: local.store.vectors([b.row_id])[b.row_id]})
    assert counts(remote.ingest(scope, workers=1)) == {"indexed": 2}
    assert_same_rows(remote, local)


def test_a_dry_run_writes_nothing_and_embeds_nothing(remote: Archive, folder: Path) -> None:
    draw_mixed(folder)
    report = remote.ingest(Scope(Root.at(str(folder))), workers=1, dry_run=True)
    assert counts(report) == {"indexed": 12, "skipped": 3}
    assert remote.store.count() == 0
    assert remote.entries(Root.at(str(folder))) == []


class Stranger:
    """An encoder as another machine would have it after an update."""

    def __init__(self, encoder: Encoder) -> None:
        self.__dict__.update(encoder.__dict__)
        self.spec = encoder.spec
        self.fingerprint = "builtin-0"


def test_another_state_of_the_model_on_a_worker_ends_the_run(remote: Archive, folder: Path) -> None:
    draw(folder / "a.png")
    remote.encoder = Stranger(remote.encoder)  # type: ignore[assignment]
    with pytest.raises(ArchiveMismatch, match="another state of the model builtin"):
        remote.ingest(Scope(Root.at(str(folder))), workers=1)
    assert remote.store.count() == 0


def test_another_version_on_a_machine_is_named_before_anything_is_read(
    remote: Archive, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(folder / "a.png")
    monkeypatch.setattr("ingest.ray_stages.version", lambda name: "9.9")
    with pytest.raises(UsageError, match=r"a machine of the Ray cluster, has .* this one 9\.9"):
        remote.ingest(Scope(Root.at(str(folder))))


def test_the_command_uses_the_cluster_that_ray_address_names(
    cluster: str, folder: Path, tmp_path: Path
) -> None:
    for n in range(5):
        draw(folder / f"{n}.png")
    done = eidetic(tmp_path, folder, RAY_ADDRESS=cluster)
    assert done.returncode == 0, done.stderr
    assert "indexed    5" in done.stdout
    # What Ray and gRPC say to themselves does not reach the terminal, save how loud Ray is.
    said = [line for line in done.stderr.splitlines() if "RAY_BACKEND_LOG_LEVEL" not in line]
    assert said == ["a new archive 'default' with the model builtin"]


def test_a_cluster_that_does_not_answer_is_named(folder: Path, tmp_path: Path) -> None:
    draw(folder / "a.png")
    address = f"127.0.0.1:{free_port()}"
    done = eidetic(tmp_path, folder, "--ray-address", address)
    assert done.returncode == 2
    assert f"the Ray cluster at {address} cannot be reached" in done.stderr


def eidetic(
    place: Path, folder: Path, *options: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("eidetic")
    return subprocess.run(
        [command, "ingest", folder, "--model", "builtin", "--runner", "ray", *options],
        env=os.environ | {"EIDETIC_DATA_DIR": str(place), "XDG_CONFIG_HOME": str(place)} | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * PATIENCE_S,
    )


def test_without_ray_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'eidetic\[ray\]'"):
        choose_runner("ray")


def test_a_client_address_and_an_unknown_runner_are_refused() -> None:
    with pytest.raises(UsageError, match="HOST:PORT"):
        choose_runner("ray", "ray://head:10001")
    with pytest.raises(UsageError, match="there are local and ray"):
        choose_runner("spark")


@pytest.mark.parametrize(
    ("nodes", "workers", "encoders", "threads"),
    [
        ([{"CPU": 2}], None, 1, 2),
        ([{"CPU": 2}], 2, 2, 1),
        ([{"CPU": 2}], 4, 4, 1),
        ([{"CPU": 8}, {"CPU": 16}], None, 3, 8),
        ([{"CPU": 8}, {"CPU": 8}, {"memory": 1}], 4, 4, 4),
    ],
)
def test_encoders_on_cpus_share_the_cores_and_leave_some_to_decoding(
    nodes: list[dict[str, float]], workers: int | None, encoders: int, threads: int
) -> None:
    layout = Layout.of(nodes, workers)
    assert (layout.encoders, layout.encoder_threads, layout.encoder_gpus) == (encoders, threads, 0)
    reserved = layout.encoders * layout.encoder_cpus + layout.readers * layout.reader_cpus
    assert reserved <= sum(node.get("CPU", 0) for node in nodes)
    assert layout.encoder_cpus > layout.reader_cpus > 0


@pytest.mark.parametrize(("workers", "encoders"), [(None, 3), (2, 2), (9, 3)])
def test_each_gpu_has_an_encoder_and_the_cpus_decode(workers: int | None, encoders: int) -> None:
    nodes = [{"CPU": 16, "GPU": 1}, {"CPU": 16, "GPU": 2}, {"CPU": 32}]
    layout = Layout.of(nodes, workers)
    assert (layout.encoders, layout.encoder_gpus) == (encoders, 1)
    assert layout.readers * layout.reader_threads > 50
    assert layout.readers * layout.reader_cpus + encoders * layout.encoder_cpus <= 64


def test_a_cluster_without_a_cpu_is_refused() -> None:
    with pytest.raises(UsageError, match="no CPU"):
        Layout.of([{"memory": 1}], None)
