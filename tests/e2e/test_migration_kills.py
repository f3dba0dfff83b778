"""A migration that is killed again and again ends with the rows of a fresh ingest.

    python -m tests.e2e.test_migration_kills ARCHIVE LOG

is the process that is killed: it migrates with a toy model that notes each image it embeds.
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
from schema import Connection
from schema.succession import find_current
from tests.e2e.noting import PAUSE_S, Noting, embedded, use_settings_of_its_own
from tests.eidetic.every_row import OTHER, MirroredEncoder, every_row
from tests.images import write_image

IMAGES = 48
KILLS = 4
BATCH = 4


class _Other(Noting, MirroredEncoder):
    """The model that is migrated to."""


def use_toys(monkeypatch: pytest.MonkeyPatch, log: Path) -> None:
    def load(spec: str) -> ToyEncoder:
        encoder = ToyEncoder() if spec == "builtin" else _Other(log)
        encoder.spec = spec
        return encoder

    monkeypatch.setattr(eidetic.opening, "load_encoder", load)


def is_killed(run: "subprocess.Popen[bytes]", log: Path, choose: random.Random) -> bool:
    """Kill a run at some moment after it has begun to embed; return False if it ended first."""
    begun, wanted = embedded(log), choose.randrange(1, IMAGES // KILLS)
    while run.poll() is None:
        if embedded(log) >= begun + wanted:
            time.sleep(choose.uniform(0, 3 * PAUSE_S))
            run.send_signal(signal.SIGKILL)
            return run.wait() == -signal.SIGKILL
        time.sleep(0.002)
    return False


@pytest.mark.slow
def test_a_migration_that_is_killed_goes_on_and_ends_with_the_rows_of_a_fresh_ingest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose = random.Random(7)
    use_settings_of_its_own(monkeypatch, tmp_path)
    folder, log = tmp_path / "images", tmp_path / "embedded.log"
    use_toys(monkeypatch, tmp_path / "fresh.log")
    for number in range(IMAGES):
        colour = "#" + "".join(f"{choose.randrange(256):02x}" for _ in "rgb")
        write_image(folder / f"{number}.png", colour)
    with eidetic.open("mine", model="builtin") as archive:
        archive.ingest([folder])
        uri = archive.settings.store_uri
    with eidetic.open("fresh", model=OTHER) as archive:
        archive.ingest([folder])
        want = every_row(archive._opening.store())

    command = [sys.executable, "-m", __spec__.name, "mine", str(log)]
    kills = 0
    while is_killed(run := subprocess.Popen(command, cwd=Path(__file__).parents[2]), log, choose):
        kills += 1
        with Connection(uri) as connection:
            current = find_current(connection, "mine")
            assert current is not None
            assert current.model == "builtin"
        if kills == KILLS:
            run = subprocess.Popen(command, cwd=Path(__file__).parents[2])
            run.wait()
            break
    assert run.returncode == 0
    assert kills > 0
    with eidetic.open("mine") as archive:
        assert archive.collection.model == OTHER
        assert every_row(archive._opening.store()) == want
        report = archive.ingest([folder])
    assert (report.indexed, report.unchanged) == (0, IMAGES)
    # What a kill can cost is one batch that was embedded and not yet kept.
    assert embedded(log) <= IMAGES + kills * BATCH


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        use_toys(patch, Path(sys.argv[2]))
        with eidetic.open(sys.argv[1]) as given:
            given.migrate(OTHER, batch_size=BATCH)
