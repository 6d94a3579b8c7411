"""Near-duplicates: images that show the same thing, so that they belong on one side of a split.

First a 64-bit hash of every image finds candidates, also of its mirrored and slightly cropped
picture; then the pair is laid on one another and correlated. Found are re-encoded, resized,
brightened, mirrored, slightly cropped, shifted or turned copies, and neighbouring frames.

What is shifted, turned or cropped further, or turned by quarters, a hash does not see. Where
vectors of the images are at hand (`yolo_tl.engine.embedding`), the nearest of each image are
candidates, too, and those that overlap are joined. The cosine of two vectors alone decides nothing.

What most images of a set share (a fixed camera, a vignette) says nothing about two of them: the
mean picture is taken off first, where there are enough images to tell. So parts that pass
under one camera are not duplicates of each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolo_tl.data.alignment import likeness
from yolo_tl.data.hashes import WHOLE, Pairs, Window, close_pairs, dhash, popcount
from yolo_tl.data.overlap import Sketch, overlap, sketch
from yolo_tl.data.thumbs import Thumbs, thumbs

LIKENESS = 0.9  # correlation from which two images are one; see benchmarks/leaks.md
NEIGHBOURS = 8  # by embedding, that are looked at
Embed = Callable[[Sequence[Path]], NDArray[np.float32]]

_DISTANCE, _CROPPED_DISTANCE = 11, 7  # bits
# Crops and shifts of 5 %: the part of one image that the other shows.
_WINDOWS: tuple[Window, ...] = (
    (0.04, 0.96, 0.04, 0.96),
    (0.0, 0.95, 0.0, 0.95),
    (0.05, 1.0, 0.05, 1.0),
    (0.0, 0.95, 0.05, 1.0),
    (0.05, 1.0, 0.0, 0.95),
)
_FLAT = 2.0  # grey levels of deviation below which a picture shows nothing that could be compared
_ENOUGH = 50  # images whose mean says what a set has in common
_BLOCK = 1024
_ROUNDS = 3  # of joining neighbours; then there is room for others
_CROWDED = 4  # times as many are looked through, because several may be of one cluster
_ROWS = 256  # of cosines at a time
_KEPT = 8192  # sketches, 45 KB each


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Near-duplicates among N images.

    Attributes:
        pairs: (P, 2) indices, the lower first, sorted; enough to join what belongs together,
            not each image with each other.
        likeness: (P,) correlation of each pair once aligned, of pairs found by embeddings that of what both
            show; 1 where the two cannot be told apart.
        count: N.
        unreadable: indices of images that could not be decoded; they are in no pair.
    """

    pairs: Pairs
    likeness: NDArray[np.float32]
    count: int
    unreadable: tuple[int, ...]

    def clusters(self) -> NDArray[np.int64]:
        """(N,) for each image the lowest index of those it is joined with, itself where there are none."""
        return clusters(self.count, self.pairs)


def near_duplicates(
    images: Sequence[Path] | Thumbs,
    *,
    threshold: float = LIKENESS,
    workers: int = 1,
    embed: Embed | None = None,
    neighbours: int = NEIGHBOURS,
) -> Duplicates:
    """Find the near-duplicates among images; about 1 ms of processor time for each, with embeddings 30 ms and theirs.

    Args:
        images: the files, or their thumbs where these were made before.
        threshold: the lowest correlation, 0 to 1.
        workers: processes that decode; 0 takes one for each core.
        embed: makes (N, D) vectors of files, zeros where it cannot; images that are close by these, and overlap,
            are added.
        neighbours: how many of the closest are looked at, for each image.

    Raises:
        ValueError: `embed` was given thumbs, or made something else than a vector for each image.
    """
    small = images if isinstance(images, Thumbs) else thumbs(images, workers=workers)
    found = dict.fromkeys(_equal(small), 1.0)
    _add(found, *_alike(small, threshold))
    if embed is not None:
        if isinstance(images, Thumbs):
            raise ValueError("embed: expected the image files, found thumbs only")
        vectors = _unit(embed(images), len(small))
        _add(found, *_overlapping(images, vectors, neighbours, clusters(len(small), _pairs(found))))
    pairs = _pairs(found)
    return Duplicates(
        pairs,
        np.array([found[a, b] for a, b in pairs.tolist()], np.float32),
        len(small),
        tuple(np.flatnonzero(~small.readable).tolist()),
    )


def clusters(count: int, pairs: Pairs) -> NDArray[np.int64]:
    """(count,) for each index the lowest one it is joined with by `pairs` (P, 2), however indirectly.

    >>> clusters(5, np.array([[1, 3], [3, 4]])).tolist()
    [0, 1, 2, 1, 1]
    """
    sets = _Sets(count)
    for a, b in pairs.tolist():
        sets.join(a, b)
    return np.array([sets.root(i) for i in range(count)], np.int64)


class _Sets:
    """Disjoint sets of 0 to count - 1; the root of each is its lowest member."""

    def __init__(self, count: int) -> None:
        self.parents = list(range(count))

    def root(self, i: int) -> int:
        parents = self.parents
        while parents[i] != i:
            parents[i] = parents[parents[i]]
            i = parents[i]
        return i

    def join(self, a: int, b: int) -> None:
        low, high = sorted((self.root(a), self.root(b)))
        self.parents[high] = low


def _equal(small: Thumbs) -> list[tuple[int, int]]:
    """Pairs that join all images of equal pixels: each with the next of them."""
    last: dict[int, int] = {}
    pairs = []
    for i in np.flatnonzero(small.readable).tolist():
        digest = int(small.digests[i])
        if digest in last:
            pairs.append((last[digest], i))
        last[digest] = i
    return pairs


def _alike(small: Thumbs, threshold: float) -> tuple[Pairs, NDArray[np.float32]]:
    spread = small.pixels.std(axis=(1, 2), dtype=np.float32)
    chosen = np.flatnonzero(small.readable & (spread >= _FLAT))
    plain = small.pixels[chosen].astype(np.float32)
    plain -= plain.mean(axis=(1, 2), keepdims=True)
    plain /= spread[chosen, None, None]
    common = plain.mean(axis=0) if len(chosen) >= _ENOUGH else np.float32(0)
    pictures = plain - common
    references = dhash(pictures)
    found = [(np.zeros((0, 2), np.int64), np.zeros(0, np.float32))]
    sets = _Sets(len(chosen))
    for mirrored in (False, True):
        turned = plain[:, :, ::-1] - common if mirrored else pictures
        candidates = np.concatenate([_candidates(turned, window, references) for window in (WHOLE, *_WINDOWS)])
        if not mirrored:
            candidates = np.sort(candidates, axis=1)  # the other way round it is the same question
        candidates = np.unique(candidates, axis=0)
        # The closest first: then most of the others are joined already, and need not be looked at.
        apart = popcount(dhash(turned)[candidates[:, 0]] ^ references[candidates[:, 1]])
        candidates = candidates[np.argsort(apart, kind="stable")]
        for start in range(0, len(candidates), _BLOCK):
            block = candidates[start : start + _BLOCK]
            block = block[[sets.root(a) != sets.root(b) for a, b in block.tolist()]]
            scores = likeness(turned[block[:, 0]], pictures[block[:, 1]])
            alike = scores >= threshold
            found.append((np.sort(chosen[block[alike]], axis=1), scores[alike]))
            for a, b in block[alike].tolist():
                sets.join(a, b)
    return np.concatenate([pairs for pairs, _ in found]), np.concatenate([scores for _, scores in found])


def _candidates(pictures: NDArray[np.float32], window: Window, references: NDArray[np.uint64]) -> Pairs:
    """Pairs whose hashes are close, the first seen through `window`; of no picture with itself."""
    distance = _DISTANCE if window == WHOLE else _CROPPED_DISTANCE
    pairs = close_pairs(dhash(pictures, window), references, distance=distance)
    others: Pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    return others


def _unit(vectors: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """(N, D) of length 1, or 0 where there is nothing to go by."""
    vectors = np.asarray(vectors, np.float32)
    if vectors.ndim != 2 or len(vectors) != count:
        raise ValueError(f"embed: expected a vector for each of {count} images, found shape {vectors.shape}")
    vectors = np.where(np.isfinite(vectors).all(axis=1, keepdims=True), vectors, np.float32(0))
    result: NDArray[np.float32] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return result


def _nearest(vectors: NDArray[np.float32], homes: NDArray[np.int64], neighbours: int) -> Pairs:
    """(P, 2) each image and one of each of the clusters closest to it, the lower first; the closest pairs first."""
    usable = np.flatnonzero(vectors.any(axis=1))
    vectors, homes = vectors[usable], homes[usable]
    count = min(_CROWDED * neighbours, len(vectors))
    found: dict[tuple[int, int], float] = {}
    for start in range(0, len(vectors), _ROWS):
        cosines = vectors[start : start + _ROWS] @ vectors.T
        cosines[homes[start : start + _ROWS, None] == homes] = -np.inf
        columns = np.argpartition(cosines, -count, axis=1)[:, -count:]
        scores = np.take_along_axis(cosines, columns, axis=1)
        for i, (row, near) in enumerate(zip(columns, scores, strict=True), start):
            best: dict[int, tuple[int, float]] = {}
            for rank in np.argsort(-near, kind="stable"):
                if len(best) == neighbours or near[rank] == -np.inf:
                    break
                best.setdefault(int(homes[row[rank]]), (int(row[rank]), float(near[rank])))
            found.update(((min(i, j), max(i, j)), score) for j, score in best.values())
    pairs = np.array(sorted(found, key=lambda pair: (-found[pair], pair)), np.int64).reshape(-1, 2)
    result: Pairs = usable[pairs]
    return result


def _overlapping(
    images: Sequence[Path], vectors: NDArray[np.float32], neighbours: int, homes: NDArray[np.int64]
) -> tuple[Pairs, NDArray[np.float32]]:
    """Pairs of neighbours that show the same, enough to join what belongs together and is not joined in `homes`."""
    sets = _Sets(len(images))
    for i, home in enumerate(homes.tolist()):
        sets.join(i, home)

    @lru_cache(_KEPT)
    def sketched(i: int) -> Sketch | None:
        return sketch(images[i])

    pairs: list[tuple[int, int]] = []
    scores: list[float] = []
    seen: set[tuple[int, int]] = set()
    for _ in range(_ROUNDS):
        homes = np.array([sets.root(i) for i in range(len(images))], np.int64)
        before = len(pairs)
        for a, b in _nearest(vectors, homes, neighbours).tolist():
            if (a, b) in seen or sets.root(a) == sets.root(b):
                continue
            seen.add((a, b))
            one, other = sketched(a), sketched(b)
            if one is not None and other is not None and (score := overlap(one, other)):
                sets.join(a, b)
                pairs.append((a, b))
                scores.append(score)
        if len(pairs) == before:
            break
    return np.array(pairs, np.int64).reshape(-1, 2), np.array(scores, np.float32)


def _add(found: dict[tuple[int, int], float], pairs: Pairs, scores: NDArray[np.float32]) -> None:
    for (a, b), score in zip(pairs.tolist(), scores.tolist(), strict=True):
        found[a, b] = max(score, found.get((a, b), -1.0))


def _pairs(found: Iterable[tuple[int, int]]) -> Pairs:
    return np.array(sorted(found), np.int64).reshape(-1, 2)
