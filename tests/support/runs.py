"""A run folder with stages, scores and a change to show, made of a real one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import yaml

COLUMNS = (
    "epoch,time,train/box_loss,train/cls_loss,train/dfl_loss,metrics/precision(B),metrics/recall(B),metrics/mAP50(B),"
    "metrics/mAP50-95(B),val/box_loss,val/cls_loss,val/dfl_loss,lr/pg0,lr/pg1"
)
STAGES = [
    {"name": "head", "first": 1, "last": 4, "freeze": "backbone and neck", "lr": "head 1", "bn": "frozen", "imgsz": 64},
    {"name": "all", "first": 5, "last": 12, "freeze": "nothing", "lr": "stem 0.1", "bn": "train", "imgsz": 64},
]
BASELINE = {"before": 0.2, "after": 0.45, "difference": 0.25, "ci95": [0.11, 0.36], "worse": False}


def write_history(folder: Path, epochs: int = 12, *, every: int = 2) -> None:
    """A results.csv of a run that learns, validated in every so many epochs and in the last."""
    lines, last = [COLUMNS], ["0"] * 7
    for epoch in range(1, epochs + 1):
        if epoch % every == 0 or epoch == epochs:
            score = 0.5 * epoch / epochs
            last = [f"{v:.6g}" for v in (score + 0.2, score + 0.1, score + 0.15, score, 3 - score, 2 - score, 1.5)]
        rate = 0.01 if epoch <= 4 else 0.001
        losses = [f"{v / epoch:.6g}" for v in (3.0, 2.0, 1.6)]
        lines.append(",".join([str(epoch), str(9 * epoch), *losses, *last, str(rate), str(rate * 3)]))
    (folder / "results.csv").write_text("\n".join([*lines, ""]))


def staged_run(source: Path, folder: Path, *, names: dict[str, str] | None = None, **plan: Any) -> Path:
    """A copy of the run in `source` without its weights: two stages, 12 epochs, known classes that got better.

    Args:
        source: a finished run.
        folder: where to make it.
        names: other names for its classes.
        plan: what else to change in run.yaml.
    """
    folder.mkdir(parents=True)
    for name in ("run.yaml", "environment.json", "metrics.json"):
        shutil.copy(source / name, folder)
    content = yaml.safe_load((folder / "run.yaml").read_text())
    content["decisions"]["epochs"]["value"] = 12
    (folder / "run.yaml").write_text(yaml.safe_dump({**content, "stages": STAGES, **plan}, sort_keys=False))
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics.update(map50_95=0.45, map50=0.62, ci95=[0.38, 0.52])
    classes = {(names or {}).get(name, name): scores for name, scores in metrics["per_class"].items()}
    for number, scores in enumerate(classes.values()):
        scores.update(ap50=0.7, ap50_95=0.3 + 0.15 * number, ci95=[0.2 + 0.1 * number, 0.5 + 0.1 * number])
    change = {**BASELINE, "per_class": {name: {"before": 0.2, "after": 0.45} for name in classes}}
    (folder / "metrics.json").write_text(json.dumps({**metrics, "per_class": classes, "baseline": change}))
    write_history(folder)
    return folder
