from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.checkpoints import checkpoint
from support.verdicts import predictions, start

from yolo_tl import api, negative_transfer
from yolo_tl.api.verdicts import verdict as public
from yolo_tl.data.dataset import read_dataset
from yolo_tl.errors import ConfigError, DataError, TrainingInterrupted, UsageError
from yolo_tl.evaluation.verdict import Verdict
from yolo_tl.negative_transfer import RESULT, rungs, verdict
from yolo_tl.transfer.progress import EpochReport

TINY = {"imgsz": 64, "batch": 8, "threads": 1, "device": "cpu"}
SKILL = {"full": 0.7, "frozen": 0.5, "staged": 0.6, "scratch": 0.3}


class Trainer:
    """Instead of training, says what a detector of a known skill would; every epoch of full and scratch adds to it."""

    def __init__(self, skill: Mapping[str, float] = SKILL, *, stop_at: int = 0) -> None:
        self.skill, self.stop_at = dict(skill), stop_at
        self.calls: list[tuple[str, int, str]] = []
        self.options: list[dict[str, Any]] = []

    def train(
        self, data: Path, weights: str, *, out: Path, overrides: Mapping[str, Any], listener, **common: Any
    ) -> None:
        self.options.append({"weights": weights, **overrides, **common})
        (out / "state").mkdir(parents=True)
        self._run(out, overrides["epochs"], overrides["seed"], listener, "train")

    def resume(self, run: Path, *, listener, trust: bool, epochs: int | None = None) -> None:
        kept = yaml.safe_load((run / "run.yaml").read_text())["decisions"]
        (run / "metrics.json").unlink(missing_ok=True)
        self._run(run, epochs or kept["epochs"]["value"], kept["seed"]["value"], listener, "resume")

    def _run(self, run: Path, epochs: int, seed: int, listener, how: str) -> None:
        decisions = {"epochs": {"value": epochs}, "seed": {"value": seed}}
        (run / "run.yaml").write_text(yaml.safe_dump({"decisions": decisions}))
        (run / "state" / "last.pt").touch()
        if len(self.calls) + 1 == self.stop_at:
            self.stop_at = 0
            raise TrainingInterrupted("stopped")
        self.calls.append((run.name, epochs, how))
        listener.stage("all", 1, epochs, epochs)
        listener.epoch(EpochReport(epochs, epochs, "all", 1.0, {}, None, None))
        said = predictions(min(self.skill[run.name.rpartition("-seed")[0]] + 0.01 * epochs, 1), seed=seed)
        said.write(run / "predictions.npz")
        (run / "metrics.json").write_text("{}")


@pytest.fixture(scope="module")
def weights(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    folder = tmp_path_factory.mktemp("weights")

    def made(name: str, *, width: int = 8) -> str:
        path = folder / f"{name}.pt"
        return str(path if path.is_file() else checkpoint(path, sample, width=width))

    return made


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """LogME by the name of the weights; -0.5 of those that are not in it."""
    scores: dict[str, float] = {}
    monkeypatch.setattr(
        negative_transfer,
        "assess",
        lambda names, *_, **__: tuple(start(n, scores.get(Path(n).stem, -0.5)) for n in names),
    )
    return scores


def skill(**by_recipe: float) -> dict[str, float]:
    """Of candidates called ``full-1``, …"""
    return {f"{name}-{k}": value for name, value in {**SKILL, **by_recipe}.items() for k in (1, 2, 3)}


def race(data: Path, names: str | list[str], out: Path, trainer: Trainer, **options: Any) -> Verdict:
    names = [names] if isinstance(names, str) else names
    options = {"epochs": 27, "overrides": TINY, **options}
    return verdict(data, names, out, train=trainer.train, resume=trainer.resume, plan=api.plan, **options)


@given(st.integers(6, 3000))
def test_rungs_rise_to_a_third_of_a_full_run(full: int) -> None:
    found = rungs(full)
    assert found[0] >= 2
    assert found[-1] == round(full / 3)
    assert all(2 < later / earlier < 4 for earlier, later in pairwise(found))
    assert found[0] < 6


@pytest.mark.usefixtures("looks")
def test_the_worse_are_dropped_and_the_rest_goes_on(sample: Path, weights, tmp_path: Path) -> None:
    trainer = Trainer(skill())
    found = race(sample, weights("w"), tmp_path / "out", trainer)
    assert trainer.calls == [
        ("full-1-seed0", 3, "train"),
        ("frozen-1-seed0", 3, "train"),
        ("staged-1-seed0", 3, "train"),
        ("scratch-1-seed0", 3, "train"),
        ("full-1-seed0", 9, "resume"),
        ("staged-1-seed0", 9, "train"),
        ("scratch-1-seed0", 9, "resume"),
    ]
    assert found.transfer.key == "full-1"
    assert found.scratch.key == "scratch-1"
    assert [list(c.scores) for c in found.candidates] == [[3, 9], [3], [3, 9], [3, 9]]
    assert [bool(c.dropped) for c in found.candidates] == [False, True, True, False]
    assert "after 3 epochs, where the best had" in found.candidates[1].dropped
    assert "after 9 epochs, where the best had" in found.candidates[2].dropped
    assert found.outcome == "use this"
    assert found.run == tmp_path / "out" / "full-1-seed0"
    assert (found.epochs, found.full_epochs) == (9, 27)


@pytest.mark.usefixtures("looks")
def test_all_train_alike_but_for_what_they_differ_in(sample: Path, weights, tmp_path: Path) -> None:
    trainer = Trainer(skill())
    found = race(sample, weights("w"), tmp_path / "out", trainer, overrides={**TINY, "lr": 0.02})
    own = ("weights", "freeze", "stages")
    rest = [{key: value for key, value in options.items() if key not in own} for options in trainer.options]
    assert rest[0] == rest[1] == rest[2] == rest[3]
    assert rest[0]["lr"] == 0.02
    full, frozen, staged, scratch = trainer.options[:4]
    assert (full.get("freeze"), frozen["freeze"]) == (None, "backbone")
    assert [stage.get("freeze") for stage in staged["stages"]] == ["trunk", None]
    assert full["weights"] == frozen["weights"] == staged["weights"] == weights("w")
    assert scratch["weights"].endswith("architectures/1/custom.yaml")
    # What depends on the length of a run is planned for the longest one, so that a rung is the beginning of the next.
    planned = api.plan(sample, weights("w"), overrides={**TINY, "epochs": 9})
    assert {key: full[key] for key in ("warmup", "nbs", "ema_window", "val_every")} == {
        key: planned[key] for key in ("warmup", "nbs", "ema_window", "val_every")
    }
    assert found.steps == planned.budget.steps


@pytest.mark.parametrize(
    ("by_recipe", "outcome", "winner"),
    [
        ({"staged": 0.9}, "use this", "staged-1"),
        ({"scratch": 0.9}, "negative transfer", "scratch-1"),
        ({"scratch": 0.71}, "no difference", None),
    ],
)
@pytest.mark.usefixtures("looks")
def test_the_verdict_is_the_best_way_to_transfer_against_scratch(
    sample: Path, weights, tmp_path: Path, by_recipe: dict[str, float], outcome: str, winner: str | None
) -> None:
    trainer = Trainer(skill(**by_recipe))
    found = race(sample, weights("w"), tmp_path / "out", trainer)
    assert found.outcome == outcome
    assert winner in (None, found.winner.key)
    change = found.comparison.map50_95
    assert change.a == pytest.approx(found.transfer.scores[9])
    assert change.b == pytest.approx(found.scratch.scores[9])
    if winner == "staged-1":  # its stages are shares of a run: no rung goes on from the one before
        assert [call for call in trainer.calls if call[0] == "staged-1-seed0"] == [
            ("staged-1-seed0", 3, "train"),
            ("staged-1-seed0", 9, "train"),
        ]


@pytest.mark.usefixtures("looks")
def test_with_more_rungs_half_of_the_ways_go_on(sample: Path, weights, tmp_path: Path) -> None:
    trainer = Trainer(skill(frozen=0.65))
    race(sample, weights("w"), tmp_path / "out", trainer, epochs=100)
    reached = [sorted(key.partition("-")[0] for key, epochs, _ in trainer.calls if epochs == e) for e in (4, 11, 33)]
    assert reached == [["frozen", "full", "scratch", "staged"], ["frozen", "full", "scratch"], ["full", "scratch"]]


@pytest.mark.parametrize("stop_at", [1, 3, 6, 7])
@pytest.mark.usefixtures("looks")
def test_what_was_stopped_goes_on_to_the_same_verdict(sample: Path, weights, tmp_path: Path, stop_at: int) -> None:
    whole = race(sample, weights("w"), tmp_path / "whole", Trainer(skill()))
    trainer = Trainer(skill(), stop_at=stop_at)
    with pytest.raises(TrainingInterrupted):
        race(sample, weights("w"), tmp_path / "out", trainer)
    assert not (tmp_path / "out" / RESULT).exists()
    found = race(sample, weights("w"), tmp_path / "out", trainer)
    assert len(trainer.calls) == 7, "what was done is not done again"
    assert found.comparison == whole.comparison
    assert [c.scores for c in found.candidates] == [c.scores for c in whole.candidates]
    again = Trainer({})
    assert race(sample, weights("w"), tmp_path / "out", again) == found
    assert again.calls == []


def test_weights_that_know_nothing_are_not_trained_where_others_do(
    sample: Path, weights, tmp_path: Path, looks: dict[str, float]
) -> None:
    looks.update(bad=-0.7, other=-0.4)
    trainer = Trainer({**skill(), "full-3": 0.9})
    names = [weights("w"), weights("bad"), weights("other", width=16)]
    found = race(sample, names, tmp_path / "out", trainer)
    assert [start.dropped != "" for start in found.starts] == [False, True, False]
    assert not any(key.split("-")[1] == "2" and "scratch" not in key for key, *_ in trainer.calls)
    assert found.transfer.key == "full-3"
    assert found.scratch.architecture == found.transfer.architecture
    assert "another architecture" in next(c for c in found.candidates if c.key == "scratch-1").dropped
    assert found.start.weights == weights("other", width=16)


def test_a_start_that_knows_nothing_is_flagged_though_it_is_trained(
    sample: Path, weights, tmp_path: Path, looks: dict[str, float]
) -> None:
    looks.update(w=-0.65)
    found = race(sample, weights("w"), tmp_path / "out", Trainer(skill()))
    assert found.outcome == "use this"
    assert found.flagged
    assert found.notes[0].startswith(weights("w"))


@pytest.mark.usefixtures("looks")
def test_other_seeds_train_only_what_is_compared(sample: Path, weights, tmp_path: Path) -> None:
    trainer = Trainer(skill())
    found = race(sample, weights("w"), tmp_path / "out", trainer, seeds=(4, 5, 6))
    others = [call for call in trainer.calls if not call[0].endswith("seed4")]
    assert others == [
        (f"{key}-1-seed{seed}", epochs, how)
        for key in ("full", "scratch")
        for seed in (5, 6)
        for epochs, how in ((3, "train"), (9, "resume"))
    ]
    assert len(found.comparison.seeds_a) == len(found.comparison.seeds_b) == 3
    assert found.comparison.pairing == "paired by position"


@pytest.mark.usefixtures("looks")
def test_the_cost_is_counted_and_written(sample: Path, weights, tmp_path: Path) -> None:
    found = race(sample, weights("w"), tmp_path / "out", Trainer(skill()))
    written = json.loads((tmp_path / "out" / RESULT).read_text())
    assert written == json.loads(json.dumps(found.to_json()))
    spent = json.loads((tmp_path / "out" / "spent.json").read_text())
    assert found.cpu_seconds == pytest.approx(sum(spent["seconds"].values()))
    assert [c.cpu_seconds for c in found.candidates] == [spent["seconds"][c.key] for c in found.candidates]
    epochs, seconds = spent["epochs"]["full-1"]
    assert epochs == 2
    assert found.candidates[0].full_cpu_seconds == pytest.approx(27 * seconds / 2)


@pytest.mark.usefixtures("looks")
def test_another_request_is_refused_and_overwrite_begins_anew(sample: Path, weights, tmp_path: Path) -> None:
    race(sample, weights("w"), tmp_path / "out", Trainer(skill()))
    with pytest.raises(UsageError, match="holds a verdict of something else: epochs was 27, is 30"):
        race(sample, weights("w"), tmp_path / "out", Trainer(skill()), epochs=30)
    trainer = Trainer(skill())
    race(sample, weights("w"), tmp_path / "out", trainer, epochs=30, overwrite=True)
    assert trainer.calls[0] == ("full-1-seed0", 3, "train")
    assert len(trainer.calls) == 7
    assert trainer.calls[-1][1] == 10


def test_what_makes_no_sense_is_refused_before_anything_is_made(sample: Path, weights, tmp_path: Path) -> None:
    cases: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
        ([], {}, UsageError, "expected one or more"),
        ([weights("w")] * 2, {}, UsageError, "each once"),
        ("yolov5n.yaml", {}, UsageError, "found the architecture yolov5n.yaml"),
        (weights("w"), {"epochs": 5}, ConfigError, "expected 6 or more for a full run, found 5"),
        (weights("w"), {"seeds": ()}, ConfigError, "seeds: expected one or more"),
        (weights("w"), {"seeds": (1, 1)}, ConfigError, "each once"),
        (weights("w"), {"preset": "lp-ft"}, ConfigError, "freeze, stages"),
        (weights("w"), {"overrides": {"freeze": "stem"}}, ConfigError, "freeze, stages"),
    ]
    for names, options, error, match in cases:
        with pytest.raises(error, match=match):
            race(sample, names, tmp_path / "out", Trainer(), **options)
    assert not (tmp_path / "out").exists()


def test_val_must_be_there_and_other_than_train(sample: Path, weights, tmp_path: Path) -> None:
    dataset = read_dataset(sample)
    same = {"path": str(dataset.root), "train": "images/train", "val": "images/train", "names": list(dataset.names)}
    (tmp_path / "same.yaml").write_text(yaml.safe_dump(same))
    with pytest.raises(DataError, match="not trained on"):
        race(tmp_path / "same.yaml", weights("w"), tmp_path / "out", Trainer())
    (tmp_path / "one.txt").write_text(f"{dataset.split('val').images[0]}\n")
    (tmp_path / "one.yaml").write_text(yaml.safe_dump({**same, "val": str(tmp_path / "one.txt")}))
    with pytest.raises(DataError, match="2 or more val images with objects, found 1 images"):
        race(tmp_path / "one.yaml", weights("w"), tmp_path / "out", Trainer())


@pytest.mark.slow
def test_real_runs_take_the_same_steps_and_go_on_through_the_rungs(sample: Path, weights, tmp_path: Path) -> None:
    found = public(sample, weights("real"), out=tmp_path / "out", epochs=18, overrides=TINY)
    assert [list(c.scores) for c in found.candidates if not c.dropped] == [[2, 6], [2, 6]]
    for key in (found.transfer.key, found.scratch.key):
        run = tmp_path / "out" / f"{key}-seed0"
        rows = (run / "results.csv").read_text().splitlines()
        assert len(rows) == 1 + 6
        plan = yaml.safe_load((run / "run.yaml").read_text())
        assert plan["budget"]["steps"] == found.steps
        assert (run / "weights" / "best.pt").is_file()
    assert found.comparison.images == len(read_dataset(sample).split("val"))
    assert found.outcome in ("use this", "no difference", "negative transfer")
    assert found.cpu_seconds > 0
    assert all(c.full_cpu_seconds > 0 for c in found.candidates)
    assert len(found.starts[0].levels) == 8
    assert public(sample, weights("real"), out=tmp_path / "out", epochs=18, overrides=TINY) == found
