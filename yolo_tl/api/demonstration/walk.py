"""The demo from pictures to verdicts, step by step, from wherever it is."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from yolo_tl.api.demonstration.listener import DemoListener, Unheard
from yolo_tl.api.demonstration.record import FILE, Record, Step, read_record, require_same
from yolo_tl.api.demonstration.result import DemoResult
from yolo_tl.api.demonstration.settings import read_settings
from yolo_tl.api.demonstration.start import choose_start
from yolo_tl.api.demonstration.steps import STEPS, Stage
from yolo_tl.errors import TrainingInterrupted, UsageError, WriteError
from yolo_tl.files import PathLike, require_free
from yolo_tl.transfer.spent import processor_seconds

OUT = Path("runs") / "demo"
_MADE = ("sample", "data", "run", "verdict", "bundle", "bundle-refused", "inspection", "check.html")


def demo(
    out: PathLike = OUT,
    *,
    weights: str | None = None,
    images: int | None = None,
    imgsz: int | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    overwrite: bool = False,
    listener: DemoListener | None = None,
) -> DemoResult:
    """Go the whole way on generated pictures: draw, convert, check, plan, train, evaluate, verdict, export, inspect.

    Each step is the call that a user would make. A finished one is kept in ``demo.json`` of `out`: called again, the
    demo goes on where it was stopped, and one that is finished is only read. What is not asked for then is as it was.

    Args:
        out: the folder to make, or of a demo to go on with.
        weights: a checkpoint's path or name; by default ``yolo26n.pt`` where it is here or can be fetched, else the
            one that ships.
        images: how many pictures, 9 or more; the default of this and the next three is that of `DemoSettings`.
        imgsz: side of the square network input, px, a multiple of 32.
        epochs: of the training run, and of the full run that the verdict is about.
        seed: of pictures and training.
        overwrite: clear what `out` holds of a demo, and begin anew.
        listener: told of each step.

    Raises:
        UsageError: `out` holds something else, or a demo of something else.
        WeightsNotFound: the checkpoint is nowhere to be found.
        MissingExtra: what training needs is not installed.
        TrainingInterrupted: Ctrl-C; the same call goes on.
        ParityError: the export or the self-test found a disagreement.
    """
    folder, told = Path(out), listener or Unheard()
    asked = {"weights": weights, "images": images, "imgsz": imgsz, "epochs": epochs, "seed": seed}
    asked = {key: value for key, value in asked.items() if value is not None}
    record = None if overwrite else read_record(folder)
    if record is None or not record.steps:  # what came to nothing may be asked for in another way
        record = _begun(folder, {**(asdict(record.settings) if record else {}), **asked}, overwrite=overwrite)
    else:
        require_same(folder, record, asked)
    told.start(record.start)
    if record.finished:
        return DemoResult.of(folder, record, kept=True)
    for step in record.steps:
        told.end(step)
    for number, name in enumerate(STEPS, start=1):
        if record.step(name) is None:
            record = _taken(name, number, folder, record, told)
    record = record.as_finished()
    record.write(folder)
    return DemoResult.of(folder, record, kept=False)


def _taken(name: str, number: int, out: Path, record: Record, told: DemoListener) -> Record:
    """The record with one more step, or, where that is broken off, with the time it took so far."""
    facts = {step.name: step.facts for step in record.steps}
    action = STEPS[name](Stage(out, record.settings, record.start.weights, facts, told))
    told.begin(number, len(STEPS), name, action.call.command)
    began, processors = time.monotonic(), processor_seconds()
    try:
        found = action.take()
    except BaseException as error:
        with suppress(WriteError):  # the error that ends the step is the one to be told
            record.with_spent(name, time.monotonic() - began).write(out)
        if isinstance(error, TrainingInterrupted):
            raise TrainingInterrupted(f"{out}: stopped in {name}", hint="the same command goes on there") from error
        raise
    seconds = record.spent.get(name, 0.0) + time.monotonic() - began
    worked = processor_seconds() - processors
    step = Step(name, action.call.command, found.figure, round(seconds, 2), round(worked, 2), found.facts)
    record = record.with_step(step)
    record.write(out)
    told.end(step)
    return record


def _begun(out: Path, asked: Mapping[str, Any], *, overwrite: bool) -> Record:
    """The record of a demo that begins, in a folder that holds nothing else.

    Raises:
        UsageError: `out` is a file, or holds files that are not of a demo.
    """
    settings = read_settings(asked)
    if not (out / FILE).is_file():
        if overwrite and out.is_dir() and any(out.iterdir()):
            raise UsageError(
                f"{out}: expected the folder of a demo ({FILE}), found other files", hint="remove it yourself"
            )
        require_free(out, overwrite=False)
    record = Record(settings, choose_start(settings.weights))  # before anything is removed
    record.write(out)
    for path in (out / name for name in _MADE):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return record
