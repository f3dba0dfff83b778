"""What search and similar do with their hits, on the command line."""

import csv
import io
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import eidetic
from eidetic.cli import hoist, run
from embed.encoder import ToyEncoder
from schema import Root, load_roots, save_roots
from tests.eidetic.pages import Page
from tests.eidetic.test_terminal import Terminal
from tests.images import write_colours

pytestmark = pytest.mark.usefixtures("toy")
Command = Callable[..., tuple[str, str]]


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an archive's data and its images, made once."""
    base = tmp_path_factory.mktemp("ingested")
    folder = write_colours(base / "images", "red", "green", "blue")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eidetic.opening.load_encoder", lambda spec: Named(spec))
        with eidetic.open(model="builtin", data_dir=base / "data") as archive:
            archive.ingest([folder])
    return base


class Named(ToyEncoder):
    """The toy encoder under another model's name."""

    def __init__(self, spec: str) -> None:
        self.spec = spec


@pytest.fixture
def images(ingested: Path, tmp_path: Path, toy: list[str]) -> Path:
    """A copy of those images, in a copy of that archive, which a test may change."""
    shutil.copytree(ingested, tmp_path, dirs_exist_ok=True)
    roots_file = tmp_path / "data" / "default" / "roots.json"
    (root,) = load_roots(roots_file)
    save_roots(roots_file, [Root(root.id, str(tmp_path / "images"))])
    return tmp_path / "images"


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process and return what it printed on stdout and stderr."""

    def call(*arguments: str | Path, code: int = 0) -> tuple[str, str]:
        found = run([*map(str, arguments)])
        out, err = capsys.readouterr()
        assert found == code, err
        return out, err

    return call


@pytest.mark.parametrize("asked", [["search", "red"], ["similar", "red.png"]])
def test_hits_are_printed_as_csv(
    images: Path, command: Command, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(images)
    out, _ = command(*asked, "-k", "2", "--csv")
    rows = list(csv.DictReader(io.StringIO(out, newline="")))
    assert [row["rank"] for row in rows] == ["1", "2"]
    assert rows[0]["path"] == str(images / "red.png")


def test_hits_are_copied_and_the_table_is_printed_all_the_same(
    images: Path, command: Command, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out, _ = command("search", "red", "-k", "2", "--copy-to", tmp_path / "out")
    assert "red.png" in out
    assert f"2 images copied into {tmp_path / 'out'}" in caplog.text
    assert (tmp_path / "out" / "001-red.png").read_bytes() == (images / "red.png").read_bytes()
    command("search", "red", "-k", "3", "--copy-to", tmp_path / "out")
    assert f"1 images copied into {tmp_path / 'out'}, 2 there already" in caplog.text


def test_json_tells_what_was_gathered(images: Path, command: Command, tmp_path: Path) -> None:
    (images / "green.png").unlink()
    out, err = command("search", "green", "-k", "3", "--link-to", tmp_path / "out", "--json")
    told = json.loads(out)
    assert len(told["hits"]) == 3
    assert told["collected"]["folder"] == str(tmp_path / "out")
    assert [Path(made["path"]).is_symlink() for made in told["collected"]["made"]] == [True, True]
    (left,) = told["collected"]["left_out"]
    assert (left["id"], left["path"]) == (told["hits"][0]["id"], str(images / "green.png"))
    assert f"not linked: {images / 'green.png'}: there is no such file any more" in err


def test_without_one_image_to_gather_the_command_fails_after_printing_the_hits(
    images: Path, command: Command, tmp_path: Path
) -> None:
    (images / "green.png").unlink()
    out, err = command("search", "green", "-k", "1", "--copy-to", tmp_path / "out", code=6)
    assert "green.png" in out
    assert "none of the 1 images could be copied" in err


def test_a_gallery_is_written(images: Path, command: Command, tmp_path: Path) -> None:
    (images / "blue.png").unlink()
    out, err = command("search", "red", "--gallery", tmp_path / "out.html")
    assert "red.png" in out
    assert f"shown without an image: {images / 'blue.png'}" in err
    shown = Page.read(tmp_path / "out.html")
    assert len(shown.images()) == 2
    assert "red" in shown.texts


def test_the_first_hits_are_opened_or_the_gallery_in_their_place(
    images: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "xdg-open"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf "%s\\0" "$1" > "$(mktemp {tmp_path}/opened-XXXXXX)"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setattr("sys.platform", "linux")

    def opened() -> set[str]:
        notes = list(tmp_path.glob("opened-*"))
        found = {note.read_text().rstrip("\0") for note in notes}
        for note in notes:
            note.unlink()
        return found

    (images / "blue.png").unlink()
    _, err = command("search", "red", "--open")
    assert opened() == {str(images / "red.png"), str(images / "green.png")}
    assert f"not opened: {images / 'blue.png'}" in err
    monkeypatch.chdir(tmp_path)
    command("search", "red", "--open", "--gallery", "out.html")
    assert opened() == {str(tmp_path / "out.html")}
    command("search", "red", "name:nothing", "--open")
    assert opened() == set()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--csv", "--json"], "--json and --csv contradict"),
        (["--csv", "--paths"], "--csv and --paths contradict"),
        (["-0", "--show"], "--show and --null contradict"),
        (["--json", "--paths"], "--json and --paths contradict"),
        (["--copy-to", "a", "--link-to", "b"], "--copy-to and --link-to contradict"),
        (["--show"], "the output goes to none"),
        (["--gallery", "none/out.html"], "there is no folder none"),
        (["--gallery", "."], "is a folder"),
    ],
)
def test_what_cannot_be_done_is_refused_before_the_search(
    command: Command, given: list[str], says: str
) -> None:
    # There is no archive: had one been looked for, the code would be 3.
    for asked in (["search", "red"], ["similar", "red.png"]):
        out, err = command(*asked, *given, code=2)
        assert (out, says in err) == ("", True)


def test_the_values_of_options_are_no_exclusions() -> None:
    given = ["search", "dog", "--copy-to", "-out", "--gallery", "-g.html", "--link-to", "-l"]
    assert hoist(given) == given


def test_an_original_and_previews_are_had_from_python(images: Path) -> None:
    with eidetic.open() as archive:
        hits = archive.search("red", k=2)
        assert archive.original(hits[0]) == (images / "red.png").read_bytes()
        (images / "green.png").unlink()
        red, green = archive.previews(hits, 16)
    assert red.image is not None
    assert red.image.size == (16, 12)
    assert (green.image, "no such file" in green.problem) == (None, True)


SHOW = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from embed.encoder import ToyEncoder
import eidetic.opening
eidetic.opening.load_encoder = lambda spec: setattr(t := ToyEncoder(), "spec", spec) or t
from eidetic.cli import run
sys.exit(run(["search", "red", "-k", "2", "--show"]))
"""


def show_in_a_terminal(attributes: bytes) -> tuple[int, bytes]:
    """Run a search in a process whose terminal is a pseudo terminal; return what it wrote."""
    far, near = pty.openpty()
    thread = Terminal(far, kitty=False, name=b"", attributes=attributes)
    thread.start()

    with subprocess.Popen(
        [sys.executable, "-c", SHOW],
        stdin=near,
        stdout=near,
        stderr=near,
        start_new_session=True,
    ) as process:
        os.close(near)
        thread.join(60)
        written = b""
        try:
            while part := os.read(far, 65536):
                written += part
        except OSError:
            # The other side is closed: the process has ended.
            pass
        os.close(far)
    return process.returncode, written


def test_images_are_drawn_in_a_terminal_that_can(images: Path) -> None:
    (images / "green.png").unlink()
    code, written = show_in_a_terminal(b"62;4;22")
    assert code == 0, written
    assert len(re.findall(rb"\x1bP0;1q.*?\x1b\\", written, re.DOTALL)) == 1
    assert f"1.  1.000  {images / 'red.png'}".encode() in written
    assert b"(no image: there is no such file any more" in written


def test_a_terminal_that_cannot_draw_is_told_what_to_do(images: Path) -> None:
    code, written = show_in_a_terminal(b"62;22")
    assert code == 2
    assert b"this terminal has none of the ways to show images" in written
    assert b"\x1bP" not in written
