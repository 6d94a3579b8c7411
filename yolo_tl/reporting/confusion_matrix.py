"""Which class is taken for which, as a table whose cells are the darker the more often."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from yolo_tl.reporting.markup import section, table

_SHOWN = 24  # classes


def confusion_matrix(counts: Sequence[Sequence[int]], names: Sequence[str], confidence: float) -> str:
    """The section: a row for each detected class, a column for each true one, background last of both.

    Of many classes those with most truths are shown, and the others are one.

    Args:
        counts: of `evaluation.confusion.confusion`.
        names: class names.
        confidence: above which detections were counted.
    """
    whole = np.array(counts, np.int64)
    order = np.argsort(-whole[:, :-1].sum(0), kind="stable")
    shown, rest = order[:_SHOWN].tolist(), order[_SHOWN:].tolist()
    labels = [names[i] for i in shown] + ([f"{len(rest)} other classes"] if rest else [])
    groups = [[i] for i in shown] + ([rest] if rest else []) + [[len(names)]]
    small = np.array([[whole[np.ix_(row, column)].sum() for column in groups] for row in groups])
    of_column = np.maximum(small.sum(0), 1)
    rows = []
    for i, label in enumerate([*labels, "missed"]):
        cells = [
            f'<span class="{"hit" if i == j else "miss"}" style="--share:{share:.3f}" title="{share:.0%} of the '
            f'column">{count:,}</span>'
            for j, (count, share) in enumerate(zip(small[i].tolist(), (small[i] / of_column).tolist(), strict=True))
        ]
        if i == len(labels):
            cells[-1] = '<span class="none">–</span>'
        rows.append((escape(label), *cells))
    head = ("said ↓ &nbsp; true →", *(escape(label) for label in labels), "nothing there")
    about = (
        f"Above confidence {confidence:.3f}, matched at IoU 0.45 whatever the class: each detection with the truth "
        "it covers best. The darker, the larger a share of its column."
    )
    return section("Taken for what", table(head, rows, kind="matrix"), about=about)
