"""Proof that what was set up for training is what the plan says."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from yolo_tl.errors import PlanMismatch
from yolo_tl.transfer.plan import TrainPlan

CLASS_BOOST = 3  # MuSGD trains the classification branches at three times the rate


@dataclass(frozen=True)
class FrozenState:
    """The tensors, BatchNorm statistics included, that must not change during a run.

    Attributes:
        digests: tensor name → SHA-256 of its values.
        modules: names of the frozen BatchNorm modules.
    """

    digests: dict[str, str]
    modules: frozenset[str]

    @classmethod
    def of(cls, model: Any, names: list[str]) -> FrozenState:
        """Remember the frozen tensors of `model`; `names` are the substrings Ultralytics freezes by."""
        import torch

        modules = frozenset(
            name
            for name, module in model.named_modules()
            if isinstance(module, torch.nn.BatchNorm2d) and any(part in name for part in names)
        )
        return cls(_digests(model, names), modules)

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


def verify_setup(trainer: Any, plan: TrainPlan) -> None:
    """Compare an Ultralytics trainer after its set-up with the plan.

    Raises:
        PlanMismatch: naming what differs, the plan's value and the one found.
    """
    from ultralytics.utils.torch_utils import unwrap_model

    model = unwrap_model(trainer.model)
    parameters = dict(model.named_parameters())
    frozen = {name for name, p in parameters.items() if not p.requires_grad and ".dfl." not in name}
    _require("frozen parameters", {n for n in plan.freeze.parameters if ".dfl." not in n}, frozen)
    _require("optimizer", plan["optimizer"], type(trainer.optimizer).__name__)
    _require("batches per step", plan.budget.accumulate, trainer.accumulate)
    _require("batches per epoch", plan.budget.batches, len(trainer.train_loader))
    _require("epochs", plan["epochs"], trainer.epochs)
    rates = {plan["lr"], plan["lr"] * CLASS_BOOST} if plan["optimizer"] == "MuSGD" else {plan["lr"]}
    grouped = 0
    for group in trainer.optimizer.param_groups:
        grouped += len(group["params"])
        if not group["params"]:
            continue
        kind = group.get("param_group", "")
        if group["initial_lr"] not in rates:
            raise PlanMismatch(f"learning rate of group {kind}: planned {sorted(rates)}, found {group['initial_lr']}")
        decay = plan.weight_decay if kind in ("weight", "muon") else 0.0
        _require(f"weight decay of group {kind}", round(decay, 9), round(group["weight_decay"], 9))
    _require("parameters in the optimizer", len(parameters), grouped)


def _require(what: str, planned: Any, found: Any) -> None:
    if planned == found:
        return
    if isinstance(planned, set):
        missing, extra = sorted(planned - found), sorted(found - planned)
        detail = f"{len(missing)} missing {missing[:2]}, {len(extra)} not planned {extra[:2]}"
        raise PlanMismatch(f"{what}: planned {len(planned)}, found {len(found)}: {detail}")
    raise PlanMismatch(f"{what}: planned {planned!r}, found {found!r}")


def _digests(model: Any, names: list[str]) -> dict[str, str]:
    return {name: _digest(tensor) for name, tensor in model.state_dict().items() if any(part in name for part in names)}


def _digest(tensor: Any) -> str:
    return hashlib.sha256(tensor.detach().cpu().numpy().tobytes()).hexdigest()
