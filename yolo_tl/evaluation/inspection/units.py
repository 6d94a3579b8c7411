"""Images as an inspection sees them: the confidence at which each defect is found, and that of each false alarm.

Both follow from the predictions alone. Whether a defect is found does not depend on other detections, so each
threshold is a comparison with these numbers. A detection counts where its confidence is above the threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import iou_matrix
from yolo_tl.errors import DataError
from yolo_tl.evaluation.inspection.contract import ClassRule, InspectionContract
from yolo_tl.evaluation.predictions import Predictions
from yolo_tl.evaluation.records import ImageResult

LOWEST = 0.001  # confidence from which predictions are kept
_MOST = 300  # detections of an image that are kept
_SLACK = 0.01  # px; boxes come back from the network's frame in float32


@dataclass(frozen=True, eq=False)
class ClassView:
    """One class of defects: M defects that must be found, in I images.

    Attributes:
        rule: its complete rule.
        image: (M,) the image of each defect.
        found: (M,) the highest confidence of a detection that finds it; 0 where none does.
        alarm: (I,) the highest confidence of a false alarm in each image; 0 where there is none.
    """

    rule: ClassRule
    image: NDArray[np.intp]
    found: NDArray[np.float32]
    alarm: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Inspected:
    """The images of a split, as U units.

    Attributes:
        split: its name, for people.
        images: the I image files.
        units: the U names of the units.
        unit: (I,) the unit of each image.
        classes: one view for each inspected class.
        lowest: a threshold below this would let detections through that the predictions no longer hold.
    """

    split: str
    images: tuple[str, ...]
    units: tuple[str, ...]
    unit: NDArray[np.intp]
    classes: tuple[ClassView, ...]
    lowest: float

    @property
    def defective(self) -> NDArray[np.bool_]:
        """(U,) which units have a defect that must be found."""
        has = np.zeros(len(self.units), bool)
        for view in self.classes:
            has[self.unit[view.image]] = True
        return has


def inspect(
    predictions: Predictions, contract: InspectionContract, *, parts: Sequence[str | None] | None = None
) -> Inspected:
    """The images of `predictions` under the rules of `contract`.

    Args:
        predictions: of one split.
        contract: which classes are defects, and how large they must be.
        parts: the part that each image shows; an image of none is a unit of its own. None: all are.

    Raises:
        ConfigError: the contract names a class that the predictions do not know.
        DataError: there is no image, no defective unit, or no unit in which a false alarm would count.
    """
    results = predictions.results
    if not results:
        raise DataError(f"{predictions.data}: expected images in {predictions.split}, found none")
    images = tuple(result.image for result in results)
    labels = images if parts is None else [part or image for part, image in zip(parts, images, strict=True)]
    units = tuple(dict.fromkeys(labels))
    number = {label: i for i, label in enumerate(units)}
    full = [r.detections.confidence.min() for r in results if len(r.detections) >= _MOST]
    inspected = Inspected(
        split=predictions.split,
        images=images,
        units=units,
        unit=np.array([number[label] for label in labels], np.intp),
        classes=tuple(
            _view(results, rule, predictions.names.index(rule.name)) for rule in contract.rules(predictions.names)
        ),
        lowest=float(max([LOWEST, *full])),
    )
    _require_measurable(inspected, contract, predictions.data)
    return inspected


def _view(results: Sequence[ImageResult], rule: ClassRule, class_id: int) -> ClassView:
    image: list[int] = []
    found: list[float] = []
    alarm = np.zeros(len(results), np.float32)
    for i, result in enumerate(results):
        truths = result.truth_xyxy[result.truth_class == class_id]
        mine = result.detections.class_id == class_id
        confidence = result.detections.confidence[mine]
        overlap = iou_matrix(truths, result.detections.xyxy[mine]) >= np.float32(rule.iou or 0)
        must = _must_be_found(result, truths, rule)
        image += [i] * int(must.sum())
        found += np.where(overlap[must], confidence, 0).max(1, initial=0).tolist()
        alarm[i] = confidence[~overlap.any(0)].max(initial=0)
    return ClassView(rule, np.array(image, np.intp), np.array(found, np.float32), alarm)


def _must_be_found(result: ImageResult, truths: NDArray[np.float32], rule: ClassRule) -> NDArray[np.bool_]:
    """Which truths (K, 4) are not too small."""
    boxes = result.in_original(truths)
    sides = boxes[:, 2:] - boxes[:, :2] + _SLACK
    large: NDArray[np.bool_] = (sides.max(1, initial=0) >= (rule.min_side or 0)) & (
        sides.prod(1) >= (rule.min_area or 0)
    )
    return large


def _require_measurable(inspected: Inspected, contract: InspectionContract, data: str) -> None:
    defective = inspected.defective
    names = ", ".join(view.rule.name for view in inspected.classes)
    if not defective.any():
        raise DataError(
            f"{data}: no {contract.unit} of {inspected.split} has a defect ({names}): "
            "what escapes is not measurable, which is not the same as 0",
            hint="put labelled defects into this split, or correct `classes` and the smallest size of the contract",
        )
    if contract.overkill == "good" and defective.all():
        raise DataError(
            f"{data}: every {contract.unit} of {inspected.split} has a defect ({names}): "
            "how many good ones are rejected is not measurable, which is not the same as 0",
            hint=f"put good {contract.unit}s into this split, or say `overkill: all` to count false alarms in all",
        )


def marked(units: int, which: NDArray[np.intp]) -> NDArray[np.bool_]:
    """(U,) units, of them true those that `which` names."""
    chosen = np.zeros(units, bool)
    chosen[which] = True
    return chosen
