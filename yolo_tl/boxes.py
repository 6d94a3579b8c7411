"""Box geometry and the `Detections` value object. NumPy only.

Coordinates are pixels with the origin at the upper left corner of the upper left
pixel, x to the right and y down; ``xyxy`` is (x1, y1, x2, y2) with x2, y2 exclusive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating[Any]]


def xywh_to_xyxy(boxes: ArrayLike) -> Floats:
    """Boxes (..., 4) as centre x, centre y, width, height → corners (..., 4).

    >>> xywh_to_xyxy([[5.0, 5.0, 4.0, 2.0]]).tolist()
    [[3.0, 4.0, 7.0, 6.0]]
    """
    b = np.asarray(boxes)
    half = b[..., 2:4] / 2
    corners: Floats = np.concatenate([b[..., :2] - half, b[..., :2] + half], axis=-1)
    return corners


def xyxy_to_xywh(boxes: ArrayLike) -> Floats:
    """Boxes (..., 4) as corners → centre x, centre y, width, height (..., 4).

    >>> xyxy_to_xywh([[3.0, 4.0, 7.0, 6.0]]).tolist()
    [[5.0, 5.0, 4.0, 2.0]]
    """
    b = np.asarray(boxes)
    return np.concatenate([(b[..., :2] + b[..., 2:4]) / 2, b[..., 2:4] - b[..., :2]], axis=-1)


def clip_xyxy(boxes: ArrayLike, *, width: float, height: float) -> Floats:
    """A copy of corner boxes (..., 4), clipped to an image of `width` by `height` pixels."""
    b = np.array(boxes, copy=True)
    b[..., 0::2] = b[..., 0::2].clip(0, width)
    b[..., 1::2] = b[..., 1::2].clip(0, height)
    return b


def area(boxes: ArrayLike) -> Floats:
    """Areas (...,) in px² of corner boxes (..., 4); never negative."""
    b = np.asarray(boxes)
    sizes: Floats = np.maximum(b[..., 2] - b[..., 0], 0) * np.maximum(b[..., 3] - b[..., 1], 0)
    return sizes


def iou_matrix(a: ArrayLike, b: ArrayLike, *, eps: float = 1e-7) -> Floats:
    """Intersection over union (N, M) of corner boxes `a` (N, 4) and `b` (M, 4).

    `eps` keeps two empty boxes from dividing by zero.

    >>> iou_matrix([[0, 0, 2, 2]], [[1, 0, 3, 2]]).round(3).tolist()
    [[0.333]]
    """
    a, b = np.asarray(a), np.asarray(b)
    kind = np.result_type(a, b, np.float32)
    a, b = a.astype(kind, copy=False), b.astype(kind, copy=False)
    upper_left = np.maximum(a[:, None, :2], b[None, :, :2])
    lower_right = np.minimum(a[:, None, 2:4], b[None, :, 2:4])
    intersection: Floats = (lower_right - upper_left).clip(0).prod(2)
    size_a, size_b = (a[:, 2:4] - a[:, :2]).prod(1), (b[:, 2:4] - b[:, :2]).prod(1)
    union = size_a[:, None] + size_b[None, :] - intersection
    result: Floats = intersection / (union + kind.type(eps))
    return result


def rotated_corners(boxes: ArrayLike, angles: ArrayLike) -> Floats:
    """Corners (N, 4, 2) of boxes (N, 4) that are turned about their centres by angles (N,), radians, clockwise.

    The corner that is the lower right one before turning comes first, then upper right, upper left, lower left.

    >>> rotated_corners([[0.0, 0.0, 4.0, 2.0]], [0.0]).tolist()
    [[[4.0, 2.0], [4.0, 0.0], [0.0, 0.0], [0.0, 2.0]]]
    """
    b = xyxy_to_xywh(boxes)
    turn = np.asarray(angles)[:, None]
    cos, sin = np.cos(turn), np.sin(turn)
    along = b[:, 2:3] / 2 * np.concatenate([cos, sin], axis=1)
    across = b[:, 3:4] / 2 * np.concatenate([-sin, cos], axis=1)
    centre = b[:, :2]
    return np.stack(
        [centre + along + across, centre + along - across, centre - along - across, centre - along + across], 1
    )


def run_lengths(mask: ArrayLike) -> list[int]:
    """Lengths of the runs of a mask (H, W), down its columns, starting with what is clear: COCO's uncompressed RLE.

    >>> run_lengths([[False, True], [True, True]])
    [1, 3]
    """
    flat = np.asarray(mask, np.bool_).ravel(order="F")
    ends = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths: list[int] = np.diff(np.concatenate([[0], ends, [flat.size]])).tolist()
    return [0, *lengths] if flat.size and flat[0] else lengths


def compressed_run_lengths(mask: ArrayLike) -> str:
    """The run lengths of a mask (H, W) in COCO's compressed notation (``rleToString`` of its ``maskApi.c``).

    Six bits a character from ``0`` on: five of the number, lowest first, and one that says that more follow.
    From the fourth run on the number is the difference to the run two before.

    >>> compressed_run_lengths([[False, True], [True, True]])
    '13'
    """
    lengths = run_lengths(mask)
    text = []
    for i, length in enumerate(lengths):
        value = length - lengths[i - 2] if i > 2 else length
        more = True
        while more:
            bits, value = value & 31, value >> 5
            more = value != (-1 if bits & 16 else 0)
            text.append(chr(bits + (32 if more else 0) + 48))
    return "".join(text)


@dataclass(frozen=True, eq=False)
class Detections:
    """What a detector found in one image: arrays of one length N, best first.

    Attributes:
        xyxy: (N, 4) corners in px of the original image.
        confidence: (N,) in [0, 1].
        class_id: (N,) integers, index into the class names.
        masks: (N, H, W) bool, in the original image, or None.
        polygons: N arrays (K, 2) in px, or None.
        keypoints: (N, K, 2 or 3) in px (and visibility), or None.
        angle: (N,) radians, clockwise, of any size; then `xyxy` is the box before it is turned about its centre, and
            may stick out of the image. Or None.
    """

    xyxy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    class_id: NDArray[np.int64]
    masks: NDArray[np.bool_] | None = None
    polygons: Sequence[NDArray[np.float32]] | None = None
    keypoints: NDArray[np.float32] | None = None
    angle: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        n = len(self.xyxy)
        if np.shape(self.xyxy) != (n, 4):
            raise ValueError(f"xyxy: expected shape (N, 4), got {np.shape(self.xyxy)}")
        for field in fields(self)[1:]:
            value = getattr(self, field.name)
            if value is not None and len(value) != n:
                raise ValueError(f"{field.name}: expected {n} entries as in xyxy, got {len(value)}")

    @classmethod
    def empty(cls) -> Detections:
        """No detection at all."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))

    @classmethod
    def from_rows(cls, rows: ArrayLike) -> Detections:
        """From an array (N, 6): x1, y1, x2, y2, confidence, class."""
        r = np.asarray(rows, dtype=np.float32).reshape(-1, 6)
        return cls(r[:, :4], r[:, 4], r[:, 5].astype(np.int64))

    @classmethod
    def from_ultralytics(cls, results: Any) -> Detections:
        """From one Ultralytics `Results` object, by its shape alone (nothing is imported)."""
        return cls.from_rows(results.boxes.data.cpu().numpy())

    def __len__(self) -> int:
        return len(self.xyxy)

    def __iter__(self) -> Iterator[Detections]:
        return (self[i : i + 1] for i in range(len(self)))

    def __getitem__(self, index: slice | NDArray[Any] | Sequence[int]) -> Detections:
        """The detections chosen by a slice, a boolean mask or a list of positions."""
        picked: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "polygons" and value is not None:
                picked[field.name] = [value[i] for i in np.arange(len(self))[index]]
            else:
                picked[field.name] = None if value is None else value[index]
        return type(self)(**picked)

    @property
    def corners(self) -> NDArray[np.float32]:
        """Corners (N, 4, 2) in px of the image, of turned boxes those of the turned ones; see `rotated_corners`."""
        angles = np.zeros(len(self), np.float32) if self.angle is None else self.angle
        return rotated_corners(self.xyxy, angles).astype(np.float32)

    def to_rows(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Plain dictionaries ``{box, confidence, class_id, name}`` for JSON, and what else there is.

        ``angle`` and ``corners`` of turned boxes, ``keypoints``, ``polygon``, and ``mask`` as COCO's uncompressed RLE
        ``{size: [height, width], counts}``.
        """
        return [
            {
                "box": [float(v) for v in self.xyxy[i]],
                "confidence": float(self.confidence[i]),
                "class_id": int(self.class_id[i]),
                "name": names[int(self.class_id[i])],
                **self._more(i),
            }
            for i in range(len(self))
        ]

    def _more(self, i: int) -> dict[str, Any]:
        more: dict[str, Any] = {}
        if self.angle is not None:
            more |= {"angle": float(self.angle[i]), "corners": self[i : i + 1].corners[0].tolist()}
        if self.keypoints is not None:
            more["keypoints"] = self.keypoints[i].tolist()
        if self.polygons is not None:
            more["polygon"] = self.polygons[i].tolist()
        if self.masks is not None:
            more["mask"] = {"size": list(self.masks[i].shape), "counts": run_lengths(self.masks[i])}
        return more
