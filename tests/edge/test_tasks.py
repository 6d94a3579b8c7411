"""All five tasks against Ultralytics on the same ONNX file."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from support.answers import require_equal_result
from support.networks import exported

from yolo_tl.edge import Classifier, Detector
from yolo_tl.edge.network import Head
from yolo_tl.errors import UsageError

# Ultralytics leaves the number of threads to ONNX Runtime, and with another number sums are rounded otherwise.
FILES: list[tuple[str, Head, bool]] = [
    ("segment", "raw", False),
    ("segment", "nms-free", True),
    ("segment", "nms", False),
    ("obb", "raw", True),
    ("obb", "nms-free", True),
    ("obb", "nms", False),
    ("pose", "raw", False),
    ("pose", "nms-free", True),
    ("pose", "nms", True),
]


def compare(ultralytics: ModuleType, path: Path, task: str, pictures: list[np.ndarray]) -> int:
    """One by one and all at once, at several thresholds; returns the number of detections."""
    import torch

    ours, theirs, total = Detector(path), ultralytics.YOLO(path, task=task), 0
    options = {"imgsz": list(ours.imgsz), "device": "cpu", "verbose": False}
    assert ours.task == task
    with pytest.MonkeyPatch.context() as patch:
        # Cells of padding all say the same. Torch sorts equal scores by chance, unless it is asked not to.
        patch.setattr(torch, "argsort", partial(torch.argsort, stable=True))
        some = [0, len(ours.names) - 1]
        for more in ({"conf": 0.25}, {"conf": 0.05, "max_det": 7}, {"conf": 0.4, "iou": 0.3, "classes": some}):
            mine = {"confidence": more.get("conf"), **{key: more[key] for key in more if key != "conf"}}
            for batch in [[picture] for picture in pictures] + [pictures]:
                expected = theirs.predict(list(batch), **options, **more)
                for found, other in zip(ours.predict(batch, **mine), expected, strict=True):
                    total += require_equal_result(found, other)
    return total


@pytest.mark.parametrize(("task", "head", "two_headed"), FILES)
def test_bit_equal_to_the_peer(
    ultralytics: ModuleType, pictures: list[np.ndarray], task: str, head: Head, two_headed: bool
) -> None:
    path = exported(task, "onnx", head=head, two_headed=two_headed)
    assert Detector(path).head == head
    assert compare(ultralytics, path, task, pictures) > 100


@pytest.mark.parametrize("batch", [1, 4])
def test_a_classifier_is_bit_equal_to_the_peer(ultralytics: ModuleType, pictures: list[np.ndarray], batch: int) -> None:
    path = exported("classify", "onnx", batch=batch)
    ours, theirs = Classifier(path), ultralytics.YOLO(path, task="classify")
    options = {"imgsz": list(ours.imgsz), "device": "cpu", "verbose": False}
    told = set()
    for batch_of in [[picture] for picture in pictures] + [pictures]:
        for found, other in zip(ours.predict(batch_of), theirs.predict(list(batch_of), **options), strict=True):
            require_equal_result(found, other)
            told.add(tuple(found.probabilities))
    assert len(told) >= len(pictures)  # it looks at the pictures


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "options"),
    [
        (f"{family}n-{task}.yaml", {"imgsz": 96, **head})
        for family, heads in (
            ("yolo26", ({}, {"nms": False}, {"nms": True, "conf": 0.1})),
            ("yolov8", ({}, {"nms": True, "conf": 0.1})),
        )
        for task in ("seg", "obb", "pose", "cls")
        for head in (heads if task != "cls" else ({},))
    ],
    ids=str,
)
def test_bit_equal_to_the_peer_on_whole_architectures(
    ultralytics: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pictures: list[np.ndarray],
    architecture: str,
    options: dict[str, object],
) -> None:
    import torch

    monkeypatch.chdir(tmp_path)  # the exporter writes into the current folder
    torch.manual_seed(0)
    model = ultralytics.YOLO(architecture)
    wake(model.model)
    path = Path(model.export(format="onnx", verbose=False, **options))
    if model.task == "classify":
        ours, theirs = Classifier(path), ultralytics.YOLO(path, task="classify")
        for picture in pictures:
            (other,) = theirs.predict(picture, imgsz=96, device="cpu", verbose=False)
            require_equal_result(ours(picture), other)
        return
    assert compare(ultralytics, path, model.task, pictures) > 100


def wake(network: object) -> None:
    """Let signals through layers nobody trained, and scores spread."""
    import torch

    for part in network.modules():  # type: ignore[attr-defined]
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = 1.0
    last = network.model[-1]  # type: ignore[attr-defined]
    for level in [level for name in ("cv3", "one2one_cv3") for level in getattr(last, name, None) or []]:
        torch.nn.init.normal_(level[-1].weight, std=0.02)
        torch.nn.init.constant_(level[-1].bias, -1.0)
    with torch.no_grad():
        network.train()(torch.rand(8, 3, 96, 96))  # type: ignore[attr-defined]
    network.eval()  # type: ignore[attr-defined]


def test_each_of_the_two_refuses_what_is_for_the_other() -> None:
    boxes, classes = exported("pose", "onnx"), exported("classify", "onnx")
    with pytest.raises(UsageError, match="finds boxes, found one for classify") as refused:
        Detector(classes)
    assert "Classifier" in refused.value.hint
    with pytest.raises(UsageError, match="classifies, found one for pose") as refused:
        Classifier(boxes)
    assert "Detector" in refused.value.hint


def test_classes_of_a_network_with_masks_can_have_thresholds_of_their_own(pictures: list[np.ndarray]) -> None:
    detector = Detector(exported("segment", "onnx"))
    everything = detector(pictures[3], confidence=0.1)
    detector.confidence, detector.class_confidence = 0.1, {detector.names[0]: 1.0}
    some = detector(pictures[3])
    assert 0 < len(some) < len(everything)
    assert 0 not in some.class_id
    assert some.masks is not None
    assert len(some.masks) == len(some)
