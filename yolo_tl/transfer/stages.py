"""Stages: from what a recipe says to the exact epochs, frozen tensors and rates of each stretch of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from yolo_tl.config import StageConfig, TrainConfig
from yolo_tl.errors import ConfigError
from yolo_tl.transfer.freeze import Freeze, resolve_freeze
from yolo_tl.transfer.network import Network

STRIDE = 32  # the network input is a multiple of it


@dataclass(frozen=True)
class Stage:
    """A stretch of a run in which the same tensors learn at the same relative rates.

    Attributes:
        name: for people.
        first: its first epoch, 0-based.
        end: the epoch after its last.
        patience: it ends sooner after so many epochs without a better val score; None: it does not.
        freeze: the layers that stay as they are.
        bn: what of the trunk's BatchNorm learns: ``train`` all of it, ``affine`` scale and shift, ``frozen``
            nothing. That of the head always learns where the head does: it may have started at random.
        factors: factor on the run's learning rate, of each layer.
        imgsz: side of the training images, px.
        still: names of all parameters that stay as they are, those of BatchNorm included.
        fixed: names of the BatchNorm modules whose statistics stay as they are.
    """

    name: str
    first: int
    end: int
    patience: int | None
    freeze: Freeze
    bn: str
    factors: tuple[float, ...]
    imgsz: int
    still: frozenset[str]
    fixed: frozenset[str]

    @property
    def epochs(self) -> int:
        """Its length."""
        return self.end - self.first

    def factor_of(self, parameter: str) -> float:
        """Factor on the learning rate of a parameter such as ``model.3.conv.weight``."""
        return self.factors[int(parameter.split(".")[1])]

    def describe_rates(self, network: Network) -> str:
        """Factors of the sections that learn, ``stem 0.01, neck 0.1``; a range where its layers differ."""
        parts = []
        for section in ("stem", "backbone", "neck", "head"):
            layers = [i for i in network.section(section) if network.section_of(i) == section]
            learning = [self.factors[i] for i in layers if i not in self.freeze.engine]
            if learning:
                low, high = min(learning), max(learning)
                parts.append(f"{section} {low:.3g}" + (f"-{high:.3g}" if high > low else ""))
        return ", ".join(parts)

    def to_json(self, network: Network) -> dict[str, Any]:
        """Plain values for ``run.yaml``; epochs are 1-based."""
        return {
            "name": self.name,
            "first": self.first + 1,
            "last": self.end,
            "patience": self.patience,
            "freeze": self.freeze.describe(network),
            "layers": list(self.freeze.engine),
            "share": round(self.freeze.share, 4),
            "lr": self.describe_rates(network),
            "bn": self.bn,
            "imgsz": self.imgsz,
        }


def plan_stages(config: TrainConfig, network: Network) -> tuple[Stage, ...]:
    """The stages of a run, one after the other without a gap; a single one where the recipe names none.

    Raises:
        ConfigError: a stage ends after the run, has no epoch, or leaves nothing to train.
    """
    wanted = list(config.stages) or [StageConfig(name="all")]
    stages: list[Stage] = []
    for number, stage in enumerate(wanted):
        first = stages[-1].end if stages else 0
        label = f"stages[{number}] ({stage.name})" if stage.name else f"stages[{number}]"
        end = _end(stage, config, label, last=number == len(wanted) - 1)
        if end <= first:
            raise ConfigError(
                f"{label}: has no epoch, it would end after epoch {end} and begins after epoch {first} "
                f"of {config.epochs}",
                hint="more epochs, fewer stages, or a later `until`",
            )
        freeze = resolve_freeze(config.freeze if stage.freeze is None else stage.freeze, network)
        bn = stage.bn or config.bn
        held = {norm for norm in network.norms if bn != "train" and int(norm.split(".")[1]) < network.head}
        fixed = frozenset(held | {norm for norm in network.norms if f"{norm}.weight" in freeze.parameters})
        affine = {f"{norm}.{kind}" for norm in held for kind in ("weight", "bias")} if bn == "frozen" else set()
        still = freeze.parameters | affine
        factors = tuple(_factor(config, stage, network, layer) for layer in range(network.head + 1))
        size = _imgsz(stage, config)
        name = stage.name or f"stage {number + 1}"
        stages.append(Stage(name, first, end, stage.patience, freeze, bn, factors, size, still, fixed))
    return tuple(stages)


def _end(stage: StageConfig, config: TrainConfig, label: str, *, last: bool) -> int:
    if stage.until is None:
        if not last:
            raise ConfigError(f"{label}: says no `until`, so the stages behind it would have no epoch")
        return config.epochs
    end = round(stage.until * config.epochs) if isinstance(stage.until, float) else stage.until
    if end > config.epochs:
        raise ConfigError(
            f"{label}: ends after epoch {end}, but the run has {config.epochs} epochs",
            hint="give `until` as a share of the run, such as 0.3, or train for more epochs",
        )
    if last and end < config.epochs:
        raise ConfigError(f"{label}: ends after epoch {end}, and no stage follows up to epoch {config.epochs}")
    return end


def _factor(config: TrainConfig, stage: StageConfig, network: Network, layer: int) -> float:
    section: float = getattr(config.rates, network.section_of(layer))
    return float(stage.lr * section * config.layer_decay ** (network.head - layer))


def _imgsz(stage: StageConfig, config: TrainConfig) -> int:
    if stage.imgsz is None:
        return config.imgsz
    side = stage.imgsz * config.imgsz if isinstance(stage.imgsz, float) else stage.imgsz
    return max(round(side / STRIDE), 1) * STRIDE
