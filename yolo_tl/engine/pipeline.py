"""A pipeline of Albumentations as a transform of Ultralytics' labels: images with their boxes."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.data.pictures.pixels import Image
from yolo_tl.errors import ModelError

MIN_VISIBLE = 0.1  # share of a box that a transform must leave in the picture; as in Ultralytics' own transforms

Boxes = NDArray[np.float32]


class Pipeline:
    """Augments the labels dictionary of an Ultralytics data set, as one of its transforms.

    Every random choice comes from the state of Python's `random`. The picture keeps its size: what
    a crop leaves is stretched over the frame again, so that boxes, as shares of it, stay exact.

    Attributes:
        name: as the user called it.
        content: what its file says; empty where there is none.
        spatial: it may move pixels, and boxes with them.
    """

    def __init__(self, name: str, transforms: Sequence[Any], content: Mapping[str, Any] | None = None) -> None:
        """Compose `transforms` of Albumentations; none of them makes a pipeline that changes nothing."""
        self.name, self.content = name, dict(content or {})
        self.spatial, self._compose = False, None
        if not transforms:
            return
        import albumentations

        self.spatial = any(_is_spatial(transform) for transform in transforms)
        boxes = albumentations.BboxParams(
            format="albumentations", min_visibility=MIN_VISIBLE, clip=True, filter_invalid_bboxes=True
        )
        self._compose = albumentations.Compose(list(transforms), bbox_params=boxes if self.spatial else None)

    def __call__(self, labels: dict[str, Any]) -> dict[str, Any]:
        """Augment ``img`` (H, W, 3) BGR or (H, W, 1) grey uint8, with ``instances`` and ``cls`` (N, 1).

        A picture that would lose its last object stays as it was.

        Raises:
            ModelError: a transform failed on this picture, or it has another number of channels.
        """
        if self._compose is None:
            return labels
        import cv2

        before = labels["img"]
        height, width, channels = before.shape
        if channels not in (1, 3):
            raise ModelError(
                f"{_name_of(labels)}: augmentation pipelines take images of 1 or 3 channels, found {channels}",
                hint="set augment.pipeline to none",
            )
        rgb = cv2.cvtColor(before, cv2.COLOR_BGR2RGB if channels == 3 else cv2.COLOR_GRAY2RGB)
        boxes: Boxes = np.zeros((0, 4), np.float32)
        if self.spatial:
            instances = labels["instances"]
            instances.convert_bbox("xyxy")
            instances.normalize(width, height)
            boxes = instances.bboxes
        try:
            after, moved, kept = self.apply(rgb, boxes)
        except Exception as error:
            raise ModelError(f"{_name_of(labels)}: augmentation pipeline {self.name} failed: {error}") from error
        if len(boxes) and not len(moved):
            instances.convert_bbox("xywh")
            return labels
        if after.shape[:2] != (height, width):
            after = cv2.resize(after, (width, height), interpolation=cv2.INTER_LINEAR)
        after = cv2.cvtColor(after, cv2.COLOR_RGB2BGR if channels == 3 else cv2.COLOR_RGB2GRAY)
        labels["img"] = after.reshape(before.shape)
        if self.spatial:
            # Outlines are not kept: detection reads boxes only from here on.
            labels["instances"] = type(instances)(moved, bbox_format="xyxy", normalized=True)
            labels["instances"].convert_bbox("xywh")
            labels["cls"] = labels["cls"][kept]
        return labels

    def apply(self, rgb: Image, boxes: Boxes) -> tuple[Image, Boxes, NDArray[np.intp]]:
        """A picture and its boxes, augmented.

        Args:
            rgb: (H, W, 3) uint8 RGB.
            boxes: (N, 4) x1, y1, x2, y2 as shares of the sides; read only where the pipeline is spatial.

        Returns:
            The picture, as the transforms leave it; the boxes (M, 4); and which of the N they were.
        """
        seed = random.getrandbits(32)
        # `set_random_seed` would start the generator of each transform at the same number: all would
        # apply together, or none. Here they draw from one generator, in turn.
        compose: Any = self._compose
        compose.set_random_state(np.random.default_rng(seed), random.Random(seed))
        if not self.spatial:
            return compose(image=rgb)["image"], boxes, np.arange(len(boxes))
        numbered = np.column_stack([boxes, np.arange(len(boxes))]).astype(np.float32)
        out = compose(image=rgb, bboxes=numbered)
        rows = np.asarray(out["bboxes"], np.float32)
        if not len(rows):
            return out["image"], np.zeros((0, 4), np.float32), np.zeros(0, np.intp)
        return out["image"], np.ascontiguousarray(rows[:, :4]), rows[:, 4].astype(np.intp)


def _is_spatial(transform: Any) -> bool:
    """Whether a transform, or one inside a composition, moves pixels."""
    import albumentations

    if isinstance(transform, albumentations.BaseCompose):
        return any(_is_spatial(inner) for inner in transform.transforms)
    return isinstance(transform, albumentations.DualTransform)


def _name_of(labels: Mapping[str, Any]) -> str:
    return str(labels.get("im_file", "an image"))
