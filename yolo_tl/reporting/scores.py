"""Scores with their intervals drawn: overall, by class, by size of the object, at a confidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from yolo_tl.reporting.bars import UNMEASURABLE, score_bar
from yolo_tl.reporting.markup import number, said, section, shown, span, table

Metrics = Mapping[str, Any]


def scores(metrics: Metrics, train: Mapping[str, int], *, start: float | None = None) -> str:
    """The section.

    Args:
        metrics: the content of ``metrics.json``: an `api.scores.Evaluation` as JSON, and ``baseline`` where one is.
        train: training objects of each class.
        start: mAP50-95 of the start weights over the same classes.
    """
    change, split = metrics.get("baseline") or {}, escape(str(metrics.get("split", "val")))
    before = {name: value["before"] for name, value in change.get("per_class", {}).items()}
    rows: list[Sequence[str]] = [
        (
            escape(name),
            shown(train.get(name)),
            shown(row["instances"]),
            *(number(row[key]) for key in ("precision", "recall", "ap50", "ap50_95")),
            score_bar(row["ap50_95"], row.get("ci95"), before.get(name)),
        )
        for name, row in metrics.get("per_class", {}).items()
    ]
    means = (number(metrics[key]) for key in ("precision", "recall", "map50", "map50_95"))
    whole = score_bar(metrics["map50_95"], metrics.get("ci95"), start)
    rows.append(("all", "", shown(metrics["instances"]), *means, whole))
    head = ("class", "train objects", f"{split} objects", "precision", "recall", "AP50", "AP50-95", "95 % interval")
    note = "Bar: AP50-95. Whisker: bootstrap interval over images." + (" Stroke: start weights." if before else "")
    content = _change(change) + table(head, rows, kind="numbers") + f'<p class="soft">{note}</p>' + notes(metrics)
    return section(f"Scores of best.pt on {split}", content)


def _change(change: Metrics) -> str:
    """What became of the classes that the start weights knew."""
    if not change:
        return ""
    known = len(change.get("per_class", {}))
    return (
        f"<p>The {known} class{'es' * (known != 1)} that the start weights knew: "
        f"mAP50-95 {change['before']:.3f} before → "
        f"<b>{change['after']:.3f}</b> after ({change['difference']:+.3f}{span(change.get('ci95'), '+')})</p>"
    )


def notes(metrics: Metrics) -> str:
    """What the scores rest on, and what they cannot say."""
    split, found, warned = metrics.get("split", "val"), [], []
    if why := metrics.get("without_interval"):
        found.append(f"There is {why}.")
    if absent := metrics.get("not_measurable"):
        found.append(f"Not measurable, because no image of {split} shows them: {', '.join(absent)}.")
    if (least := metrics.get("detectable")) is not None:
        these, alone = metrics["images"], metrics["independent"]
        apart = f" ({alone:,} that are independent)" if alone < these else ""
        found.append(
            f"With these {these:,} images{apart} you can see differences of mAP50-95 above {least:.3f} to another "
            "model, if their scores correlate by 0.5; yolo-tl compare measures it."
        )
    if trained := metrics.get("trained_on"):
        warned.append(f"Of {split}, {len(trained):,} images are in train, too, such as {trained[0]}.")
    return said(found) + said(warned, kind="warning")


def sizes(metrics: Metrics) -> str:
    """The section with the scores by size of the object, COCO's sizes and thirds of these objects."""
    bands = [*metrics.get("sizes", {}).values(), *metrics.get("terciles", {}).values()]
    rows = [
        (
            f"{escape(one['name'])} <small>{_range(one['low'], one['high'])}</small>",
            f"{one['images']:,}",
            f"{one['instances']:,}",
            number(one["map50"]),
            number(one["map50_95"]),
            _UNMEASURED if one["map50_95"] is None else score_bar(one["map50_95"], one["ci95"]),
        )
        for one in bands
    ]
    head = ("size", "images", "objects", "mAP50", "mAP50-95", "95 % interval")
    about = "Areas in the original image, by COCO's rule, which differs a little from that of the scores above."
    return section("Scores by size", table(head, rows, kind="numbers even"), about=about)


def operating(metrics: Metrics) -> str:
    """The section with precision and recall at the confidence of the evaluation, intervals drawn."""
    point = metrics.get("operating")
    if not point:
        return ""
    rows = [(escape(name), *_rates(rates)) for name, rates in [*point["per_class"].items(), ("all", point)]]
    head = ("class", "precision", "95 % interval", "recall", "95 % interval")
    title = f"Precision and recall above confidence {point['confidence']:.3f}"
    return section(title, table(head, rows, kind="numbers"), about="All boxes are counted together, at IoU 0.5.")


def _rates(rates: Metrics) -> list[str]:
    cells = []
    for key in ("precision", "recall"):
        value = rates[key]
        drawn = _UNMEASURED if value is None else score_bar(value, rates["ci95"].get(key))
        cells += [number(value), drawn]
    return cells


def _range(low: float, high: float | None) -> str:
    """A band of areas by the sides of squares, which people can imagine.

    >>> _range(1024.0, 9216.0), _range(9216.0, None), _range(0.0, None)
    ('32² to 96² px', 'from 96² px', '')
    """
    if high is None:
        return f"from {low**0.5:.0f}² px" if low else ""
    return f"{low**0.5:.0f}² to {high**0.5:.0f}² px"


_UNMEASURED = f"<span>{UNMEASURABLE}</span>"
