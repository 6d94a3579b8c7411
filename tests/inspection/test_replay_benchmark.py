"""The benchmark of a day of decisions: that it runs and would notice; not its figures."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import replay as benchmark

FRAMES = 1200


def test_frames_are_accounted_for_and_the_table_is_written(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    table = tmp_path / "table.md"
    benchmark.main(["--hours", str(FRAMES / 36000), "--log", str(tmp_path / "log"), "--results", str(table)])
    assert "| frames | 1,200 |" in table.read_text()
    assert "| decisions that differ in the replay | 0 |" in capsys.readouterr().out


def test_the_line_shows_all_that_can_happen() -> None:
    shown = list(benchmark.line(30_000, seed=0))
    assert sum(p.frame.count for p in shown) == 30_000
    assert {p.frame.state for p in shown} == {"ok", "dropped", "late", "stale", "lost"}
    assert any(p.saturated for p in shown)
    assert any(p.frame.image is benchmark.DARK for p in shown)


def test_a_log_that_was_tampered_with_is_noticed(tmp_path: Path) -> None:
    tally, _ = benchmark.judged(FRAMES, 0, tmp_path, lambda index: None)
    (file,) = tmp_path.glob("*.jsonl")
    lines = file.read_text().splitlines()
    number = next(i for i, text in enumerate(lines) if json.loads(text).get("verdict") == "FAIL")
    lines[number] = json.dumps({**json.loads(lines[number]), "verdict": "PASS", "reasons": []})
    file.write_text("\n".join(lines) + "\n")
    now, different, _ = benchmark.replayed(tmp_path, lambda index: None)
    assert (now, different) == (tally, 1)
