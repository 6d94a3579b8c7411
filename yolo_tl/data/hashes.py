"""64-bit difference hashes (dHash), and an index that finds the close ones.

A bit says whether a cell of an 8 x 9 grid is darker than its right neighbour, so brightness,
contrast, size and compression hardly change the hash.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Pairs = NDArray[np.int64]
Window = tuple[float, float, float, float]

WHOLE: Window = (0.0, 1.0, 0.0, 1.0)
_ROWS, _COLUMNS = 8, 9
_BANDS, _BITS = 4, 16
_CHUNK = 1 << 22  # candidate pairs looked at together; bounds the memory
_CROWD = 128  # references of one band that a query meets at once; more are all but equal to each other
_ENOUGH = 64  # references found after which a query is not looked up any further


def dhash(pictures: NDArray[np.floating], window: Window = WHOLE) -> Hashes:
    """(N,) hash of each picture (N, H, W), or of a window of it: x1, x2, y1, y2 as shares of its sides."""
    x1, x2, y1, y2 = window
    _, height, width = pictures.shape
    rows, columns = _averages(_ROWS, height, y1, y2), _averages(_COLUMNS, width, x1, x2)
    cells = rows @ pictures.astype(np.float32, copy=False) @ columns.T
    bits = (cells[:, :, 1:] > cells[:, :, :-1]).reshape(len(pictures), _ROWS * (_COLUMNS - 1))
    return np.packbits(bits, axis=1).view(np.uint64)[:, 0]


def close_pairs(queries: Hashes, references: Hashes, *, distance: int) -> Pairs:
    """(P, 2) every (query, reference) whose hashes differ in at most `distance` bits.

    The hashes are cut into four bands. If they differ in d bits, one band differs in d / 4 at
    most (rounded down), so looking each band up with that many bits flipped finds every pair.
    Bands that are nearly equal come first, and a query that has met 64 references is done:
    thousands of frames of a still scene are joined without comparing each with all.

    Raises:
        ValueError: `distance` is not from 0 to 15.
    """
    if not 0 <= distance < 16:
        raise ValueError(f"distance: expected 0 to 15 bits, found {distance}")
    shifts = [np.uint64(band * _BITS) for band in range(_BANDS)]
    tables = [_Table((references >> shift).astype(np.uint16)) for shift in shifts]
    wanted = [(queries >> shift).astype(np.uint16) for shift in shifts]
    met = np.zeros(len(queries), np.int64)
    open_ = np.arange(len(queries))
    found = [np.zeros(0, np.int64)]
    for mask in _masks(distance // _BANDS):
        for table, keys in zip(tables, wanted, strict=True):
            for q, r in table.look_up(keys[open_] ^ np.uint16(mask)):
                q = open_[q]
                close = popcount(queries[q] ^ references[r]) <= distance
                if close.any():
                    found.append(q[close] * len(references) + r[close])
                    met += np.bincount(q[close], minlength=len(queries))
        open_ = np.flatnonzero(met < _ENOUGH * _BANDS)  # each is met once in every band that fits
    pairs = np.unique(np.concatenate(found))
    return np.stack(np.divmod(pairs, max(1, len(references))), axis=1)


class _Table:
    """Which references hold each value of one band."""

    def __init__(self, keys: NDArray[np.uint16]) -> None:
        self.order = np.argsort(keys, kind="stable")
        self.starts = np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=1 << _BITS))])

    def look_up(self, probes: NDArray[np.uint16]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Pairs of a probe and a reference that holds its value, in chunks of bounded size."""
        first = self.starts[probes]
        counts = np.minimum(self.starts[probes.astype(np.int64) + 1] - first, _CROWD)
        ends = np.cumsum(counts)
        start = 0
        while start < len(counts):
            done = ends[start - 1] if start else 0
            stop = max(int(np.searchsorted(ends, done + _CHUNK, side="right")), start + 1)
            sizes = counts[start:stop]
            owners = np.repeat(np.arange(start, stop), sizes)
            within = np.arange(len(owners)) - np.repeat(ends[start:stop] - sizes - done, sizes)
            yield owners, self.order[np.repeat(first[start:stop], sizes) + within]
            start = stop


def popcount(values: Hashes) -> NDArray[np.uint8]:
    """How many bits are set in each value.

    >>> popcount(np.array([0, 7, 2**64 - 1], np.uint64)).tolist()
    [0, 3, 64]
    """
    if hasattr(np, "bitwise_count"):
        return np.bitwise_count(values)
    octets = np.ascontiguousarray(values).view(np.uint8).reshape(-1, 8)
    counts: NDArray[np.uint8] = np.unpackbits(octets, axis=1).sum(axis=1, dtype=np.uint8)
    return counts


def _averages(cells: int, size: int, low: float, high: float) -> NDArray[np.float32]:
    """(cells, size) matrix: the mean over each of the equal pieces of low..high, in shares of `size`."""
    edges = np.linspace(low * size, high * size, cells + 1)
    pixels = np.arange(size)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.maximum(covered, 0)
    result: NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return result


def _masks(radius: int) -> list[int]:
    """Every 16-bit number with at most `radius` bits set."""
    return [sum(1 << bit for bit in bits) for count in range(radius + 1) for bits in combinations(range(_BITS), count)]
