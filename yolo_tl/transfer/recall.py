"""From the ``run.yaml`` of a run back to the configuration that leads to the same plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from yolo_tl.config import TrainConfig, build, flatten_schema
from yolo_tl.errors import ConfigError, ResumeError
from yolo_tl.presets import Resolved, unflatten
from yolo_tl.transfer.plan import Decision, TrainPlan


def recall(kept: Mapping[str, Any]) -> Resolved[TrainConfig]:
    """The configuration of a run in which nothing is left open: every key has its decided value.

    Args:
        kept: the content of ``run.yaml``.

    Raises:
        ResumeError: it is not that of a run, or of another version of this package.
    """
    try:
        decisions = {key: kept["decisions"][key] for key in flatten_schema(TrainConfig)}
        sources = {key: str(decision["source"]) for key, decision in decisions.items()}
        config = build(TrainConfig, unflatten({key: d["value"] for key, d in decisions.items()}), sources)
    except (KeyError, TypeError, ConfigError) as error:
        raise ResumeError(f"run.yaml: not the plan of a run of this version: {error}") from error
    return Resolved(config, sources, kept.get("preset"))


def extended(resolved: Resolved[TrainConfig], *, epochs: int, ends: Sequence[int]) -> Resolved[TrainConfig]:
    """The configuration of a longer run: stages that are over end where they ended, the latest goes on to the end.

    Args:
        resolved: the configuration of the run.
        epochs: of the longer run.
        ends: last epoch of each stage that is over.
    """
    config = resolved.config
    over = [replace(stage, until=end) for stage, end in zip(config.stages, ends, strict=False)]
    current = [replace(stage, until=None) for stage in config.stages[len(over) : len(over) + 1]]
    longer = replace(config, epochs=epochs, stages=(*over, *current))
    return Resolved(longer, {**resolved.sources, "epochs": "user"}, resolved.preset)


def with_reasons(plan: TrainPlan, kept: Mapping[str, Any]) -> TrainPlan:
    """The plan with the reasons that were given when the run was planned."""
    decisions = {
        key: Decision(d.value, kept["decisions"][key]["reason"], d.source)
        if kept["decisions"][key]["value"] == d.value
        else d
        for key, d in plan.decisions.items()
    }
    return replace(plan, decisions=decisions)
