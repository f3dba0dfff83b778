"""Which of many perceptual hashes differ from one in a few bits, without comparing all pairs.

Multi-index hashing (Norouzi, Punjani and Fleet, "Fast Search in Hamming Space with Multi-Index
Hashing", CVPR 2012): of the four 16-bit parts of two hashes that differ in at most `MAX_BITS` bits,
one part differs in at most two. So a table for each part is asked for the parts that differ in up
to two bits, 137 of 65,536, and only what is found there is compared in full. Nothing is missed.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

MAX_BITS = 11
"""The most bits by which two hashes may differ to be found: 4 x (2 + 1) - 1."""

_PARTS = 4
_PART_BITS = 16
_PART_MASK = np.uint64(0xFFFF)

COMPARED_AT_ONCE = 1_000_000
"""Comparisons in memory at a time, some 40 bytes each."""

QUERIES_AT_ONCE = 1024


def _changes() -> NDArray[np.int64]:
    """Return the 16-bit numbers with at most two bits set."""
    every = np.arange(2**_PART_BITS)
    return every[np.bitwise_count(every) <= 2]


class NearHashes:
    """Some hashes, to be asked which of them are near to others."""

    def __init__(self, hashes: NDArray[np.int64], bits: int) -> None:
        """Sort the hashes into tables.

        Args:
            hashes: Shape (n,), int64, see `embed.phash`.
            bits: Hashes that differ in so many bits or fewer are near, `MAX_BITS` at most.
        """
        if not 0 <= bits <= MAX_BITS:
            raise ValueError(f"{bits} bits: the tables find differences of 0 to {MAX_BITS} bits")
        self._hashes = hashes.view(np.uint64)
        self._bits = bits
        self._changes = _changes()
        self._members: list[NDArray[np.intp]] = []
        self._starts: list[NDArray[np.intp]] = []
        for part in range(_PARTS):
            keys = _part(self._hashes, part)
            self._members.append(np.argsort(keys, kind="stable"))
            counts = np.bincount(keys, minlength=2**_PART_BITS)
            self._starts.append(np.concatenate([[0], np.cumsum(counts)]))

    def of(self, which: int) -> NDArray[np.intp]:
        """Return the positions of the hashes near to that at a position, its own among them."""
        return np.unique(self._pairs(np.array([which]))[1])

    def with_company(self) -> NDArray[np.bool_]:
        """Return for each hash whether another one is near: shape (n,)."""
        found = np.zeros(len(self._hashes), dtype=bool)
        for start in range(0, len(found), QUERIES_AT_ONCE):
            asked = np.arange(start, min(start + QUERIES_AT_ONCE, len(found)))
            one, other = self._pairs(asked)
            found[one[one != other]] = True
        return found

    def _pairs(self, asked: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the asked positions and those of hashes near to them, some pairs repeatedly."""
        ones, others = [], []
        for part in range(_PARTS):
            keys = _part(self._hashes[asked], part)[:, None] ^ self._changes[None]
            first = self._starts[part][keys]
            count = self._starts[part][keys + 1] - first
            for chunk in _chunks(count.sum(axis=1)):
                one, other = self._compare(part, asked[chunk], first[chunk], count[chunk])
                ones.append(one)
                others.append(other)
        return np.concatenate(ones), np.concatenate(others)

    def _compare(
        self,
        part: int,
        asked: NDArray[np.intp],
        first: NDArray[np.intp],
        count: NDArray[np.intp],
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Compare hashes with those in runs of a table: shapes (a,), (a, runs), (a, runs)."""
        one = np.repeat(asked, count.sum(axis=1))
        count, first = count.ravel(), first.ravel()
        before = np.cumsum(count) - count
        other = self._members[part][np.arange(len(one)) + np.repeat(first - before, count)]
        near = np.bitwise_count(self._hashes[one] ^ self._hashes[other]) <= self._bits
        return one[near], other[near]


def _part(hashes: NDArray[np.uint64], part: int) -> NDArray[np.int64]:
    shifted = hashes >> np.uint64(part * _PART_BITS)
    return (shifted & _PART_MASK).astype(np.int64)


def _chunks(sizes: NDArray[np.intp]) -> list[slice]:
    """Cut a row of sizes where they add up to `COMPARED_AT_ONCE`."""
    cuts = np.flatnonzero(np.diff(np.cumsum(sizes) // COMPARED_AT_ONCE)) + 1
    ends = [0, *cuts.tolist(), len(sizes)]
    return [slice(start, stop) for start, stop in pairwise(ends)]
