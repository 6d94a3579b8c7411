"""Anything that can be run is opened, and a checkpoint answers as its export does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.networks import exported, tiny
from support.toys import toy_network

from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.network import RunOptions
from yolo_tl.engine.saving import save_checkpoint
from yolo_tl.errors import BundleError, ModelError, WeightsNotFound
from yolo_tl.exporting.opening import open_all, open_any

ONE = RunOptions(threads=1)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with two heads, selected on the one that needs no NMS."""
    path = tmp_path_factory.mktemp("weights") / "net.pt"
    save_checkpoint(tiny(two_headed=True), path, train_args={"imgsz": 96, "nms": False}, half=False)
    return path


def picture(height: int = 50, width: int = 90) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_checkpoint_is_as_it_was_selected_and_trained(weights):
    info = open_any(weights).pipeline.info
    assert (info.head, info.imgsz, info.names) == ("nms-free", (96, 96), ("red", "green", "blue"))
    info = open_any(weights, head="raw", imgsz=64).pipeline.info
    assert (info.head, info.imgsz) == ("raw", (64, 64))


def test_a_run_folder_is_its_best_checkpoint(weights, tmp_path):
    (tmp_path / "run" / "weights").mkdir(parents=True)
    (tmp_path / "run" / "run.yaml").write_text("{}")
    (tmp_path / "run" / "weights" / "best.pt").write_bytes(weights.read_bytes())
    assert open_any(tmp_path / "run").path.name == "best.pt"


@pytest.mark.parametrize("format", ["onnx", "torchscript"])
def test_it_says_what_its_export_says(weights, format):
    """Head and size are those of the export, wherever in the row that stands."""
    export = exported("detect", format, two_headed=True)
    for order in ([weights, export], [export, weights]):
        first, second = (artifact.pipeline for artifact in open_all(order, options=ONE))
        assert first.info.head == second.info.head == "raw"
        assert first.info.imgsz == second.info.imgsz == (64, 64)
        (one,), (other,) = (pipeline([picture()], thresholds=Thresholds(0.1)) for pipeline in (first, second))
        assert len(one) == len(other) > 0
        np.testing.assert_allclose(np.sort(one.confidence), np.sort(other.confidence), atol=1e-4)


def test_nms_inside_a_graph_is_held_to_nms_outside(weights, tmp_path):
    export = toy_network(tmp_path / "nms.onnx", imgsz=(64, 64), metadata={"args": str({"nms": False})})
    checkpoint, _ = open_all([weights, export], options=ONE)
    assert checkpoint.pipeline.info.head == "raw"


def test_an_export_of_free_size_makes_the_checkpoint_pad_as_little(weights, tmp_path):
    export = toy_network(tmp_path / "free.onnx", imgsz=(64, 96), dynamic=True)
    first, second = (artifact.pipeline for artifact in open_all([weights, export], options=ONE))
    tensors = [pipeline.preprocess([picture(20, 90)], pipeline.info)[0] for pipeline in (first, second)]
    np.testing.assert_array_equal(*tensors)
    assert tensors[0].shape == (1, 3, 32, 96)
    assert len(first([picture(20, 90)], thresholds=Thresholds(0.0001))[0]) > 0


def test_what_was_asked_for_is_stronger(weights, tmp_path):
    export = toy_network(tmp_path / "toy.onnx", imgsz=(64, 64))
    checkpoint, _ = open_all([weights, export], head="nms-free", imgsz=128, options=ONE)
    assert (checkpoint.pipeline.info.head, checkpoint.pipeline.info.imgsz) == ("nms-free", (128, 128))


def test_several_checkpoints_are_as_the_first(weights, tmp_path):
    other = tmp_path / "other.pt"
    save_checkpoint(tiny(two_headed=True, seed=1), other, train_args={"imgsz": 64}, half=False)
    first, second = (artifact.pipeline.info for artifact in open_all([weights, other]))
    assert (first.head, first.imgsz) == (second.head, second.imgsz) == ("nms-free", (96, 96))


@pytest.mark.parametrize(
    ("name", "error"),
    [("x.pt", WeightsNotFound), ("x.onnx", BundleError), ("x.torchscript", BundleError), ("x.txt", BundleError)],
)
def test_what_is_not_there_is_an_error_of_its_kind(tmp_path, name, error):
    with pytest.raises(error):
        open_any(tmp_path / name)


def test_damaged_files(tmp_path):
    for name, error in (("x.pt", ModelError), ("x.onnx", BundleError), ("x.torchscript", BundleError)):
        (tmp_path / name).write_bytes(b"PK\x03\x04 cut short")
        with pytest.raises(error):
            open_any(tmp_path / name)
