"""What is written of images is found by what it means, beside the images themselves."""

from pathlib import Path

import pytest

import eidetic
from eidetic import Archive
from schema import ArchiveMismatch, ArchiveMissing, UsageError
from tests.embed.test_sentences import reference, save_sentence_model
from tests.images import write_colours

pytestmark = pytest.mark.usefixtures("toy")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    # Names that say another colour than the image shows.
    folder = write_colours(tmp_path / "images", "red", "green", "blue", "yellow")
    for shown, said in (("red", "blue hill"), ("blue", "red boat")):
        (folder / f"{shown}.png").rename(folder / "new.png")
        (folder / "new.png").rename(folder / f"{said}.tmp")
    for file in folder.glob("*.tmp"):
        file.rename(file.with_suffix(".png"))
    return folder


def open_at(store_uri: str, **options: str) -> Archive:
    uri = store_uri if store_uri.startswith("http") else None
    return eidetic.open("holidays", uri=uri, **options)


def names(hits: eidetic.Hits) -> list[str]:
    return [Path(hit.path).stem for hit in hits]


def test_descriptions_find_what_is_written_and_images_what_is_shown(
    store_uri: str, images: Path, toy_words: list[str]
) -> None:
    with open_at(store_uri, model="builtin") as archive:
        archive.ingest([images])
        report = archive.refresh_descriptions("mpnet")
        assert (report.described, report.removed, report.without_text) == (4, 0, 0)
    with open_at(store_uri) as archive:
        hits = archive.search("red", k=2, descriptions=True)
        assert names(hits)[0] == "red boat"
        assert hits[0].score == pytest.approx(1.0, abs=1e-5)
        assert hits.model == "hf:sentence-transformers/all-mpnet-base-v2"
        assert set(hits.as_dict()["hits"][0]) == set(archive.search("red").as_dict()["hits"][0])
        assert names(archive.search("red", k=1, words=False)) == ["blue hill"]
        assert archive.search("red", k=1).model == "builtin"
        status = archive.status()
        assert status.descriptions is not None
        assert (status.rows, status.descriptions.rows, status.descriptions.dim) == (4, 4, 48)
    assert toy_words == ["hf:sentence-transformers/all-mpnet-base-v2"] * 2


def test_filters_and_what_is_left_out_mean_the_same_among_descriptions(
    images: Path, toy_words: list[str]
) -> None:
    with eidetic.open(model="builtin") as archive:
        archive.ingest([images])
        archive.refresh_descriptions()
        assert names(archive.search("red name:hill", descriptions=True)) == ["blue hill"]
        hits = archive.search("red", where='name != "red boat.png"', descriptions=True)
        assert "red boat" not in names(hits)
        assert len(hits) == 3
        assert "blue hill" not in names(archive.search("green -blue", descriptions=True))
        assert len(archive.search("width:>0", descriptions=True)) == 4


def test_descriptions_follow_the_archive(images: Path, toy_words: list[str]) -> None:
    with eidetic.open(model="builtin") as archive:
        archive.ingest([images])
        archive.refresh_descriptions()
        (images / "red boat.png").unlink()
        (images / "green.png").rename(images / "black cat.png")
        archive.ingest([images])
        # Until the next refresh: what is gone is no hit, what is new is not found.
        assert sorted(names(archive.search("red", descriptions=True))) == ["blue hill", "yellow"]
        state = archive.descriptions()
        assert (state.outdated.missing, state.outdated.gone) == (1, 2)
        (problem,) = [p for p in archive.doctor().problems if p.kind == "descriptions"]
        assert (problem.count, problem.fix) == (3, "eidetic descriptions refresh")
        report = archive.refresh_descriptions()
        assert (report.described, report.unchanged, report.removed) == (1, 2, 2)
        assert names(archive.search("black", k=1, descriptions=True)) == ["black cat"]
        assert not [p for p in archive.doctor().problems if p.kind == "descriptions"]


def test_a_forgotten_root_is_forgotten_among_descriptions(
    images: Path, toy_words: list[str]
) -> None:
    with eidetic.open(model="builtin") as archive:
        archive.ingest([images])
        archive.refresh_descriptions()
        archive.forget_root(images)
        assert len(archive.search("red", descriptions=True)) == 0
        assert archive.refresh_descriptions().removed == 4


def test_another_model_replaces_the_descriptions_of_the_first(
    images: Path, toy_words: list[str]
) -> None:
    with eidetic.open(model="builtin") as archive:
        archive.ingest([images])
        archive.refresh_descriptions("minilm")
        assert archive.refresh_descriptions("mpnet").described == 4
        assert archive.refresh_descriptions().described == 0
        state = archive.descriptions().as_dict()
        assert state["model"] == "hf:sentence-transformers/all-mpnet-base-v2"
        assert (state["rows"], state["unchanged"]) == (4, 4)


def test_without_descriptions_the_way_to_make_them_is_told(images: Path) -> None:
    with eidetic.open("holidays", model="builtin") as archive:
        archive.ingest([images])
        assert archive.status().descriptions is None
        told = "make them with: eidetic --archive holidays descriptions refresh"
        for ask in (
            lambda: archive.search("red", descriptions=True),
            archive.descriptions,
            archive.drop_descriptions,
        ):
            with pytest.raises(ArchiveMissing, match=told):
                ask()


def test_an_image_is_not_looked_for_among_descriptions(images: Path, toy_words: list[str]) -> None:
    with eidetic.open(model="builtin") as archive:
        archive.ingest([images])
        archive.refresh_descriptions()
        with pytest.raises(UsageError, match="leave --descriptions out to find the like"):
            archive.search(images=[images / "green.png"], descriptions=True)
        with pytest.raises(UsageError, match="leave --descriptions out"):
            archive.search(f'red -"{images / "green.png"}"', descriptions=True)
        row = archive.search("green", k=1)[0].id
        assert archive.search(f"+{row}", k=1, descriptions=True)[0].id == row


def test_dropped_descriptions_leave_the_rows(images: Path, toy_words: list[str]) -> None:
    with eidetic.open(model="builtin") as archive:
        archive.ingest([images])
        archive.refresh_descriptions()
        assert archive.drop_descriptions() == 4
        assert archive.status().descriptions is None
        assert len(archive.search("red")) == 4


def test_descriptions_of_a_model_that_has_changed_are_refused_until_they_are_made_anew(
    images: Path, toy_words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with eidetic.open(model="builtin") as archive:
        archive.ingest([images])
        archive.refresh_descriptions()
    monkeypatch.setattr("embed.encoder.ToyEncoder.fingerprint", "toy-2")
    monkeypatch.setattr("eidetic.opening.load_encoder", None)
    with eidetic.open() as archive:
        with pytest.raises(ArchiveMismatch, match=r"toy-1, 48 dimensions.*descriptions refresh"):
            archive.search("red", descriptions=True)
        assert archive.refresh_descriptions().described == 4
        assert names(archive.search("red", k=1, descriptions=True)) == ["red boat"]


def test_scores_are_cosines_of_the_sentence_models_own_vectors(
    images: Path, tmp_path: Path
) -> None:
    model = str(save_sentence_model(tmp_path / "model"))
    with eidetic.open(model="builtin") as archive:
        archive.ingest([images])
        archive.refresh_descriptions(model)
        hits = archive.search("a red dog", descriptions=True)
        texts = [hit.record.text for hit in hits]
        wanted = reference(tmp_path / "model", [*texts, "a red dog"])
        assert [hit.score for hit in hits] == pytest.approx(
            list(wanted[:-1] @ wanted[-1]), abs=1e-4
        )
        assert hits.model == model
