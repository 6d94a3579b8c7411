"""Two processes on the CPU train as one: the same plan, the same weights, the same errors, and none stays behind."""

from __future__ import annotations

import csv
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

import yolo_tl
from yolo_tl.engine.checkpoint import load_checkpoint
from yolo_tl.engine.distributed import Job, Left, _cause
from yolo_tl.engine.rank import _is_consequence, _portable
from yolo_tl.engine.state import read_state
from yolo_tl.errors import ImageError, LossNotFinite, ModelError, TrainingInterrupted

TWO = {"imgsz": 64, "batch": 8, "threads": 2, "device": "cpu,cpu", "state_every": 0.0}
PLAIN_IMAGES = dict.fromkeys(
    ("mosaic", "hsv_h", "hsv_s", "hsv_v", "translate", "scale", "fliplr", "close_mosaic"), 0.0
)  # no augmentation


def ranks(parent: int | None = None) -> dict[int, psutil.Process]:
    """The training processes of a process, by rank."""
    found = {}
    for child in psutil.Process(parent).children(recursive=True):
        try:
            if "yolo_tl.engine.rank" in " ".join(child.cmdline()):
                found[int(child.environ()["RANK"])] = child
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


class Events:
    """A listener that keeps what it is told, and does something at a batch."""

    def __init__(self, at: int | None = None, do=None) -> None:
        self.told, self.at, self.do = [], at, do

    def __getattr__(self, name: str):
        def tell(*given):
            self.told.append((name, given))
            if name == "batch" and given[0] == self.at:
                self.do()

        return tell

    def of(self, name: str) -> list[tuple]:
        return [given for event, given in self.told if event == name]


class Staged(Events):
    """Keeps the state that the first stage hands to the second."""

    def stage(self, name: str, *epochs: int) -> None:
        self.told.append(("stage", (name, *epochs)))
        if name == "all":
            self.handed_over = read_state(self.run)


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "results.csv").open() as stream:
        return list(csv.DictReader(stream))


def no_traces(run: Path) -> None:
    assert ranks() == {}
    assert [path.name for path in run.rglob(".*")] == []


@pytest.fixture(scope="module")
def staged(sample, tmp_path_factory):
    """Two stages, the first of which ends for want of a better score, which the first process alone knows."""
    listener = Staged()
    listener.run = tmp_path_factory.mktemp("staged") / "run"
    stages = [
        {"name": "head", "until": 3, "patience": 1, "freeze": "trunk", "bn": "frozen"},
        {"name": "all", "lr": 0.1},
    ]
    options = {**TWO, "epochs": 4, "stages": stages, "keep": 1}
    began = time.process_time()
    result = yolo_tl.train(sample, "yolo26n.yaml", out=listener.run, overrides=options, listener=listener)
    return result, listener, time.process_time() - began


@pytest.mark.slow
def test_a_run_of_two_stages(staged):
    result, listener, own_seconds = staged
    assert result.plan.devices == 2
    assert [given[0] for given in listener.of("stage")] == ["head", "all"]
    assert listener.handed_over["ends"] == [2]
    assert [given[0] for given in listener.of("batch")] == list(range(1, 13))
    assert [(given[0].epoch, given[0].stage) for given in listener.of("epoch")] == [
        (1, "head"), (2, "head"), (3, "all"), (4, "all")
    ]  # fmt: skip
    assert [row["epoch"] for row in rows(result.run)] == ["1", "2", "3", "4"]
    kept = read_state(result.run)
    assert kept["finished"]
    assert kept["random"] is None
    assert {path.name for path in (result.run / "weights").iterdir()} == {"best.pt", "last.pt", "epoch4.pt"}
    assert "4 epochs" in (result.run / "engine.log").read_text()
    assert (result.run / "engine.rank1.log").stat().st_size > 0
    assert 0 < kept["cpu_seconds"] < result.cpu_seconds
    assert result.cpu_seconds > own_seconds, "the time of the training processes does not count"
    no_traces(result.run)


@pytest.mark.slow
def test_what_is_frozen_stays_and_learns_later(staged):
    result, listener, _ = staged
    head = f"model.{result.plan.network.head}."
    start = load_checkpoint(result.run / "state" / "start.pt").state_dict()
    after, end = listener.handed_over["model"], read_state(result.run)["model"]
    trunk = [name for name in start if not name.startswith(head) and start[name].is_floating_point()]
    assert all((start[name] == after[name]).all() for name in trunk)
    assert any((start[name] != after[name]).any() for name in start if name.startswith(head))
    convolutions = [name for name in trunk if name.endswith("conv.weight")]
    assert convolutions
    assert all((after[name] != end[name]).any() for name in convolutions)


@pytest.mark.slow
def test_the_weights_are_those_of_a_plain_network(staged):
    result, _, _ = staged
    for name in ("best.pt", "last.pt", "epoch4.pt"):
        network = load_checkpoint(result.run / "weights" / name)
        assert not any(key.startswith("module.") for key in network.state_dict())
        assert type(network).__name__ == "DetectionModel"


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one(sample, tmp_path):
    """An image each, and a step for both: the steps of one process that accumulates the gradients of two images.

    A batch of several images would be another loss: Ultralytics divides it by the targets of the batch.
    """
    data = tmp_path / "data"
    shutil.copytree(sample, data)
    for image in sorted((data / "images" / "train").iterdir())[2:]:
        image.unlink()
        (data / "labels" / "train" / f"{image.stem}.txt").unlink()
    options = {"epochs": 3, "imgsz": 64, "nbs": 2, "optimizer": "SGD", "lr": 0.05, "warmup": 0.0}
    # Decay would move weights without any gradient; bfloat16 rounds differently in sums over other numbers of threads.
    options |= {"weight_decay": 0.0, "precision": "fp32"}
    options |= {f"augment.{name}": value for name, value in PLAIN_IMAGES.items()} | {"state_every": 0.0}
    states = []
    for device, batch in (("cpu", 1), ("cpu,cpu", 2)):
        out = tmp_path / device
        given = {**options, "device": device, "batch": batch, "threads": 2}
        yolo_tl.train(data, "yolov8n.yaml", out=out, overrides=given)
        states.append(read_state(out))
    start = load_checkpoint(tmp_path / "cpu" / "state" / "start.pt").state_dict()
    one, two = states
    assert (one["epoch"], one["updates"]) == (two["epoch"], two["updates"]) == (3, 3)
    weights = [name for name, _ in load_checkpoint(tmp_path / "cpu" / "state" / "start.pt").named_parameters()]
    for kind in ("model", "ema"):
        moved = {name: float((one[kind][name] - start[name]).abs().max()) for name in weights}
        assert sum(value > 1e-4 for value in moved.values()) > len(weights) / 2, "nothing learned, nothing is compared"
        for name in weights:
            assert float((one[kind][name] - two[kind][name]).abs().max()) <= 1e-4 * moved[name] + 1e-7, (kind, name)
    statistics = [name for name in start if name.endswith("running_mean")]
    assert any((one["model"][name] != two["model"][name]).any() for name in statistics), "the first saw every image"


GROUP = """
import sys
sys.path[:] = {path!r}
from pathlib import Path
from yolo_tl.engine.group import gather, join_group, leave_group, require_equal_weights, share_buffers, synchronised
from yolo_tl.errors import PlanMismatch
rank = int(sys.argv[1])
join_group("cpu", rank, Path(sys.argv[2]))
import torch
torch.manual_seed(0)
network = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 1))
together = synchronised(network, torch.device("cpu"))
together(torch.randn(4, 2) + rank).sum().backward()
print(gather(rank), [bool((g == gather(g)[0]).all()) for g in [p.grad for p in network.parameters()]])
print(len(set(gather(float(network[1].running_mean[0])))))
share_buffers(network)
print(len(set(gather(float(network[1].running_mean[0])))))
require_equal_weights(network)
with torch.no_grad():
    network[2].weight[0, rank] += 1e-6 * rank
try:
    require_equal_weights(network)
except PlanMismatch as error:
    print(error.message)
leave_group()
"""


def test_what_processes_do_together(tmp_path):
    code = GROUP.format(path=sys.path)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(rank), str(tmp_path / "meeting")],
            env={**os.environ, "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    for process in started:
        text, _ = process.communicate(timeout=300)
        assert text.splitlines() == [
            f"[0, 1] {[True] * 6}",
            "2",
            "1",
            "process 1 has other weights than process 0, for example 2.weight",
        ]


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_run(sample, tmp_path):
    out = tmp_path / "run"
    listener = Events(at=2, do=lambda: ranks()[1].kill())
    with pytest.raises(ModelError, match="process 1 of 2 was killed by SIGKILL") as caught:
        yolo_tl.train(sample, "yolov8n.yaml", out=out, overrides={**TWO, "epochs": 50}, listener=listener)
    assert str(out / "engine.rank1.log") in caught.value.hint
    no_traces(out)


@pytest.mark.slow
def test_an_error_in_a_process_arrives_as_it_is(sample, tmp_path, ultralytics):
    network = ultralytics.YOLO("yolov8n.yaml", verbose=False)
    for parameter in network.model.model[-1].cv2.parameters():
        parameter.data.fill_(float("nan"))
    network.save(tmp_path / "nan.pt")
    out = tmp_path / "run"
    with pytest.raises(LossNotFinite, match=r"the loss of epoch 1 is nan, at a batch of .*jpg|png") as caught:
        yolo_tl.train(sample, str(tmp_path / "nan.pt"), out=out, overrides={**TWO, "epochs": 2})
    assert "not-finite" in caught.value.hint
    assert read_state(out) is None
    no_traces(out)


@pytest.mark.slow
def test_ctrl_c_ends_all_processes(sample, tmp_path):
    out = tmp_path / "run"
    listener = Events(at=5, do=lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(TrainingInterrupted, match="the last checkpoint is"):
        yolo_tl.train(sample, "yolov8n.yaml", out=out, overrides={**TWO, "epochs": 50}, listener=listener)
    assert read_state(out)["epoch"] >= 1
    assert len(listener.of("batch")) < 50
    no_traces(out)


@pytest.mark.slow
def test_processes_end_with_a_killed_parent_and_the_run_goes_on(sample, tmp_path):
    """It validates every second epoch, and sooner when the score has not risen: so says the first process."""
    out = tmp_path / "run"
    sets = [part for key, value in TWO.items() for part in ("--set", f"{key}={value}")]
    sets += ["--set", "epochs=4", "--set", "val_every=2", "--set", "patience=1"]
    command = [sys.executable, "-m", "yolo_tl", "train", str(sample), "-w", "yolov8n.yaml", "-o", str(out), *sets]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        assert any(line.startswith("epoch 1/") for line in process.stderr)
        started = ranks(process.pid)
        assert set(started) == {0, 1}
    finally:
        process.kill()
        process.wait()
    _, alive = psutil.wait_procs(started.values(), timeout=60)
    assert alive == []
    before = read_state(out)
    assert not before["finished"]
    result = yolo_tl.resume(out)
    assert [row["epoch"] for row in rows(out)] == ["1", "2", "3", "4"]
    assert read_state(out)["cpu_seconds"] > before["cpu_seconds"]
    assert result.weights.is_file()


def test_a_process_ends_when_its_parent_lets_go_of_it(tmp_path):
    """Also in the middle of something: here it waits for its job, which is a pipe that nobody writes to."""
    os.mkfifo(tmp_path / Job.FILE)
    code = f"import sys; sys.path[:] = {sys.path!r}; from yolo_tl.engine.rank import main; main({str(tmp_path)!r})"
    environment = {**os.environ, "RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2"}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdin=subprocess.PIPE)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=3)
        process.stdin.close()
        assert process.wait(timeout=120) == 1
        assert not list(tmp_path.glob("error*"))
    finally:
        process.kill()


def ended(code: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", f"import os; os._exit({code})"])
    process.wait()
    return process


@pytest.mark.parametrize(
    "left, expected",
    [
        ({0: (1.0, True), 1: (2.0, False)}, "of 1"),  # noticed sooner, but only a consequence
        ({0: (2.0, False), 1: (1.0, False)}, "of 1"),  # the earlier one
        ({0: (1.0, True)}, "process 1 of 2 ended with status 3"),  # 1 left nothing
        ({1: (1.0, False)}, "of 1"),  # 0 left nothing, but 1 says why
        ({0: (1.0, True), 1: (2.0, True)}, "of 0"),
    ],
)
def test_the_cause_is_told_from_its_consequences(tmp_path, left, expected):
    for rank, (at, consequence) in left.items():
        error = Left(at, consequence, RuntimeError(f"of {rank}"))
        (tmp_path / Left.FILE.format(rank)).write_bytes(pickle.dumps(error))
    job = Job(SimpleNamespace(devices=2), 0, None, tmp_path / "run", 0.0)
    assert expected in str(_cause([ended(3), ended(3)], job, tmp_path))


def test_errors_travel():
    """Ours, and those that Python knows, as they are; others by their text, from which lack of memory is told."""

    class Foreign(RuntimeError):
        pass

    given = ImageError("a.jpg: damaged", hint="convert again")
    for error in (given, OSError(28, "No space left on device"), MemoryError("12 GB")):
        travelled = pickle.loads(pickle.dumps(_portable(error)))
        assert type(travelled) is type(error)
        assert travelled.args == error.args
    assert _portable(given).hint == "convert again"
    foreign = _portable(Foreign("CUDA out of memory"))
    assert type(foreign) is RuntimeError
    assert str(foreign) == "Foreign: CUDA out of memory"
    assert not _is_consequence(Foreign("CUDA out of memory"))
    assert _is_consequence(RuntimeError("[gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:39"))
