"""Proof that what was set up for training is what the plan says."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from yolo_tl.errors import PlanMismatch
from yolo_tl.transfer.plan import TrainPlan
from yolo_tl.transfer.stages import Stage


@dataclass(frozen=True)
class FrozenState:
    """The tensors, BatchNorm statistics included, that must not change during a stage.

    Attributes:
        digests: tensor name → SHA-256 of its values.
        modules: names of the BatchNorm modules whose statistics stay fixed.
    """

    digests: dict[str, str]
    modules: frozenset[str]

    @classmethod
    def of(cls, model: Any, stage: Stage) -> FrozenState:
        """Remember the tensors of `model` that stay as they are in `stage`."""
        names = set(stage.still)
        for norm in stage.fixed:
            names |= {f"{norm}.{buffer}" for buffer in ("running_mean", "running_var", "num_batches_tracked")}
        return cls({name: _digest(value) for name, value in model.state_dict().items() if name in names}, stage.fixed)

    def set_eval(self, model: Any) -> None:
        """Put every BatchNorm that must not update its statistics in eval mode."""
        for name, module in model.named_modules():
            if name in self.modules:
                module.eval()

    def require_eval(self, model: Any) -> None:
        """Raise `PlanMismatch` if a frozen BatchNorm would update its statistics."""
        training = [name for name, module in model.named_modules() if name in self.modules and module.training]
        if training:
            raise PlanMismatch(f"frozen BatchNorm layers are in training mode: {', '.join(training[:3])}")

    def require_unchanged(self, model: Any) -> None:
        """Raise `PlanMismatch` if a frozen tensor has changed."""
        state = model.state_dict()
        changed = [name for name, digest in self.digests.items() if _digest(state[name]) != digest]
        if changed:
            raise PlanMismatch(f"{len(changed)} frozen tensors have changed, for example {changed[0]}")


def verify_setup(trainer: Any, plan: TrainPlan, stage: Stage) -> None:
    """Compare an Ultralytics trainer after its set-up with the plan.

    Raises:
        PlanMismatch: naming what differs, the plan's value and the one found.
    """
    from ultralytics.utils.torch_utils import unwrap_model

    model = unwrap_model(trainer.model)
    parameters = dict(model.named_parameters())
    frozen = {name for name, p in parameters.items() if not p.requires_grad and ".dfl." not in name}
    _require("frozen parameters", {n for n in stage.still if ".dfl." not in n}, frozen)
    _require("optimizer", plan["optimizer"], type(trainer.optimizer).__name__)
    _require("batches per step", plan.budget.accumulate, trainer.accumulate)
    _require("batches per epoch", plan.budget.batches, len(trainer.train_loader))
    _require("epochs", plan["epochs"], trainer.epochs)
    _require("side of the training images", stage.imgsz, trainer.train_loader.dataset.imgsz)
    _require("side of the val images", plan["imgsz"], trainer.test_loader.dataset.imgsz)
    names = {id(parameter): name for name, parameter in parameters.items()}
    grouped = set()
    for group in trainer.optimizer.param_groups:
        kind = group.get("param_group", "")
        decay = plan.weight_decay if kind in ("weight", "muon") else 0.0
        _require(f"weight decay of group {kind}", round(decay, 9), round(group["weight_decay"], 9))
        for parameter in group["params"]:
            name = names[id(parameter)]
            grouped.add(name)
            _require(f"learning rate of {name}", plan.rate_of(name, stage), group["initial_lr"])
    _require("parameters in the optimizer", set(parameters), grouped)


def _require(what: str, planned: Any, found: Any) -> None:
    if planned == found:
        return
    if isinstance(planned, set):
        missing, extra = sorted(planned - found), sorted(found - planned)
        detail = f"{len(missing)} missing {missing[:2]}, {len(extra)} not planned {extra[:2]}"
        raise PlanMismatch(f"{what}: planned {len(planned)}, found {len(found)}: {detail}")
    raise PlanMismatch(f"{what}: planned {planned!r}, found {found!r}")


def _digest(tensor: Any) -> str:
    return hashlib.sha256(tensor.detach().cpu().numpy().tobytes()).hexdigest()
