"""Carrying out a training plan."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolo_tl.data.dataset import Dataset
from yolo_tl.engine.hermetic import log_to, use_threads
from yolo_tl.engine.runs import describe_run
from yolo_tl.engine.view import view_of
from yolo_tl.errors import ModelError, TrainingInterrupted, WriteError, YoloTLError
from yolo_tl.evaluation.records import ImageResult
from yolo_tl.transfer.plan import TrainPlan

OUTPUT_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)


@dataclass(frozen=True)
class Trained:
    """A finished run.

    Attributes:
        run: its folder.
        weights: ``best.pt``, selected on val.
        results: predictions and truths of ``best.pt`` on val.
        cpu_seconds: processor time of this process, set-up and validation included.
    """

    run: Path
    weights: Path
    results: list[ImageResult]
    cpu_seconds: float


def run_training(
    plan: TrainPlan,
    *,
    dataset: Dataset,
    module: Any,
    run: Path,
    on_epoch: Callable[[Any], None] = lambda report: None,
) -> Trained:
    """Train as planned, in the run folder `run`.

    Args:
        plan: what to do.
        dataset: the data set of the plan.
        module: the loaded network to start from.
        run: an existing folder of this run.
        on_epoch: called with an `EpochReport` after every epoch.

    Raises:
        DataError: an image or label that Ultralytics would leave out silently.
        PlanMismatch: the set-up differs from the plan.
        TrainingInterrupted: stopped by the user; the last whole checkpoint is kept.
        ModelError: training failed.
    """
    from yolo_tl.engine.trainer import PlanTrainer

    began = time.process_time()
    describe_run(run, plan)
    use_threads(plan["threads"])
    with log_to(run / "engine.log"), view_of(dataset, ["train", "val"]) as view:
        try:
            trainer = PlanTrainer(plan=plan, view=view, run=run, on_epoch=on_epoch)
            weights = module if plan.network.pretrained else None
            trainer.model = trainer.get_model(weights=weights, cfg=module.yaml, verbose=False)
            trainer.train()
        except KeyboardInterrupt as error:
            raise TrainingInterrupted(f"{run}: training was stopped; {_kept(run)}") from error
        except YoloTLError:
            raise
        except (RuntimeError, ValueError, OSError, MemoryError) as error:
            if isinstance(error, OSError) and error.errno in OUTPUT_FAULTS:
                raise WriteError(
                    f"{run}: training stopped, a file could not be written: {error.strerror}; {_kept(run)}"
                ) from error
            raise ModelError(
                f"{run}: training failed: {_first_line(error)}", hint=f"details are in {run / 'engine.log'}"
            ) from error
    return Trained(run, run / "weights" / "best.pt", trainer.validator.results, time.process_time() - began)


def _kept(run: Path) -> str:
    last = run / "weights" / "last.pt"
    return f"the last checkpoint is {last}" if last.exists() else "no epoch was finished, so there is no checkpoint"


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
