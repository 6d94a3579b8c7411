"""Losses, scores and learning rates of a run by epoch, from the ``results.csv`` that Ultralytics writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolo_tl.data.documents import load_text

Series = NDArray[np.float64]
SCORES = {
    "metrics/precision(B)": "precision",
    "metrics/recall(B)": "recall",
    "metrics/mAP50(B)": "map50",
    "metrics/mAP50-95(B)": "map50_95",
}


@dataclass(frozen=True, eq=False)
class History:
    """What was written after each of N epochs; every series is (N,).

    Attributes:
        epochs: 1-based and rising; an epoch that was done again counts once, as it was the last time.
        losses: mean training loss by its name, such as ``box``.
        val_losses: the same on val; NaN in an epoch without validation.
        scores: ``precision``, ``recall``, ``map50``, ``map50_95`` on val; NaN in an epoch without validation.
        rates: learning rate of each group of the optimizer, at the end of the epoch.
    """

    epochs: NDArray[np.int64]
    losses: dict[str, Series]
    val_losses: dict[str, Series]
    scores: dict[str, Series]
    rates: dict[str, Series]

    def best(self, metric: str = "map50_95") -> int | None:
        """Index of the first epoch with the highest score; None where nothing was found in any."""
        values = np.nan_to_num(self.scores.get(metric, np.zeros(0)))
        return int(values.argmax()) if len(values) and values.max() > 0 else None


def read_history(path: Path) -> History:
    """Read a ``results.csv``; a file that is not there has no epochs.

    An epoch without validation repeats the last validation, or has zeros where there was none: both become NaN.
    What is no number becomes NaN, and a last line that was not written to its end is left out.

    Raises:
        ParseError: the file is not text.
    """
    rows = _rows(load_text(path)) if path.exists() else {}
    epochs = sorted(rows)
    columns = list(dict.fromkeys(column for epoch in epochs for column in rows[epoch]))
    checked = [column for column in columns if column.startswith(("metrics/", "val/"))]
    validated = np.zeros(len(epochs), bool)
    before: list[str] = []
    for number, epoch in enumerate(epochs):
        text = [rows[epoch].get(column, "") for column in checked]
        validated[number] = text != before and any(_number(value) != 0 for value in text)
        before = text
    series = {c: np.array([_number(rows[epoch].get(c, "")) for epoch in epochs]) for c in columns}
    masked = {column: np.where(validated, series[column], np.nan) for column in checked}
    return History(
        epochs=np.array(epochs, np.int64),
        losses=_named(series, "train/", "_loss"),
        val_losses=_named(masked, "val/", "_loss"),
        scores={name: masked[column] for column, name in SCORES.items() if column in masked},
        rates=_named(series, "lr/"),
    )


def _rows(text: str) -> dict[int, dict[str, str]]:
    """Epoch → column → text. A header stands wherever a run went on in another file or form."""
    found: dict[int, dict[str, str]] = {}
    header: list[str] = []
    for line in text[: text.rfind("\n") + 1].splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        epoch = _number(cells[0])
        if cells[0] == "epoch":
            header = cells
        elif header and epoch >= 1 and epoch.is_integer():
            found[int(epoch)] = dict(zip(header, cells, strict=False))
    return found


def _named(series: dict[str, Series], prefix: str, suffix: str = "") -> dict[str, Series]:
    return {key[len(prefix) :].removesuffix(suffix): s for key, s in series.items() if key.startswith(prefix)}


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
