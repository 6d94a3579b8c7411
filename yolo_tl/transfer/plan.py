"""The training plan: every decision with its value, its reason and its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from yolo_tl.config import TrainConfig, flatten_schema, to_mapping
from yolo_tl.errors import ConfigError
from yolo_tl.presets import Resolved, flatten
from yolo_tl.transfer.advice import advise
from yolo_tl.transfer.budget import Budget, budget
from yolo_tl.transfer.facts import DataFacts, DeviceFacts
from yolo_tl.transfer.freeze import Freeze, resolve_freeze
from yolo_tl.transfer.network import Network
from yolo_tl.transfer.rules import Rule, device_rules, step_rules, ultralytics_rules


@dataclass(frozen=True)
class Decision:
    """One value of the plan, why it is so, and who decided: ``user``, ``preset NAME``, ``default`` or ``plan``."""

    value: Any
    reason: str
    source: str


@dataclass(frozen=True)
class TrainPlan:
    """All that a training run will do, decided before it starts.

    Attributes:
        data: the data set and its counts.
        weights: checkpoint or architecture YAML the run starts from.
        network: facts of that network.
        preset: name of the preset, or None.
        decisions: dotted configuration key → decision; none is left open.
        freeze: what stays frozen.
        budget: batches and optimizer steps.
        warnings: what is likely to go wrong, said before the time is spent.
    """

    data: DataFacts
    weights: str
    network: Network
    preset: str | None
    decisions: Mapping[str, Decision]
    freeze: Freeze
    budget: Budget
    warnings: tuple[str, ...]

    def __getitem__(self, key: str) -> Any:
        """The decided value of a dotted configuration key."""
        return self.decisions[key].value

    @property
    def close_mosaic_epochs(self) -> int:
        """Epochs at the end of the run without mosaic."""
        epochs: int = round(self["augment.close_mosaic"] * self["epochs"])
        return epochs

    @property
    def weight_decay(self) -> float:
        """The decay that reaches the optimizer: scaled by the images per step over `nbs`, as Ultralytics does."""
        accumulate = max(round(self["nbs"] / self["batch"]), 1)
        return float(self["weight_decay"] * self["batch"] * accumulate / self["nbs"])

    @property
    def ema(self) -> tuple[float, float]:
        """Decay and time constant (in optimizer steps) of the weight average; see `rules`."""
        if self["ema_window"] is None:
            return 0.9999, 2000.0
        steps = max(self["ema_window"] * self.budget.steps / self["epochs"], 1.0)
        return 1 - 1 / max(steps, 2.0), 2 * steps

    def to_json(self) -> dict[str, Any]:
        """A plain mapping for ``run.yaml`` and ``--json``."""
        return {
            "weights": self.weights,
            "network": self.network.family,
            "pretrained": self.network.pretrained,
            "preset": self.preset,
            "data": to_mapping(self.data.to_json()),
            "freeze": {
                "asked": self.freeze.asked,
                "layers": list(self.freeze.engine),
                "share": round(self.freeze.share, 4),
            },
            "budget": to_mapping(self.budget),
            "decisions": {key: to_mapping(decision) for key, decision in self.decisions.items()},
            "warnings": list(self.warnings),
        }


def make_plan(
    resolved: Resolved[TrainConfig], *, data: DataFacts, network: Network, device: DeviceFacts, weights: str
) -> TrainPlan:
    """Decide everything the configuration leaves open.

    Raises:
        ConfigError: the freeze request matches no layer or leaves nothing to train, or the network
            lacks the head that is asked for.
    """
    config = resolved.config
    if config.head == "nms-free" and not network.two_headed:
        raise ConfigError(
            f"head: {network.family} has no NMS-free head", hint="select on one-to-many, or train a YOLO26 network"
        )
    rules = {"steps": step_rules, "ultralytics": ultralytics_rules}[config.schedule]
    chosen = rules(config, images=data.images["train"], classes=len(data.names))
    decisions = _decide(resolved, {**chosen, **device_rules(device)})
    freeze = resolve_freeze(config.freeze, network)
    decisions["freeze"] = Decision(config.freeze, freeze.describe(network), decisions["freeze"].source)
    steps = budget(
        images=data.images["train"],
        batch=config.batch,
        nbs=decisions["nbs"].value,
        epochs=config.epochs,
        warmup_epochs=decisions["warmup"].value,
    )
    values = {key: decision.value for key, decision in decisions.items()}
    warnings = advise(values, data=data, network=network, freeze=freeze, budget=steps)
    return TrainPlan(data, weights, network, resolved.preset, decisions, freeze, steps, tuple(warnings))


def _decide(resolved: Resolved[TrainConfig], rules: Mapping[str, Rule]) -> dict[str, Decision]:
    """Each configuration key with its value; what is None is filled in by the rules."""
    values = flatten(to_mapping(resolved.config))
    decisions = {}
    for key in flatten_schema(TrainConfig):
        if key in rules and values[key] in (None, "auto"):
            value, reason = rules[key]
            decisions[key] = Decision(value, reason, "plan")
        else:
            decisions[key] = Decision(values[key], "", resolved.sources[key])
    return decisions
