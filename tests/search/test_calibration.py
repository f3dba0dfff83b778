"""The references of an archive are read once, and anew when they would be wrong."""

from pathlib import Path

import numpy as np
import pytest

from embed.encoder import ToyEncoder
from schema import Embedded, MemoryStore, Vectors
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
    vectors = Calibration(tmp_path).captions(first)
    assert vectors.shape == (len(NEUTRAL), first.dim)
    again = Calibration(tmp_path)
    assert np.array_equal(again.captions(second), vectors)
    assert again.captions(second) is again.captions(second)
    assert (first.calls, second.calls) == (1, 0)
    assert [path.suffix for path in tmp_path.iterdir()] == [".npy"]
    second.fingerprint = "toy-2"
    again.captions(second)
    assert second.calls == 1


def test_the_sample_is_kept_for_other_processes_until_the_archive_has_changed(
    tmp_path: Path,
) -> None:
    store = filled(50)
    drawn = Calibration(tmp_path).sample(store)
    (file,) = tmp_path.glob("sample-*.npy")
    kept = Calibration(tmp_path).sample(store)
    assert kept.rows == 50
    assert np.array_equal(kept.vectors, drawn.vectors)
    store.upsert(some_rows(70))
    assert len(Calibration(tmp_path).sample(store).vectors) == 70
    assert not file.exists()
    (file,) = tmp_path.glob("sample-*.npy")
    file.write_bytes(file.read_bytes()[:100])
    assert len(Calibration(tmp_path).sample(store).vectors) == 70


def test_what_is_neutral_is_measured_once_per_sample() -> None:
    store, calibration = filled(50), Calibration()
    encoder = ToyEncoder()
    store.collection = a_collection(encoder.dim)
    vectors = encoder.encode_texts(["a", "b", "c"])
    for row, vector in zip(some_rows(3), vectors, strict=True):
        store.upsert([Embedded(row.record, vector)])
    store.delete([row.record.id for row in some_rows(50)[3:]])
    neutral = calibration.neutral(calibration.sample(store), encoder)
    cosines = vectors @ encoder.encode_texts(NEUTRAL).T
    assert neutral.spread == pytest.approx(cosines.std(axis=1).mean())
    assert neutral.mean == pytest.approx(encoder.encode_texts(NEUTRAL).mean(axis=0))
    assert calibration.neutral(calibration.sample(store), encoder) is neutral
    store.delete([some_rows(1)[0].record.id])
    assert calibration.neutral(calibration.sample(store), encoder) is not neutral


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00"])
def test_a_damaged_file_is_made_anew(tmp_path: Path, content: bytes) -> None:
    vectors = Calibration(tmp_path).captions(Counted())
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    encoder = Counted()
    assert np.array_equal(Calibration(tmp_path).captions(encoder), vectors)
    assert np.array_equal(np.load(file), vectors)
    assert encoder.calls == 1


def test_a_folder_that_is_not_there_costs_the_encoding_only(tmp_path: Path) -> None:
    encoder, calibration = Counted(), Calibration(tmp_path / "gone")
    assert calibration.captions(encoder) is calibration.captions(encoder)
    assert encoder.calls == 1
    assert not (tmp_path / "gone").exists()
