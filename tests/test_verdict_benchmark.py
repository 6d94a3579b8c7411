"""The benchmark of the verdict: its records and its table; not its figures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from support.checkpoints import checkpoint
from support.verdicts import made_up_verdict

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import verdict as benchmark
from json_lines import JsonLines
from permuted import permuted_checkpoint
from verdict import AS_IT_IS, PERMUTED, Record, Setting, page

from yolo_tl.engine.checkpoint import load_checkpoint


def record(start: str = AS_IT_IS, seed: int = 0, *, transfer: float = 0.8, score: float = -0.5, **other: Any) -> Record:
    setting = {"data": "bccd", "fingerprint": "f", "weights": "w.pt", "epochs": 27, "imgsz": 320, "threads": 1}
    found = made_up_verdict(transfer, 0.4, score=score)
    return Record.of(Setting(**{**setting, "start": start, "seed": seed, **other}), found)


def target(text: str, *records: Record) -> str:
    (line,) = (line for line in page(records).splitlines() if line.startswith("- target") and text in line)
    return line.split("**")[1]


def test_targets_are_judged_by_every_seed() -> None:
    good = [record(seed=seed) for seed in range(3)]
    planted = [record(PERMUTED, seed, transfer=0.41, score=-0.7) for seed in range(3)]
    assert target("lies above zero", *good, *planted) == "met"
    assert target("permuted start is flagged", *good, *planted) == "met"
    assert target("features alone", *good, *planted) == "met"
    assert target("at most 35%", *good, *planted) == "met"
    assert target("permuted start is flagged", *good) == "not run"
    missed = record(PERMUTED, 2, transfer=0.8, score=-0.5)
    assert target("permuted start is flagged", *good, *planted[:2], missed) == "missed"
    assert target("lies above zero", *good[:2], record(seed=2, transfer=0.41)) == "missed"


def test_only_the_newest_setting_is_shown() -> None:
    text = page([record(epochs=9), record(seed=1), record(seed=2)])
    assert text.count("| as it is |") == 2
    assert "full runs of 27 epochs, compared after 9" in text
    assert "not run on GPU" in text
    assert "Not run." in page([])


def test_a_line_that_was_cut_short_is_dropped(tmp_path: Path) -> None:
    kept = JsonLines(tmp_path / "r.jsonl", Record)
    kept.append(record())
    with (tmp_path / "r.jsonl").open("ab") as stream:
        stream.write(b'{"setting": {"da')
    again = JsonLines(tmp_path / "r.jsonl", Record)
    assert again.all == [record()]
    again.append(record(seed=1))
    assert JsonLines(tmp_path / "r.jsonl", Record).all == [record(), record(seed=1)]


def test_a_permuted_checkpoint_has_the_same_values_elsewhere(sample: Path, tmp_path: Path) -> None:
    weights = checkpoint(tmp_path / "w.pt", sample)
    before = load_checkpoint(weights).state_dict()
    first, other = (
        load_checkpoint(permuted_checkpoint(str(weights), tmp_path / f"{k}.pt", k)).state_dict() for k in (0, 1)
    )
    for name, value in before.items():
        if name.startswith("model.5."):  # the head
            assert (value == first[name]).all(), name
        elif len(value.unique()) > 5:
            assert sorted(value.flatten().tolist()) == sorted(first[name].flatten().tolist()), name
            assert (value != first[name]).any(), name
            assert (first[name] != other[name]).any(), name


def test_what_is_there_is_not_run_again(sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def answer(data: Path, weights: Any, *, seeds: tuple[int, ...], **options: Any) -> Any:
        asked.append((Path(weights).name, seeds[0]))
        return made_up_verdict(0.8, 0.4)

    monkeypatch.setattr(benchmark, "verdict", answer)
    weights = checkpoint(tmp_path / "w.pt", sample)
    line = [str(sample), "--weights", str(weights), "--work", str(tmp_path / "work")]
    line += ["--results", str(tmp_path / "r.jsonl")]
    benchmark.main([*line, "--seeds", "0"])
    benchmark.main([*line, "--seeds", "0", "1"])
    assert asked == [("w.pt", 0), ("permuted-seed0.pt", 0), ("w.pt", 1), ("permuted-seed1.pt", 1)]
    assert (tmp_path / "r.md").read_text() == page(JsonLines(tmp_path / "r.jsonl", Record).all)
