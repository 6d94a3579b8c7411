"""A checkpoint as a `Network`: its outputs are those of its export, and what is found is what Ultralytics finds."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
from support.answers import require_equal_result
from support.networks import exported, images, require_same, tiny

from yolo_tl.edge import Classifier, Detector
from yolo_tl.edge.artifact import Artifact
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.network import Head
from yolo_tl.edge.onnx import OnnxNetwork
from yolo_tl.edge.pipeline import Pipeline
from yolo_tl.engine.network import CheckpointNetwork
from yolo_tl.errors import ConfigError, ModelError

CASES: list[tuple[str, Head, bool]] = [
    ("detect", "raw", False),
    ("detect", "nms-free", True),
    ("segment", "raw", True),
    ("segment", "nms-free", True),
    ("obb", "raw", False),
    ("obb", "nms-free", True),
    ("pose", "raw", True),
    ("pose", "nms-free", True),
    ("classify", "raw", False),
]
PREDICTORS = {
    "detect": "DetectionPredictor",
    "segment": "SegmentationPredictor",
    "obb": "OBBPredictor",
    "pose": "PosePredictor",
    "classify": "ClassificationPredictor",
}


def network(task: str, head: Head = "raw", *, two_headed: bool = False, **options: Any) -> CheckpointNetwork:
    return CheckpointNetwork(Path("best.pt"), tiny(task, two_headed=two_headed), head=head, imgsz=64, **options)


def pictures() -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    sizes = [(64, 64), (100, 37), (240, 320), (65, 63)]
    return [
        cv2.resize(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8), (w, h), interpolation=cv2.INTER_CUBIC)
        for h, w in sizes
    ]


@pytest.mark.parametrize(("task", "head", "two_headed"), CASES)
def test_the_outputs_are_those_of_the_export(task: str, head: Head, two_headed: bool) -> None:
    checkpoint = network(task, head, two_headed=two_headed, max_det=40)
    export = OnnxNetwork(exported(task, "onnx", head=head, two_headed=two_headed))
    for name in ("task", "names", "head", "imgsz", "keypoints"):
        assert getattr(checkpoint.info, name) == getattr(export.info, name), name
    tensor = images(3)
    box = 1e-2 if task == "obb" else 2e-3
    assert require_same(checkpoint.run(tensor), export.run(tensor), export.info, box=box, score=1e-4) > 2


@pytest.mark.parametrize(("task", "head", "two_headed"), CASES)
def test_what_is_found_is_what_ultralytics_finds(
    ultralytics: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    task: str,
    head: Head,
    two_headed: bool,
) -> None:
    import torch
    from ultralytics.models import yolo

    monkeypatch.setattr(torch, "argsort", partial(torch.argsort, stable=True))  # equal scores are else sorted by chance
    artifact = Artifact(Path("best.pt"), Pipeline(network(task, head, two_headed=two_headed)))
    arguments = {
        "task": task,
        "mode": "predict",
        "imgsz": 64,
        "device": "cpu",
        "rect": False,
        "nms": False if head == "nms-free" else None,
        "save": False,
        "verbose": False,
        "conf": 0.25,
    }
    predictor = getattr(getattr(yolo, task), PREDICTORS[task])(overrides=arguments)
    predictor.setup_model(model=tiny(task, two_headed=two_headed), verbose=False)
    total = 0
    for picture in pictures():
        (expected,) = predictor(source=[picture])
        found = (Classifier(artifact) if task == "classify" else Detector(artifact))(picture)
        total += require_equal_result(found, expected)
    assert total >= len(pictures())


def test_the_module_stays_as_it_was() -> None:
    module = tiny("detect", two_headed=True)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    CheckpointNetwork(Path("best.pt"), module, head="nms-free", imgsz=64).run(images(1))
    after = module.state_dict()
    assert before.keys() == after.keys()
    assert all((value == after[name]).all() for name, value in before.items())
    assert not module.model[-1].export


def test_nms_in_a_graph_is_compared_with_nms_outside() -> None:
    checkpoint = network("detect", "nms", two_headed=True)
    assert checkpoint.info.head == "raw"
    (output,) = checkpoint.run(images(1))
    assert output.shape == (1, 7, 84)


def test_any_number_of_images_and_sides_that_differ() -> None:
    checkpoint = CheckpointNetwork(Path("best.pt"), tiny("pose"), head="raw", imgsz=(64, 96))
    pipeline = Pipeline(checkpoint)
    alone = [pipeline([picture], thresholds=Thresholds(0.3))[0] for picture in pictures()]
    together = pipeline(pictures(), thresholds=Thresholds(0.3))
    assert [len(found) for found in together] == [len(found) for found in alone]
    assert sum(len(found) for found in together) > 4


def test_a_head_or_a_task_that_is_not_there() -> None:
    with pytest.raises(ModelError, match="no head that needs no NMS"):
        network("detect", "nms-free")
    with pytest.raises(ModelError, match="no head that needs no NMS"):
        network("classify", "nms-free")
    module = tiny("detect")
    module.task = "depth"
    with pytest.raises(ModelError, match="one of the tasks .* found depth"):
        CheckpointNetwork(Path("best.pt"), module, head="raw", imgsz=64)
    with pytest.raises(ConfigError, match="device"):
        network("detect", device="tpu")
