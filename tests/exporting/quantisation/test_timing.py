from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from yolo_tl.edge.network import NetworkInfo
from yolo_tl.errors import ExportError
from yolo_tl.exporting.quantisation.timing import TimeRatio, paired_time, require_faster


class Busy:
    """A network that computes for some milliseconds of CPU time, and sleeps for some."""

    def __init__(self, busy: float, asleep: float = 0.0) -> None:
        self.path, self.info = Path("busy"), NetworkInfo("detect", ("a",), "raw", (8, 8))
        self._busy, self._asleep, self.runs = busy / 1e3, asleep / 1e3, 0

    def run(self, tensor: np.ndarray) -> tuple[np.ndarray, ...]:
        assert tensor.shape == (1, 3, 8, 8)
        self.runs += 1
        end = time.process_time() + self._busy
        while time.process_time() < end:
            pass
        time.sleep(self._asleep)
        return (tensor,)


IMAGES = np.zeros((3, 3, 8, 8), np.float32)


def test_the_ratio_is_of_cpu_time() -> None:
    a, b = Busy(2, asleep=3), Busy(4)
    ratio = paired_time(a, b, IMAGES, rounds=11, warm_up=2)
    assert ratio.median == pytest.approx(2, rel=0.1)
    assert (ratio.a_ms, ratio.b_ms) == (pytest.approx(2, rel=0.1), pytest.approx(4, rel=0.1))
    assert ratio.low <= ratio.median <= ratio.high
    assert a.runs == b.runs == 13


def test_slower_is_refused_with_the_figures() -> None:
    require_faster(TimeRatio(0.99, 0.9, 1.1, 10.0, 9.9), "model")
    with pytest.raises(ExportError, match=r"model: in 8 bits it takes 1\.46 x the time \(14\.6 ms .* 10\.0 ms\)"):
        require_faster(TimeRatio(1.46, 1.4, 1.5, 10.0, 14.6), "model")
