"""Videos from the command line to the screen: folded by file, shown and opened at the moment."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import eidetic
from eidetic import Archive
from eidetic.cli.app import app
from embed.catalogue import OPEN_CLIP
from schema import ImageRecord, NoUsableImage
from tests.eidetic.server.conftest import load_toy
from tests.videos import BLUE, GREEN, RED, save, scene, three_scenes, video


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos") / "images"
    save(folder / "walls.mp4", three_scenes())
    save(folder / "wall.mp4", video([(scene(BLUE, 2), 30.0)], fps=1, key_every=5))
    return folder


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Path:
    """The data folder of an archive of two videos, which is copied for each test."""
    data = tmp_path_factory.mktemp("indexed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eidetic.opening.load_encoder", load_toy)
        patch.setattr("eidetic.settings.settings_path", lambda: data / "settings.toml")
        with eidetic.open(model="builtin", data_dir=data) as archive:
            report = archive.ingest([folder])
            assert (report.indexed, report.frames) == (2, 4)
    return data


@pytest.fixture
def ingested(indexed: Path, folder: Path, tmp_path: Path, toy: list[str]) -> Path:
    """The folder of the videos, whose archive is the one that commands find."""
    shutil.copytree(indexed, tmp_path / "data")
    return folder


@pytest.fixture
def archive(ingested: Path) -> Iterator[Archive]:
    with eidetic.open() as opened:
        yield opened


def eidetic_(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code, result.output
    return result


def told(*arguments: str) -> Any:
    return json.loads(eidetic_("--json", *arguments).stdout)


def test_a_video_is_one_hit_with_its_other_moments_under_it(ingested: Path) -> None:
    hits = told("search", "a wall", "-k", "5")["hits"]
    assert sorted(Path(hit["path"]).name for hit in hits) == ["wall.mp4", "walls.mp4"]
    walls = next(hit for hit in hits if hit["path"].endswith("walls.mp4"))
    moments = [walls["offset_ms"], *(each["offset_ms"] for each in walls["folded"])]
    assert sorted(moments) == [0, 3000, 6000]
    assert walls["view"] == "frame"
    scores = [walls["score"], *(each["score"] for each in walls["folded"])]
    assert scores == sorted(scores, reverse=True)


def test_pages_of_hits_join_though_videos_are_folded(ingested: Path) -> None:
    both = [hit["path"] for hit in told("search", "a wall", "-k", "2")["hits"]]
    pages = [
        hit["path"]
        for offset in ("0", "1", "2")
        for hit in told("search", "a wall", "-k", "1", "--offset", offset)["hits"]
    ]
    assert pages == both


def test_the_table_and_a_single_row_show_the_moment(ingested: Path) -> None:
    table = eidetic_("search", "a wall").stdout
    assert "moment" in table
    assert "0:00:0" in table
    assert "moment" in eidetic_("show", str(ingested / "walls.mp4")).stdout


def test_frames_and_photos_are_told_apart_by_a_filter(ingested: Path) -> None:
    assert len(told("search", "type:frame", "-k", "9")["hits"]) == 2
    assert told("search", "type:photo", "-k", "9")["hits"] == []


def test_a_moment_is_searched_for_by_its_row(ingested: Path) -> None:
    hits = told("search", "a wall")["hits"]
    row = next(hit["id"] for hit in hits if hit["path"].endswith("walls.mp4"))
    (best, *_) = told("similar", row)["hits"]
    assert (best["id"], round(best["score"], 5)) == (row, 1.0)


def test_a_video_opens_at_its_moment_with_a_player_that_can(
    ingested: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = '#!/bin/sh\nprintf "%s\\n" "$0" "$@" > "$HOME/opened"\n'
    for name in ("xdg-open", "mpv"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(note)
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    hits = told("search", "--where", "offset_ms == 3000", "--open")["hits"]
    assert [hit["offset_ms"] for hit in hits] == [3000]
    program, *arguments = (tmp_path / "opened").read_text().splitlines()
    assert Path(program).name == "mpv"
    assert arguments == ["--start=3.000", str(ingested / "walls.mp4")]


def test_without_such_a_player_the_file_is_opened(
    ingested: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "xdg-open"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$HOME/opened"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    eidetic_("search", "--where", "offset_ms == 3000", "--open")
    assert (tmp_path / "opened").read_text() == f"{ingested / 'walls.mp4'}\n"


def frames(archive: Archive) -> dict[int, ImageRecord]:
    hits = archive.search(where='name == "walls.mp4"', k=1)
    ids = [hits[0].id, *(each.id for each in hits[0].folded)]
    return {record.offset_ms: record for record in archive.get(ids).values()}


def test_small_images_of_hits_show_the_moment(archive: Archive) -> None:
    (hit,) = archive.search(where="offset_ms == 3000", k=1)
    (preview,) = archive.previews([hit], 96)
    assert preview.image is not None
    np.testing.assert_allclose(np.asarray(preview.image)[50, 80], GREEN, atol=25)


def test_a_video_that_has_changed_since_is_not_shown(archive: Archive) -> None:
    (hit,) = archive.search(where="offset_ms == 3000", k=1)
    older = replace(hit, record=replace(hit.record, mtime_ns=hit.record.mtime_ns - 1))
    (preview,) = archive.previews([older], 96)
    assert preview.image is None
    assert "not what it was" in preview.problem


def test_copies_of_hits_are_the_videos_themselves(
    archive: Archive, folder: Path, tmp_path: Path
) -> None:
    hits = archive.search(where="offset_ms == 3000", k=1)
    (made,) = archive.copy_to(hits, tmp_path / "out").made
    assert Path(made.path).read_bytes() == (folder / "walls.mp4").read_bytes()


def test_frames_of_one_video_are_no_duplicates_of_each_other(archive: Archive) -> None:
    assert len(archive.duplicates()) == 0


def test_rows_of_frames_are_carried_to_another_archive_which_embeds_nothing(
    archive: Archive, folder: Path, tmp_path: Path
) -> None:
    archive.export_rows(tmp_path / "rows.parquet")
    with eidetic.open("other") as other:
        other.import_rows(tmp_path / "rows.parquet")
        assert frames(other).keys() == frames(archive).keys() == {0, 3000, 6000}
        report = other.ingest([folder])
        assert (report.unchanged, report.indexed, report.frames) == (2, 0, 0)
        assert other.doctor().problems == ()


@pytest.mark.parametrize("name", ["clip.mp4", 'a "b" \\c\n.mp4'])
def test_a_video_that_is_gone_takes_all_its_rows_along(
    archive: Archive, tmp_path: Path, name: str
) -> None:
    path = save(tmp_path / "more" / name, three_scenes(codec="mpeg4"))
    assert archive.ingest([tmp_path / "more"]).frames == 3
    path.unlink()
    assert archive.ingest([tmp_path / "more"]).removed == 1
    assert archive.count() == 4


def test_another_model_chooses_its_own_frames_and_loses_no_video(archive: Archive) -> None:
    migrated = archive.migrate(model=f"{OPEN_CLIP}toy/random")
    assert migrated.lost == 0
    with eidetic.open() as after:
        assert frames(after).keys() == {0, 3000, 6000}


def test_a_query_by_a_video_file_says_what_to_do(archive: Archive, folder: Path) -> None:
    with pytest.raises(NoUsableImage, match="a video, where an image is expected"):
        archive.similar(folder / "walls.mp4")


def test_descriptions_are_made_of_a_video_once(archive: Archive, toy_words: list[str]) -> None:
    report = archive.refresh_descriptions(f"{OPEN_CLIP}toy/words")
    assert report.described == 2


def test_colours_of_the_scenes_are_those_of_the_rows(archive: Archive) -> None:
    found = {}
    for offset_ms, record in frames(archive).items():
        (hit,) = archive.search(where=f'id == "{record.id}"', k=1)
        (preview,) = archive.previews([hit], 96)
        assert preview.image is not None
        found[offset_ms] = np.asarray(preview.image)[50, 80].astype(int)
    for offset_ms, colour in ((0, RED), (3000, GREEN), (6000, BLUE)):
        assert np.abs(found[offset_ms] - colour).max() <= 25
