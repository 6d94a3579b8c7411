"""The benchmark of tiles: what it plants and how it counts; not its figures."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from yolo_tl.boxes import Detections, iou_matrix
from yolo_tl.edge.mosaic import Seen
from yolo_tl.edge.tiling import Tile

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import tiling as benchmark

TRUTH = Detections.from_rows([[0, 0, 40, 40, 0.9, 0], [100, 0, 140, 40, 0.4, 0], [200, 0, 240, 40, 0.8, 1]])


def counted(*found: list[float]) -> benchmark.Score:
    planted = benchmark.Planted(TRUTH, lambda boxes: boxes[:, 0] < 200)
    tile = Tile(0, 0, 300, 300)
    says = Seen.of(tile, Detections.from_rows([[100, 0, 140, 40, 0.4, 0], [102, 0, 125, 40, 0.3, 0]]))
    return benchmark.Score.of(planted, Detections.from_rows(list(found)), [says])


def test_lost_extra_and_doubled_are_told_apart() -> None:
    rows = TRUTH.xyxy.tolist()
    first, second, third = ([*box, 0.9, number] for box, number in zip(rows, (0, 0, 1), strict=True))
    assert counted(first, second, third) == benchmark.Score(0, 0, 0, 0, 0, 0)
    assert counted(first, second) == counted(first, second, third)  # the third lies where nothing counts
    assert counted(second) == benchmark.Score(1, 1, 0, 0, 0, 0)
    assert counted(first) == benchmark.Score(1, 0, 0, 0, 0, 0)
    part = [0, 0, 18, 40, 0.6, 0]
    assert counted(first, second, part) == benchmark.Score(0, 0, 1, 1, 1, 1)
    assert counted(first, second, [*part[:5], 1]) == benchmark.Score(0, 0, 1, 1, 0, 0)
    assert counted(first, second, [102, 0, 125, 40, 0.3, 0]) == benchmark.Score(0, 0, 1, 0, 1, 0)  # the tile says both


def test_what_is_drawn_is_inside_and_apart() -> None:
    planted = benchmark.draw_objects(200).found
    assert (planted.xyxy[:, :2] >= 0).all()
    assert (planted.xyxy[:, 2:] <= (benchmark.WIDTH, benchmark.HEIGHT)).all()
    overlap = iou_matrix(planted.xyxy, planted.xyxy)
    np.fill_diagonal(overlap, 0)
    assert overlap.max() == 0
