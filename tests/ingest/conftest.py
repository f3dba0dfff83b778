"""What the tests of ingestion share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.decoding_pool import DecodingPool
from tests.ingest.small_archive import LastingPool, SmallArchive


@pytest.fixture(scope="session")
def workers() -> Iterator[DecodingPool]:
    """Decoding processes for all tests."""
    with DecodingPool() as pool:
        yield pool


@pytest.fixture
def archive(tmp_path: Path, workers: DecodingPool, monkeypatch: pytest.MonkeyPatch) -> SmallArchive:
    """An empty archive of an empty folder, whose runs decode in workers that are there already."""
    decoding = LastingPool(workers)
    monkeypatch.setattr("ingest.runner.DecodingPool", lambda: decoding)
    monkeypatch.setattr("ingest.indexer.DecodingPool", lambda: decoding)
    return SmallArchive(tmp_path, decoding)
