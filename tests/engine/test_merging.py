from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from support.checkpoints import checkpoint

from yolo_tl.boxes import Detections
from yolo_tl.data import read_dataset
from yolo_tl.engine import merging
from yolo_tl.engine.batchnorm import batchnorms
from yolo_tl.engine.checkpoint import load_checkpoint
from yolo_tl.errors import DataError, ModelError
from yolo_tl.evaluation.records import ImageResult

STATISTICS = ("running_mean", "running_var")


@pytest.fixture(scope="module")
def pair(sample: Path, tmp_path_factory) -> list[Path]:
    """Two networks that agree in the statistics of layer 0, as after training with it frozen."""
    folder = tmp_path_factory.mktemp("pair")
    paths = [checkpoint(folder / f"{seed}.pt", sample, seed=seed, nms=None) for seed in (1, 2)]
    first, second = (torch.load(path, weights_only=False) for path in paths)
    for key in STATISTICS:
        getattr(second["model"].model[0].bn, key).copy_(getattr(first["model"].model[0].bn, key))
    torch.save(second, paths[1])
    return paths


def test_the_average_is_written_with_statistics_measured_where_they_differ(sample, pair, tmp_path):
    data = read_dataset(sample)
    plain = merging.merge(pair, tmp_path / "plain.pt", dataset=data, bn=False)
    result = merging.merge(pair, tmp_path / "bn.pt", dataset=data)
    first, second, unmeasured, made = (load_checkpoint(p) for p in (*pair, plain.weights, result.weights))
    assert plain.batchnorms == 0
    assert result.batchnorms == len(batchnorms(made)) - 1
    states = [module.state_dict() for module in (first, second, unmeasured, made)]
    moved = set()
    for key, (a, b, without, value) in {k: [s[k] for s in states] for k in states[0]}.items():
        if a.is_floating_point():
            torch.testing.assert_close(without, (a + b) / 2, rtol=1e-3, atol=1e-6, msg=key)
            moved |= set() if torch.equal(without, value) else {key}
    names = {name for name in batchnorms(made) if name != "model.0.bn"}
    assert moved == {f"{name}.{key}" for name in names for key in STATISTICS}
    assert (made.args["imgsz"], made.names) == (64, dict(enumerate(data.names)))


def test_it_loads_where_this_package_is_not(sample, pair, tmp_path):
    merging.merge(pair, tmp_path / "average.pt", dataset=read_dataset(sample), bn=False)
    code = (
        "import sys; sys.modules['yolo_tl'] = None\n"
        "import numpy as np\nfrom ultralytics import YOLO\n"
        "model = YOLO(sys.argv[1])\n"
        "found = model.predict(np.zeros((64, 64, 3), np.uint8), imgsz=64, verbose=False)\n"
        "print(sorted(model.names.values()), len(found))\n"
        "assert not [m for m in sys.modules if m.startswith('yolo_tl.')]"
    )
    switches = {"YOLO_OFFLINE": "1", "YOLO_CONFIG_DIR": str(tmp_path), "YOLO_AUTOINSTALL": "0"}
    command = [sys.executable, "-c", code, str(tmp_path / "average.pt")]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **switches}, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"{sorted(read_dataset(sample).names)} 1"


def test_a_share_of_the_start_is_mixed_into_the_end(sample, pair, tmp_path):
    merging.merge(pair, tmp_path / "mixed.pt", dataset=read_dataset(sample), start=0.25, bn=False)
    start, end, made = (dict(load_checkpoint(p).named_parameters()) for p in (*pair, tmp_path / "mixed.pt"))
    for name, value in made.items():
        torch.testing.assert_close(value, 0.25 * start[name] + 0.75 * end[name], rtol=1e-3, atol=1e-5, msg=name)


@pytest.mark.parametrize("shift", [3, 0])
def test_it_is_compared_with_the_best_of_what_went_in(sample, pair, tmp_path, monkeypatch, shift):
    """The second network finds every box, exactly or not quite; the first and the average find none."""
    box, kind = np.float32([[10, 10, 30, 30]]), np.int64([0])
    seen = []

    def fake(module, **options):
        seen.append(options)
        found = (
            Detections(box + shift, np.float32([0.9]), kind) if module.pt_path == str(pair[1]) else Detections.empty()
        )
        return [ImageResult(f"{i}.png", found, truth_xyxy=box, truth_class=kind) for i in range(5)]

    monkeypatch.setattr(merging, "validate", fake)
    result = merging.merge(pair, tmp_path / "a.pt", dataset=read_dataset(sample), bn=False, batch=3)
    assert result.best == pair[1]
    scores = [metrics.map50_95 for _, metrics in result.ingredients]
    assert scores[0] == result.metrics.map50_95 == 0
    assert result.difference.map50_95.observed == pytest.approx(-scores[1])
    assert scores[1] > 0.1
    assert [options["imgsz"] for options in seen] == [64] * 3
    assert {(options["split"], options["batch"], options["head"]) for options in seen} == {("val", 3, "one-to-many")}
    answer = result.to_json()
    assert answer["best_ingredient"] == str(pair[1])
    assert answer["ingredients"][1]["metrics"]["map50_95"] == scores[1]


def test_a_single_image_gives_no_interval(sample, pair, tmp_path, monkeypatch):
    nothing = ImageResult("a.png", Detections.empty(), truth_xyxy=np.float32([[0, 0, 9, 9]]), truth_class=np.int64([0]))
    monkeypatch.setattr(merging, "validate", lambda module, **options: [nothing])
    result = merging.merge(pair, tmp_path / "a.pt", dataset=read_dataset(sample), bn=False)
    assert result.difference is None
    assert result.to_json()["difference"] is None


def test_networks_and_data_that_do_not_fit_leave_nothing(sample, pair, others, tmp_path):
    other = checkpoint(tmp_path / "other.pt", sample, width=16)
    with pytest.raises(ModelError, match=r"1.pt and .*other.pt differ"):
        merging.merge([pair[0], other], tmp_path / "out.pt", dataset=read_dataset(sample))
    with pytest.raises(DataError, match="not those of the model"):
        merging.merge(pair, tmp_path / "out.pt", dataset=read_dataset(others))
    assert not (tmp_path / "out.pt").exists()


@pytest.fixture
def others(tmp_path: Path) -> Path:
    """A data set of other classes."""
    from support.datasets import dataset
    from support.scenes import scene

    images = {f"{split}/a.png": (scene(0, 64, 64), ["0 0.5 0.5 0.2 0.2"]) for split in ("train", "val")}
    return dataset(tmp_path / "others", images)
