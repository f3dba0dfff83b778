"""What the tests of ingestion share."""

from pathlib import Path

import pytest

from tests.ingest.small_archive import SmallArchive


@pytest.fixture
def archive(tmp_path: Path) -> SmallArchive:
    """An empty archive of an empty folder."""
    return SmallArchive(tmp_path)
