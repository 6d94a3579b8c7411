"""What the edge finds against what Ultralytics finds with the same file or checkpoint."""

from __future__ import annotations

from typing import Any

import numpy as np

from yolo_tl.boxes import Detections, xywh_to_xyxy
from yolo_tl.edge.classification import Classification
from yolo_tl.edge.postprocess import Result

_TIE = 1e-6  # of one half; there torch itself decides by the kernel that it takes for the size
_STRAY = 1e-5  # share of pixels; where a sum of products is almost zero, its sign is a matter of the order of adding


def require_equal_result(found: Result, expected: Any) -> int:
    """Fail unless `found` equals a `Results` of Ultralytics bit by bit; return the number of detections.

    Masks may differ in a few pixels that rounding decides.
    """
    if isinstance(found, Classification):
        np.testing.assert_array_equal(found.probabilities, expected.probs.data.numpy())
        assert found.top1 == expected.probs.top1
        assert list(found.top5) == expected.probs.top5
        return 1
    assert found.xyxy.dtype == found.confidence.dtype == np.float32
    rows = np.column_stack([found.xyxy, found.confidence, found.class_id])
    if expected.obb is not None:
        data = expected.obb.data.numpy()
        np.testing.assert_array_equal(rows, np.column_stack([xywh_to_xyxy(data[:, :4]), data[:, 5:]]))
        np.testing.assert_array_equal(found.angle, data[:, 4])
        np.testing.assert_allclose(found.corners, expected.obb.xyxyxyxy.numpy(), rtol=1e-5, atol=1e-3)
        return len(found)
    np.testing.assert_array_equal(rows, expected.boxes.data.numpy())
    if expected.keypoints is not None:
        np.testing.assert_array_equal(found.keypoints, expected.keypoints.data.numpy())
    if expected.masks is not None:
        _require_equal_masks(found, expected)
    return len(found)


def _require_equal_masks(found: Detections, expected: Any) -> None:
    """Ultralytics keeps masks on the letterboxed canvas, and brings them into the image like this to draw them."""
    from ultralytics.utils import ops

    enlarged = ops.scale_masks(expected.masks.data[None].float(), expected.orig_shape)[0].numpy()
    assert found.masks is not None
    assert found.masks.shape == enlarged.shape
    differing = found.masks != (enlarged > 0.5)
    assert (np.abs(enlarged[differing] - 0.5) >= _TIE).sum() <= _STRAY * differing.size
