"""The steps of the demo, in order: each is a call that a user would make, and what is said of its answer."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from yolo_tl import api
from yolo_tl.api.demonstration.call import Call
from yolo_tl.api.demonstration.listener import DemoListener
from yolo_tl.api.demonstration.settings import RULES, SPLIT, DemoSettings
from yolo_tl.data.documents import load_json
from yolo_tl.errors import DataError
from yolo_tl.run_series import finish_run


@dataclass(frozen=True)
class Stage:
    """What a step has to work with.

    Attributes:
        out: folder of the demo.
        settings: what was asked for.
        weights: the checkpoint that is started from.
        facts: of the finished steps, by name.
        listener: told of what goes on.
    """

    out: Path
    settings: DemoSettings
    weights: str
    facts: Mapping[str, Mapping[str, Any]]
    listener: DemoListener


@dataclass(frozen=True)
class Found:
    """What a step came to, in a few words, and the figures that others need."""

    figure: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Action:
    """A step that can be taken: its call, and the way to make it."""

    call: Call
    take: Callable[[], Found]


def sample(stage: Stage) -> Action:
    """Draw pictures with annotations as a labelling tool leaves them."""
    call = Call("sample", [stage.out / "sample"], {"images": stage.settings.images, "seed": stage.settings.seed})

    def take() -> Found:
        report = call.make(api.sample, overwrite=True, drawn=stage.listener.advance)
        images, objects = sum(report.images.values()), sum(report.objects.values())
        return Found(f"{images} pictures, {objects} defects; {report.backgrounds} pictures without any")

    return Action(call, take)


def convert(stage: Stage) -> Action:
    """Make a data set of them."""
    call = Call("convert", [stage.out / "sample", stage.out / "data"])

    def take() -> Found:
        report = call.make(api.convert, overwrite=True)
        splits = ", ".join(f"{split} {count}" for split, count in report.splits.items())
        return Found(f"{report.annotations_out} of {report.annotations_in} annotations kept; {splits}", report.splits)

    return Action(call, take)


def check(stage: Stage) -> Action:
    """Look for what is wrong with it."""
    call = Call("check", [stage.out / "data"], {"imgsz": stage.settings.imgsz, "html": stage.out / "check.html"})

    def take() -> Found:
        report = call.make(api.check)
        kinds: dict[str, int] = report.to_json()["counts"]
        figure = ", ".join(f"{count} {kind}{'s' * (count != 1)}" for kind, count in kinds.items())
        if report.failed():
            raise DataError(f"{report.data}: {figure}", hint=f"they are told in {stage.out / 'check.html'}")
        return Found(f"{figure} from {len(report.ran)} checks")

    return Action(call, take)


def plan(stage: Stage) -> Action:
    """Decide how to train."""
    call = Call("plan", [stage.out / "data"], {"weights": stage.weights}, _run_length(stage))

    def take() -> Found:
        made = call.make(api.plan)
        epochs: int = made["epochs"]
        length = f"{made.budget.steps} optimizer steps in {epochs} epoch{'s' * (epochs != 1)}"
        return Found(f"{length}; {len(made.decisions)} values, each with its reason")

    return Action(call, take)


def train(stage: Stage) -> Action:
    """Fine-tune, or go on with it."""
    run = stage.out / "run"
    call = Call("train", [stage.out / "data"], {"weights": stage.weights, "out": run}, _run_length(stage))

    def take() -> Found:
        told = stage.listener.training()
        begin = partial(call.make, api.train, listener=told)
        finish_run(run, "the run", train=begin, resume=partial(api.resume, run, listener=told), listener=told)
        metrics: dict[str, Any] = load_json(run / "metrics.json", dict[str, Any])
        facts = {"map50_95": metrics["map50_95"], "confidence": metrics["confidence"] if metrics["f1"] else None}
        return Found(_score(metrics), facts)

    return Action(call, take)


def evaluate(stage: Stage) -> Action:
    """Score it on images that nothing was chosen on."""
    call = Call("evaluate", [stage.out / "run", stage.out / "data"], {"split": SPLIT})

    def take() -> Found:
        plain = call.make(api.evaluate).to_json()
        return Found(_score(plain), {"map50_95": plain["map50_95"], "ci95": plain["ci95"]})

    return Action(call, take)


def verdict(stage: Stage) -> Action:
    """Ask whether starting from the weights is better than starting at random."""
    asked = stage.settings
    options = {
        "weights": stage.weights,
        "out": stage.out / "verdict",
        "epochs": asked.verdict_epochs,
        "seeds": (asked.seed,),
    }
    call = Call("verdict", [stage.out / "data"], options, asked.training)

    def take() -> Found:
        found = call.make(api.verdict, listener=stage.listener.training())
        api.report(stage.out / "verdict")
        change = found.comparison.map50_95
        facts = {
            "outcome": found.outcome,
            "informative": found.start.informative,
            "epochs": found.epochs,
            "images": found.comparison.images,
            **{key: getattr(change, key) for key in ("a", "b", "observed", "low", "high")},
        }
        return Found(f"{found.outcome}: mAP50-95 {change.a:.3f}, from scratch {change.b:.3f}", facts)

    return Action(call, take)


def export(stage: Stage) -> Action:
    """Make a bundle, if it says what the checkpoint says."""
    options = {"data": stage.out / "data", "out": stage.out / "bundle"}
    best: float | None = stage.facts["train"]["confidence"]  # on val
    overrides = {} if best is None else {"confidence": round(min(max(best, 0.001), 0.999), 3)}
    call = Call("export", [stage.out / "run"], options, overrides)

    def take() -> Found:
        gate = call.make(api.export, overwrite=True).gate
        assert gate is not None  # an ONNX file can be run here, and what disagrees is an error
        return Found(f"agrees with the checkpoint on {gate.images} images, {gate.share.flipped} flipped")

    return Action(call, take)


def selftest(stage: Stage) -> Action:
    """Test the bundle as a device would."""
    call = Call("selftest", [stage.out / "bundle"])

    def take() -> Found:
        result = call.make(api.selftest)
        result.require_passed()
        assert result.latency is not None  # nobody asked to leave it out
        return Found(f"passed {len(result.steps)} steps; {result.latency.p50:.1f} ms a picture (median)")

    return Action(call, take)


def inspect(stage: Stage) -> Action:
    """Decide by rules about pictures that it has never seen."""
    pictures, written = stage.out / "data" / "images" / SPLIT, stage.out / "inspection"
    options = {"rules": RULES, "log": written / "log", "pictures": written / "pictures"}
    call = Call("inspect", [stage.out / "bundle", pictures], options)

    def take() -> Found:
        shutil.rmtree(written, ignore_errors=True)  # of an attempt that was stopped: a log is added to
        with call.make(api.inspect) as inspector:
            for done, _ in enumerate(inspector, 1):
                stage.listener.advance(done, stage.facts["convert"][SPLIT])
        verdicts = {str(name): count for name, count in inspector.counters.verdicts.items()}
        said = ", ".join(f"{name} {count}" for name, count in verdicts.items())
        return Found(f"{said} of {sum(verdicts.values())} pictures of {SPLIT}", verdicts)

    return Action(call, take)


STEPS: dict[str, Callable[[Stage], Action]] = {
    step.__name__: step for step in (sample, convert, check, plan, train, evaluate, verdict, export, selftest, inspect)
}


def _run_length(stage: Stage) -> dict[str, Any]:
    return {"epochs": stage.settings.epochs, "seed": stage.settings.seed, **stage.settings.training}


def _score(plain: Mapping[str, Any]) -> str:
    """``mAP50-95 0.213 [0.150, 0.270] on 48 images of val``."""
    interval = "" if plain["ci95"] is None else " [{:.3f}, {:.3f}]".format(*plain["ci95"])
    return f"mAP50-95 {plain['map50_95']:.3f}{interval} on {plain['images']} images of {plain['split']}"
