"""That stages do what they say: what is frozen stays, what learns moves as fast as planned."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

import yolo_tl
from yolo_tl.engine.checkpoint import load_checkpoint
from yolo_tl.transfer.progress import Silent

from .conftest import TINY


class Snapshots(Silent):
    """A listener that keeps the weights at the end of every epoch, from the state of the run."""

    def __init__(self, run) -> None:
        self.run, self.states, self.stages = run, {}, []

    def stage(self, name, first, last, epochs) -> None:
        self.stages.append((name, first, last, epochs))

    def epoch(self, report) -> None:
        from yolo_tl.engine.state import read_state

        self.states[report.epoch] = read_state(self.run)["model"]


def train(sample, out, **options):
    listener = Snapshots(out)
    given = {**TINY, "state_every": 0.0, **options}
    result = yolo_tl.train(
        sample, "yolo26n.yaml", out=out, preset=given.pop("preset", "small-data"), overrides=given, listener=listener
    )
    return result, listener


def moved(before, after) -> set[str]:
    return {name for name in before if before[name].is_floating_point() and not torch.equal(before[name], after[name])}


@pytest.mark.slow
def test_each_stage_moves_its_layers_only(sample, tmp_path):
    """Gradual: head, then neck, then backbone, then stem; tensors and BatchNorm statistics alike."""
    result, seen = train(sample, tmp_path / "run", preset="gradual", epochs=7)
    network = result.plan.network
    assert seen.stages == [("head", 1, 1, 7), ("neck", 2, 2, 7), ("backbone", 3, 3, 7), ("all", 4, 7, 7)]
    start = load_checkpoint(tmp_path / "run" / "state" / "start.pt").state_dict()
    states = [start, *(seen.states[epoch] for epoch in (1, 2, 3, 7))]
    assert [min(stage.freeze.engine, default=-1) for stage in result.plan.stages] == [0, 0, 0, -1]
    for stage, (before, after) in zip(result.plan.stages, pairwise(states), strict=True):
        learning = {name.split(".")[1] for name, _ in network.parameters if name not in stage.still}
        assert {name.split(".")[1] for name in moved(before, after)} == learning


@pytest.mark.parametrize(
    "policy", [pytest.param("train", marks=pytest.mark.slow), pytest.param("affine", marks=pytest.mark.slow), "frozen"]
)
def test_batchnorm_policies(sample, tmp_path, policy):
    result, seen = train(sample, tmp_path / "run", bn=policy, epochs=1)
    start = load_checkpoint(tmp_path / "run" / "state" / "start.pt").state_dict()
    changed = moved(start, seen.states[1])
    network = result.plan.network
    trunk = [norm for norm in network.norms if int(norm.split(".")[1]) < network.head]
    head = {f"{norm}.running_mean" for norm in network.norms if norm not in trunk}
    affine = {f"{norm}.{kind}" for norm in trunk for kind in ("weight", "bias")}
    statistics = {f"{norm}.running_mean" for norm in trunk}
    assert changed & head
    assert bool(changed & affine) == (policy != "frozen")
    assert bool(changed & statistics) == (policy == "train")


@pytest.mark.slow
def test_sections_learn_at_their_rates(sample, tmp_path):
    """Plain SGD: the first step from one start is proportional to the rate."""
    options = {"optimizer": "SGD", "lr": 1.0, "momentum": 0.0, "weight_decay": 0.0, "epochs": 1, "batch": 19}
    options |= {"warmup": 0.0, "bn": "frozen", "nbs": 19}
    steps = []
    for number, rate in enumerate((1.0, 0.5)):
        run = tmp_path / str(number)
        _, seen = train(sample, run, **options, **{"rates.stem": rate, "rates.neck": rate})
        start = load_checkpoint(run / "state" / "start.pt").state_dict()
        steps.append({name: seen.states[1][name] - start[name] for name in moved(start, seen.states[1])})
    for layer, rate in ((0, 0.5), (7, 1.0), (16, 0.5), (23, 1.0)):
        names = [name for name in steps[0] if name.startswith(f"model.{layer}.")]
        assert names
        for name in names:
            assert torch.allclose(steps[1][name], rate * steps[0][name], rtol=1e-2, atol=1e-7)


@pytest.mark.slow
def test_a_stage_that_no_longer_improves_ends_sooner(sample, tmp_path):
    """Validated every epoch, with a metric that stays at 0: a patience of 2 ends the first stage after epoch 2."""
    stages = [{"name": "a", "until": 0.9, "patience": 2, "freeze": "backbone"}, {"name": "b"}]
    result, seen = train(sample, tmp_path / "run", stages=stages, epochs=10, val_every=1, metric="recall")
    assert seen.stages[0] == ("a", 1, 9, 10)
    assert seen.stages[1][0] == "b"
    assert 3 <= seen.stages[1][1] <= 9
    assert max(seen.states) == 10
    assert result.plan["metric"] == "recall"


def test_a_stage_may_train_on_smaller_images(sample, tmp_path):
    stages = [{"name": "small", "until": 0.5, "imgsz": 0.5}, {"name": "whole"}]
    result, _ = train(sample, tmp_path / "run", stages=stages, imgsz=128, epochs=2)
    assert [stage.imgsz for stage in result.plan.stages] == [64, 128]
    assert load_checkpoint(result.weights).args["imgsz"] == 128


@pytest.mark.slow
def test_the_pull_towards_the_start_grows_with_its_strength(sample, tmp_path):
    distances = []
    for number, strength in enumerate((0.0, 1.0, 10.0)):
        run = tmp_path / str(number)
        _, seen = train(sample, run, l2_sp=strength, bn="frozen", lr=0.02)
        start = load_checkpoint(run / "state" / "start.pt").state_dict()
        trunk = [n for n in start if int(n.split(".")[1]) < 23 and start[n].is_floating_point()]
        distances.append(sum(float((seen.states[2][name] - start[name]).norm()) for name in trunk))
    assert distances[0] > distances[1] > distances[2] > 0


@pytest.mark.slow
def test_the_last_epochs_are_kept_on_request(sample, tmp_path):
    result, _ = train(sample, tmp_path / "run", keep=2, epochs=3)
    kept = sorted(path.name for path in (result.run / "weights").iterdir())
    assert kept == ["best.pt", "epoch2.pt", "epoch3.pt", "last.pt"]
    epoch3, last = (load_checkpoint(result.run / "weights" / n).state_dict() for n in ("epoch3.pt", "last.pt"))
    assert all(torch.equal(epoch3[name], last[name]) for name in last)


@pytest.mark.slow
def test_the_heads_of_yolo26_share_the_loss_over_the_whole_run(sample, tmp_path, monkeypatch):
    """Ultralytics begins the schedule anew with every trainer; here it goes on across stages."""
    from ultralytics.utils.loss import E2ELoss

    shares = []
    update = E2ELoss.update

    def noted(self):
        update(self)
        shares.append(round(self.o2m, 4))

    monkeypatch.setattr(E2ELoss, "update", noted)
    train(sample, tmp_path / "run", preset="lp-ft", epochs=5)
    once = [0.625, 0.45, 0.275, 0.1, 0.1]
    assert shares[:2] == once[:2]
    assert shares[-3:] == once[-3:]
