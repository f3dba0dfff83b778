"""The references of an archive are read once, and anew when they would be wrong."""

from pathlib import Path

import numpy as np
import pytest

from embed.encoder import ToyEncoder
from schema import MemoryStore, Vectors
from search import Calibration
from search.calibration import SAMPLE_ROWS
from search.neutral import NEUTRAL
from tests.samples import a_collection, some_rows


class Counted(ToyEncoder):
    """Tells how often it was asked for words."""

    calls = 0

    def encode_texts(self, texts: object) -> Vectors:
        self.calls += 1
        return super().encode_texts(texts)  # type: ignore[arg-type]


def filled(size: int) -> MemoryStore:
    store = MemoryStore(a_collection())
    store.upsert(some_rows(size))
    return store


def test_the_sample_is_bounded_and_kept_while_the_archive_stays() -> None:
    store, calibration = filled(2 * SAMPLE_ROWS), Calibration()
    sample = calibration.sample(store)
    assert sample.vectors.shape == (SAMPLE_ROWS, 8)
    assert sample.rows == 2 * SAMPLE_ROWS
    assert calibration.sample(store) is sample


def test_the_sample_is_drawn_anew_when_the_archive_has_changed_by_a_tenth() -> None:
    store, calibration = filled(100), Calibration()
    first = calibration.sample(store)
    store.upsert(some_rows(110))
    assert calibration.sample(store) is first
    store.upsert(some_rows(111))
    assert len(calibration.sample(store).vectors) == 111
    store.delete([row.record.id for row in some_rows(111)])
    assert len(calibration.sample(store).vectors) == 0
    store.upsert(some_rows(1))
    assert len(calibration.sample(store).vectors) == 1


def test_another_collection_has_another_sample() -> None:
    calibration, other = Calibration(), filled(50)
    other.collection = a_collection(8)
    calibration.sample(filled(50))
    object.__setattr__(other.collection, "uid", "other")
    assert calibration.sample(other) is not calibration.sample(filled(50))


def test_the_captions_are_encoded_once_per_folder_and_model(tmp_path: Path) -> None:
    first, second = Counted(), Counted()
    vectors = Calibration(tmp_path).neutral(first)
    assert vectors.shape == (len(NEUTRAL), first.dim)
    again = Calibration(tmp_path)
    assert np.array_equal(again.neutral(second), vectors)
    assert again.neutral(second) is again.neutral(second)
    assert (first.calls, second.calls) == (1, 0)
    assert [path.suffix for path in tmp_path.iterdir()] == [".npy"]
    second.fingerprint = "toy-2"
    again.neutral(second)
    assert second.calls == 1


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00"])
def test_a_damaged_file_is_made_anew(tmp_path: Path, content: bytes) -> None:
    vectors = Calibration(tmp_path).neutral(Counted())
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    encoder = Counted()
    assert np.array_equal(Calibration(tmp_path).neutral(encoder), vectors)
    assert np.array_equal(np.load(file), vectors)
    assert encoder.calls == 1


def test_a_folder_that_is_not_there_costs_the_encoding_only(tmp_path: Path) -> None:
    encoder, calibration = Counted(), Calibration(tmp_path / "gone")
    assert calibration.neutral(encoder) is calibration.neutral(encoder)
    assert encoder.calls == 1
    assert not (tmp_path / "gone").exists()
