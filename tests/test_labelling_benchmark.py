"""The benchmark of choosing images: its table and its records; not its figures."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import labelling as benchmark


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    def embedder(name: str, device: str) -> Any:
        def embed(paths: list[Path]) -> np.ndarray:
            vectors = np.random.default_rng(len(name)).normal(size=(len(paths), 4)).astype(np.float32)
            return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

        return embed

    monkeypatch.setattr(benchmark, "embedder", embedder)
    return tmp_path / "r.jsonl"


def cells(page: str, row: str) -> list[str]:
    (line,) = (line for line in page.splitlines() if line.startswith(f"| {row}"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_the_table_has_both_choices_in_both_embeddings(sample: Path, results: Path) -> None:
    benchmark.main([str(sample), "--embed", "a.pt", "--far", "other.pt", "--count", "5", "--results", str(results)])
    page = results.with_suffix(".md").read_text()
    chosen, drawn = cells(page, "radius, a")
    assert float(chosen) < float(drawn.split()[0])
    assert cells(page, "radius, other")
    assert cells(page, "val mAP50-95") == ["not run", "not run"]


def test_a_finished_run_is_not_repeated(sample: Path, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[Path] = []

    def train(data: Path, weights: str, *, out: Path, overrides: dict[str, Any]) -> Any:
        trained.append(data)
        return SimpleNamespace(run=out, cpu_seconds=1.0)

    def evaluate(*_: Any, **__: Any) -> Any:
        return SimpleNamespace(metrics=SimpleNamespace(map50_95=0.5, map50=0.6))

    monkeypatch.setattr(benchmark.yolo_tl, "train", train)
    monkeypatch.setattr(benchmark.yolo_tl, "evaluate", evaluate)
    asked = [
        str(sample),
        "--embed",
        "a.pt",
        "--count",
        "5",
        "--draws",
        "2",
        "--train",
        "w.pt",
        "--results",
        str(results),
    ]
    benchmark.main([*asked, "--seeds", "0"])
    assert len(trained) == 3
    benchmark.main([*asked, "--seeds", "0", "1"])
    assert len(trained) == 6
    assert len([json.loads(line) for line in results.read_text().splitlines()]) == 6
    assert cells(results.with_suffix(".md").read_text(), "val mAP50-95") == ["0.500 (2 runs)", "0.500 (4 runs)"]
