"""Duplicates, folding and labels through the Python face and the command line."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eidetic
from eidetic.cli import run
from schema import ArchiveBusy, UsageError
from tests.images import write_colours

pytestmark = pytest.mark.usefixtures("toy")

Command = Callable[..., str]


def blocks(seed: int, size: int) -> Image.Image:
    """An image of 4 x 4 blocks, softened so that its smaller versions are like it."""
    drawn = np.random.default_rng(seed).integers(0, 255, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(drawn).resize((size, size), Image.Resampling.BICUBIC)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two images in three and two versions, and three by themselves."""
    folder = write_colours(tmp_path / "images", "red", "green", "blue")
    (folder / "small").mkdir()
    blocks(1, 256).save(folder / "one.png")
    blocks(1, 128).save(folder / "small" / "one.jpg", quality=90)
    blocks(2, 256).save(folder / "two.jpg", quality=95)
    (folder / "small" / "copy of one.png").write_bytes((folder / "one.png").read_bytes())
    (folder / "small" / "two.jpg").write_bytes((folder / "two.jpg").read_bytes())
    for number, file in enumerate(sorted(folder.rglob("*.*"), key=lambda path: len(path.parts))):
        os.utime(file, (1e9 + number, 1e9 + number))
    with eidetic.open(model="builtin") as archive:
        archive.ingest([folder])
    return folder


@pytest.fixture
def command(capsysbinary: pytest.CaptureFixture[bytes]) -> Command:
    """Run a command in this process and return what it printed on stdout."""

    def call(*arguments: str | Path, code: int = 0, says: str = "") -> str:
        found = run([*map(str, arguments)])
        out, err = capsysbinary.readouterr()
        assert found == code, err
        assert says in err.decode()
        return out.decode()

    return call


def below(images: Path, group: list[dict[str, object]]) -> list[str]:
    return [str(Path(str(each["path"])).relative_to(images)) for each in group]


def test_versions_of_an_image_are_one_group_with_the_best_first(
    images: Path, command: Command
) -> None:
    groups = json.loads(command("duplicates", "--json"))["groups"]
    assert [below(images, group) for group in groups] == [
        ["one.png", "small/copy of one.png", "small/one.jpg"],
        ["two.jpg", "small/two.jpg"],
    ]
    assert set(groups[0][0]) == {"id", "path", "score"}
    assert groups[0][0]["score"] == 1
    assert 0.9 <= groups[0][2]["score"] < 1
    with eidetic.open() as archive:
        assert archive.duplicates().as_dict() == {"groups": groups}
        assert [len(group) for group in archive.duplicates("in:small/")] == [2]
        with pytest.raises(UsageError, match="filters here"):
            archive.duplicates("a red boat")


def test_paths_are_of_what_could_go(images: Path, command: Command) -> None:
    surplus = command("duplicates", "-0").split("\0")
    assert surplus.pop() == ""
    assert [str(Path(path).relative_to(images)) for path in surplus] == [
        "small/copy of one.png", "small/one.jpg", "small/two.jpg",
    ]  # fmt: skip
    assert command("duplicates", "--paths").splitlines() == surplus
    alone = json.loads(command("duplicates", "--json", "-in:small/"))["groups"]
    assert alone == []
    table = command("duplicates", says="2 groups; 3 files")
    assert (table.count("256 x 256"), table.count("128 x 128")) == (4, 1)
    for path in surplus:
        Path(path).unlink()
    with eidetic.open() as archive:
        archive.ingest([images], allow_mass_prune=True)
    assert command("duplicates", says="no two images are near-identical") == ""


def test_hits_fold_and_differ_on_the_command_line(images: Path, command: Command) -> None:
    query = ("similar", images / "one.png", "-k", "3")
    hits = json.loads(command(*query, "--fold", "--json"))["hits"]
    assert below(images, hits)[0] in {"one.png", "small/copy of one.png"}
    assert len(hits[0]["folded"]) == 2
    assert set(hits[0]["folded"][0]) == {"id", "score", "path", "view", "offset_ms"}
    assert [hit["rank"] for hit in hits] == [1, 2, 3]
    assert "+2" in command(*query, "--fold")
    under = [each["path"] for each in hits[0]["folded"]]
    assert "|".join(under) in command(*query, "--fold", "--csv")
    assert "+" not in command(*query)
    plain = json.loads(command(*query, "--json"))["hits"]
    assert [hit["folded"] for hit in plain] == [[], [], []]
    diverse = json.loads(command(*query, "--diversity", "0.8", "--json"))["hits"]
    assert not set(below(images, diverse)[1:]) & {"small/copy of one.png", "small/one.jpg"}
    assert len(json.loads(command(*query, "--diverse", "--json"))["hits"]) == 3
    least = command("search", "red", "--diversity", "0", "--json", "-green")
    assert below(images, json.loads(least)["hits"])[0] == "red.png"
    command(*query, "--diversity", "2", code=2, says="a share from 0")
    command("search", "date:2001", "--diverse", code=2, says="listed by date")


def test_labels_are_written_found_shown_kept_and_cleared(
    images: Path, tmp_path: Path, command: Command
) -> None:
    file = tmp_path / "labels.txt"
    file.write_text("red\ngreen\nsubmarine\n")
    tag = ("tag", "--labels", file, "--template", "a {} thing")
    would = json.loads(command(*tag, "--dry-run", "--json"))
    assert command("search", "tag:red", "--paths", says="") == ""
    done = json.loads(command(*tag, "--json"))
    assert done == would | {"dry_run": False}
    assert done["rows"] == 8
    counts = {each["label"]: each["images"] for each in done["labels"]}
    assert set(counts) == {"red", "green", "submarine"}
    found = json.loads(command("search", "tag:red", "--json"))["hits"]
    assert "red.png" in below(images, found)
    assert len(found) == counts["red"]
    assert all("red" in hit["labels"] and hit["tags"] == [] for hit in found)
    assert "red (by the model)" in command("show", images / "red.png")
    os.utime(images / "red.png", (2e9, 2e9))
    (images / "green.png").rename(images / "small" / "green.png")
    with eidetic.open() as archive:
        report = archive.ingest([images])
        assert (report.indexed, report.moved) == (0, 1)
        assert archive.show(images / "red.png").as_dict()["row"]["labels"] == ["red"]
        assert archive.show(images / "small/green.png").as_dict()["row"]["labels"] == ["green"]
        assert archive.doctor(sample=0).problems == ()
    file.write_text("blue\n")
    command(*tag, "name:red.png", says="1 images: 0 with labels, 1 changed")
    assert "submarine" not in command("show", images / "red.png")
    assert command("search", "tag:green", "--paths") != ""
    command("tag", "--clear", says="0 with labels")
    assert command("search", "tag:green", "--paths") == ""
    command("tag", code=2, says="either --labels FILE or --clear")
    command("tag", "--clear", "--labels", file, code=2, says="either --labels FILE or --clear")
    command("tag", "--labels", tmp_path / "none.txt", code=2, says="cannot be read")


def test_labels_wait_their_turn_to_write(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eidetic.tidying.WAIT_S", 0.0)
    with eidetic.open() as archive, archive._opening.writing("ingest"):
        with pytest.raises(ArchiveBusy, match="ingest"):
            archive.tag(["red"])
        assert archive.tag(["red"], dry_run=True).dry_run
