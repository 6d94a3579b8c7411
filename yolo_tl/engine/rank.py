"""What each process of a distributed training runs; `distributed` starts it."""

from __future__ import annotations

import json
import os
import pickle
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from yolo_tl.engine.distributed import Job, Left
from yolo_tl.engine.group import join_group, leave_group
from yolo_tl.engine.hermetic import log_to, use_threads
from yolo_tl.engine.training import train_stage
from yolo_tl.errors import YoloTLError
from yolo_tl.files import write_bytes
from yolo_tl.transfer.progress import EpochReport, Listener, Silent


def main(folder: str) -> None:
    """Train the stage that the job in `folder` describes; what goes wrong is left there, for the parent to raise."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    rank, meeting = int(os.environ["RANK"]), Path(folder)
    events = _take_stdout()
    try:
        job: Job = pickle.loads((meeting / Job.FILE).read_bytes())
        listener: Listener = _Telling(events) if rank == 0 else Silent()
        _train(job, rank, meeting, listener)
    except BaseException as error:
        traceback.print_exc()  # into the log
        left = Left(time.time(), _is_consequence(error), _portable(error))
        write_bytes(meeting / Left.FILE.format(rank), pickle.dumps(left))
        sys.stderr.flush()
        os._exit(1)  # a group that was left by others may never let go of this process


def _train(job: Job, rank: int, meeting: Path, listener: Listener) -> None:
    plan = job.plan
    before = job.seconds if rank == 0 else 0.0
    with log_to(job.log(rank)):
        use_threads(job.threads)
        join_group("cpu" if plan.device == "cpu" else plan["device"], rank, meeting / "rendezvous")
        train_stage(
            plan,
            job.stage,
            job.view,
            job.run,
            listener,
            check_interrupt=lambda: None,  # the parent ends this process
            seconds=lambda: before + time.process_time(),
        )
        leave_group()


class _Telling:
    """A listener that hands everything on to the parent, a JSON line for each event."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def __getattr__(self, event: str) -> Callable[..., None]:
        def tell(*given: Any) -> None:
            values = [asdict(value) if isinstance(value, EpochReport) else value for value in given]
            self.stream.write(json.dumps([event, values]) + "\n")
            self.stream.flush()

        return tell


def _take_stdout() -> TextIO:
    """The pipe to the parent, to which nobody else writes from now on: what is printed goes to the log."""
    pipe = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return pipe


def _end_with_parent() -> None:
    """End this process when its standard input closes: the parent wants that, or is gone."""
    os.read(0, 1)
    os._exit(1)


def _is_consequence(error: BaseException) -> bool:
    """Whether an error tells of nothing but another process that is gone."""
    from torch import distributed

    text = str(error).lower()
    lost = isinstance(error, RuntimeError) and ("gloo" in text or "nccl" in text or "connection" in text)
    return isinstance(error, distributed.DistError) or lost


def _portable(error: BaseException) -> BaseException:
    """An error that the parent can unpickle, of a kind that it tells apart."""
    if isinstance(error, YoloTLError) or type(error).__module__ == "builtins":
        try:
            pickle.loads(pickle.dumps(error))
            return error
        except Exception:  # what an error carries may not travel
            pass
    return RuntimeError(f"{type(error).__name__}: {error}")
