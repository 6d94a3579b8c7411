"""What every threshold comes to, under a slider: the page carries the detections and counts anew.

Without JavaScript it shows the numbers of the planned thresholds. Both count as `evaluation.operating` does: a
detection counts where its confidence, in float32, is above the threshold of its class, and is a hit where it claims a
truth at IoU 0.5. Whether it does depends on more confident detections only, so the hits are the same for every
threshold.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.evaluation import ImageResult
from yolo_tl.evaluation.matching import match
from yolo_tl.evaluation.operating import IOU, Operating, Rates, operating_point, outcome_counts
from yolo_tl.reporting.markup import embedded, number, section, table
from yolo_tl.reporting.plot import line, unit_plot

SCRIPT = "thresholds.js"
STEP = 0.001
_LOWEST, _MOST = 0.01, 150_000  # confidence and number of the detections that a page carries
_POINTS, _POINTS_ALL = 160, 12_000  # of a curve; of all curves
_NUMBERS = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "misses": "missed objects",
    "alarms": "false alarms",
    "missed": "images with a miss",
    "alarmed": "images with a false alarm",
}


@dataclass(frozen=True, eq=False)
class _Detections:
    """The N detections of one class, by falling confidence, and its truths in each of I images."""

    confidence: NDArray[np.float32]
    hit: NDArray[np.bool_]
    image: NDArray[np.int64]
    truths: NDArray[np.int64]

    def above(self, threshold: float) -> _Detections:
        kept = self.confidence > np.float32(threshold)
        return _Detections(self.confidence[kept], self.hit[kept], self.image[kept], self.truths)


def thresholds(results: Sequence[ImageResult], names: Sequence[str], planned: Sequence[float], *, why: str) -> str:
    """The section; it needs the script `SCRIPT`.

    Args:
        results: one entry for each image.
        names: class names.
        planned: threshold of each class that the page begins with.
        why: where these are from; text.
    """
    by_class = _by_class(results, len(names))
    everything = _sorted([*by_class])
    floor = _floor(everything.confidence)
    carried = [own.above(min(floor, limit)) for own, limit in zip(by_class, planned, strict=True)]
    scopes = [*((str(i), name) for i, name in enumerate(names)), ("all", "all classes")]
    point = operating_point(results, names, planned)
    about = f"A detection counts where its confidence is above the threshold. {why}"
    content = (
        _control(scopes, floor, planned)
        + _numbers(point, outcome_counts(results, names, planned))
        + _plots(dict(zip([scope for scope, _ in scopes], [*by_class, everything], strict=True)), floor, point)
        + embedded("detections", [_packed(own, limit) for own, limit in zip(carried, planned, strict=True)])
    )
    return section("At a threshold", content, about=about)


def _by_class(results: Sequence[ImageResult], classes: int) -> list[_Detections]:
    kinds = np.concatenate([np.zeros(0, np.int64), *(result.detections.class_id for result in results)])
    whole = _Detections(
        np.concatenate([np.zeros(0, np.float32), *(result.detections.confidence for result in results)]),
        np.concatenate([np.zeros(0, bool), *(match(result, IOU)[:, 0] for result in results)]),
        np.repeat(np.arange(len(results)), [len(result.detections) for result in results]),
        np.zeros(0, np.int64),
    )
    truths = np.array([np.bincount(result.truth_class, minlength=classes) for result in results], np.int64)
    truths = truths.reshape(-1, classes)
    found = []
    for kind in range(classes):
        own = kinds == kind
        found.append(_sorted([_Detections(whole.confidence[own], whole.hit[own], whole.image[own], truths[:, kind])]))
    return found


def _sorted(parts: Sequence[_Detections]) -> _Detections:
    """Several together."""
    confidence = np.concatenate([np.zeros(0, np.float32), *(part.confidence for part in parts)])
    order = np.argsort(-confidence, kind="stable")
    return _Detections(
        confidence[order],
        np.concatenate([np.zeros(0, bool), *(part.hit for part in parts)])[order],
        np.concatenate([np.zeros(0, np.int64), *(part.image for part in parts)])[order],
        np.sum([part.truths for part in parts], axis=0),
    )


def _floor(confidence: NDArray[np.float32]) -> float:
    """The lowest threshold of the slider: not so low that the page would carry too many detections."""
    fitting = float(confidence[_MOST]) if len(confidence) > _MOST else 0.0
    return round(max(_LOWEST, float(np.ceil(fitting / STEP)) * STEP), 3)


def _packed(own: _Detections, planned: float) -> dict[str, Any]:
    """As the script reads it: little-endian columns in base64."""
    shown = np.flatnonzero(own.truths)
    return {
        "planned": planned,
        "confidence": _base64(own.confidence.astype("<f4")),
        "place": _base64((own.image * 2 + own.hit).astype("<u4")),
        "truths": _base64(np.column_stack([shown, own.truths[shown]]).astype("<u4")),
    }


def _base64(column: NDArray[Any]) -> str:
    return base64.b64encode(column.tobytes()).decode()


def _control(scopes: Sequence[tuple[str, str]], floor: float, planned: Sequence[float]) -> str:
    """Which classes, and the slider; seen where there is JavaScript."""
    choices = "".join(f'<option value="{scope}">{escape(name)}</option>' for scope, name in [scopes[-1], *scopes[:-1]])
    return (
        '<div class="control" id="control" hidden>'
        f'<label for="scope">Classes</label><select id="scope" autocomplete="off">{choices}</select>'
        '<label for="threshold">Threshold</label>'
        f'<input type="range" id="threshold" min="{floor:g}" max="1" step="{STEP:g}" value="{planned[0]:g}" '
        'autocomplete="off" aria-controls="numbers">'
        '<output id="value" for="threshold"></output>'
        '<button type="button" id="planned">Back to the planned</button></div>'
    )


def _numbers(point: Operating, counts: NDArray[np.int64]) -> str:
    """What the planned thresholds come to: overall in large letters, then by class."""
    images = [*counts.transpose(1, 0, 2), counts.sum(1)]  # (I, 3) of each class, then of all
    values = [_values(rates, one) for rates, one in zip([*point.per_class, point.overall], images, strict=True)]
    tiles = "".join(
        f'<div><b data-number="{key}">{values[-1][key]}</b><span>{text}</span></div>' for key, text in _NUMBERS.items()
    )
    limits = [*(f"<span data-threshold>{limit:.3f}</span>" for limit in point.confidence), ""]
    rows = [
        (escape(name), limit, *(f'<span data-number="{key}">{text}</span>' for key, text in row.items()))
        for name, limit, row in zip([*(rates.name for rates in point.per_class), "all"], limits, values, strict=True)
    ]
    listed = table(("class", "threshold", *_NUMBERS.values()), rows, kind="numbers even")
    return f'<div class="facts" id="numbers" role="status">{tiles}</div><div id="by-class">{listed}</div>'


def _values(rates: Rates, images: NDArray[np.int64]) -> dict[str, str]:
    _, alarms, missed = (images > 0).sum(0).tolist()
    shares = {"precision": rates.precision, "recall": rates.recall, "f1": rates.f1}
    numbers = {"misses": rates.missed, "alarms": rates.false_alarms, "missed": missed, "alarmed": alarms}
    return {key: number(value) for key, value in shares.items()} | {key: f"{n:,}" for key, n in numbers.items()}


def _corners(hits: NDArray[np.int64], points: int) -> NDArray[np.int64]:
    """The ranks at which recall has grown by one of `points` even steps, and the last one."""
    if not len(hits):
        return np.zeros(0, np.int64)
    steps = np.linspace(1, max(int(hits[-1]), 1), points).astype(np.int64)
    ranks = np.append(np.searchsorted(hits, steps), len(hits) - 1)
    return np.unique(ranks.clip(0, len(hits) - 1))


def _plots(scopes: dict[str, _Detections], floor: float, point: Operating) -> str:
    """Precision against recall, and both against the threshold, for each class and for all together."""
    points = int(np.clip(_POINTS_ALL / len(scopes), 24, _POINTS))
    against, by_threshold = "", ""
    for scope, own in scopes.items():
        if not own.truths.sum():
            continue
        on = ' class="on"' if scope == "all" else ""
        hits = own.hit.cumsum()
        at = _corners(hits, points)
        against += f'<path{on} data-scope="{scope}" d="{line(hits[at] / own.truths.sum(), hits[at] / (at + 1))}"/>'
        limits = np.linspace(floor, 1, points)
        kept = np.searchsorted(-own.confidence, -limits.astype(np.float32), side="left")
        found = np.append(0, hits)[kept]
        with np.errstate(invalid="ignore"):
            shares = {"precision": found / kept, "recall": found / own.truths.sum()}
        for kind, values in shares.items():
            curve = line(limits, values)
            by_threshold += f'<path class="{kind}{" on" if on else ""}" data-scope="{scope}" d="{curve}"/>'
    shared = f'd="M{point.confidence[0]} 0V1"' if len(set(point.confidence)) == 1 else ""
    here = (
        f'd="M{point.recall} {point.precision}h0"' if point.recall is not None and point.precision is not None else ""
    )
    drawn = (
        unit_plot(
            f'<g class="curves">{against}</g><path class="here" id="here" {here}/>',
            x="recall",
            y="precision",
            said="Precision against recall; the dot is the threshold",
        ),
        unit_plot(
            f'<path class="level" id="level" {shared}/>{by_threshold}',
            x="threshold",
            y="share",
            said="Precision and recall against the threshold",
        ),
    )
    titles = (
        "Precision against recall",
        '<i class="precision">Precision</i> and <i class="recall">recall</i> by threshold',
    )
    figures = "".join(
        f"<figure><figcaption>{title}</figcaption>{svg}</figure>" for title, svg in zip(titles, drawn, strict=True)
    )
    return f'<div class="plots">{figures}</div>'
