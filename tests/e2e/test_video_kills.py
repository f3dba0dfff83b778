"""An ingest that is killed in the middle of a video ends with the rows of one that was not.

    python -m tests.e2e.test_video_kills ARCHIVE FOLDER LOG

is the process that is killed: it ingests with a toy model that notes each frame it embeds.
"""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import eidetic
import eidetic.opening
from embed.encoder import ToyEncoder
from tests.e2e.noting import PAUSE_S, Noting, embedded, use_settings_of_its_own
from tests.eidetic.every_row import every_row
from tests.images import write_image
from tests.videos import save, scene, video

KILLS = 4
SCENES = 60
BATCH = 4


def use_toy(monkeypatch: pytest.MonkeyPatch, log: Path) -> None:
    def load(spec: str) -> ToyEncoder:
        encoder = Noting(log)
        encoder.spec = spec
        return encoder

    monkeypatch.setattr(eidetic.opening, "load_encoder", load)


def ingest(archive: str, folder: Path) -> tuple[int, int]:
    """Ingest with the toy model; return how many files were indexed and how many unchanged."""
    with eidetic.open(archive, model="builtin") as opened:
        report = opened.ingest([folder], batch_size=BATCH)
    return report.indexed, report.unchanged


@pytest.mark.slow
def test_a_killed_ingest_of_videos_goes_on_and_ends_with_the_rows_of_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose = random.Random(11)
    use_settings_of_its_own(monkeypatch, tmp_path)
    folder, log = tmp_path / "images", tmp_path / "embedded.log"
    use_toy(monkeypatch, tmp_path / "fresh.log")
    for name in ("one.mp4", "two.mp4"):
        colours = [tuple(choose.randrange(256) for _ in "rgb") for _ in range(SCENES)]
        save(folder / name, video([(scene(c, n), 2.0) for n, c in enumerate(colours)]))
    write_image(folder / "three.png", "red")
    assert ingest("fresh", folder) == (3, 0)
    with eidetic.open("fresh") as archive:
        want = every_row(archive._opening.store())
    frames = len(want) - 1
    assert frames >= SCENES

    command = [sys.executable, "-m", __spec__.name, "mine", str(folder), str(log)]
    for _ in range(KILLS):
        run = subprocess.Popen(command, cwd=Path(__file__).parents[2])
        begun, wanted = embedded(log), choose.randrange(1, SCENES // 2)
        while run.poll() is None and embedded(log) < begun + wanted:
            time.sleep(0.002)
        time.sleep(choose.uniform(0, 3 * PAUSE_S))
        run.send_signal(signal.SIGKILL)
        assert run.wait() == -signal.SIGKILL
    assert ingest("mine", folder)[0] >= 1
    with eidetic.open("mine") as archive:
        assert every_row(archive._opening.store()) == want
        assert archive.doctor().problems == ()
    assert ingest("mine", folder) == (0, 3)


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        use_toy(patch, Path(sys.argv[3]))
        ingest(sys.argv[1], Path(sys.argv[2]))
