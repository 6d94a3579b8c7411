"""The Ultralytics arguments that carry out a stage of a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from yolo_tl.engine.view import View
from yolo_tl.transfer.plan import TrainPlan
from yolo_tl.transfer.stages import Stage

OURS = ("augment.paste", "augment.pipeline")  # of the augmentation, what Ultralytics does not know


def arguments(plan: TrainPlan, *, stage: Stage, view: View, run: Path) -> dict[str, Any]:
    """Everything that the plan decides, so that nothing is left to the defaults of Ultralytics."""
    augment = {k.partition(".")[2]: plan[k] for k in plan.decisions if k.startswith("augment.") and k not in OURS}
    return {
        **augment,
        "task": "detect",
        "mode": "train",
        "model": plan.weights,
        "data": str(view.yaml),
        "project": str(run.parent),
        "name": run.name,
        "save_dir": str(run),
        "exist_ok": True,
        "epochs": plan["epochs"],
        "imgsz": stage.imgsz,
        "batch": plan["batch"],
        "seed": plan["seed"],
        "device": "cpu" if plan.device == "cpu" else plan["device"],
        "workers": plan["workers"],
        "amp": "fp32" if plan.device == "cpu" else plan["precision"],  # it refuses bfloat16 there; see `bfloat16`
        "freeze": list(stage.freeze.engine) or None,
        "optimizer": plan["optimizer"],
        "lr0": plan["lr"],
        "lrf": plan["lr_final"],
        "cos_lr": plan["cosine"],
        "momentum": plan["momentum"],
        "weight_decay": plan["weight_decay"],
        "nbs": plan["nbs"],
        "warmup_epochs": plan["warmup"],
        "warmup_bias_lr": 0.0,  # Ultralytics' 0.1 drives every bias far away before training starts
        "close_mosaic": plan.close_mosaic_epochs,
        "patience": plan["patience"],
        "cls_pw": plan["cls_pw"],
        "nms": False if plan["head"] == "nms-free" else None,
        "plots": False,
        "val": True,
        "save": True,
    }
