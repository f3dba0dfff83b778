"""Files are opened by the desktop's opener: a real program, one that notes what it is given."""

import subprocess
from pathlib import Path

import pytest

from eidetic.cli.opener import find_opener, open_all
from schema import UsageError


@pytest.fixture
def opener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program named xdg-open, alone on the path; it refuses what ends in .bad."""
    program = tmp_path / "bin" / "xdg-open"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\nprintf "%s\\0" "$@" > "$1.opened"\ncase "$1" in *.bad) exit 3;; esac\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setattr("sys.platform", "linux")
    return program


def test_every_target_is_given_to_the_opener_as_it_is(opener: Path, tmp_path: Path) -> None:
    targets = [str(tmp_path / name) for name in ("a b.png", "line\nbreak.png", "$(x).png")]
    assert find_opener() == str(opener)
    assert open_all(str(opener), targets) == []
    for target in targets:
        assert Path(f"{target}.opened").read_bytes() == target.encode() + b"\0"


def test_what_the_opener_refuses_is_told(opener: Path, tmp_path: Path) -> None:
    good, bad = str(tmp_path / "a.png"), str(tmp_path / "b.bad")
    ((target, reason),) = open_all(str(opener), [bad, good])
    assert (target, "ended with code 3" in reason) == (bad, True)
    assert Path(f"{good}.opened").exists()


def test_an_opener_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    ((_, reason),) = open_all(str(tmp_path / "none"), ["/a.png"])
    assert "No such file" in reason


def test_a_machine_without_an_opener_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match=r"no (xdg-)?open.*--gallery FILE\.html"):
        find_opener()


def test_a_viewer_that_stays_open_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eidetic.cli.opener.PATIENCE_S", 0.1)
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def noting(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        started.append(real(*arguments, **options))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr("subprocess.Popen", noting)
    program = tmp_path / "viewer"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    try:
        assert open_all(str(program), ["/a.png"]) == []
        assert started[0].poll() is None
    finally:
        for process in started:
            process.kill()
            process.wait()
