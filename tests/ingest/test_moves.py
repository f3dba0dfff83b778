"""Files that move, many at a time."""

import pytest

from tests.ingest.small_archive import SmallArchive, counts, draw

THOUSAND = 1000


@pytest.mark.slow
def test_moving_a_thousand_files_embeds_nothing(archive: SmallArchive) -> None:
    for n in range(THOUSAND):
        draw(archive.folder / f"old/{n:04}.bmp", seed=n)
    archive.ingest(batch_size=64)
    assert archive.encoder.embedded == THOUSAND
    (archive.folder / "old").rename(archive.folder / "new")
    assert counts(archive.ingest()) == {"moved": THOUSAND, "removed": THOUSAND}
    assert archive.encoder.embedded == THOUSAND
    assert archive.paths() == [f"new/{n:04}.bmp" for n in range(THOUSAND)]
