from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from yolo_tl.boxes import Detections
from yolo_tl.edge import Detector
from yolo_tl.errors import BundleError, ConfigError, ImageError

Compare = Callable[..., int]


def rows(found: Detections) -> np.ndarray:
    return np.column_stack([found.xyxy, found.confidence, found.class_id]).astype(np.float32)


@pytest.fixture
def require_equal(ultralytics: ModuleType) -> Compare:
    """Compare with ``YOLO(file).predict``, one by one and all at once; return the number of detections."""

    def compare(path: Path, pictures: list[np.ndarray], **options: Any) -> int:
        ours, theirs = Detector(path), ultralytics.YOLO(path, task="detect")
        total = 0
        for confidence in (0.001, 0.25, 0.6):
            for batch in [[picture] for picture in pictures] + [pictures, [pictures[3]] * 5]:
                expected = theirs.predict(
                    list(batch), conf=confidence, imgsz=list(ours.imgsz), device="cpu", verbose=False, **options
                )
                found = ours.predict(batch, confidence=confidence, **options)
                for one, other in zip(found, expected, strict=True):
                    np.testing.assert_array_equal(rows(one), other.boxes.data.numpy())
                    total += len(one)
        assert ours.names == tuple(theirs.names.values())
        return total

    return compare


@pytest.mark.parametrize(
    "options",
    [
        {"imgsz": (64, 64)},
        {"imgsz": (96, 64)},
        {"imgsz": (64, 96), "batch": 4},
        {"imgsz": (96, 96), "dynamic": True},
        {"imgsz": (64, 128), "dynamic": True},
        {"imgsz": (64, 96), "half": True},
        {"imgsz": (64, 64), "classes": 80},
    ],
    ids=str,
)
def test_bit_equal_to_the_peer_on_the_toy(toy, pictures, require_equal: Compare, options: dict[str, Any]) -> None:
    assert require_equal(toy(**options), pictures) > 500


def test_bit_equal_to_the_peer_on_pictures_of_all_sizes(toy, require_equal: Compare) -> None:
    rng = np.random.default_rng(3)
    sizes = [(1, 1), (1, 300), (300, 1), (2, 3), *(rng.integers(4, 500, 2).tolist() for _ in range(24))]
    drawn = [rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for height, width in sizes]
    assert require_equal(toy(), drawn) > 1000


@pytest.mark.parametrize("options", [{"classes": [1]}, {"iou": 0.2}, {"max_det": 3}], ids=str)
def test_bit_equal_to_the_peer_under_other_thresholds(toy, pictures, require_equal: Compare, options) -> None:
    assert require_equal(toy(), pictures[:4], **options) > 10


def export(ultralytics: ModuleType, folder: Path, architecture: str, **options: Any) -> Path:
    """Export a network with random weights whose classes are sure of themselves."""
    import torch

    torch.manual_seed(0)
    model = ultralytics.YOLO(architecture)
    head = model.model.model[-1]
    for branch in (head.cv3, getattr(head, "one2one_cv3", None) or []):
        for level in branch:
            torch.nn.init.normal_(level[-1].weight, std=0.4)
            torch.nn.init.constant_(level[-1].bias, -1.0)
    written = Path(model.export(format="onnx", verbose=False, **options))
    return Path(shutil.move(written, folder / "model.onnx"))


@pytest.mark.parametrize(
    ("architecture", "options", "head"),
    [
        ("yolov8n.yaml", {"imgsz": 64}, "raw"),
        pytest.param("yolo26n.yaml", {"imgsz": 128, "nms": False}, "nms-free", marks=pytest.mark.slow),
        pytest.param("yolo26n.yaml", {"imgsz": 320, "nms": False, "dynamic": True}, "nms-free", marks=pytest.mark.slow),
        pytest.param("yolo26n.yaml", {"imgsz": 128}, "raw", marks=pytest.mark.slow),
        pytest.param("yolo26n.yaml", {"imgsz": 128, "dynamic": True}, "raw", marks=pytest.mark.slow),
        pytest.param("yolo26n.yaml", {"imgsz": (96, 160)}, "raw", marks=pytest.mark.slow),
        pytest.param("yolov8n.yaml", {"imgsz": 128, "nms": False}, "raw", marks=pytest.mark.slow),
        pytest.param("yolov8n.yaml", {"imgsz": (96, 160), "batch": 4}, "raw", marks=pytest.mark.slow),
        pytest.param("yolov8n.yaml", {"imgsz": 128, "dynamic": True}, "raw", marks=pytest.mark.slow),
        pytest.param("yolov8n.yaml", {"imgsz": 128, "nms": True, "conf": 0.001}, "nms", marks=pytest.mark.slow),
        pytest.param(
            "yolov8n.yaml", {"imgsz": 128, "nms": True, "dynamic": True, "batch": 3}, "nms", marks=pytest.mark.slow
        ),
    ],
    ids=str,
)
def test_bit_equal_to_the_peer_on_its_exports(
    ultralytics: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pictures: list[np.ndarray],
    require_equal: Compare,
    architecture: str,
    options: dict[str, Any],
    head: str,
) -> None:
    monkeypatch.chdir(tmp_path)  # the exporter writes into the current folder
    path = export(ultralytics, tmp_path, architecture, **options)
    assert Detector(path).head == head
    if head == "nms-free" and options.get("dynamic"):
        # Its top 300 is fixed at export: smaller rectangles hold fewer cells, and both sides fail.
        pictures = [pictures[0], pictures[3], pictures[3], pictures[3]]
    assert require_equal(path, pictures) > 100


@pytest.mark.slow
def test_a_rectangle_with_fewer_cells_than_the_fixed_top_is_an_error(
    ultralytics: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = export(ultralytics, tmp_path, "yolo26n.yaml", imgsz=128, nms=False, dynamic=True)
    detector = Detector(path)
    assert len(detector(np.zeros((128, 128, 3), np.uint8))) >= 0
    with pytest.raises(BundleError, match="ONNX Runtime failed on an input of shape"):
        detector(np.zeros((32, 128, 3), np.uint8))


@pytest.mark.real_data
def test_bit_equal_to_the_peer_on_real_images(toy, shared: Path, require_equal: Compare) -> None:
    from yolo_tl.edge import read_image

    files = sorted((shared / "data" / "bccd").rglob("*.jpg"))[:12]
    assert require_equal(toy(imgsz=(160, 160)), [read_image(file) for file in files]) > 500


def test_what_a_detector_says_of_itself(toy) -> None:
    detector = Detector(str(toy(imgsz=(64, 96), batch=2)), threads=1)
    assert detector.names == ("class 0", "class 1", "class 2")
    assert (detector.imgsz, detector.head, detector.dynamic, detector.batch) == ((64, 96), "raw", False, 2)
    assert (detector.confidence, detector.iou, detector.max_det) == (0.25, 0.7, 300)


def test_boxes_lie_in_the_image_and_come_best_first(toy, pictures: list[np.ndarray]) -> None:
    detector = Detector(toy())
    for picture in pictures:
        found = detector(picture, confidence=0.001)
        height, width = picture.shape[:2]
        assert len(found) > 20
        assert (found.xyxy >= 0).all()
        assert (found.xyxy[:, 2] <= width).all()
        assert (found.xyxy[:, 3] <= height).all()
        assert (np.diff(found.confidence) <= 0).all()


def test_classes_and_max_det(toy, pictures: list[np.ndarray]) -> None:
    detector = Detector(toy())
    everything = detector(pictures[3], confidence=0.3)
    assert set(everything.class_id.tolist()) == {0, 1, 2}
    only = detector(pictures[3], confidence=0.3, classes=[2])
    np.testing.assert_array_equal(rows(only), rows(everything)[everything.class_id == 2])
    np.testing.assert_array_equal(rows(detector(pictures[3], confidence=0.3, max_det=4)), rows(everything)[:4])
    assert len(detector(pictures[3], classes=[])) == 0
    with pytest.raises(ConfigError, match=r"classes: expected class numbers from 0 to 2, found \[3\]"):
        detector(pictures[3], classes=[0, 3])


def test_grey_is_colour_without_colour(toy, pictures: list[np.ndarray]) -> None:
    detector = Detector(toy())
    grey = pictures[3][..., 0]
    for image in (grey, grey[..., None]):
        np.testing.assert_array_equal(rows(detector(image)), rows(detector(np.dstack([grey] * 3))))


def test_nothing_in_nothing_out(toy) -> None:
    assert Detector(toy()).predict([]) == []


def test_the_picture_is_left_as_it_was(toy, pictures: list[np.ndarray]) -> None:
    before = pictures[3].copy()
    Detector(toy())(pictures[3])
    np.testing.assert_array_equal(pictures[3], before)


def test_thresholds_are_those_that_are_set_now(toy, pictures: list[np.ndarray]) -> None:
    detector = Detector(toy())
    first = detector.thresholds
    assert detector.thresholds is first  # not made anew for each image
    detector.confidence, detector.max_det = 0.4, 2
    assert (detector.thresholds.confidence, detector.thresholds.max_det) == (0.4, 2)
    assert len(detector(pictures[3])) == 2
    detector.class_confidence["class 1"] = 0.9
    assert detector.thresholds.by_class == ((1, 0.9),)
    assert detector.thresholds_with(confidence=0.4).by_class == ()
    detector.max_det = True
    with pytest.raises(ConfigError, match="max_det: expected a positive integer, found True"):
        detector(pictures[3])


def test_threads_that_share_a_detector_find_the_same(toy, pictures: list[np.ndarray]) -> None:
    detector = Detector(toy(), threads=1)
    levels = (0.001, 0.4)
    expected = [rows(detector(picture, confidence=level)) for picture in pictures for level in levels]

    def look(turn: int) -> bool:
        number = turn % len(expected)
        found = detector(pictures[number // 2], confidence=levels[number % 2])
        return np.array_equal(rows(found), expected[number])

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(look, range(200)))


def test_bad_images_and_thresholds(toy, pictures: list[np.ndarray]) -> None:
    detector = Detector(toy())
    with pytest.raises(ImageError, match="dtype float32"):
        detector(pictures[0].astype(np.float32))
    with pytest.raises(ConfigError, match="confidence"):
        detector(pictures[0], confidence=25)
