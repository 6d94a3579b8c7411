"""What a model says of a frame, with all that is known of how it came to be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from yolo_tl.boxes import compressed_run_lengths, xyxy_to_xywh
from yolo_tl.edge.classification import Classification
from yolo_tl.edge.draw import draw
from yolo_tl.edge.frame import Frame
from yolo_tl.edge.image import Image
from yolo_tl.edge.postprocess import Result
from yolo_tl.errors import MissingExtra, UsageError


@dataclass(frozen=True)
class StageTimes:
    """Wall time of each stage for one image, in ms; of a batch, its share."""

    preprocess: float
    inference: float
    postprocess: float

    @property
    def total(self) -> float:
        """All stages together, in ms."""
        return self.preprocess + self.inference + self.postprocess


@dataclass(frozen=True, eq=False)
class Prediction:
    """What was found in one frame.

    Attributes:
        frame: the picture, its source, number and time.
        result: what was found, in px of the picture; of a model that classifies the probabilities of its classes.
            None where nothing was looked at, because the frame is not ok: that is not the same as finding nothing.
        names: class names in order of class number.
        model: SHA-256 of what found it: a bundle's manifest, or a network's file.
        saturated: as many boxes were found as are allowed, so that there may be more.
        queue_age: seconds between the arrival of the frame and the start of the first stage.
        times: of the stages, where they were run.
    """

    frame: Frame
    result: Result | None
    names: Sequence[str]
    model: str = ""
    saturated: bool = False
    queue_age: float = 0.0
    times: StageTimes | None = None

    def __len__(self) -> int:
        """Objects that were found; of a classification one."""
        if self.result is None:
            return 0
        return 1 if self.classified else len(self.result)  # type: ignore[arg-type]

    @property
    def classified(self) -> bool:
        """Whether the whole image was named instead of objects in it."""
        return isinstance(self.result, Classification)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON.

        ``{image, source, frame, captured, state, size: [height, width], queue_age, model, saturated, times}`` and
        ``detections: [{box, confidence, class_id, name, …}]`` or ``classes: […]``, best first; neither where nothing
        was looked at.
        """
        image = self.frame.image
        content: dict[str, Any] = {
            "image": self.frame.label,
            "source": self.frame.source,
            "frame": self.frame.number,
            "captured": self.frame.captured,
            "state": self.frame.state,
            "size": None if image is None else list(image.shape[:2]),
            "queue_age": self.queue_age,
            "model": self.model,
            "saturated": self.saturated,
            "times": None if self.times is None else asdict(self.times),
        }
        if self.frame.count > 1:
            content["count"] = self.frame.count
        if self.result is not None:
            content["classes" if self.classified else "detections"] = self.result.to_rows(self.names)
        return content

    def to_coco(self, image_id: int | str, *, categories: Mapping[int, int] | None = None) -> list[dict[str, Any]]:
        """As entries of a COCO results file, which pycocotools and others load.

        Args:
            image_id: of the image in the annotations that the results belong to.
            categories: class number → category number; by default they are the same.

        Returns:
            ``{image_id, category_id, bbox: [x, y, width, height], score}``, ``segmentation`` (compressed RLE) of masks
            and ``keypoints``. Of a turned box, `bbox` is the upright one around it.

        Raises:
            UsageError: a classification, which has no such form.
        """
        if self.classified:
            raise UsageError("COCO has no results of classification", hint="use to_dict")
        if self.result is None:
            return []
        found: Any = self.result
        boxes = found.xyxy
        if found.angle is not None:
            boxes = np.concatenate([found.corners.min(1), found.corners.max(1)], axis=1)
        entries = []
        for i, (x, y, width, height) in enumerate(xyxy_to_xywh(boxes).tolist()):
            number = int(found.class_id[i])
            entry: dict[str, Any] = {
                "image_id": image_id,
                "category_id": number if categories is None else categories[number],
                "bbox": [x - width / 2, y - height / 2, width, height],
                "score": float(found.confidence[i]),
            }
            if found.masks is not None:
                mask = found.masks[i]
                entry["segmentation"] = {"size": list(mask.shape), "counts": compressed_run_lengths(mask)}
            if found.keypoints is not None:
                points = found.keypoints[i]
                seen = points[:, 2:] if points.shape[1] > 2 else np.ones((len(points), 1), points.dtype)
                entry["keypoints"] = np.concatenate([points[:, :2], seen], axis=1).ravel().tolist()
            entries.append(entry)
        return entries

    def to_supervision(self) -> Any:
        """As ``supervision.Detections`` with ``class_name`` in its data, and corners of turned boxes.

        Raises:
            UsageError: supervision is not installed, or a classification.
        """
        if self.classified:
            raise UsageError("supervision.Detections holds boxes, found a classification", hint="use to_dict")
        try:
            import supervision
        except ImportError as error:
            raise MissingExtra("supervision", "supervision") from error
        found: Any = self.result
        if found is None or not len(found):
            return supervision.Detections.empty()
        data: dict[str, Any] = {"class_name": np.array([self.names[i] for i in found.class_id])}
        if found.angle is not None:
            data["xyxyxyxy"] = found.corners
        return supervision.Detections(
            xyxy=found.xyxy, confidence=found.confidence, class_id=found.class_id, mask=found.masks, data=data
        )

    def draw(self) -> Image:
        """A copy of the picture (H, W, 3) uint8 BGR with what was found in it.

        Raises:
            UsageError: there is no picture, or nothing was looked at.
        """
        if self.frame.image is None or self.result is None:
            raise UsageError(f"{self.frame.label}: nothing to draw, the frame is {self.frame.state}")
        return draw(self.frame.image, self.result, self.names)

    def describe(self) -> str:
        """``2 RBC, 1 WBC``, or ``RBC 0.93``, or the state of a frame that was not looked at."""
        if self.result is None:
            return "not looked at" if self.frame.state == "ok" else self.frame.state
        if isinstance(self.result, Classification):
            return f"{self.names[self.result.top1]} {self.result.confidence:.2f}"
        found = Counter(self.names[i] for i in self.result.class_id)
        return ", ".join(f"{count} {name}" for name, count in sorted(found.items())) or "nothing found"
