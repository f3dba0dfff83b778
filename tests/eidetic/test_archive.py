"""The Python face: open, ingest, search, close; on the embedded store and on a real server."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import eidetic
from eidetic import Archive
from embed import Encoder, loading_images
from schema import ArchiveMismatch, ArchiveMissing, NoUsableImage, StoreUnreachable, UsageError
from tests.conftest import free_port
from tests.images import write_colours, write_image

pytestmark = pytest.mark.usefixtures("toy")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return write_colours(tmp_path / "images", "red", "green", "blue", "yellow")


def open_at(store_uri: str, **options: str) -> Archive:
    uri = store_uri if store_uri.startswith("http") else None
    return eidetic.open("holidays", uri=uri, **options)


def test_images_are_found_by_words_by_image_and_by_id(store_uri: str, images: Path) -> None:
    with open_at(store_uri, model="builtin") as archive:
        report = archive.ingest([images])
        assert (report.scanned, report.indexed, report.skipped) == (4, 4, 0)
        hits = archive.search("blue", k=2)
        assert [hit.rank for hit in hits] == [1, 2]
        assert hits[0].path == str(images / "blue.png")
        assert hits[0].score == pytest.approx(1.0, abs=1e-5)
        assert hits[0].score > hits[1].score
        assert hits.total_rows == 4
        by_image = archive.similar(images / "green.png", k=1)
        assert by_image[0].path == str(images / "green.png")
        assert archive.similar(by_image[0].id, k=1)[0].path == str(images / "green.png")


def test_an_archive_is_searched_again_in_another_process_run(store_uri: str, images: Path) -> None:
    with open_at(store_uri, model="builtin") as archive:
        archive.ingest([images])
    with open_at(store_uri) as archive:
        assert len(archive.search("red", k=10)) == 4
        assert archive.collection.model == "builtin"


def test_ingesting_again_embeds_nothing(store_uri: str, images: Path) -> None:
    with open_at(store_uri, model="builtin") as archive:
        archive.ingest([images])
    with open_at(store_uri) as archive:
        report = archive.ingest([images])
        assert (report.indexed, report.unchanged, report.removed) == (0, 4, 0)
        assert archive.status().rows == 4


def test_what_images_need_is_loaded_while_a_new_store_starts_if_they_are_embedded_here(
    tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[str] = []

    @contextmanager
    def watched(encoder: Encoder) -> Iterator[None]:
        began.append(encoder.spec)
        with loading_images(encoder):
            yield

    monkeypatch.setattr("eidetic.opening.loading_images", watched)
    with eidetic.open("here", model="builtin", data_dir=tmp_path / "data") as archive:
        archive.ingest([images])
        archive.ingest([images])
    assert len(began) == 1
    with eidetic.open("elsewhere", model="builtin", data_dir=tmp_path / "data") as archive:
        archive._opening.store_or_new(embeds_here=False)
    assert len(began) == 1


def test_a_lost_journal_is_rebuilt_and_nothing_is_embedded_again(
    store_uri: str, images: Path
) -> None:
    with open_at(store_uri, model="builtin") as archive:
        archive.ingest([images])
        folder = archive.settings.archive_dir
    for file in folder.glob("journal.sqlite*"):
        file.unlink()
    with open_at(store_uri) as archive:
        report = archive.ingest([images])
        assert (report.indexed, report.unchanged) == (0, 4)


def test_hits_page_on_from_an_offset(images: Path) -> None:
    with eidetic.open(model="builtin") as archive:
        archive.ingest([images])
        whole = archive.search("red", k=4)
        page = archive.search("red", k=2, offset=2)
        assert [hit.id for hit in page] == [hit.id for hit in whole[2:]]
        assert [hit.rank for hit in page] == [3, 4]


def test_words_and_images_are_averaged(images: Path) -> None:
    with eidetic.open(model="builtin") as archive:
        archive.ingest([images])
        hits = archive.search("red", images=[images / "green.png"])
        scores = {Path(hit.path).stem: hit.score for hit in hits}
        assert scores["red"] == pytest.approx(scores["green"], abs=0.01)
        assert scores["red"] < 0.9


def test_a_filter_narrows_the_search(images: Path) -> None:
    with eidetic.open(model="builtin") as archive:
        archive.ingest([images])
        hits = archive.search("red", where='name == "blue.png"')
        assert [hit.path for hit in hits] == [str(images / "blue.png")]


def test_a_hit_has_the_keys_of_the_contract(images: Path) -> None:
    with eidetic.open(model="builtin") as archive:
        archive.ingest([images])
        answer = archive.search("red", k=1).as_dict()
    assert set(answer) == {"query", "model", "took_ms", "total_rows", "hits"}
    assert set(answer["hits"][0]) >= {
        "rank", "id", "score", "path", "view", "offset_ms", "width", "height", "taken_at", "camera",
        "lat", "lon", "tags", "labels", "folded",
    }  # fmt: skip
    assert answer["hits"][0]["taken_from"] == "file"
    assert answer["hits"][0]["camera"] is None
    assert answer["hits"][0]["tags"] == []


def test_status_tells_what_the_archive_holds(images: Path) -> None:
    (images / "broken.jpg").write_text("no image")
    with eidetic.open("holidays", model="builtin") as archive:
        archive.ingest([images])
        status = archive.status()
    assert (status.archive, status.model, status.dim) == ("holidays", "builtin", 48)
    assert (status.rows, status.skipped) == (4, 1)
    assert [(root.location, root.rows) for root in status.roots] == [(str(images), 4)]
    assert status.disk_bytes > 0
    assert status.store.startswith("milvus_lite")
    assert set(status.as_dict()) == {
        "archive", "model", "dim", "rows", "collection", "index", "store", "uri", "capabilities",
        "roots", "skipped", "disk_bytes", "descriptions",
    }  # fmt: skip


def test_two_folders_are_two_roots_of_one_archive(tmp_path: Path, images: Path) -> None:
    more = write_colours(tmp_path / "more", "black", "white")
    with eidetic.open(model="builtin") as archive:
        archive.ingest([images])
        archive.ingest([more])
        assert {(root.location, root.rows) for root in archive.status().roots} == {
            (str(images), 4),
            (str(more), 2),
        }


def test_searching_before_anything_was_ingested_says_how_to(tmp_path: Path) -> None:
    with (
        eidetic.open("empty") as archive,
        pytest.raises(ArchiveMissing, match=r"eidetic --archive empty ingest FOLDER"),
    ):
        archive.search("dog")
    assert not (tmp_path / "data" / "empty").exists()


def test_another_model_than_the_archives_is_refused_with_the_way_out(images: Path) -> None:
    with eidetic.open(model="builtin") as archive:
        archive.ingest([images])
    with (
        eidetic.open(model="hf:openai/clip-vit-base-patch32") as archive,
        pytest.raises(ArchiveMismatch, match="--model builtin"),
    ):
        archive.ingest([images])
    with eidetic.open() as archive:
        assert archive.status().rows == 4


def test_a_default_model_in_the_environment_does_not_bind_an_existing_archive(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with eidetic.open(model="builtin") as archive:
        archive.ingest([images])
    monkeypatch.setenv("EIDETIC_MODEL", "hf:openai/clip-vit-base-patch32")
    with eidetic.open() as archive:
        assert archive.ingest([images]).unchanged == 4


def test_a_folder_without_images_leaves_no_archive_behind(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with eidetic.open(model="builtin") as archive, pytest.raises(NoUsableImage, match="none"):
        archive.ingest([tmp_path / "none"])
    with eidetic.open(model="toy2") as archive, pytest.raises(ArchiveMissing):
        archive.status()


def test_a_missing_path_is_refused_before_a_model_is_loaded(tmp_path: Path, toy: list[str]) -> None:
    with eidetic.open(model="builtin") as archive, pytest.raises(UsageError, match="nowhere"):
        archive.ingest([tmp_path / "nowhere"])
    assert toy == []


def test_a_dry_run_writes_nothing(tmp_path: Path, images: Path) -> None:
    with eidetic.open(model="builtin") as archive:
        assert archive.ingest([images], dry_run=True).indexed == 4
    with eidetic.open() as archive, pytest.raises(ArchiveMissing):
        archive.search("red")


def test_a_query_image_that_is_nowhere_is_named(images: Path) -> None:
    with eidetic.open(model="builtin") as archive:
        archive.ingest([images])
        with pytest.raises(NoUsableImage, match=r"nowhere\.jpg"):
            archive.similar("nowhere.jpg")
        with pytest.raises(UsageError, match="neither a file nor the id of a row"):
            archive.similar("0" * 40)


def test_a_server_that_is_not_there_is_named(images: Path) -> None:
    uri = f"http://127.0.0.1:{free_port()}"
    with eidetic.open(uri=uri, model="builtin") as archive, pytest.raises(StoreUnreachable):
        archive.ingest([images])


def test_a_changed_file_replaces_its_row(images: Path) -> None:
    with eidetic.open(model="builtin") as archive:
        archive.ingest([images])
        write_image(images / "red.png", "white", size=(200, 100))
        report = archive.ingest([images])
        assert (report.indexed, report.unchanged) == (1, 3)
        hit = archive.search("white", k=1)[0]
        assert (hit.path, hit.record.width) == (str(images / "red.png"), 200)
        assert archive.status().rows == 4


def test_on_a_server_rows_say_how_neutral_they_are(store_uri: str, images: Path) -> None:
    with open_at(store_uri, model="builtin") as archive:
        archive.ingest([images])
        store = archive._opening.store()
        (found,) = store.search(store.sample_vectors(4)[:1], 4)
        told = {match.neutral is not None for match in found}
    assert told == {store_uri.startswith("http")}
