"""Training: decide, train, go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from yolo_tl.api.scores import Evaluation, of_predictions
from yolo_tl.config import TrainConfig
from yolo_tl.data import Dataset, read_dataset
from yolo_tl.data.contents import changes, contents
from yolo_tl.errors import NotImproved, ResumeError, TrainingInterrupted, UsageError
from yolo_tl.evaluation import Predictions
from yolo_tl.evaluation.clusters import cluster_labels
from yolo_tl.files import PathLike, require_schema, stamped, write_json
from yolo_tl.presets import Resolved, resolve
from yolo_tl.transfer.facts import DataFacts
from yolo_tl.transfer.plan import TrainPlan, make_plan
from yolo_tl.transfer.progress import Listener, Silent
from yolo_tl.transfer.recall import extended, recall, with_reasons

if TYPE_CHECKING:
    from yolo_tl.engine.baseline import Change
Planner = Callable[[Resolved[TrainConfig]], TrainPlan]


@dataclass(frozen=True)
class TrainResult:
    """A finished training run.

    Attributes:
        run: its folder.
        weights: the best checkpoint, selected on val.
        plan: what was planned and done.
        evaluation: scores of that checkpoint on val.
        change: the score of the classes that the weights knew, before and after; None if they knew none.
        cpu_seconds: processor time of training and validation.
    """

    run: Path
    weights: Path
    plan: TrainPlan
    evaluation: Evaluation
    change: Change | None
    cpu_seconds: float

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``--json``."""
        return {
            "run": str(self.run),
            "weights": str(self.weights),
            "metrics": self.evaluation.to_json(),
            "baseline": self.change.to_json() if self.change else None,
            "plan": self.plan.to_json(),
            "cpu_seconds": round(self.cpu_seconds, 2),
        }


def plan(
    data: PathLike,
    weights: str,
    *,
    preset: str | None = "small-data",
    config: PathLike | None = None,
    overrides: Mapping[str, Any] | None = None,
    trust: bool = False,
) -> TrainPlan:
    """Decide everything about a training run, without starting it.

    Args:
        data: a ``data.yaml`` or the folder that holds it.
        weights: a checkpoint's path or name, or an architecture YAML to train from scratch.
        preset: a named recipe, a YAML file, or None for the defaults.
        config: a YAML file, stronger than the preset.
        overrides: dotted configuration keys to values, strongest.
        trust: load a checkpoint that asks for foreign classes.
    """
    resolved = _resolve(preset, config, overrides)
    return _planner(read_dataset(Path(data)), weights, trust=trust)[0](resolved)


def train(
    data: PathLike,
    weights: str,
    *,
    out: PathLike | None = None,
    preset: str | None = "small-data",
    config: PathLike | None = None,
    overrides: Mapping[str, Any] | None = None,
    trust: bool = False,
    overwrite: bool = False,
    must_improve: bool = False,
    listener: Listener | None = None,
) -> TrainResult:
    """Fine-tune a checkpoint, all stages of its recipe; the result lands in a run folder.

    Args:
        data: a ``data.yaml`` or the folder that holds it; it is not modified.
        weights: a checkpoint's path or name, or an architecture YAML to train from scratch.
        out: the run folder; the next free ``runs/trainN`` by default.
        preset: a named recipe, a YAML file, or None for the defaults.
        config: a YAML file, stronger than the preset.
        overrides: dotted configuration keys to values, strongest.
        trust: load a checkpoint that asks for foreign classes.
        overwrite: use a run folder that holds files.
        must_improve: raise if the classes that the weights knew are found worse than before.
        listener: told of the plan, of stages, batches and epochs.

    Raises:
        NotImproved: as `must_improve` says; the run is whole nevertheless.
        TrainingInterrupted: Ctrl-C; `resume` goes on.
    """
    from yolo_tl.engine.runs import new_run

    resolved = _resolve(preset, config, overrides)
    dataset = read_dataset(Path(data))
    planner, module = _planner(dataset, weights, trust=trust)
    made = planner(resolved)
    run = new_run(None if out is None else Path(out), overwrite=overwrite)
    write_json(run / "state" / "data.json", stamped("data.json", contents(dataset)))
    return _run(resolved, planner, made, dataset, module, run, listener, must_improve)


def resume(
    run: PathLike,
    *,
    epochs: int | str | None = None,
    data: PathLike | None = None,
    trust: bool = False,
    must_improve: bool = False,
    listener: Listener | None = None,
) -> TrainResult:
    """Go on with a run that was stopped or killed, by its plan; or make a finished one longer.

    A resumed run ends as if it had not been stopped. One that is made longer goes on with the
    schedule of a run that was planned that long: the learning rate rises again, then falls to its end.

    Args:
        run: the run folder.
        epochs: make it longer: the new number of epochs, or ``+20`` for so many more.
        data: where its data are now, if they were moved; their content must be the same.
        trust: load a checkpoint that asks for foreign classes.
        must_improve: as in `train`.
        listener: told of the plan, of stages, batches and epochs.

    Raises:
        ResumeError: it is no run, it is finished, or its data are not what they were.
    """
    from yolo_tl.engine.runs import kept_plan
    from yolo_tl.engine.state import read_state

    folder = Path(run).resolve()
    kept = kept_plan(folder)
    dataset = read_dataset(Path(data) if data is not None else Path(kept["data"]["path"]))
    _require_same(folder, dataset)
    resolved, state = recall(kept), read_state(folder)
    done = state["epoch"] if state else 0
    finished = state is not None and bool(state["finished"])
    if epochs is not None:
        wanted = _longer(epochs, done if finished else resolved.config.epochs)
        if wanted <= done:
            raise ResumeError(f"{folder}: {done} epochs are done, {wanted} were asked for", hint="say --epochs +20")
        resolved = extended(resolved, epochs=wanted, ends=state["ends"] if state else [])
    elif finished and (folder / "metrics.json").is_file():
        raise ResumeError(f"{folder}: the run is finished after {done} epochs", hint="to train on, say --epochs +20")
    start = folder / "state" / "start.pt"
    names = tuple(kept["classes"]["of_weights"])
    planner, module = _planner(dataset, str(kept["weights"]), start=start, names=names, trust=trust)
    made = planner(resolved)
    made = with_reasons(made, kept)
    return _run(resolved, planner, made, dataset, module, folder, listener, must_improve)


def _run(
    resolved: Resolved[TrainConfig],
    planner: Planner,
    made: TrainPlan,
    dataset: Dataset,
    module: Any,
    run: Path,
    listener: Listener | None,
    must_improve: bool,
) -> TrainResult:
    """Baseline, training, scores, and the pictures of them."""
    from yolo_tl.engine.baseline import baseline, compare
    from yolo_tl.engine.checkpoint import load_checkpoint
    from yolo_tl.engine.curves import draw_curves
    from yolo_tl.engine.training import run_training, write_start
    from yolo_tl.reporting.run_page import write_report

    told = listener or Silent()

    def replan(batch: int) -> TrainPlan:
        smaller = replace(resolved.config, batch=batch)
        return planner(Resolved(smaller, {**resolved.sources, "batch": "out of memory"}, resolved.preset))

    told.begin(made)
    if must_improve and not made.classes.known:
        told.note("nothing to improve on: the weights know none of the classes")
    (run / "metrics.json").unlink(missing_ok=True)  # of a run that is made longer: no longer true
    try:
        write_start(run, made, module)
        before = baseline(
            load_checkpoint(run / "state" / "start.pt"),
            made.classes,
            dataset,
            imgsz=made["imgsz"],
            batch=2 * made["batch"],
            device=made.device,
            head=made["head"],
        )
        trained = run_training(made, dataset=dataset, run=run, listener=told, replan=replan)
    except TrainingInterrupted:
        draw_curves(run)
        write_report(run)
        raise
    finally:
        told.finish()
    predictions = Predictions(
        tuple(trained.results), dataset.names, "val", model=str(trained.weights), data=str(dataset.data)
    )
    predictions.write(run / "predictions.npz")
    evaluation = of_predictions(predictions, groups=cluster_labels([result.image for result in trained.results]))
    change = compare(before, trained.results) if before else None
    result = TrainResult(run, trained.weights, trained.plan, evaluation, change, trained.cpu_seconds)
    summary = {"baseline": change.to_json() if change else None, "cpu_seconds": round(trained.cpu_seconds, 2)}
    write_json(run / "metrics.json", stamped("metrics.json", {**evaluation.to_json(), **summary}))
    draw_curves(run)
    write_report(run)
    if must_improve and change and change.worse:
        raise NotImproved(f"{run}: {change.describe()}", hint="the run is whole; start from its weights no further")
    return result


def _resolve(preset: str | None, config: PathLike | None, overrides: Mapping[str, Any] | None) -> Resolved[TrainConfig]:
    file = None if config is None else Path(config)
    return resolve(TrainConfig, kind="train", preset=preset, file=file, overrides=overrides)


def _planner(
    dataset: Dataset, weights: str, *, start: Path | None = None, names: tuple[str, ...] = (), trust: bool
) -> tuple[Planner, Any]:
    """A function from a configuration to the plan for a data set and weights, and the loaded network.

    With `start`, the network a run has started from, and the class `names` of the weights, these need not be there
    any more.
    """
    from yolo_tl.engine.augmentation import load_pipeline
    from yolo_tl.engine.checkpoint import describe_network, load_checkpoint, new_network
    from yolo_tl.engine.device import find_device, images_that_fit
    from yolo_tl.engine.weights import find_weights, is_architecture

    scratch = is_architecture(weights)
    if start is not None and start.is_file():
        found, module = weights, load_checkpoint(start)
    else:
        found = weights if scratch else str(find_weights(weights))
        module = new_network(found) if scratch else load_checkpoint(found, trust=trust)
    network = describe_network(module, pretrained=not scratch)
    network = replace(network, names=names or network.names)
    if network.task != "detect":
        raise UsageError(
            f"{found}: is a {network.task} network; only detect is trained", hint="use a detection checkpoint"
        )
    facts = DataFacts.of(dataset)

    def planner(resolved: Resolved[TrainConfig]) -> TrainPlan:
        device = find_device(resolved.config.device, several=True)
        if resolved.config.batch == "auto":
            device = replace(device, batch=images_that_fit(module, device, imgsz=resolved.config.imgsz))
        made = make_plan(resolved, data=facts, network=network, device=device, weights=found)
        if start is None:  # a run that has begun keeps its own copy
            load_pipeline(made["augment.pipeline"], sizes=sorted({stage.imgsz for stage in made.stages}))
        return made

    return planner, module


def _require_same(run: Path, dataset: Dataset) -> None:
    kept = run / "state" / "data.json"
    if not kept.is_file():
        raise ResumeError(f"{kept}: missing, so it cannot be told whether the data are the same")
    before: dict[str, Any] = yaml.safe_load(kept.read_text(encoding="utf-8"))
    require_schema("data.json", before, kept, ResumeError)
    before.pop("schema", None)
    if found := changes(before, contents(dataset)):
        raise ResumeError(
            f"{dataset.data}: the data are not those the run began with: {'; '.join(found)}",
            hint="start a new run, with the weights of this one if you like",
        )


def _longer(epochs: int | str, done: int) -> int:
    text = str(epochs).strip()
    if not text.removeprefix("+").isdecimal():
        raise UsageError(f"epochs: expected a number, or +20 for so many more, found {epochs!r}")
    return done + int(text) if text.startswith("+") else int(text)
