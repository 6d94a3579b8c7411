"""Which object of this frame is which of the frames before: by overlap with where it is expected."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import iou_matrix
from yolo_tl.inspection.rules import TrackingConfig

Box = tuple[float, float, float, float]

_SMOOTHING = 0.5  # of the motion: share of what was measured last, but for the first time, when that is all


@dataclass
class _Track:
    number: int
    class_id: int
    box: Box
    motion: tuple[float, float]
    seen: int
    steady: bool = False

    def expected(self, now: int) -> Box:
        """The box where it should be, if it went on as it did."""
        x, y = self.motion[0] * (now - self.seen), self.motion[1] * (now - self.seen)
        return self.box[0] + x, self.box[1] + y, self.box[2] + x, self.box[3] + y

    def update(self, box: Box, now: int) -> None:
        share, time = _SMOOTHING if self.steady else 1.0, 2 * (now - self.seen)
        x = (box[0] + box[2] - self.box[0] - self.box[2]) / time
        y = (box[1] + box[3] - self.box[1] - self.box[3]) / time
        self.motion = self.motion[0] + share * (x - self.motion[0]), self.motion[1] + share * (y - self.motion[1])
        self.box, self.seen, self.steady = box, now, True


class Tracker:
    """Follows objects that move evenly, as SORT does (Bewley 2016), without its Kalman filter.

    Objects are matched to tracks of their class, those that overlap most first. Frames that were not looked at are
    time that passes: objects are expected where they would have got to.
    """

    def __init__(self, config: TrackingConfig) -> None:
        self.config = config
        self._tracks: list[_Track] = []
        self._now = 0
        self._next = 1

    @property
    def alive(self) -> Collection[int]:
        """Numbers of the tracks that can still go on."""
        return {track.number for track in self._tracks}

    def skip(self, count: int) -> None:
        """Let `count` frames pass that were not looked at."""
        self._now += count

    def update(self, boxes: NDArray[np.floating], classes: NDArray[np.integer]) -> tuple[int, ...]:
        """The next frame.

        Args:
            boxes: (N, 4) corners in px, upright, best first.
            classes: (N,) class numbers.

        Returns:
            For each box the number of its track, counted from 1.
        """
        self._now += 1
        self._tracks = [t for t in self._tracks if self._now - t.seen <= self.config.patience + 1]
        if not len(boxes):
            return ()
        found = np.asarray(boxes, np.float64)
        places = [(x1, y1, x2, y2) for x1, y1, x2, y2 in found.tolist()]
        tracks: list[_Track | None] = [None] * len(found)
        for i, j in self._pairs(found, classes):
            tracks[j] = self._tracks[i]
            self._tracks[i].update(places[j], self._now)
        return tuple((track or self._begin(places[j], int(classes[j]))).number for j, track in enumerate(tracks))

    def _pairs(self, boxes: NDArray[np.float64], classes: NDArray[np.integer]) -> list[tuple[int, int]]:
        """Indices of tracks and boxes that belong together; of equal overlaps the older track and the better box."""
        if not self._tracks:
            return []
        overlap = iou_matrix(np.array([track.expected(self._now) for track in self._tracks]), boxes)
        same = np.array([track.class_id for track in self._tracks])[:, None] == classes[None]
        rows, columns = np.nonzero(same & (overlap >= self.config.iou))
        pairs, taken = [], (set[int](), set[int]())
        for k in np.argsort(-overlap[rows, columns], kind="stable"):
            i, j = int(rows[k]), int(columns[k])
            if i not in taken[0] and j not in taken[1]:
                taken[0].add(i)
                taken[1].add(j)
                pairs.append((i, j))
        return pairs

    def _begin(self, box: Box, class_id: int) -> _Track:
        track = _Track(self._next, class_id, box, (self.config.motion[0], self.config.motion[1]), self._now)
        self._next += 1
        self._tracks.append(track)
        return track
