"""Whether these weights are worth starting from: transfer against random weights, at an equal budget of steps.

Transfer is negative where a detector that started from pretrained weights ends below one that started at random (Wang
et al. 2019, arXiv 1811.09751). It is found by training both, so the rest is about cost. First a few forward passes:
do the features tell objects from background better than those of random networks (`yolo_tl.engine.starts`)? Then runs
of a third of the epochs that a full run would have, by successive halving (Jamieson & Talwalkar 2016, arXiv
1502.07943): after each rung the worse half of the ways to transfer is dropped. Training from scratch stays to the
end, for the comparison of the best way with it is the verdict.

A rung goes on from the one before. At its end the learning rate has fallen, as at the end of a run, and it rises
again for the next (warm restarts, Loshchilov & Hutter 2017, arXiv 1608.03983); so every score is that of a finished
run. Stages are shares of a run: a staged candidate is trained anew for each rung.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from yolo_tl.config import TrainConfig, save
from yolo_tl.data.dataset import Dataset, read_dataset
from yolo_tl.data.fingerprint import file_fingerprint
from yolo_tl.data.targets import require_apart
from yolo_tl.engine.checkpoint import load_checkpoint
from yolo_tl.engine.hermetic import use_threads
from yolo_tl.engine.runs import kept_plan
from yolo_tl.engine.starts import assess, layers_of
from yolo_tl.engine.weights import find_weights, is_architecture
from yolo_tl.errors import ConfigError, UsageError
from yolo_tl.evaluation import Predictions, evaluate
from yolo_tl.evaluation.comparison import compare
from yolo_tl.evaluation.held_out import require_held_out
from yolo_tl.evaluation.starts import Start, without_hopeless
from yolo_tl.evaluation.verdict import SCRATCH, Candidate, Verdict
from yolo_tl.files import write_bytes, write_json
from yolo_tl.presets import META_KEYS, find_preset, read_yaml, resolve
from yolo_tl.run_series import finish_run, learnt_from, open_series, require_scorable, weights_digest
from yolo_tl.transfer.plan import TrainPlan
from yolo_tl.transfer.progress import Listener, Silent
from yolo_tl.transfer.spent import EpochMeter, Spent

RESULT = "verdict.json"
SHORTER = 3  # a full run is so many times as long as the longest one here
ETA = 3  # a rung is so many times as long as the one before
SHORTEST = 2  # epochs of a rung; a single one hardly warms up

RECIPES = {"full": None, "frozen": "backbone-frozen", "staged": "lp-ft"}  # what a preset adds to the one it extends

_MADE = rf".+-seed\d+|architectures|predictions|starts\.json|spent\.json|{RESULT}"
_BEFORE = "before"  # what is spent before training, in `Spent`


def verdict(
    data: Path | str,
    weights: Sequence[str],
    out: Path | str,
    *,
    train: Callable[..., Any],
    resume: Callable[..., Any],
    plan: Callable[..., TrainPlan],
    preset: str | None = "small-data",
    config: Path | str | None = None,
    epochs: int | None = None,
    seeds: Sequence[int] = (0,),
    overrides: Mapping[str, Any] | None = None,
    trust: bool = False,
    overwrite: bool = False,
    listener: Listener | None = None,
) -> Verdict:
    """Train from `weights` and from scratch, as briefly as will do, and say which is better.

    Called again with the same request it goes on where it was; a rung that is finished is not trained again. The runs
    lie in ``<candidate>-seed<seed>`` of `out`, what they said of val after each rung in ``predictions``. The first
    seed chooses the way to transfer; the others train that one and scratch.

    Args:
        data: a data.yaml or the folder that holds it; it is not modified.
        weights: one or several checkpoints' paths or names.
        out: folder for the runs and ``verdict.json``; not inside the data set.
        train: `yolo_tl.api.train`.
        resume: `yolo_tl.api.resume`.
        plan: `yolo_tl.api.plan`.
        preset: a named recipe, a YAML file, or None for the defaults.
        config: a YAML file, stronger than the preset.
        epochs: those of the full run that the verdict is about, 6 or more; the longest run here is a third of it. As
            configured by default.
        seeds: of training; each once.
        overrides: dotted configuration keys to values, strongest.
        trust: load a checkpoint that asks for foreign classes.
        overwrite: clear what `out` holds of a verdict, and begin anew.
        listener: told of each run, and of candidates by notes.

    Raises:
        ConfigError: epochs, seeds, or a configuration that says what is frozen: the candidates differ in that.
        DataError: the data set cannot be used, or its val split is too small to score on.
        TrainingInterrupted: Ctrl-C; the same call goes on.
        UsageError: no weights, an architecture among them, or `out` holds something else.
    """
    out, told = Path(out).resolve(), listener or Silent()
    dataset = read_dataset(data)
    require_apart(out, [dataset.root])
    given = dict(overrides or {})
    resolved = resolve(TrainConfig, kind="train", preset=preset, file=config, overrides=given).config
    full = resolved.epochs if epochs is None else epochs
    _require_sense(dataset, resolved, weights=weights, full=full, seeds=seeds)
    asked = {
        "data": file_fingerprint(dataset),
        "weights": [weights_digest(name) for name in weights],
        **{key: value for key, value in learnt_from(resolved).items() if key not in ("epochs", "seed")},
        "epochs": full,
        "seeds": list(seeds),
    }
    open_series(out, asked, what="a verdict", made=_MADE, overwrite=overwrite)
    race = _Race(
        out=out,
        dataset=dataset,
        rungs=rungs(full),
        seeds=tuple(seeds),
        spent=Spent(out / "spent.json"),
        train=partial(train, dataset.data, preset=preset, config=config, trust=trust),
        resume=partial(resume, trust=trust),
        plan=partial(plan, dataset.data, preset=preset, config=config, trust=trust),
        given={key: value for key, value in given.items() if key not in ("epochs", "seed")},
        told=told,
    )
    result = race.run(weights, full, trust=trust)
    write_json(out / RESULT, result.to_json())
    return result


def rungs(full: int) -> tuple[int, ...]:
    """Epochs of the rungs, rising: a third of a full run, a third of that, … down to two.

    >>> rungs(100), rungs(27), rungs(6)
    ((4, 11, 33), (3, 9), (2,))
    """
    found = [round(full / SHORTER)]
    while (lower := round(found[0] / ETA)) >= SHORTEST:
        found.insert(0, lower)
    return tuple(found)


@dataclass(frozen=True, eq=False)
class _Race:
    """The candidates' way through the rungs, in a folder; the functions come with all that does not change."""

    out: Path
    dataset: Dataset
    rungs: tuple[int, ...]
    seeds: tuple[int, ...]
    spent: Spent
    train: Callable[..., Any]
    resume: Callable[..., Any]
    plan: Callable[..., TrainPlan]
    given: Mapping[str, Any]
    told: Listener

    def run(self, weights: Sequence[str], full: int, *, trust: bool) -> Verdict:
        """From the weights to the verdict; `full` is how many epochs a full run has."""
        candidates, made, starts = self._prepared(weights, trust=trust)
        decided = {key: decision.value for key, decision in made.decisions.items() if decision.source == "plan"}
        pinned = {**decided, "patience": self.rungs[-1]}
        for start in starts:
            self.told.note(start.describe() + (f"; not trained: {start.dropped}" if start.dropped else ""))
        hopeless = {start.weights for start in starts if start.dropped}
        trained = {c.key: c for c in _with_scratch([c for c in candidates if c.weights not in hopeless], candidates)}
        alive = list(trained)
        for epochs in self.rungs:
            for key in alive:
                said = self._reach(trained[key], self.seeds[0], epochs, pinned)
                score = evaluate(said.results, said.names).map50_95
                trained[key] = replace(trained[key], scores={**trained[key].scores, epochs: score})
                self.told.note(f"{trained[key].name}: mAP50-95 {score:.3f} after {epochs} epochs")
            kept = _best([trained[key] for key in alive], epochs, one=epochs == self.rungs[-1])
            for c in [trained[key] for key in alive if key not in {c.key for c in kept}]:
                trained[c.key] = replace(c, dropped=_reason(c, kept, epochs))
            alive = [c.key for c in kept]
        runs = {key: [self._reach(trained[key], seed, self.rungs[-1], pinned) for seed in self.seeds] for key in alive}
        for key, c in trained.items():
            pace = self.spent.per_epoch(key) or 0.0
            in_full = pace * full * len(self.seeds)
            trained[key] = replace(c, cpu_seconds=self.spent.seconds(key), full_cpu_seconds=in_full)
        transfer, scratch = (trained[key] for key in alive)
        comparison = compare(runs[transfer.key], runs[scratch.key], called=(transfer.name, scratch.name))
        winner = transfer if comparison.map50_95.observed > 0 else scratch
        return Verdict(
            comparison=comparison,
            transfer=transfer,
            scratch=scratch,
            starts=starts,
            candidates=tuple(trained.values()),
            run=self._folder(winner, self.seeds[0]),
            epochs=self.rungs[-1],
            full_epochs=full,
            steps=made.budget.steps,
            seeds=self.seeds,
            cpu_seconds=self.spent.total,
        )

    def _prepared(self, weights: Sequence[str], *, trust: bool) -> tuple[list[Candidate], TrainPlan, tuple[Start, ...]]:
        """The candidates, the plan of the longest run, and the weights as they are; looked at, and counted, once."""
        file = self.out / "starts.json"
        with nullcontext() if file.is_file() else self.spent.counting(_BEFORE):
            candidates = _candidates(weights, self.out / "architectures", trust=trust)
            made = self._plan([c for c in candidates if c.recipe in ("full", SCRATCH)])
            if not file.is_file():
                use_threads(made["threads"])
                found = assess(weights, self.dataset, imgsz=made["imgsz"], device=made.device, trust=trust)
                write_json(file, [asdict(start) for start in without_hopeless(found)])
        starts = tuple(map(Start.from_json, json.loads(file.read_text("utf-8"))))
        return candidates, made, starts

    def _plan(self, candidates: Sequence[Candidate]) -> TrainPlan:
        """What is planned for the longest run: for all alike, so that each takes as many steps."""
        options = {**self.given, "epochs": self.rungs[-1]}
        plans = [self.plan(c.weights, overrides=options) for c in candidates]
        return min(plans, key=lambda made: int(made["batch"]))  # what fits a device may differ

    def _reach(self, c: Candidate, seed: int, epochs: int, pinned: Mapping[str, Any]) -> Predictions:
        """What a candidate says of val after so many epochs, rung by rung up to there."""
        for rung in self.rungs:
            kept = self.out / "predictions" / f"{c.key}-seed{seed}-{rung}.npz"
            if not kept.is_file() and (rung == epochs or (rung < epochs and not c.anew)):
                with self.spent.counting(c.key):
                    self._train(c, seed, rung, pinned)
                write_bytes(kept, (self._folder(c, seed) / "predictions.npz").read_bytes())
            if rung == epochs:
                break
        return Predictions.read(kept)

    def _train(self, c: Candidate, seed: int, epochs: int, pinned: Mapping[str, Any]) -> None:
        """Begin, go on with, or make longer the run of a candidate; nothing if it is as long already."""
        run, listener = self._folder(c, seed), EpochMeter(self.told, self.spent, c.key)
        title = f"{c.name}, seed {seed}: {epochs} epochs"
        planned = kept_plan(run)["decisions"]["epochs"]["value"] if (run / "run.yaml").is_file() else epochs
        if planned < epochs and not c.anew:
            self.told.note(title)
            self.resume(run, epochs=epochs, listener=listener)
            return
        if planned < epochs:
            shutil.rmtree(run)
        options = {**self.given, **pinned, **c.overrides, "epochs": epochs, "seed": seed}
        begin = partial(self.train, c.weights, out=run, overrides=options, listener=listener)
        finish_run(run, title, train=begin, resume=partial(self.resume, run, listener=listener), listener=self.told)

    def _folder(self, c: Candidate, seed: int) -> Path:
        return self.out / f"{c.key}-seed{seed}"


def _candidates(weights: Sequence[str], architectures: Path, *, trust: bool) -> list[Candidate]:
    """Every way to train; a network of its own architecture from scratch for each of the weights."""
    found: list[Candidate] = []
    kinds: dict[str, Path] = {}  # layers → the architecture YAML
    for number, name in enumerate(weights, start=1):
        module = load_checkpoint(find_weights(name), trust=trust)
        layers = layers_of(module)
        if layers not in kinds:
            family = Path(str(module.yaml.get("yaml_file", "custom.yaml"))).name
            kinds[layers] = architectures / str(len(kinds) + 1) / family
            save(kinds[layers], module.yaml)
        for recipe, preset in RECIPES.items():
            added = {} if preset is None else read_yaml(find_preset("train", preset))
            overrides = {key: value for key, value in added.items() if key not in META_KEYS}
            found.append(Candidate(f"{recipe}-{number}", recipe, name, str(kinds[layers]), overrides))
    found += [Candidate(f"{SCRATCH}-{n}", SCRATCH, str(p), str(p)) for n, p in enumerate(kinds.values(), start=1)]
    return found


def _with_scratch(chosen: Sequence[Candidate], candidates: Sequence[Candidate]) -> list[Candidate]:
    """The ways to transfer of those chosen, and scratch of their architectures."""
    transfers = [c for c in chosen if c.recipe != SCRATCH]
    used = {c.architecture for c in transfers}
    return transfers + [c for c in candidates if c.recipe == SCRATCH and c.architecture in used]


def _best(alive: Sequence[Candidate], epochs: int, *, one: bool) -> list[Candidate]:
    """The better half of the ways to transfer, or the `one` best, and scratch of their architectures."""
    ranked = sorted((c for c in alive if c.recipe != SCRATCH), key=lambda c: -c.scores[epochs])
    return _with_scratch(ranked[: 1 if one else math.ceil(len(ranked) / 2)], alive)


def _reason(c: Candidate, kept: Sequence[Candidate], epochs: int) -> str:
    if c.recipe == SCRATCH:
        return "the best way to transfer is of another architecture"
    best = max(other.scores[epochs] for other in kept if other.recipe != SCRATCH)
    return f"{c.scores[epochs]:.3f} after {epochs} epochs, where the best had {best:.3f}"


def _require_sense(
    dataset: Dataset, config: TrainConfig, *, weights: Sequence[str], full: int, seeds: Sequence[int]
) -> None:
    if not weights or len(set(weights)) < len(weights):
        raise UsageError(f"weights: expected one or more, each once, found {list(weights)}")
    if bare := [name for name in weights if is_architecture(name)]:
        raise UsageError(
            f"weights: expected checkpoints, found the architecture {bare[0]}",
            hint="training from scratch takes part anyway, in the architecture of the weights",
        )
    if full < SHORTER * SHORTEST:
        raise ConfigError(f"epochs: expected {SHORTER * SHORTEST} or more for a full run, found {full}")
    if not seeds or len(set(seeds)) < len(seeds):
        raise ConfigError(f"seeds: expected one or more, each once, found {list(seeds)}")
    if config.freeze != "none" or config.stages:
        raise ConfigError(
            "freeze, stages: expected none, for the candidates differ in what is frozen and when",
            hint="choose a preset without them, such as small-data",
        )
    require_scorable(dataset)
    require_held_out(dataset, "val")
