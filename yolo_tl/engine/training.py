"""Carrying out a training plan, stage by stage, from wherever the run is."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolo_tl.config import save
from yolo_tl.data.dataset import Dataset
from yolo_tl.engine.augmentation import load_pipeline
from yolo_tl.engine.checkpoint import load_checkpoint
from yolo_tl.engine.distributed import train_on_ranks
from yolo_tl.engine.hermetic import log_to, use_threads
from yolo_tl.engine.interrupt import interruptible
from yolo_tl.engine.runs import describe_run
from yolo_tl.engine.saving import save_checkpoint
from yolo_tl.engine.start import start_network
from yolo_tl.engine.state import read_state
from yolo_tl.engine.validation import validate
from yolo_tl.engine.view import View, view_of
from yolo_tl.errors import ModelError, TrainingInterrupted, WriteError, YoloTLError
from yolo_tl.evaluation.records import ImageResult
from yolo_tl.transfer.plan import TrainPlan
from yolo_tl.transfer.progress import Listener
from yolo_tl.transfer.spent import processor_seconds

OUTPUT_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)
START = "state/start.pt"
PIPELINE = "state/augment.yaml"


@dataclass(frozen=True)
class Trained:
    """A finished run.

    Attributes:
        run: its folder.
        plan: what was done in the end; the batch may have been halved.
        weights: ``best.pt``, selected on val.
        results: predictions and truths of ``best.pt`` on val.
        cpu_seconds: processor time, set-up and validation included, of all the processes the run took.
    """

    run: Path
    plan: TrainPlan
    weights: Path
    results: list[ImageResult]
    cpu_seconds: float


def run_training(
    plan: TrainPlan,
    *,
    dataset: Dataset,
    run: Path,
    listener: Listener,
    replan: Callable[[int], TrainPlan],
) -> Trained:
    """Train as planned, in the run folder `run`, from its state if it has one.

    Args:
        plan: what to do.
        dataset: the data set of the plan.
        run: the folder of this run, with the network it starts from.
        listener: told of stages, batches and epochs.
        replan: the same plan with another batch size, for a device that runs out of memory.

    Raises:
        DataError: an image or label that Ultralytics would leave out silently.
        PlanMismatch: the set-up differs from the plan.
        LossNotFinite: the loss is not a number.
        TrainingInterrupted: stopped by the user; the run can be resumed.
        ModelError: training failed.
    """
    began = processor_seconds()
    state = read_state(run)
    before = state["cpu_seconds"] if state else 0.0

    def seconds() -> float:
        return before + processor_seconds() - began

    def stop() -> None:
        raise KeyboardInterrupt

    with (
        failures_of(run),
        log_to(run / "engine.log"),
        view_of(dataset, ["train", "val"], copies=plan.copies) as view,
    ):
        with interruptible(stop) as check:
            while (number := next_stage(state, plan)) is not None:
                try:
                    train = train_stage if plan.devices == 1 else train_on_ranks
                    train(plan, number, view, run, listener, check, seconds)
                except RuntimeError as error:
                    if not _out_of_memory(error) or plan["batch"] <= plan.devices:
                        raise
                    half = plan["batch"] // 2 // plan.devices * plan.devices or plan.devices
                    listener.note(f"out of memory: batch {plan['batch']} → {half}")
                    plan = replan(half)
                    describe_run(run, plan)
                state = read_state(run)
        results = validate_best(run, plan, dataset)
    return Trained(run, plan, run / "weights" / "best.pt", results, seconds())


@contextmanager
def failures_of(run: Path) -> Iterator[None]:
    """Say of what goes wrong inside where it happened, what is kept, and how to go on."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise TrainingInterrupted(
            f"{run}: training was stopped; {_kept(run)}", hint=f"to go on: yolo-tl resume {run}"
        ) from error
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


def write_start(run: Path, plan: TrainPlan, module: Any) -> None:
    """Describe the run, and keep the network it starts from, unless it was begun before.

    Args:
        run: the run folder.
        plan: what is going to be done.
        module: the loaded checkpoint, or a network with random weights.
    """
    with failures_of(run), log_to(run / "engine.log"):
        describe_run(run, plan)
        use_threads(plan["threads"])
        if not (run / START).is_file():
            pipeline = load_pipeline(plan["augment.pipeline"], sizes=())
            if pipeline is not None and pipeline.content:
                save(run / PIPELINE, pipeline.content)
            save_checkpoint(start_network(plan, module), run / START, train_args={}, half=False)


def next_stage(state: Mapping[str, Any] | None, plan: TrainPlan) -> int | None:
    """Number of the stage that a run is in; None if nothing is left to do."""
    if state is None:
        return 0
    over = state["epoch"] >= plan["epochs"] or (state["finished"] and state["epochs"] == plan["epochs"])
    return None if over else min(state["stage"], len(plan.stages) - 1)


def train_stage(
    plan: TrainPlan,
    number: int,
    view: View,
    run: Path,
    listener: Listener,
    check_interrupt: Callable[[], None],
    seconds: Callable[[], float],
) -> None:
    """Train one stage from the state of the run, in this process."""
    from yolo_tl.engine.trainer import PlanTrainer

    state = read_state(run)
    stage = plan.stages[number]
    first = state["epoch"] if state else 0
    listener.stage(stage.name, first + 1, stage.end, plan["epochs"])
    PlanTrainer(
        plan=plan,
        stage=number,
        network=load_checkpoint(run / START),
        view=view,
        run=run,
        state=state,
        pipeline=load_pipeline(run / PIPELINE if (run / PIPELINE).is_file() else plan["augment.pipeline"], sizes=()),
        listener=listener,
        check_interrupt=check_interrupt,
        seconds=seconds,
    ).train()


def validate_best(run: Path, plan: TrainPlan, dataset: Dataset) -> list[ImageResult]:
    """Predictions of ``best.pt`` on val, with the batches that training validated with."""
    return validate(
        load_checkpoint(run / "weights" / "best.pt"),
        dataset=dataset,
        split="val",
        imgsz=plan["imgsz"],
        batch=2 * plan["batch"],
        device=plan.device,
        head=plan["head"],
    )


def _out_of_memory(error: RuntimeError) -> bool:
    text = str(error).lower()
    return "out of memory" in text or "can't allocate memory" in text or "not enough memory" in text


def _kept(run: Path) -> str:
    last = run / "weights" / "last.pt"
    return f"the last checkpoint is {last}" if last.exists() else "no epoch was finished, so there is no checkpoint"


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
