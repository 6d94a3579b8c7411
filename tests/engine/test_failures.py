"""What goes wrong while training: said clearly, with nothing lost."""

from __future__ import annotations

import math

import pytest
import torch
import yaml

import yolo_tl
from yolo_tl.engine.checkpoint import load_checkpoint, new_network
from yolo_tl.engine.saving import save_checkpoint
from yolo_tl.errors import ConfigError, LossNotFinite, ModelError, NotImproved, PresetNotFound, UsageError
from yolo_tl.transfer.progress import Silent

from .conftest import TINY


class Notes(Silent):
    """A listener that remembers what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def loss(monkeypatch, ultralytics):
    """Let every loss go through a function of its value and the batch."""
    from ultralytics.nn.tasks import DetectionModel

    original = DetectionModel.loss

    def change(function):
        def changed(self, batch, preds=None):
            value, items = original(self, batch, preds)
            return function(value, batch) if self.training else value, items

        monkeypatch.setattr(DetectionModel, "loss", changed)

    return change


def test_a_loss_that_is_not_a_number_stops_the_run_and_keeps_the_batch(sample, tmp_path, loss):
    seen = []

    def third_is_nan(value, batch):
        seen.append(batch["im_file"])
        return value * math.nan if len(seen) == 3 else value

    loss(third_is_nan)
    out = tmp_path / "run"
    with pytest.raises(LossNotFinite, match="the loss of epoch 1 is nan") as caught:
        yolo_tl.train(sample, "yolov8n.yaml", out=out, overrides=TINY)
    assert caught.value.exit_code == 4
    named = (out / "not-finite" / "images.txt").read_text().split()
    linked = [name.rpartition("/")[2].partition("-")[2] for name in seen[2]]
    assert [name.rpartition("/")[2] for name in named] == linked
    assert all(str(sample) in name for name in named)
    assert (out / "not-finite" / "batch.jpg").stat().st_size > 1000


@pytest.mark.slow
def test_out_of_memory_halves_the_batch_and_says_so(sample, tmp_path, loss):
    def too_large(value, batch):
        if len(batch["img"]) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return value

    loss(too_large)
    listener = Notes()
    result = yolo_tl.train(
        sample, "yolov8n.yaml", out=tmp_path / "run", overrides={**TINY, "batch": 16}, listener=listener
    )
    assert listener.notes == ["out of memory: batch 16 → 8", "out of memory: batch 8 → 4"]
    assert (result.plan["batch"], result.plan.budget.batches) == (4, 5)
    kept = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text())
    assert kept["decisions"]["batch"] == {"value": 4, "reason": "", "source": "out of memory"}


def test_memory_that_never_suffices_is_an_error(sample, tmp_path, loss):
    def never(value, batch):
        raise RuntimeError("CUDA out of memory.")

    loss(never)
    with pytest.raises(ModelError, match="training failed: CUDA out of memory"):
        yolo_tl.train(sample, "yolov8n.yaml", out=tmp_path / "run", overrides={**TINY, "batch": 2})


@pytest.mark.slow
def test_a_run_that_ends_worse_than_it_began(learned, tmp_path):
    """A learned network, trained on with a rate that destroys it."""
    data, weights = learned
    options = {"epochs": 2, "imgsz": 96, "batch": 4, "threads": 1, "device": "cpu", "lr": 1.0, "optimizer": "SGD"}
    options |= {"val_every": 2, "warmup": 0.0}
    result = yolo_tl.train(data, str(weights), out=tmp_path / "worse", overrides=options)
    assert result.change.worse
    assert result.change.before == pytest.approx(yolo_tl.evaluate(weights, data).metrics.map50_95, abs=0.02)
    assert "ended worse than it began" in result.change.describe()
    with pytest.raises(NotImproved, match="ended worse than it began") as caught:
        yolo_tl.train(data, str(weights), out=tmp_path / "again", overrides=options, must_improve=True)
    assert caught.value.exit_code == 7
    assert (tmp_path / "again" / "metrics.json").is_file()


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"freeze": ["trunk", "head"]}, ConfigError, "nothing to train"),
        ({"lr": 0.0}, ConfigError, "lr: expected above 0"),
        ({"rates.head": 0.0}, ConfigError, "rates.head: expected above 0"),
        ({"stages": [{"until": 99}, {}]}, ConfigError, "ends after epoch 99"),
        ({"family": "yolo26"}, ConfigError, "is for yolo26 networks, found yolov8n"),
        ({"aliases": ["plate=dish"]}, ConfigError, "aliases"),
        ({"augment.pipeline": "inspectoin"}, PresetNotFound, "did you mean 'inspection'"),
        ({"device": "cuda:9"}, ConfigError, "device"),
        ({"epochs": 2, "bath": 3}, ConfigError, "did you mean 'batch'"),
    ],
)
def test_what_cannot_be_is_refused_before_a_run_folder_is_made(sample, tmp_path, options, error, message):
    out = tmp_path / "run"
    with pytest.raises(error, match=message) as caught:
        yolo_tl.train(sample, "yolov8n.yaml", out=out, overrides={**TINY, **options})
    assert caught.value.exit_code == 2
    assert not out.exists()


def test_weights_of_another_task_are_refused(sample, tmp_path, ultralytics):
    from ultralytics.nn.tasks import SegmentationModel

    weights = tmp_path / "segment.pt"
    network = SegmentationModel("yolov8n-seg.yaml", verbose=False)
    network.task = "segment"
    save_checkpoint(network, weights, train_args={"task": "segment"})
    with pytest.raises(UsageError, match="is a segment network; only detect is trained"):
        yolo_tl.plan(sample, str(weights))


@pytest.mark.slow
def test_aliases_carry_class_rows_over(sample, tmp_path):
    """A class of the weights by another name starts with its row; the checkpoint bears our names."""
    source = new_network("yolov8n.yaml")
    source.names = {i: f"thing {i}" for i in range(80)} | {7: "plate"}
    source.nc = 80
    save_checkpoint(source, tmp_path / "source.pt", train_args={}, half=False)
    result = yolo_tl.train(
        sample,
        str(tmp_path / "source.pt"),
        out=tmp_path / "run",
        overrides={**TINY, "epochs": 1, "aliases": ["disc=plate"]},
    )
    start = load_checkpoint(tmp_path / "run" / "state" / "start.pt")
    disc = result.plan.data.names.index("disc")
    others = [index for index in range(3) if index != disc]
    for ours, theirs in zip(start.model[-1].cv3, source.model[-1].cv3, strict=True):
        assert torch.equal(ours[-1].weight[disc], theirs[-1].weight[7])
        assert not any(torch.equal(ours[-1].weight[index], theirs[-1].weight[7]) for index in others)
    assert list(load_checkpoint(result.weights).names.values()) == list(result.plan.data.names)
    assert result.change is not None
    longer = yolo_tl.resume(result.run, epochs="+1")
    assert longer.plan.classes == result.plan.classes
    assert longer.change.before == pytest.approx(result.change.before)
