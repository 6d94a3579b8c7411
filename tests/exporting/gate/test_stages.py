"""A planted damage is found at its stage, and at no other."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from support.scripted import raw, scripted
from support.toys import toy_network

from yolo_tl.config import GateLimits
from yolo_tl.edge.artifact import open_artifact
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.network import RunOptions
from yolo_tl.edge.pipeline import Pipeline
from yolo_tl.edge.preprocess import Preprocess
from yolo_tl.exporting.gate import choose_samples, judge, localise
from yolo_tl.exporting.gate.subject import Subject

onnx = pytest.importorskip("onnx")

AT = Thresholds(0.6)


def images(size: tuple[int, int] = (120, 72)) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [cv2.resize(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8), size) for _ in range(3)]


def toy(path: Path, **options) -> Pipeline:
    return open_artifact(toy_network(path, **options), RunOptions(threads=1)).pipeline


def one_weight_changed(path: Path, target: Path) -> Pipeline:
    model = onnx.load(path)
    bias = next(one for one in model.graph.initializer if one.name == "bias")
    values = onnx.numpy_helper.to_array(bias).copy()
    values[4] += 0.5  # a score of the first cell
    bias.CopyFrom(onnx.numpy_helper.from_array(values, "bias"))
    onnx.save(model, target)
    return open_artifact(target, RunOptions(threads=1)).pipeline


SWAPPED = {"names": str({0: "class 1", 1: "class 0", 2: "class 2"})}


@pytest.fixture
def reference(tmp_path: Path) -> Pipeline:
    return toy(tmp_path / "a.onnx")


@pytest.mark.parametrize(
    ("damage", "stage", "says"),
    [
        ("weight", "engine", "outputs differ: boxes by up to"),
        ("colour", "preprocess", "colour RGB and BGR"),
        ("padding", "preprocess", "padding 114 and 0"),
        ("scale", "preprocess", "scale 1/255 and 1"),
        ("names", "postprocess", "class names class 0, class 1, class 2 and class 1, class 0, class 2"),
        ("size", "preprocess", "input of 64x96 px and of 64x64 px"),
    ],
)
def test_each_damage_is_named(reference, tmp_path, damage, stage, says):
    other = {
        "weight": lambda: one_weight_changed(reference.network.path, tmp_path / "w.onnx"),
        "colour": lambda: Pipeline(reference.network, Preprocess(colour="BGR")),
        "padding": lambda: Pipeline(reference.network, Preprocess(padding=0)),
        "scale": lambda: Pipeline(reference.network, Preprocess(scale="1")),
        "names": lambda: toy(tmp_path / "b.onnx", metadata=SWAPPED),
        "size": lambda: toy(tmp_path / "c.onnx", imgsz=(64, 64)),
    }[damage]()
    stages = localise(reference, other, images(), AT)
    assert [one.stage for one in stages] == ["preprocess", "engine", "postprocess"]
    assert [one.stage for one in stages if one.differs] == [stage]
    named = next(one for one in stages if one.stage == stage)
    assert says in named.note
    if damage != "size":
        assert named.flips + named.unmatched > 0
        assert all((one.flips, one.box, one.score) == (0, 0, 0) for one in stages if one.stage != stage)


@pytest.mark.parametrize("turned", [False, True])
def test_a_padded_rectangle_against_a_square(tmp_path, turned):
    """One network that pads as little as it can beside the same that always pads to its whole input."""
    square = toy(tmp_path / "square.onnx", imgsz=(96, 96))
    rect = toy(tmp_path / "rect.onnx", imgsz=(96, 96), dynamic=True)
    first, second = (square, rect) if turned else (rect, square)
    stages = localise(first, second, images((200, 60)), AT)
    assert [one.stage for one in stages if one.differs] == ["preprocess"]
    assert "96x96 px" in stages[0].note
    assert stages[0].flips > 0


def test_other_sizes_are_compared_by_what_they_find(reference, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    cv2.imwrite(str(folder / "0.png"), images()[0])
    samples = choose_samples(folder, task="detect", names=reference.info.names)
    other = toy(tmp_path / "c.onnx", imgsz=(64, 64))
    result = judge(reference, other, samples, limits=GateLimits(), thresholds=AT)
    assert "does not take the reference's input of 64x96 px" in result.tensors.reason
    assert result.culprits == ("preprocess",)
    assert {failure.limit for failure in result.failures} >= {"unmatched"}


def test_images_come_alone_to_a_network_of_free_size(tmp_path):
    """Together, images of two shapes would be padded to the whole input."""
    free = toy(tmp_path / "free.onnx", imgsz=(96, 96), dynamic=True)
    shown = [images((200, 60))[0], images((60, 200))[0]]
    subject = Subject(free, free.info.names, np.arange(3), AT)
    assert [said.tensor.shape for said in subject.look(shown)] == [(1, 3, 32, 96), (1, 3, 96, 32)]


def test_nothing_differs_from_itself(reference):
    assert not any(stage.differs or stage.note for stage in localise(reference, reference, images(), AT))


def test_two_damages_are_both_named(reference, tmp_path):
    other = one_weight_changed(reference.network.path, tmp_path / "w.onnx")
    stages = localise(reference, Pipeline(other.network, Preprocess(colour="BGR")), images(), AT)
    assert [one.stage for one in stages if one.differs] == ["preprocess", "engine"]


def test_another_head_is_another_reading():
    """The raw head loses to NMS what the other head says twice."""
    boxes, scores = ((16, 16, 10, 10), (16.5, 16, 10, 10)), ((0.9, 0.1), (0.8, 0.1))
    rows = np.float32([[11, 11, 21, 21, 0.9, 0], [11.5, 11, 21.5, 21, 0.8, 0]])
    grey = [np.full((64, 64, 3), 10, np.uint8)]
    stages = localise(scripted([raw(boxes, scores)]), scripted([rows], head="nms-free"), grey, Thresholds())
    assert [one.stage for one in stages if one.differs] == ["postprocess"]
    assert stages[2].flips == 1
    assert "exchanged together" in stages[2].note
    assert "not exchanged: heads raw and nms-free" in stages[1].note


def test_a_difference_within_rounding_is_none_of_a_stage():
    boxes = ((16, 16, 10, 10), (40, 40, 10, 10))
    first, second = raw(boxes, ((0.9, 0.1), (0.1, 0.8))), raw(boxes, ((0.9002, 0.1), (0.1, 0.8)))
    stages = localise(scripted([first]), scripted([second]), [np.full((64, 64, 3), 10, np.uint8)], Thresholds())
    assert not stages[1].differs
    assert stages[1].score == pytest.approx(2e-4, rel=1e-2)


def test_the_gate_looks_where_it_differs_most(reference, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for i, image in enumerate(images()):
        cv2.imwrite(str(folder / f"{i}.png"), image)
    samples = choose_samples(folder, task="detect", names=reference.info.names)
    other = Pipeline(reference.network, Preprocess(colour="BGR"))
    result = judge(reference, other, samples, limits=GateLimits(), thresholds=AT)
    assert result.culprits == ("preprocess",)
    assert result.stages[0].images == 3
    assert "the stage that differs: preprocess" in result.describe()
    assert not result.tensors.reason  # the outputs on one tensor are the same
    assert result.tensors.box == 0
