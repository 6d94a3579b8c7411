"""The training plan: every decision with its value, its reason and its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from yolo_tl.config import TrainConfig, flatten_schema, to_mapping
from yolo_tl.errors import ConfigError
from yolo_tl.presets import Resolved, flatten
from yolo_tl.transfer.advice import advise
from yolo_tl.transfer.budget import Budget, budget
from yolo_tl.transfer.classes import ClassMatch, match_classes
from yolo_tl.transfer.facts import DataFacts, DeviceFacts
from yolo_tl.transfer.network import Network
from yolo_tl.transfer.repeats import repeat_factors, repeats
from yolo_tl.transfer.rules import Rule, batch_rule, device_rules, step_rules, ultralytics_rules
from yolo_tl.transfer.stages import Stage, plan_stages

CLASS_BOOST = 3  # MuSGD trains the classification branches at three times the rate, as Ultralytics builds it
CLASS_BRANCHES = (".cv3.", ".one2one_cv3.")


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
        stages: what learns when, and how fast.
        budget: batches and optimizer steps.
        classes: which classes the weights know already.
        copies: how often each training image is shown in an epoch; None: once.
        devices: devices that train together.
        warnings: what is likely to go wrong, said before the time is spent.
    """

    data: DataFacts
    weights: str
    network: Network
    preset: str | None
    decisions: Mapping[str, Decision]
    stages: tuple[Stage, ...]
    budget: Budget
    classes: ClassMatch
    copies: tuple[int, ...] | None
    devices: int
    warnings: tuple[str, ...]

    def __getitem__(self, key: str) -> Any:
        """The decided value of a dotted configuration key."""
        return self.decisions[key].value

    @property
    def device(self) -> str:
        """The first device: ``cpu`` or a CUDA index. Validation runs on it."""
        return str(self["device"]).partition(",")[0]

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

    def rate_of(self, parameter: str, stage: Stage) -> float:
        """Learning rate of a parameter in a stage, before warm-up and decay."""
        head = parameter.startswith(f"model.{self.network.head}.")
        boosted = head and self["optimizer"] == "MuSGD" and any(branch in parameter for branch in CLASS_BRANCHES)
        return float(self["lr"] * stage.factor_of(parameter) * (CLASS_BOOST if boosted else 1))

    def to_json(self) -> dict[str, Any]:
        """A plain mapping for ``run.yaml`` and ``--json``."""
        return {
            "weights": self.weights,
            "network": self.network.family,
            "pretrained": self.network.pretrained,
            "preset": self.preset,
            "data": to_mapping(self.data.to_json()),
            "devices": self.devices,
            "stages": [stage.to_json(self.network) for stage in self.stages],
            "budget": to_mapping(self.budget),
            "classes": {
                "known": self.classes.describe(),
                "notes": list(self.classes.notes),
                "of_weights": list(self.network.names),
            },
            "images_an_epoch": sum(self.copies) if self.copies else self.data.images["train"],
            "decisions": {key: to_mapping(decision) for key, decision in self.decisions.items()},
            "warnings": list(self.warnings),
        }


def make_plan(
    resolved: Resolved[TrainConfig], *, data: DataFacts, network: Network, device: DeviceFacts, weights: str
) -> TrainPlan:
    """Decide everything the configuration leaves open.

    Raises:
        ConfigError: the freeze request matches no layer or leaves nothing to train, a stage has no
            epoch, the network lacks the head that is asked for, or the preset is for another family.
    """
    config = resolved.config
    if config.head == "nms-free" and not network.two_headed:
        raise ConfigError(
            f"head: {network.family} has no NMS-free head", hint="select on one-to-many, or train a YOLO26 network"
        )
    if config.family != "any" and not network.family.startswith(config.family):
        raise ConfigError(
            f"{resolved.sources['family']} is for {config.family} networks, found {network.family}",
            hint="choose another preset, or other weights",
        )
    # A bare YAML has numbers for names; and `yolo train` knows no spelling but its own.
    theirs = network.names if network.pretrained else ()
    match = match_classes(data.names, theirs, config.aliases, equal_only=config.schedule == "ultralytics")
    copies = _copies(config, data)
    images, val_images = sum(copies) if copies else data.images["train"], data.images["val"]
    batch = (config.batch, "") if config.batch != "auto" else batch_rule(config, images=images, device=device)
    if batch[0] % device.count:
        raise ConfigError(
            f"batch: {batch[0]} images cannot be shared out evenly to {device.count} devices",
            hint="the batch is that of all devices together: choose a multiple of their number",
        )
    config = replace(config, batch=batch[0])
    if config.schedule == "ultralytics":
        rules = ultralytics_rules(config, images=images, classes=len(data.names))
    else:
        rules = step_rules(config, images=images, val_images=val_images, classes=len(data.names))
    decisions = _decide(resolved, {"batch": batch, **rules, **device_rules(config, device)})
    stages = plan_stages(config, network)
    reason = "; ".join(f"{stage.name}: {stage.freeze.describe(network)}" for stage in stages)
    decisions["freeze"] = Decision(config.freeze, reason, decisions["freeze"].source)
    steps = budget(
        images=images,
        batch=int(config.batch),
        nbs=decisions["nbs"].value,
        epochs=config.epochs,
        warmup_epochs=decisions["warmup"].value,
    )
    values = {key: decision.value for key, decision in decisions.items()}
    warnings = advise(values, data=data, network=network, stages=stages, budget=steps)
    return TrainPlan(
        data=data,
        weights=weights,
        network=network,
        preset=resolved.preset,
        decisions=decisions,
        stages=stages,
        budget=steps,
        classes=match,
        copies=copies,
        devices=device.count,
        warnings=tuple(warnings),
    )


def _copies(config: TrainConfig, data: DataFacts) -> tuple[int, ...] | None:
    if not config.repeat:
        return None
    factors = repeat_factors(
        data.class_ids,
        data.image_index,
        images=data.images["train"],
        classes=len(data.names),
        threshold=config.repeat,
    )
    return tuple(int(number) for number in repeats(factors, seed=config.seed))


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
