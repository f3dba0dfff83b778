"""An evaluation is told in tables, as JSON, and as a page with its failures as images."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import eidetic
from eidetic.cli import run
from eidetic.evaluation_page import write_evaluation
from eidetic.files import Files
from embed.encoder import ToyEncoder
from schema import Embedded, MemoryStore, Root
from search import Captioned, Evaluation, evaluate
from tests.eidetic.pages import Page
from tests.images import write_colours
from tests.samples import a_collection, a_record

HOSTILE = '"><script>alert(1)</script>\n=1+1'


def evaluated(folder: Path, captions: dict[str, tuple[str, ...]]) -> tuple[Evaluation, Files]:
    """Evaluate the images of a folder in an in-memory store."""
    encoder, root = ToyEncoder(), Root.at(str(folder))
    store = MemoryStore(a_collection(encoder.dim))
    for file in sorted(folder.glob("*.png")):
        vector = encoder.encode_texts([file.stem])[0]
        store.upsert([Embedded(a_record(file.name, root.id), vector)])
    captioned = [Captioned(f"{name}.png", texts) for name, texts in captions.items()]
    result = evaluate(captioned, store=store, encoder=encoder, failures=5)
    return result, Files({root.id: root})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_colours(tmp_path / "images", "red", "green", "blue", "white")


def test_the_page_shows_what_was_wanted_and_what_came_first(folder: Path, tmp_path: Path) -> None:
    captions = {"red": ("red", "green"), "green": ("green",), "blue": ("blue",)}
    result, files = evaluated(folder, captions)
    write_evaluation(result, tmp_path / "out.html", files)
    shown = Page.read(tmp_path / "out.html")
    assert [image["alt"] for image in shown.named("img")] == ["red.png", "green.png"]
    assert [link["href"] for link in shown.named("a")] == [
        (folder / name).as_uri() for name in ("red.png", "green.png")
    ]
    wanted, instead = (image.convert("RGB").getpixel((9, 9)) for image in shown.images())
    assert wanted[0] > 240
    assert instead[1] > 110
    assert "wanted: rank" in " ".join(shown.texts)
    assert "came first: score 1.000" in shown.texts


def test_the_page_has_the_figures_with_their_intervals(folder: Path, tmp_path: Path) -> None:
    result, files = evaluated(folder, {"red": ("red",), "green": ("green", "blue")})
    write_evaluation(result, tmp_path / "out.html", files)
    texts = Page.read(tmp_path / "out.html").texts
    low, high = result.text_to_image.intervals["R@1"]
    assert f"{2 / 3:.3f} ({low:.3f} to {high:.3f})" in texts
    assert f"{result.latency.store_search.p95:.2f}" in texts
    assert (
        "3 captions of 2 images, among 4 rows; 0 captioned images are not in the archive" in texts
    )


def test_without_failures_the_page_has_no_images(folder: Path, tmp_path: Path) -> None:
    result, files = evaluated(folder, {"red": ("red",), "green": ("green",)})
    write_evaluation(result, tmp_path / "out.html", files)
    assert Page.read(tmp_path / "out.html").named("img") == []


def test_no_caption_becomes_part_of_the_page(folder: Path, tmp_path: Path) -> None:
    result, files = evaluated(folder, {"red": (f"green {HOSTILE}",)})
    write_evaluation(result, tmp_path / "out.html", files)
    shown = Page.read(tmp_path / "out.html")
    assert shown.named("script") == []
    assert any("alert(1)" in text for text in shown.texts)


def test_a_failure_whose_file_is_gone_is_told_all_the_same(folder: Path, tmp_path: Path) -> None:
    result, files = evaluated(folder, {"red": ("green",)})
    (folder / "red.png").unlink()
    write_evaluation(result, tmp_path / "out.html", files)
    shown = Page.read(tmp_path / "out.html")
    assert len(shown.images()) == 1
    assert any("no such file any more" in text for text in shown.texts)


def test_the_command_evaluates_in_any_language_and_reports(
    toy: list[str], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with eidetic.open(model="builtin") as archive:
        archive.ingest([folder])
    lines = [
        {"file": "red.png", "captions": {"en": ["green"], "de": ["red ist rot"]}},
        {"file": "green.png", "captions": {"en": ["green"], "de": ["green ist grün"]}},
    ]
    captions = tmp_path / "captions.jsonl"
    captions.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")

    def command(*arguments: str | Path, code: int = 0) -> str:
        found = run(["evaluate", "--captions", *map(str, (captions, *arguments))])
        out, err = capsys.readouterr()
        assert found == code, err
        return out if code == 0 else err

    told = json.loads(command("--language", "de", "--json"))
    assert told["text_to_image"]["R@1"] == 1.0
    assert (told["pictures"], told["captions"], told["missing"]) == (2, 2, 0)
    assert json.loads(command("--json"))["text_to_image"]["R@1"] == 0.5
    table = command("--report", tmp_path / "out.html")
    assert all(
        part in table for part in ("MRR", "95 % interval", "index recall@10", "store search")
    )
    assert len(Page.read(tmp_path / "out.html").images()) == 2
    assert "there is no folder" in command("--report", tmp_path / "none" / "out.html", code=2)
    assert "check --language" in command("--language", "ar", code=2)


def test_the_interval_of_every_share_is_printed(tmp_path: Path, folder: Path) -> None:
    result, _ = evaluated(folder, {"red": ("red", "green"), "green": ("green",)})
    told: Callable[[str], object] = result.as_dict().__getitem__
    for way in ("text_to_image", "image_to_text"):
        shares = told(way)
        assert isinstance(shares, dict)
        for name, (low, high) in shares["CI95"].items():
            assert 0 <= low <= shares[name] <= high <= 1
