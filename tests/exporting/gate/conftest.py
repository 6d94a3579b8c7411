from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.scripted import grey_images, scripted

from yolo_tl.config import GateLimits
from yolo_tl.edge.decode import Thresholds
from yolo_tl.exporting.gate import GateResult, Sample, Samples, judge

Judge = Callable[..., GateResult]


@pytest.fixture
def samples(tmp_path: Path) -> Samples:
    """Six images of which nothing is known to be true."""
    folder = tmp_path / "images"
    return Samples(folder, folder, "", tuple(map(Sample, grey_images(folder, 6))), "nobody says")


@pytest.fixture
def labelled(samples: Samples) -> Samples:
    """The same, each with one object of class a and one of class b."""
    boxes = np.array([[12, 12, 20, 20], [35, 35, 45, 45]]) / 64
    images = tuple(Sample(sample.image, ("a", "b"), boxes) for sample in samples.images)
    return Samples(samples.data, samples.root, "val", images)


@pytest.fixture
def run(samples: Samples) -> Judge:
    """Judge two networks by their outputs: of one image for all, or a list with those of each."""

    def judged(a: Any, b: Any, *, on: Samples = samples, limits: dict[str, Any] | None = None, **options: Any) -> Any:
        known = {key: options.pop(key) for key in ("names", "head", "task", "keypoints") if key in options}
        other = {**known, **options.pop("other", {})}
        first, second = (one if isinstance(one, list) else [one] for one in (a, b))
        return judge(
            scripted(first, **known),
            scripted(second, **other),
            on,
            limits=GateLimits(**(limits or {})),
            thresholds=options.pop("thresholds", Thresholds()),
            **options,
        )

    return judged
