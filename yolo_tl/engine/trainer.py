"""The Ultralytics trainer, told by a plan and checked against it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolo_tl.engine.hermetic import ultralytics
from yolo_tl.engine.verify import FrozenState, verify_setup
from yolo_tl.engine.view import View
from yolo_tl.errors import DataError
from yolo_tl.transfer.plan import TrainPlan

ultralytics()

from ultralytics.models.yolo.detect import DetectionTrainer  # noqa: E402
from ultralytics.utils import YAML  # noqa: E402
from ultralytics.utils.torch_utils import ModelEMA, unwrap_model  # noqa: E402

from yolo_tl.engine.validator import RecordingValidator  # noqa: E402


@dataclass(frozen=True)
class EpochReport:
    """How an epoch went.

    Attributes:
        epoch: 1-based.
        epochs: planned number.
        seconds: wall time of the epoch, validation included.
        losses: mean training loss by its name.
        map50, map50_95: on val, of the averaged weights.
    """

    epoch: int
    epochs: int
    seconds: float
    losses: dict[str, float]
    map50: float
    map50_95: float


class PlanTrainer(DetectionTrainer):
    """Trains what a `TrainPlan` says, and proves that it is what was set up.

    Adds to its parent: the plan's weight average, a check of every group and frozen tensor after
    set-up, an error instead of silently dropped images, checkpoints that are replaced whole, and
    a resumable copy of the last one. Nothing of it ends up inside a checkpoint.
    """

    last: Path
    best: Path

    def __init__(self, *, plan: TrainPlan, view: View, run: Path, on_epoch: Callable[[EpochReport], None]) -> None:
        self.plan, self.view, self.on_epoch = plan, view, on_epoch
        super().__init__(overrides=arguments(plan, view=view, run=run))

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> Any:
        """The parent's data set, in which no image may be missing."""
        dataset = super().build_dataset(img_path, mode, batch)
        require_all_images(dataset, Path(img_path), self.view)
        return dataset

    def get_validator(self) -> RecordingValidator:
        """A validator that also keeps its predictions."""
        return RecordingValidator(
            self.test_loader, save_dir=self.save_dir, args=_copy(self.args), _callbacks=self.callbacks
        )

    def _setup_train(self) -> None:
        super()._setup_train()
        # From here on only the checkpoints read this: the view is gone when somebody opens one.
        self.args.data = self.plan.data.path
        YAML.save(self.save_dir / "args.yaml", vars(self.args))
        decay, tau = self.plan.ema
        self.ema = ModelEMA(self.model, decay=decay, tau=tau)
        self.frozen = FrozenState.of(unwrap_model(self.model), self.freeze_layer_names)
        verify_setup(self, self.plan)
        self.epoch_began = time.perf_counter()
        self.add_callback("on_fit_epoch_end", type(self)._report)

    def _model_train(self) -> None:
        super()._model_train()
        self.frozen.require_eval(unwrap_model(self.model))

    def save_model(self) -> bool:
        """Write the checkpoints under temporary names, then give them their own."""
        last, best = self.last, self.best
        self.last, self.best = last.with_name(f".{last.name}"), best.with_name(f".{best.name}")
        try:
            saved = bool(super().save_model())
            for temporary, path in ((self.last, last), (self.best, best)):
                if temporary.exists():
                    os.replace(temporary, path)
        finally:
            self.last.unlink(missing_ok=True)
            self.best.unlink(missing_ok=True)
            self.last, self.best = last, best
        return saved

    def final_eval(self) -> None:
        """Check the frozen tensors, keep a resumable copy, then let the parent strip and validate the best."""
        self.frozen.require_unchanged(unwrap_model(self.model))
        state = self.save_dir / "state"
        state.mkdir(exist_ok=True)
        shutil.copyfile(self.last, state / "last.pt")
        super().final_eval()

    def _report(self) -> None:
        if self.epoch >= self.epochs or self.tloss is None:  # the parent fires this once more after the final val
            return
        now = time.perf_counter()
        seconds, self.epoch_began = now - self.epoch_began, now
        self.on_epoch(
            EpochReport(
                epoch=self.epoch + 1,
                epochs=self.epochs,
                seconds=seconds,
                losses={name: float(value) for name, value in self.tloss.items()},
                map50=float(self.metrics.get("metrics/mAP50(B)", 0.0)),
                map50_95=float(self.metrics.get("metrics/mAP50-95(B)", 0.0)),
            )
        )


def require_all_images(dataset: Any, folder: Path, view: View) -> None:
    """Raise if Ultralytics left out an image: it drops a whole image for one bad row, with a log line only.

    Raises:
        DataError: naming the first ones that are missing.
    """
    kept = {Path(path).name for path in dataset.im_files}
    lost = [
        source
        for linked, source in view.sources.items()
        if Path(linked).parent == folder and Path(linked).name not in kept
    ]
    if lost:
        shown = ", ".join(str(path) for path in lost[:5]) + (", …" if len(lost) > 5 else "")
        raise DataError(
            f"{len(lost)} images cannot be used for training: {shown}",
            hint="the image is damaged or under 10 px, or its label file has a bad row; convert the data again",
        )


def arguments(plan: TrainPlan, *, view: View, run: Path) -> dict[str, Any]:
    """The Ultralytics arguments that carry out a plan; nothing is left to its defaults that the plan decides."""
    augment = {key.partition(".")[2]: plan[key] for key in plan.decisions if key.startswith("augment.")}
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
        "imgsz": plan["imgsz"],
        "batch": plan["batch"],
        "seed": plan["seed"],
        "device": plan["device"],
        "workers": plan["workers"],
        "amp": plan["precision"],
        "freeze": list(plan.freeze.engine) or None,
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
        "nms": False if plan["head"] == "nms-free" else None,
        "plots": False,
        "val": True,
        "save": True,
    }


def _copy(arguments: Any) -> Any:
    return type(arguments)(**vars(arguments))
