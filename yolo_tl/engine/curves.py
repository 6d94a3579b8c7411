"""Losses, scores and learning rates of a run, drawn: as a picture in its folder and as vectors for its page."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from yolo_tl.engine.run_record import RunRecord, read_run
from yolo_tl.errors import MissingExtra
from yolo_tl.evaluation.history import Series
from yolo_tl.files import atomic_path

INK, SOFT, RULE = "#181b21", "#5d6674", "#dfe3e8"
# Apart for every kind of colour vision (Okabe & Ito 2008, darkened for thin lines); marks tell them apart as well.
COLOURS = ("#0072b2", "#d55e00", "#00805c", "#aa3377", "#7a6a00")
_MARKS = "osD^v"
_MARKED = 60  # epochs up to which each one has a mark
_LOG_FROM = 20.0  # largest value over smallest
_LABEL_PT = 7.5
_STYLE = {
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": RULE,
    "axes.labelcolor": SOFT,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "lines.markersize": 3.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "yolo_tl",
}


def draw_curves(run: Path) -> Path:
    """Draw ``curves.png`` into a run folder, from what the folder holds, and return its path.

    Raises:
        ResumeError: it is no run folder, or its plan is damaged.
        ParseError: another file in it is damaged.
        WriteError: the picture could not be written.
        MissingExtra: matplotlib is not installed.
    """
    record = read_run(run)
    path = record.folder / "curves.png"
    with _figure((9, 9), len(PANELS)) as (figure, panels):
        for axes, (title, draw) in zip(panels, PANELS.items(), strict=True):
            axes.set_title(title, pad=18)
            _panel(axes, record, draw)
        panels[-1].set_xlabel("epoch")
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="png", dpi=130)
    return path


def curves_svg(record: RunRecord) -> dict[str, str]:
    """Title → drawing, as SVG that takes the width it is given and its colours from the page.

    They are the custom properties ``--ink``, ``--soft``, ``--rule`` and ``--curve-0`` to ``--curve-4``.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    return {title: _svg(record, title, draw) for title, draw in PANELS.items()}


def _svg(record: RunRecord, title: str, draw: Callable[[Any, RunRecord], None]) -> str:
    buffer = io.StringIO()
    with _figure((4.9, 3), 1) as (figure, (axes,)):
        _panel(axes, record, draw)
        axes.set_xlabel("epoch")
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text)  # every drawing has the same ones
    text = re.sub(r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", rf'<svg \1 role="img" aria-label="{title}">', text, count=1)
    names = {INK: "ink", SOFT: "soft", RULE: "rule"} | {colour: f"curve-{i}" for i, colour in enumerate(COLOURS)}
    return re.sub("|".join(names), lambda match: f"var(--{names[match[0]]})", text)


@contextmanager
def _figure(size: tuple[float, float], rows: int) -> Iterator[tuple[Any, list[Any]]]:
    """A figure and its axes, one below the other; nothing of the user's own matplotlib settings enters."""
    try:
        from matplotlib import style
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("matplotlib", "train") from error
    with style.context(["default", _STYLE]), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a letter that the font does not have
        figure = Figure(figsize=size, layout="constrained")
        yield figure, list(figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0])


def _panel(axes: Any, record: RunRecord, draw: Callable[[Any, RunRecord], None]) -> None:
    """One drawing with its stages and its legend, which stand above it and hide nothing."""
    from matplotlib.ticker import MaxNLocator
    from matplotlib.transforms import ScaledTranslation

    epochs = record.history.epochs
    axes.set_xlim(min(epochs, default=1) - 0.5, max(epochs, default=1) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    draw(axes, record)
    _stages(axes, record)
    above = axes.transAxes + ScaledTranslation(0, 12 / 72, axes.figure.dpi_scale_trans)
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        options = {
            "loc": "lower right",
            "borderaxespad": 0.0,
            "handlelength": 1.6,
            "columnspacing": 1.0,
            "handletextpad": 0.4,
        }
        axes.legend(handles, labels, ncols=6, bbox_to_anchor=(1, 1), bbox_transform=above, **options)
    else:
        axes.text(0.5, 0.5, "no epoch yet", transform=axes.transAxes, ha="center", color=SOFT)


def _stages(axes: Any, record: RunRecord) -> None:
    """A line where each stage begins, and its name above it as far as there is room."""
    stages = record.stages
    if len(stages) < 2:
        return
    low, high = axes.get_xlim()
    per_letter = 0.6 * _LABEL_PT / 72 * (high - low) / (axes.figure.get_size_inches()[0] * 0.88)  # epochs
    for stage in stages:
        begin, end = max(stage["first"] - 0.5, low), min(stage["last"] + 0.5, high)
        if end <= begin:
            continue
        if begin > low:
            axes.axvline(begin, color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
        room = int((end - begin) / per_letter) - 1
        name = "".join(letter for letter in str(stage["name"]) if letter.isprintable())
        name = name if len(name) <= room else name[: room - 1] + "…" if room > 3 else ""
        place = axes.get_xaxis_transform()
        axes.annotate(
            name, (begin, 1), (2, 3), xycoords=place, textcoords="offset points", color=SOFT, fontsize=_LABEL_PT
        )


def _losses(axes: Any, record: RunRecord) -> None:
    history = record.history
    for number, (name, values) in enumerate(history.losses.items()):
        _line(axes, record, values, number, label=name)
    for number, name in enumerate(history.losses):
        _line(axes, record, history.val_losses.get(name, np.zeros(0)), number, linestyle=(0, (3, 2)), linewidth=1.1)
    if any(np.isfinite(values).any() for values in history.val_losses.values()):
        axes.plot([], [], color=SOFT, linestyle=(0, (3, 2)), linewidth=1.1, label="on val")
    _scale(axes, [*history.losses.values(), *history.val_losses.values()])


def _scores(axes: Any, record: RunRecord) -> None:
    history, metric = record.history, record.decided("metric", "map50_95")
    shown = {"map50_95": "mAP50-95", "map50": "mAP50"} | ({"recall": "recall"} if metric == "recall" else {})
    for number, (key, label) in enumerate(shown.items()):
        _line(axes, record, history.scores.get(key, np.zeros(0)), number, label=label)
    before = record.start_score
    if before is not None and len(history.epochs):
        axes.axhline(before, color=COLOURS[0], linewidth=1, linestyle=":", label=f"before {before:.3f}")
    best = history.best(metric)
    if best is not None:
        x, y = history.epochs[best], history.scores[metric][best]
        colour = COLOURS[list(shown).index(metric)]
        label = f"best {y:.3f}, epoch {x}"
        axes.plot([x], [y], marker="*", markersize=10, linestyle="", color=colour, label=label, zorder=3)
    axes.set_ylim(bottom=0)


def _rates(axes: Any, record: RunRecord) -> None:
    """The rate of every group; groups that share one are one line, and many lines are told apart by their ends."""
    distinct: dict[bytes, Series] = {}
    for values in record.history.rates.values():
        distinct.setdefault(values.tobytes(), values)
    lines = sorted(distinct.values(), key=lambda values: -np.nan_to_num(values).sum())
    for number, values in enumerate(lines[1:-1]):
        label = f"{len(lines) - 2} between" if number == 0 else None
        _line(axes, record, values, -1, label=label, linewidth=1.0)
    for number, (values, label) in enumerate(zip(lines[:1] + lines[1:][-1:], ("highest", "lowest"), strict=False)):
        _line(axes, record, values, number, label=label if len(lines) > 1 else "all groups")
    peaks = [np.nanmax(values) for values in lines if np.isfinite(values).any()]
    _scale(axes, [np.array(peaks)])  # by group: a linear axis shows best how a rate decays


PANELS: dict[str, Callable[[Any, RunRecord], None]] = {
    "Loss": _losses,
    "Score on val": _scores,
    "Learning rate": _rates,
}


def _line(axes: Any, record: RunRecord, values: Series, number: int, **options: Any) -> None:
    """A line through the epochs that have a finite value, marked where there are few; grey with number -1."""
    epochs = record.history.epochs
    known = np.isfinite(values) if len(values) == len(epochs) else np.zeros(len(epochs), bool)
    if not known.any():
        return
    mark = _MARKS[number % len(_MARKS)] if known.sum() <= _MARKED and number >= 0 else None
    colour = COLOURS[number % len(COLOURS)] if number >= 0 else SOFT
    axes.plot(epochs[known], values[known], color=colour, marker=mark, **options)


def _scale(axes: Any, series: list[Series]) -> None:
    """A logarithmic axis where a linear one would flatten the smaller of these values."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    values = np.concatenate([*series, np.zeros(0)])
    values = values[np.isfinite(values) & (values > 0)]
    if len(values) and values.max() > _LOG_FROM * values.min():
        axes.set_yscale("log", nonpositive="mask")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(bottom=0)
