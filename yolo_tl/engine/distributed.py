"""Training on several devices: one process for each, started anew for every stage.

Parameters that are unfrozen while DistributedDataParallel runs keep gradients of their own in
every process, so each stage is a distributed training of its own, and ``RUN/state/last.pt`` is
what one hands to the next. Random state is not handed over: each process draws from generators
of its own, seeded by epoch, so a run that was stopped goes on with other augmentation.

The processes run `rank`. They end when this one does, however that happens. The batch of the
plan is that of all devices together. BatchNorm keeps the statistics that the first process saw.
"""

from __future__ import annotations

import gc
import json
import os
import pickle
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar

from yolo_tl.engine.hermetic import ultralytics
from yolo_tl.engine.view import View
from yolo_tl.errors import ModelError
from yolo_tl.transfer.plan import TrainPlan
from yolo_tl.transfer.progress import EpochReport, Listener

POLL = 0.2  # seconds between looks at the processes
GRACE = 5.0  # seconds that the process at fault has to show, once another noticed


@dataclass(frozen=True)
class Job:
    """What every process is told.

    Attributes:
        plan: of the run.
        stage: number of the stage.
        view: the linked data.
        run: the run folder.
        seconds: processor time of the run so far.
    """

    FILE: ClassVar[str] = "job"

    plan: TrainPlan
    stage: int
    view: View
    run: Path
    seconds: float

    @property
    def threads(self) -> int:
        """Threads of each process."""
        return max(int(self.plan["threads"]) // self.plan.devices, 1)

    def log(self, rank: int) -> Path:
        """Where a process writes what Ultralytics, torch and the system have to say."""
        return self.run / ("engine.log" if rank == 0 else f"engine.rank{rank}.log")


@dataclass(frozen=True)
class Left:
    """The error that ended a process.

    Attributes:
        at: when, in seconds since the epoch.
        consequence: it says no more than that another process is gone.
        error: to be raised here.
    """

    FILE: ClassVar[str] = "error{}"

    at: float
    consequence: bool
    error: BaseException


def train_on_ranks(
    plan: TrainPlan,
    number: int,
    view: View,
    run: Path,
    listener: Listener,
    check_interrupt: Callable[[], None],
    seconds: Callable[[], float],
) -> None:
    """Train one stage from the state of the run, in a process for each device.

    Raises:
        ModelError: a process was killed.
        BaseException: whatever went wrong in a process.
    """
    job = Job(plan, number, view, run, seconds())
    (run / "results.csv").unlink(missing_ok=True)  # each process would: the state has it
    _release_memory()
    ranks: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory(prefix="yolo_tl-ranks-") as name:
        folder = Path(name)
        (folder / Job.FILE).write_bytes(pickle.dumps(job))
        try:
            for rank in range(plan.devices):
                ranks.append(_start(job, rank, folder))
            _follow(ranks, job, folder, listener, check_interrupt)
        finally:
            _end(ranks, run)


def _start(job: Job, rank: int, folder: Path) -> subprocess.Popen[bytes]:
    path = [entry for entry in sys.path if isinstance(entry, str)]  # its imports are ours, wherever it runs
    code = f"import sys; sys.path[:] = {path!r}; from yolo_tl.engine.rank import main; main({str(folder)!r})"
    environment = {
        **os.environ,
        "RANK": str(rank),  # these three are read by Ultralytics at its import
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(job.plan.devices),
        "OMP_NUM_THREADS": str(job.threads),
    }
    if loopback := {"lo", "lo0"} & {name for _, name in socket.if_nameindex()}:
        environment.setdefault("GLOO_SOCKET_IFNAME", loopback.pop())  # otherwise it looks up the name of the machine
    with job.log(rank).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-c", code],
            env=environment,
            stdin=subprocess.PIPE,  # that it closes tells the process to end
            stdout=subprocess.PIPE if rank == 0 else log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for this process to decide upon
        )


def _follow(
    ranks: Sequence[subprocess.Popen[bytes]],
    job: Job,
    folder: Path,
    listener: Listener,
    check_interrupt: Callable[[], None],
) -> None:
    """Hand the events of the first process to the listener, until all have ended well."""
    events: queue.Queue[bytes] = queue.Queue()
    reader = threading.Thread(target=_read, args=(ranks[0].stdout, events), daemon=True)
    reader.start()
    while True:
        check_interrupt()
        codes = [process.poll() for process in ranks]
        if any(codes):
            raise _cause(ranks, job, folder)
        if None not in codes:
            break
        try:
            _tell(listener, events.get(timeout=POLL))
        except queue.Empty:
            continue
    reader.join(GRACE)
    while not events.empty():
        _tell(listener, events.get())


def _read(stream: IO[bytes], events: queue.Queue[bytes]) -> None:
    for line in stream:
        events.put(line)


def _tell(listener: Listener, line: bytes) -> None:
    event, given = json.loads(line)
    getattr(listener, event)(*([EpochReport(**given[0])] if event == "epoch" else given))


def _cause(ranks: Sequence[subprocess.Popen[bytes]], job: Job, folder: Path) -> BaseException:
    """What ended the first process that failed. The others fail for want of it, and may be noticed sooner."""
    deadline = time.monotonic() + GRACE
    while True:
        codes = [process.poll() for process in ranks]
        files = {rank: folder / Left.FILE.format(rank) for rank in range(len(ranks))}
        left = [pickle.loads(file.read_bytes()) for file in files.values() if file.is_file()]
        left.sort(key=lambda found: (found.consequence, found.at))
        if left and not left[0].consequence:
            return left[0].error
        for rank, code in enumerate(codes):
            if code and not files[rank].is_file():
                return _died(rank, code, job)
        if None not in codes or time.monotonic() > deadline:
            return left[0].error
        time.sleep(POLL)


def _died(rank: int, code: int, job: Job) -> ModelError:
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
    want = " (the system does that when memory runs out)" if code == -9 else ""
    return ModelError(
        f"{job.run}: training process {rank} of {job.plan.devices} {how}{want}",
        hint=f"details are in {job.log(rank)}; to go on: yolo-tl resume {job.run}",
    )


def _end(ranks: Sequence[subprocess.Popen[bytes]], run: Path) -> None:
    """Leave no process behind, and nothing half written by one."""
    for process in ranks:
        if process.returncode is None and os.name == "posix":  # not waited for, so its number is still its own
            os.killpg(process.pid, signal.SIGKILL)  # with the processes of its loaders
        else:
            process.kill()
    for process in ranks:
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        for path in run.rglob(f".*.{process.pid}.tmp"):
            path.unlink(missing_ok=True)


def _release_memory() -> None:
    """Give the memory of the first device back, which validation in this process has used."""
    ultralytics()
    import torch

    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
