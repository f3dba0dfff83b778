"""The command as a person runs it: whole processes, the built-in model, the embedded store."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import free_port
from tests.embed.test_images import png_bomb
from tests.images import write_colours, write_image

EIDETIC = str(Path(sys.executable).with_name("eidetic"))
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EIDETIC_")}
    return kept | {"EIDETIC_DATA_DIR": str(tmp_path / "data"), "XDG_CONFIG_HOME": str(tmp_path)}


@pytest.fixture
def run(environ: dict[str, str]) -> Run:
    def run(*arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [EIDETIC, *map(str, arguments)]
        done = subprocess.run(
            command, env=environ, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


def answer(done: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(done.stdout)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return write_colours(tmp_path / "images", "red", "green", "blue", "yellow", "black")


@pytest.fixture
def archive(run: Run, images: Path) -> Path:
    run("ingest", images, "--model", "builtin")
    return images


def test_ingest_reports_what_it_did_under_the_keys_of_the_contract(run: Run, images: Path) -> None:
    (images / "notes.jpg").write_text("just some words")
    report = answer(run("--json", "ingest", images, "--model", "builtin"))
    assert set(report) == {
        "scanned", "indexed", "unchanged", "moved", "removed", "frames", "skipped", "skips",
        "seconds",
        "images_per_second", "model", "collection",
    }  # fmt: skip
    assert (report["scanned"], report["indexed"], report["skipped"]) == (6, 5, 1)
    assert report["model"] == "builtin"
    (skip,) = report["skips"]
    assert (skip["path"], skip["reason"]) == (str(images / "notes.jpg"), "not-an-image")


def test_ingest_says_how_many_metadata_values_cannot_be_used(run: Run, images: Path) -> None:
    write_image(images / "odd.jpg", xmp=b"<not XMP")
    done = run("ingest", images, "--model", "builtin")
    assert "1 metadata values cannot be used and were left out" in done.stderr


def test_a_second_ingest_finds_everything_unchanged(run: Run, archive: Path) -> None:
    report = answer(run("ingest", archive, "--json"))
    assert (report["indexed"], report["unchanged"]) == (0, 5)


def test_deleted_files_lose_their_rows_unless_they_are_to_be_kept(run: Run, archive: Path) -> None:
    (archive / "red.png").unlink()
    assert answer(run("ingest", archive, "--json", "--no-prune"))["removed"] == 0
    assert answer(run("ingest", archive, "--json"))["removed"] == 1
    assert answer(run("status", "--json"))["rows"] == 4


def test_search_gives_k_hits_best_first(run: Run, archive: Path) -> None:
    # By what the images show alone: files that are called so would lead whatever their score.
    found = answer(run("search", "something", "blue", "-k", "3", "--json", "--no-words"))
    assert set(found) == {"query", "model", "took_ms", "total_rows", "hits"}
    assert found["query"] == "something blue"
    assert [hit["rank"] for hit in found["hits"]] == [1, 2, 3]
    scores = [hit["score"] for hit in found["hits"]]
    assert scores == sorted(scores, reverse=True)
    assert all(Path(hit["path"]).is_file() for hit in found["hits"])


def test_an_image_finds_itself_first(run: Run, archive: Path) -> None:
    query = archive / "green.png"
    for arguments in (["similar", query], ["search", "--image", query]):
        hit = answer(run(*arguments, "--json"))["hits"][0]
        assert hit["path"] == str(query)
        assert hit["score"] == pytest.approx(1.0, abs=1e-4)
    assert answer(run("similar", hit["id"], "-k", "1", "--json"))["hits"][0]["id"] == hit["id"]


def test_paths_can_be_piped(run: Run, archive: Path) -> None:
    lines = run("search", "red", "--paths", "-k", "2").stdout.splitlines()
    assert len(lines) == 2
    assert all(Path(line).is_file() for line in lines)
    assert run("search", "red", "-0", "-k", "2").stdout == "".join(f"{line}\0" for line in lines)


def test_a_table_shows_every_hit(run: Run, archive: Path) -> None:
    table = run("search", "red", "-k", "5").stdout
    assert all(f"{colour}.png" in table for colour in ("red", "green", "blue", "yellow", "black"))


def test_a_filter_and_an_offset_narrow_the_search(run: Run, archive: Path) -> None:
    found = answer(run("search", "red", "--where", 'name like "b%"', "--json"))
    assert {Path(hit["path"]).name for hit in found["hits"]} == {"blue.png", "black.png"}
    page = answer(run("search", "red", "-k", "2", "--offset", "4", "--json"))
    assert [hit["rank"] for hit in page["hits"]] == [5]


def test_status_and_models_tell_about_themselves(run: Run, archive: Path) -> None:
    status = answer(run("status", "--json"))
    assert (status["model"], status["rows"]) == ("builtin", 5)
    assert status["roots"][0]["location"] == str(archive)
    assert "builtin" in run("status").stdout
    models = answer(run("models", "--json"))
    assert models[0]["spec"] == "builtin"
    assert models[0]["dim"] == status["dim"]
    assert models[0]["on_disk"] is True
    assert answer(run("models", "list", "--json")) == models
    assert "Apache-2.0" in run("models").stdout
    checked = answer(run("models", "check", "builtin", "--json"))
    assert (checked["dim"], checked["takes_words"]) == (status["dim"], True)


def test_the_doctor_finds_what_is_wrong_and_mends_it(run: Run, archive: Path) -> None:
    healthy = answer(run("doctor", "--json"))
    assert (healthy["files"], healthy["journal"], healthy["rows"]) == (5, 5, 5)
    assert (healthy["recall_at_10"], healthy["problems"]) == (1.0, [])
    (archive / "red.png").unlink()
    ill = answer(run("doctor", "--json", code=3))
    assert ill["problems"] == [
        {
            "kind": "orphaned",
            "count": 1,
            "detail": "rows or entries of files that are gone",
            "fix": "eidetic doctor --fix",
            "examples": [str(archive / "red.png")],
        }
    ]
    text = run("doctor", code=3).stdout
    assert "orphaned (1): rows or entries of files that are gone" in text
    assert "next: eidetic doctor --fix" in text
    assert "every file and row is accounted for" in run("doctor", "--fix").stdout
    assert answer(run("status", "--json"))["rows"] == 4


def test_show_tells_everything_known_of_an_image(run: Run, archive: Path) -> None:
    facts = answer(run("show", archive / "red.png", "--json"))
    assert set(facts) == {"id", "path", "indexed", "row", "file", "journal", "same_content"}
    assert "png, 64 x 48 pixels" in run("show", facts["id"]).stdout
    write_image(archive / "new.png", "white")
    assert "index it with: eidetic ingest" in run("show", archive / "new.png", code=3).stderr


def test_a_root_is_listed_moved_and_forgotten(run: Run, archive: Path) -> None:
    (root,) = answer(run("roots", "--json"))["roots"]
    assert set(root) == {"id", "location", "rows", "there"}
    new = archive.rename(archive.with_name("elsewhere"))
    assert "away" in run("roots", "list").stdout
    moved = answer(run("roots", "move", archive, new, "--json"))
    assert (moved["id"], moved["location"], moved["found"]) == (root["id"], str(new), 5)
    assert "this drops 5 rows" in run("roots", "forget", new, code=2).stderr
    assert answer(run("roots", "forget", root["id"], "--yes", "--json"))["rows"] == 5
    assert answer(run("status", "--json"))["rows"] == 0


def test_rows_go_to_another_archive_and_to_another_index(
    run: Run, archive: Path, tmp_path: Path
) -> None:
    file = tmp_path / "rows.parquet"
    done = answer(run("export", file, "--json"))
    keys = {"archive", "file", "rows", "vectors", "bytes", "model", "fingerprint"}
    assert set(done) == keys
    assert (done["rows"], done["bytes"]) == (5, file.stat().st_size)
    assert "replace it with --yes" in run("export", file, code=2).stderr
    taken = answer(run("--archive", "copy", "import", file, "--json"))
    assert (taken["rows"], taken["added"], taken["total_rows"]) == (5, 5, 5)
    assert "unchanged  5" in run("--archive", "copy", "import", file).stdout
    assert "not a Parquet file" in run("import", archive / "red.png", code=2).stderr
    moved = answer(run("migrate", "--index", "flat", "--json"))
    assert (moved["rows"], moved["lost"], moved["recall_at_10"]) == (5, 0, 1.0)
    assert answer(run("status", "--json"))["index"] == "flat"
    assert answer(run("search", "red", "--json"))["hits"][0]["path"] == str(archive / "red.png")
    assert answer(run("migrate", "--drop-old", "--json"))["dropped"] == moved["previous"]
    assert "nothing to drop" in run("migrate", "--drop-old", code=3).stderr
    assert "already" in run("migrate", code=2).stderr
    assert "stands alone" in run("migrate", "--abandon", "--drop-old", code=2).stderr


def test_evaluate_measures_recall_under_the_keys_of_the_contract(
    run: Run, archive: Path, tmp_path: Path
) -> None:
    captions = tmp_path / "captions.jsonl"
    lines = [
        {"file": f"{c}.png", "captions": {"en": [f"a {c} wall", c], "ar": ["جدار"]}}
        for c in ("red", "blue")
    ]
    captions.write_text("\n".join(map(json.dumps, lines)))
    result = answer(run("evaluate", "--captions", captions, "--json"))
    assert (result["pictures"], result["captions"]) == (2, 4)
    keys = {"R@1", "R@5", "R@10", "median_rank", "MRR", "CI95"}
    assert set(result["text_to_image"]) == set(result["image_to_text"]) == keys
    assert result["text_to_image"]["R@5"] == 1.0
    arabic = run("evaluate", "--captions", captions, "--language", "ar", "--json")
    assert answer(arabic)["captions"] == 2


def test_nothing_but_results_goes_to_stdout(run: Run, images: Path) -> None:
    done = run("ingest", images, "--model", "builtin", "--json")
    json.loads(done.stdout)
    assert "a new archive" in done.stderr
    assert run("-q", "ingest", images, "--json").stderr == ""


COMMANDS = (
    "ingest", "search", "similar", "classify", "compare", "status", "show", "roots", "doctor",
    "models", "export", "import", "migrate", "evaluate", "serve", "demo",
)  # fmt: skip


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_every_command_explains_itself(run: Run, command: list[str]) -> None:
    text = run(*command, "--help").stdout
    assert "Usage:" in text
    assert "eidetic" in text


def test_a_text_query_imports_neither_torch_nor_what_it_does_not_need_of_eidetic(
    environ: dict[str, str], archive: Path
) -> None:
    code = (
        "import sys\n"
        "from eidetic.cli import run\n"
        "assert run(['search', 'a dog', '--json']) == 0\n"
        "heavy = {'torch', 'torchvision', 'transformers', 'open_clip', 'openvino'}\n"
        "heavy |= {'embed.exporting', 'embed.images', 'ingest.pipeline', 'eidetic.migration'}\n"
        "heavy |= {'search.evaluating', 'search.facets', 'search.tagging', 'search.zero_shot'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("command", "looks"), [("search", False), ("classify", True)])
def test_only_commands_that_end_soon_look_for_no_garbage(
    environ: dict[str, str], command: str, looks: bool
) -> None:
    code = (
        "import gc, os, sys\n"
        "from eidetic.cli import main\n"
        "leave, os._exit = os._exit, lambda _: leave(int(gc.isenabled()))\n"
        f"sys.argv = ['eidetic', '{command}']\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True)
    assert bool(done.returncode) == looks


def test_help_imports_neither_milvus_nor_numpy(environ: dict[str, str]) -> None:
    code = (
        "import sys\n"
        "from eidetic.cli import run\n"
        "assert run(['--help']) == 0\n"
        "heavy = {'pymilvus', 'numpy', 'torch', 'onnxruntime', 'openvino', 'fastapi'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


class TestBadInput:
    """Each has a message that says what, where and what next, and the exit code of its kind."""

    def test_an_empty_folder(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "none").mkdir()
        done = run("ingest", tmp_path / "none", "--model", "builtin", code=6)
        assert str(tmp_path / "none") in done.stderr

    def test_a_missing_path(self, run: Run, tmp_path: Path) -> None:
        done = run("ingest", tmp_path / "nowhere", "--model", "builtin", code=2)
        assert f"{tmp_path / 'nowhere'}: there is no such file or folder" in done.stderr

    def test_files_that_are_no_images_are_skipped_by_name(self, run: Run, images: Path) -> None:
        (images / "text.jpg").write_text("just some words")
        (images / "bomb.png").write_bytes(png_bomb(20_000))
        whole = write_image(images / "half.jpg", "white", size=(800, 600)).read_bytes()
        (images / "half.jpg").write_bytes(whole[: len(whole) // 2])
        (images / "empty.png").touch()
        report = answer(run("ingest", images, "--model", "builtin", "--json"))
        reasons = {Path(skip["path"]).name: skip["reason"] for skip in report["skips"]}
        assert reasons == {
            "text.jpg": "not-an-image",
            "bomb.png": "too-large",
            "half.jpg": "truncated",
            "empty.png": "empty",
        }
        assert report["indexed"] == 5

    @pytest.mark.parametrize("k", ["0", "-1", "99999"])
    def test_an_impossible_number_of_hits(self, run: Run, archive: Path, k: str) -> None:
        assert "k=" in run("search", "dog", "-k", k, code=2).stderr

    def test_nothing_to_look_for(self, run: Run, archive: Path) -> None:
        assert "--image" in run("search", code=2).stderr

    def test_only_what_to_leave_out(self, run: Run, archive: Path) -> None:
        assert "what to look for" in run("search", "-people", code=2).stderr

    def test_an_unknown_filter_with_a_caret_under_it(self, run: Run, archive: Path) -> None:
        told = run("search", "dog", "camra:nikon", code=2).stderr
        assert "did you mean 'camera'?" in told
        assert told.endswith("\n  dog camra:nikon\n      ^\n")

    def test_a_filter_that_cannot_be_read(self, run: Run, archive: Path) -> None:
        assert "colour" in run("search", "dog", "--where", "colour == 3", code=2).stderr

    def test_an_unknown_option_or_command(self, run: Run) -> None:
        assert "--nonsense" in run("search", "dog", "--nonsense", code=2).stderr
        assert "nonsense" in run("nonsense", code=2).stderr

    def test_an_archive_that_is_not_there(self, run: Run) -> None:
        done = run("--archive", "holidays", "search", "dog", code=3)
        assert "eidetic --archive holidays ingest FOLDER" in done.stderr

    def test_another_model_than_the_archives(self, run: Run, archive: Path) -> None:
        done = run("ingest", archive, "--model", "clip-b32", code=3)
        assert "--model builtin" in done.stderr
        assert answer(run("status", "--json"))["rows"] == 5

    def test_an_unknown_model(self, run: Run, images: Path) -> None:
        done = run("ingest", images, "--model", "builtn", code=5)
        assert "did you mean builtin?" in done.stderr
        run("status", code=3)

    def test_a_server_that_is_not_there(self, run: Run, images: Path) -> None:
        uri = f"http://127.0.0.1:{free_port()}"
        done = run("--uri", uri, "ingest", images, "--model", "builtin", code=4)
        assert f"no Milvus answers at {uri}" in done.stderr

    def test_an_image_that_is_none(self, run: Run, archive: Path, tmp_path: Path) -> None:
        (tmp_path / "x.jpg").write_text("just some words")
        assert "not-an-image" in run("similar", tmp_path / "x.jpg", code=6).stderr
        assert "no such file" in run("search", "--image", "/nowhere.jpg", code=6).stderr

    def test_the_demo_with_an_archive_of_another_name(self, run: Run) -> None:
        assert "takes neither --archive nor --uri" in run("demo", "--archive", "a", code=2).stderr

    def test_an_output_that_cannot_be_written(self, environ: dict[str, str]) -> None:
        for buffered in ({}, {"PYTHONUNBUFFERED": "1"}):
            with open("/dev/full", "w") as full:  # noqa: PTH123
                done = subprocess.run(
                    [EIDETIC, "models"],
                    env=environ | buffered,
                    stdout=full,
                    stderr=subprocess.PIPE,
                    text=True,
                    check=False,
                )
            assert done.returncode == 1
            assert done.stderr.startswith("error: the output cannot be written (No space left")
            assert done.stderr.count("error") == 1

    def test_an_output_whose_reader_has_gone(self, environ: dict[str, str]) -> None:
        command = f"{EIDETIC} models --json | head -c 1"
        done = subprocess.run(command, shell=True, env=environ, capture_output=True, check=False)
        assert (done.stdout, done.stderr) == (b"[", b"")

    def test_an_output_that_lacks_a_character(
        self, run: Run, environ: dict[str, str], archive: Path
    ) -> None:
        (archive / "red.png").rename(archive / "röt.png")
        run("ingest", archive)
        environ["PYTHONIOENCODING"] = "ascii"
        assert "r\\xf6t.png" in run("search", "red").stdout
        assert "r\\xf6t.png" in run("similar", archive / "röt.png").stdout


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_written_and_the_next_run_goes_on(
    run: Run, environ: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    for i in range(400):
        write_image(folder / f"{i}.jpg", f"hsl({i % 360}, 80%, {20 + i // 12}%)", size=(1200, 900))
    command = [EIDETIC, "ingest", str(folder), "--model", "builtin", "--batch-size", "4"]
    journal = Path(environ["EIDETIC_DATA_DIR"]) / "default" / "journal.sqlite"
    with subprocess.Popen(
        command,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that starts the tests in the background has SIGINT ignored, and so would this.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as ingest:
        while indexed(journal) == 0:
            assert ingest.poll() is None, "the ingest ended before its first row"
            time.sleep(0.02)
        ingest.send_signal(signal.SIGINT)
        output, errors = ingest.communicate(timeout=60)
    assert ingest.returncode == 130, output + errors
    assert "what was written stays" in errors
    written = indexed(journal)
    assert 0 < written < 400
    report = answer(run("ingest", folder, "--json"))
    assert report["unchanged"] >= written
    assert report["indexed"] + report["unchanged"] + report["moved"] == 400
    assert answer(run("status", "--json"))["rows"] == 400


def indexed(journal: Path) -> int:
    """Count the files that the journal of a running ingest has entered."""
    if not journal.exists():
        return 0
    connection = sqlite3.connect(f"file:{journal}?mode=ro", uri=True)
    try:
        query = "SELECT COUNT(*) FROM entries WHERE state = 'indexed'"
        return int(connection.execute(query).fetchone()[0])
    except sqlite3.OperationalError:
        # Its tables are being made.
        return 0
    finally:
        connection.close()
