"""Hashes near to one another are found as comparing all pairs finds them."""

import numpy as np
import pytest

from search.near_hashes import MAX_BITS, NearHashes


def some_hashes() -> np.ndarray:
    """Random hashes, and for some of them others that differ in 0 to 14 bits."""
    random = np.random.default_rng(0)
    hashes = random.integers(-(2**63), 2**63 - 1, 600)
    changed = hashes[:300].copy()
    for n in range(300):
        for bit in random.choice(64, n % 15, replace=False):
            changed[n] ^= np.int64(np.uint64(1) << np.uint64(bit))
    return np.concatenate([hashes, changed])


@pytest.mark.parametrize("bits", [0, 1, 5, 10, MAX_BITS])
def test_what_is_found_is_what_comparing_all_pairs_finds(bits: int) -> None:
    hashes = some_hashes()
    unsigned = hashes.view(np.uint64)
    distances = np.bitwise_count(unsigned[:, None] ^ unsigned[None])
    near = NearHashes(hashes, bits)
    for n in range(len(hashes)):
        assert near.of(n).tolist() == np.flatnonzero(distances[n] <= bits).tolist()
    assert near.with_company().tolist() == ((distances <= bits).sum(axis=1) > 1).tolist()


def test_many_hashes_of_one_kind_are_compared_in_bounded_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("search.near_hashes.COMPARED_AT_ONCE", 100)
    near = NearHashes(np.zeros(500, dtype=np.int64), 3)
    assert near.of(7).tolist() == list(range(500))
    assert near.with_company().all()


def test_no_hashes_have_no_company() -> None:
    assert NearHashes(np.array([], dtype=np.int64), 3).with_company().tolist() == []


def test_more_bits_than_the_tables_can_find_are_refused() -> None:
    with pytest.raises(ValueError, match="12 bits"):
        NearHashes(np.array([1]), MAX_BITS + 1)
