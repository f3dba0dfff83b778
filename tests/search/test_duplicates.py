"""Groups of near-identical images: who is in them, who comes first, and who is not."""

from dataclasses import replace

import numpy as np
import pytest

from embed.encoder import unit
from schema import Embedded, ImageRecord, MemoryStore, MilvusStore, UsageError, content_hash
from schema.filters import InFolder
from search.duplicates import HASH_BITS, UNHASHED_THRESHOLD, find_duplicates
from search.quality import quality
from tests.conftest import MakeStore
from tests.samples import a_collection, a_record

DIM = 16
AXES = np.eye(DIM, dtype=np.float32)


def bits(*which: int) -> int:
    """A hash in which these bits are set."""
    return sum(1 << bit for bit in which)


def at(cosine: float, axis: int = 0, towards: int = 1) -> np.ndarray:
    """A unit vector of that cosine to an axis."""
    return (cosine * AXES[axis] + np.sqrt(1 - cosine**2) * AXES[towards]).astype(np.float32)


def row(path: str, vector: np.ndarray, phash: int | None = 0, **facts: object) -> Embedded:
    """A row of its own content, unless ``facts`` say otherwise."""
    facts = {"content": content_hash(path.encode()), "phash": phash, **facts}
    return Embedded(a_record(path, **facts), vector)


def memory(*rows: Embedded) -> MemoryStore:
    store = MemoryStore(a_collection(DIM))
    store.upsert(rows)
    return store


def groups(store: MemoryStore | MilvusStore, **options: object) -> list[list[str]]:
    found = find_duplicates(store, **options)  # type: ignore[arg-type]
    return sorted([match.record.path for match in group] for group in found)


def test_images_are_one_group_where_hash_and_vector_agree() -> None:
    store = memory(
        row("a.jpg", at(1), width=900),
        row("edited.jpg", at(0.95), bits(1, 2)),
        row("other-hash.jpg", at(0.99), bits(*range(HASH_BITS + 1))),
        row("other-vector.jpg", at(0.5), bits(1)),
        row("stranger.jpg", AXES[5], bits(*range(20, 60))),
    )
    assert groups(store) == [["a.jpg", "edited.jpg"]]


def test_scores_are_cosines_to_the_first_and_fall() -> None:
    store = memory(row("a.jpg", at(1), width=900), row("b.jpg", at(0.93)), row("c.jpg", at(0.97)))
    (group,) = find_duplicates(store)
    assert [match.record.path for match in group] == ["a.jpg", "c.jpg", "b.jpg"]
    assert [match.score for match in group] == pytest.approx([1, 0.97, 0.93])


def test_the_threshold_moves_the_border() -> None:
    store = memory(row("a.jpg", at(1), width=900), row("b.jpg", at(0.8)))
    assert groups(store) == []
    assert groups(store, threshold=0.75) == [["a.jpg", "b.jpg"]]
    for threshold in (1.5, float("nan")):
        with pytest.raises(UsageError, match="from -1 to 1"):
            groups(store, threshold=threshold)


def test_equal_bytes_are_one_group_whatever_the_threshold() -> None:
    same = {"content": "f" * 32}
    store = memory(
        row("a.jpg", at(1), None, **same), row("b.jpg", at(1), None, **same), row("c.jpg", at(0.95))
    )
    assert groups(store, threshold=1.0) == [["a.jpg", "b.jpg"]]


def test_copies_come_along_with_the_image_they_are_copies_of() -> None:
    same = {"content": "f" * 32}
    store = memory(
        row("large.jpg", at(1), width=900),
        row("small.jpg", at(0.95), **same),
        row("small copy.jpg", at(0.95), **same),
    )
    assert groups(store) == [["large.jpg", "small copy.jpg", "small.jpg"]]


def test_a_chain_of_small_differences_does_not_string_unlike_images_together() -> None:
    angles = np.deg2rad(np.arange(0, 180, 15))
    chain = [np.cos(a) * AXES[0] + np.sin(a) * AXES[1] for a in angles]
    store = memory(*[row(f"{n:02}.jpg", v.astype(np.float32)) for n, v in enumerate(chain)])
    found = list(find_duplicates(store, threshold=0.9))
    assert len(found) > 1
    for group in found:
        first = store.vectors([group[0].record.id])[group[0].record.id]
        others = store.vectors([match.record.id for match in group])
        assert all(vector @ first >= 0.9 for vector in others.values())
    members = [match.record.id for group in found for match in group]
    assert len(members) == len(set(members))


def test_without_a_hash_the_vector_alone_must_tell() -> None:
    above, below = UNHASHED_THRESHOLD + 0.01, UNHASHED_THRESHOLD - 0.01
    store = memory(
        row("a.jpg", at(1), width=900),
        row("near.jpg", at(above), None),
        row("far.jpg", at(below, towards=2), None),
        row("u.jpg", AXES[7], None, width=900),
        row("v.jpg", at(above, 7, 8), None),
    )
    assert groups(store) == [["a.jpg", "near.jpg"], ["u.jpg", "v.jpg"]]


def test_frames_are_duplicates_of_another_videos_frames_and_not_of_their_own() -> None:
    def frame(path: str, ms: int, cosine: float) -> Embedded:
        record = a_record(path, view="frame", offset_ms=ms, content=content_hash(path.encode()))
        return Embedded(replace(record, id=f"{path}{ms:>30}", phash=0), at(cosine))

    photo = row("still.jpg", at(1))
    one = [frame("one.mp4", ms, 1 - ms / 1e6) for ms in (0, 1000, 2000)]
    assert groups(memory(*one, photo)) == []
    store = memory(*one, photo, frame("two.mp4", 500, 0.9999))
    assert groups(store) == [["one.mp4", "two.mp4"]]


def test_filters_choose_who_is_compared() -> None:
    store = memory(*[row(path, at(1)) for path in ("x/1.jpg", "x/2.jpg", "y/3.jpg", "y/4.jpg")])
    assert groups(store, filters=[InFolder("y")]) == [["y/3.jpg", "y/4.jpg"]]
    assert groups(store) == [["x/1.jpg", "x/2.jpg", "y/3.jpg", "y/4.jpg"]]


def test_an_empty_archive_has_no_duplicates() -> None:
    assert groups(memory()) == []


def test_planted_duplicates_are_found_in_a_real_store(make_store: MakeStore) -> None:
    random = np.random.default_rng(0)
    vectors = unit(random.standard_normal((300, DIM)))
    hashes = random.integers(-(2**63), 2**63 - 1, 300)
    rows = [row(f"{n:03}.jpg", vectors[n], int(hashes[n])) for n in range(300)]
    rows += [
        row(f"{n:03} small.jpg", vectors[n], int(hashes[n] ^ 0b1011), width=64)
        for n in range(0, 300, 30)
    ]
    rows.append(row("007 unhashed.jpg", vectors[7], None, width=64))
    store = make_store(dim=DIM)
    store.upsert(rows)
    wanted = [[f"{n:03}.jpg", f"{n:03} small.jpg"] for n in range(0, 300, 30)]
    assert groups(store) == sorted([*wanted, ["007.jpg", "007 unhashed.jpg"]])
    assert groups(store, where='path < "1"') == sorted(
        [*wanted[:4], ["007.jpg", "007 unhashed.jpg"]]
    )


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"width": 641}, {"size_bytes": 5000, "taken_from": "exif"}),
        ({"taken_from": "exif"}, {"size_bytes": 5000, "taken_from": "file"}),
        ({"size_bytes": 1001}, {"mtime_ns": 1}),
        ({"size_bytes": 600, "format": "heic"}, {"size_bytes": 1000}),
        ({"mtime_ns": 1, "path": "z.jpg"}, {"mtime_ns": 2, "path": "a.jpg"}),
        ({"path": "a.jpg"}, {"path": "b.jpg"}),
    ],
)
def test_the_best_of_a_group_has_pixels_then_a_date_then_bytes_then_age(
    better: dict[str, object], worse: dict[str, object]
) -> None:
    def record(facts: dict[str, object]) -> ImageRecord:
        return replace(a_record("m.jpg"), **facts)  # type: ignore[arg-type]

    assert quality(record(better)) < quality(record(worse))
