from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.browser import CHROMIUM, Browser, browser
from support.runs import staged_run
from support.simulated import simulated

from yolo_tl.evaluation import Predictions


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all pages."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium")
    with browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="session")
def predictions(tmp_path_factory: pytest.TempPathFactory) -> Predictions:
    """Of a simulated detector on 42 generated images."""
    from yolo_tl.data import convert, make_sample, read_dataset

    folder = tmp_path_factory.mktemp("simulated")
    make_sample(folder / "voc", images=60, size=(96, 128), seed=1)
    convert(folder / "voc", folder / "data")
    return simulated(read_dataset(folder / "data"))


@pytest.fixture(scope="session")
def source(predictions: Predictions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder as training leaves it, but for the training: its plan, and the scores of the simulated detector."""
    import yolo_tl
    from yolo_tl.api.scores import of_predictions
    from yolo_tl.engine.runs import describe_run

    folder = tmp_path_factory.mktemp("source")
    options = {"epochs": 2, "imgsz": 64, "batch": 8, "threads": 1, "device": "cpu"}
    describe_run(folder, yolo_tl.plan(Path(predictions.data), "yolo26n.yaml", overrides=options))
    metrics = of_predictions(predictions).to_json()
    (folder / "metrics.json").write_text(json.dumps({**metrics, "split": "val", "cpu_seconds": 12.5}))
    return folder


@pytest.fixture
def folder(source: Path, predictions: Predictions, tmp_path: Path) -> Path:
    """A finished run of two stages with everything that a report can show."""
    made = staged_run(source, tmp_path / "a run")
    predictions.write(made / "predictions.npz")
    noise = np.random.default_rng(0).integers(0, 256, (1920, 1920, 3), dtype=np.uint8)
    cv2.imwrite(str(made / "batch.jpg"), noise)
    return made


@pytest.fixture(scope="session")
def compared(predictions: Predictions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a comparison of two simulated detectors."""
    from yolo_tl.api.comparing import compare
    from yolo_tl.data import read_dataset

    folder = tmp_path_factory.mktemp("compared")
    data = Path(predictions.data)
    for name, skill, seed in (("good", 0.95, 1), ("poor", 0.3, 2)):
        simulated(read_dataset(data), "train", seed=seed, skill=skill).write(folder / f"{name}.npz")
    models = [folder / "good.npz", folder / "poor.npz"]
    compare(models, data, split="train", out=folder / "out", pictures=3, resamples=200)
    return folder / "out"


@pytest.fixture(scope="session")
def qualification(predictions: Predictions) -> dict:
    """A qualification as JSON: thresholds chosen on what one simulated detector says, judged on another."""
    from yolo_tl.data import read_dataset
    from yolo_tl.evaluation.inspection.contract import InspectionContract
    from yolo_tl.evaluation.inspection.qualification import Qualification, judge
    from yolo_tl.evaluation.inspection.thresholds import choose
    from yolo_tl.evaluation.inspection.units import inspect

    contract = InspectionContract(max_escape=0.4, max_overkill=0.5, min_recall=0.4, overkill="all")
    other = simulated(read_dataset(Path(predictions.data)), "train", seed=5)
    first, second = inspect(predictions, contract), inspect(other, contract)
    choice = choose(first, contract)
    model = {"checkpoint": "best.pt", "sha256": "0" * 64, "names": list(predictions.names), "head": "", "imgsz": 64}
    found = Qualification(
        contract=contract,
        choice=choice,
        chosen=judge(first, contract, choice.thresholds),
        judged=judge(second, contract, choice.thresholds),
        model=model,
        data={"data": predictions.data, "fingerprint": "1234"},
    )
    plain: dict = json.loads(json.dumps(found.to_json()))
    return plain


@pytest.fixture(scope="session")
def verdict(predictions: Predictions) -> dict:
    """A verdict as JSON: a good start, a useless one, and random weights."""
    from yolo_tl.data import read_dataset
    from yolo_tl.evaluation.comparison import compare
    from yolo_tl.evaluation.starts import Level, Start
    from yolo_tl.evaluation.verdict import Candidate, Verdict

    dataset = read_dataset(Path(predictions.data))
    good, poor = (simulated(dataset, "train", seed=seed, skill=skill) for seed, skill in ((1, 0.95), (2, 0.3)))
    levels = (Level("backbone/8", 0.1, 0.2, 0.3), Level("P3", 0.4, None, 0.6))
    full = Candidate("good-full", "full", "good.pt", "a.yaml", {}, {4: 0.2, 12: 0.5}, "", 40.0, 130.0)
    frozen = Candidate("good-frozen", "frozen", "good.pt", "a.yaml", {}, {4: 0.1}, "behind full", 10.0, 90.0)
    scratch = Candidate("scratch", "scratch", "a.yaml", "a.yaml", {}, {4: 0.05, 12: 0.2}, "", 38.0, 128.0)
    found = Verdict(
        comparison=compare([good], [poor], resamples=200, called=(full.name, scratch.name)),
        transfer=full,
        scratch=scratch,
        starts=(
            Start("good.pt", levels, 0.25, (0.02, 0.03)),
            Start("useless.pt", levels, 0.02, (0.02, 0.03), "its features are no better than random"),
        ),
        candidates=(full, frozen, scratch),
        run=Path("out/good-full-seed0"),
        epochs=12,
        full_epochs=36,
        steps=400,
        seeds=(0,),
        cpu_seconds=95.0,
    )
    plain: dict = json.loads(json.dumps(found.to_json()))
    return plain
