"""What a run folder says about its run, read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolo_tl.data.documents import load_json
from yolo_tl.engine.runs import kept_plan
from yolo_tl.evaluation.history import History, read_history
from yolo_tl.files import require_schema


@dataclass(frozen=True)
class RunRecord:
    """A run as its folder tells it.

    Attributes:
        folder: the run folder, absolute.
        plan: the content of ``run.yaml``.
        metrics: the content of ``metrics.json``; empty before the run has ended.
        environment: the content of ``environment.json``.
        history: losses and scores by epoch.
    """

    folder: Path
    plan: Mapping[str, Any]
    metrics: Mapping[str, Any]
    environment: Mapping[str, Any]
    history: History

    def decided(self, key: str, default: Any = None) -> Any:
        """The planned value of a dotted configuration key."""
        return self.plan.get("decisions", {}).get(key, {}).get("value", default)

    @property
    def stages(self) -> list[Mapping[str, Any]]:
        """The stages with ``name``, ``first`` and ``last`` epoch, 1-based; one where the plan names none."""
        named = self.plan.get("stages") or []
        return named or [{"name": "all", "first": 1, "last": self.decided("epochs", 1)}]

    @property
    def finished(self) -> bool:
        """Whether the run has ended and its best checkpoint was scored."""
        return "map50_95" in self.metrics

    @property
    def baseline(self) -> Mapping[str, Any]:
        """How the classes that the start weights knew were found before and after; empty where none was known."""
        return self.metrics.get("baseline") or {}

    @property
    def start_score(self) -> float | None:
        """mAP50-95 of the start weights, where it is one over the same classes as that of the run; else None."""
        before, after = self.baseline.get("per_class", {}), self.metrics.get("per_class", {})
        return float(self.baseline["before"]) if before and before.keys() == after.keys() else None


def read_run(run: Path) -> RunRecord:
    """Read a run folder, finished or not.

    Raises:
        ResumeError: it is no run folder, or its plan is damaged.
        ParseError: another file in it is damaged.
        DataError: another file in it is of a newer version.
    """
    folder = run.resolve()
    return RunRecord(
        folder=folder,
        plan=kept_plan(folder),
        metrics=_json(folder / "metrics.json"),
        environment=_json(folder / "environment.json"),
        history=read_history(folder / "results.csv"),
    )


def _json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = load_json(path, dict[str, Any]) if path.exists() else {}
    require_schema(path.name, found, path)
    return found
