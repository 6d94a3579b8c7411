"""What kinds of mistakes a detector makes, and what each kind costs: TIDE (Bolya et al. 2020, arXiv:2008.08115).

A detection is right where it claims a truth of its class at IoU 0.5. One that is not, is, in this order:

* a *localisation* error, where its IoU with some truth of its class is 0.1 to 0.5;
* a *classification* error, where it has IoU 0.5 or more with a truth of another class;
* a *duplicate*, where it has so with a truth of its class that a more confident detection claims;
* *background*, where it has IoU 0.1 at most with every truth;
* *both* otherwise: the wrong class, and badly placed.

A truth that nobody claims is *missed*, unless it is what a localisation or classification error is about.
What a kind costs is by how much mAP50 rises where all its errors are put right, those with the least confidence
included. mAP50 is COCO's here. Classes without a truth are left out of it, where TIDE counts them as 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import area, iou_matrix
from yolo_tl.evaluation.assignment import assign
from yolo_tl.evaluation.operating import IOU
from yolo_tl.evaluation.ranking import Ranking, require_classes
from yolo_tl.evaluation.records import ImageResult

Kind = Literal["classification", "localisation", "both", "duplicate", "background", "missed"]
KINDS: tuple[Kind, ...] = ("classification", "localisation", "both", "duplicate", "background", "missed")
_RIGHT, _CLASS, _PLACE, _BOTH, _DUPLICATE, _BACKGROUND = range(-1, 5)
_BACKGROUND_IOU = 0.1


@dataclass(frozen=True)
class Mistake:
    """One error, to look at.

    Attributes:
        image: path of the image.
        xyxy: the detection, or the truth that was missed, in px of the original image.
        class_id: of that box.
        confidence: None for a missed truth.
        truth_xyxy: what it should have been, for an error of class or place.
        truth_class: of that.
    """

    image: str
    xyxy: tuple[float, float, float, float]
    class_id: int
    confidence: float | None = None
    truth_xyxy: tuple[float, float, float, float] | None = None
    truth_class: int | None = None


@dataclass(frozen=True)
class MistakeKind:
    """The errors of one kind.

    Attributes:
        name: the kind.
        count: errors above the confidence that was asked for.
        dap50: by how much mAP50 rises without any of this kind; 0 at least.
        mistakes: the `count` errors: the most confident first, missed truths by size.
    """

    name: Kind
    count: int
    dap50: float
    mistakes: tuple[Mistake, ...]


@dataclass(frozen=True)
class Mistakes:
    """Errors of every kind.

    Attributes:
        confidence: detections with more are counted and listed; `dap50` rests on all.
        kinds: one entry for each of `KINDS`, in this order.
    """

    confidence: float
    kinds: tuple[MistakeKind, ...]

    def __getitem__(self, name: Kind) -> MistakeKind:
        return self.kinds[KINDS.index(name)]

    def to_json(self) -> dict[str, Any]:
        """Plain values: ``count`` and ``dap50`` of each kind."""
        kinds = {kind.name: {"count": kind.count, "dap50": kind.dap50} for kind in self.kinds}
        return {"confidence": self.confidence, "kinds": kinds}


@dataclass(frozen=True, eq=False)
class _Boxes:
    """All N detections and M truths of a split.

    `kind` (N,) is _RIGHT or a kind; `target` (N,) the truth that an error of class or place is about, or -1;
    `claimed` (M,) the confidence of the detection that claims a truth, -1 where none does.
    """

    image: NDArray[np.int64]
    row: NDArray[np.int64]
    class_id: NDArray[np.int64]
    confidence: NDArray[np.float32]
    kind: NDArray[np.int64]
    target: NDArray[np.int64]
    truth_image: NDArray[np.int64]
    truth_row: NDArray[np.int64]
    truth_class: NDArray[np.int64]
    claimed: NDArray[np.float32]

    def missed(self, confidence: float = -1) -> NDArray[np.bool_]:
        """Truths (M,) that nothing above `confidence` claims, nor would if it were put right."""
        missed = self.claimed <= np.float32(confidence)
        about = self.target[self.confidence > np.float32(confidence)]
        missed[about[about >= 0]] = False
        return missed


def mistakes(results: Sequence[ImageResult], names: Sequence[str], *, confidence: float = 0.0) -> Mistakes:
    """The errors in `results`, by kind.

    Args:
        results: one entry for each image.
        names: class names.
        confidence: detections with more are counted and listed; deployment's threshold shows what it would see.

    Raises:
        DataError: a class index is outside `names`.
    """
    require_classes(results, names)
    boxes = _gather(results)
    truths = np.bincount(boxes.truth_class, minlength=len(names))
    now = _map50(boxes.class_id, boxes.confidence, boxes.kind == _RIGHT, truths, truths)
    above = boxes.confidence > np.float32(confidence)
    kinds = []
    for number, name in enumerate(KINDS):
        if name == "missed":
            chosen = np.flatnonzero(boxes.missed(confidence))
            listed = [_missed(results[boxes.truth_image[i]], boxes.truth_row[i]) for i in chosen.tolist()]
            listed.sort(key=lambda mistake: -float(area(mistake.xyxy)))
        else:
            chosen = np.flatnonzero(above & (boxes.kind == number))
            chosen = chosen[np.argsort(-boxes.confidence[chosen], kind="stable")]
            listed = [_said(results[boxes.image[i]], boxes, i) for i in chosen.tolist()]
        rise = _without(boxes, number, truths) - now
        kinds.append(MistakeKind(name, len(listed), max(0.0, rise), tuple(listed)))
    return Mistakes(confidence, tuple(kinds))


def _gather(results: Sequence[ImageResult]) -> _Boxes:
    kinds, targets, claimed = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
    before = 0
    for result in results:
        kind, target, claims = _kinds(result)
        confident = np.full(len(result.truth_class), -1, np.float32)
        confident[claims[claims >= 0]] = result.detections.confidence[claims >= 0]
        kinds.append(kind)
        targets.append(np.where(target >= 0, target + before, -1))
        claimed.append(confident)
        before += len(result.truth_class)
    detected, true = [len(r.detections) for r in results], [len(r.truth_class) for r in results]
    return _Boxes(
        image=np.repeat(np.arange(len(results)), detected),
        row=np.concatenate([np.zeros(0, np.int64), *(np.arange(n) for n in detected)]),
        class_id=np.concatenate([np.zeros(0, np.int64), *(r.detections.class_id for r in results)]),
        confidence=np.concatenate([np.zeros(0, np.float32), *(r.detections.confidence for r in results)]),
        kind=np.concatenate(kinds),
        target=np.concatenate(targets),
        truth_image=np.repeat(np.arange(len(results)), true),
        truth_row=np.concatenate([np.zeros(0, np.int64), *(np.arange(n) for n in true)]),
        truth_class=np.concatenate([np.zeros(0, np.int64), *(r.truth_class for r in results)]),
        claimed=np.concatenate(claimed),
    )


def _kinds(result: ImageResult) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Kind, target and claimed truth (N,) of each detection of one image."""
    found = result.detections
    claims = assign(result, IOU)[:, 0]
    nothing = np.full(len(found), -1, np.int64)
    if not len(found) or not len(result.truth_class):
        return np.full(len(found), _BACKGROUND, np.int64), nothing, claims
    overlap = iou_matrix(np.asarray(found.xyxy, np.float32), np.asarray(result.truth_xyxy, np.float32))
    same = found.class_id[:, None] == result.truth_class
    used = np.zeros(len(result.truth_class), bool)
    used[claims[claims >= 0]] = True
    own, other = overlap * same, overlap * ~same
    checks = (
        (claims >= 0, _RIGHT),
        ((own.max(1) >= np.float32(_BACKGROUND_IOU)) & (own.max(1) <= IOU), _PLACE),
        (other.max(1) >= IOU, _CLASS),
        ((own * used).max(1) >= IOU, _DUPLICATE),
        (overlap.max(1) <= np.float32(_BACKGROUND_IOU), _BACKGROUND),
    )
    kind = np.select([holds for holds, _ in checks], [number for _, number in checks], _BOTH)
    target = np.select([kind == _PLACE, kind == _CLASS], [own.argmax(1), other.argmax(1)], nothing)
    return kind, target, claims


def _without(boxes: _Boxes, number: int, truths: NDArray[np.int64]) -> float:
    """The mAP50 without the errors of a kind: detections put right or left out, missed truths no longer asked for."""
    if KINDS[number] == "missed":
        gone = np.bincount(boxes.truth_class[boxes.missed()], minlength=len(truths))
        return _map50(boxes.class_id, boxes.confidence, boxes.kind == _RIGHT, truths - gone, truths)
    # Of all that could be put right about one truth, the most confident detection is; the others of the kind go,
    # and so do those about a truth that is claimed.
    about = np.flatnonzero((boxes.target >= 0) & (np.append(boxes.claimed, 0)[boxes.target] < 0))
    about = about[np.lexsort((-boxes.confidence[about], boxes.target[about]))]
    _, first = np.unique(boxes.target[about], return_index=True)
    best = about[first]
    mended = best[boxes.kind[best] == number]
    class_id, hit = boxes.class_id.copy(), boxes.kind == _RIGHT
    class_id[mended] = boxes.truth_class[boxes.target[mended]]
    hit[mended] = True
    kept = hit | (boxes.kind != number)
    return _map50(class_id[kept], boxes.confidence[kept], hit[kept], truths, truths)


def _map50(
    class_id: NDArray[np.int64],
    confidence: NDArray[np.float32],
    hit: NDArray[np.bool_],
    wanted: NDArray[np.int64],
    truths: NDArray[np.int64],
) -> float:
    """COCO's mAP50 of detections whose outcome is known, over the classes that have `truths`; 0 without any."""
    order = np.argsort(-confidence, kind="stable")
    class_id, confidence, hit = class_id[order], confidence[order], hit[order]
    scores = []
    for number in np.flatnonzero(truths):
        own = class_id == number
        if not wanted[number]:  # nothing is left to find: nothing said is fine, anything said is wrong
            scores += [0.0] * bool(own.any())
            continue
        once = np.zeros(int(own.sum()), np.intp)
        ranking = Ranking(int(number), confidence[own], hit[own, None], once, wanted[number, None], rule="coco")
        scores.append(float(ranking.average_precision(np.ones((1, 1), np.int32))[0, 0]))
    return float(np.mean(scores)) if scores else 0.0


def _missed(result: ImageResult, row: int) -> Mistake:
    return Mistake(result.image, _corners(result, result.truth_xyxy[row]), int(result.truth_class[row]))


def _said(result: ImageResult, boxes: _Boxes, index: int) -> Mistake:
    row, target = boxes.row[index], boxes.target[index]
    truth = None if target < 0 else int(boxes.truth_row[target])
    return Mistake(
        result.image,
        _corners(result, result.detections.xyxy[row]),
        int(boxes.class_id[index]),
        confidence=float(boxes.confidence[index]),
        truth_xyxy=None if truth is None else _corners(result, result.truth_xyxy[truth]),
        truth_class=None if truth is None else int(result.truth_class[truth]),
    )


def _corners(result: ImageResult, box: NDArray[np.float32]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = result.in_original(box[None])[0].tolist()
    return x1, y1, x2, y2
