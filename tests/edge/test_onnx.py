from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from yolo_tl.edge import Detector
from yolo_tl.edge.onnx import OnnxNetwork
from yolo_tl.errors import BundleError, ConfigError, MissingExtra, UsageError


def test_what_a_file_says_of_itself(toy) -> None:
    fixed = OnnxNetwork(toy(imgsz=(64, 96), batch=4)).info
    assert (fixed.imgsz, fixed.batch, fixed.dynamic, fixed.head) == ((64, 96), 4, False, "raw")
    assert fixed.names == ("class 0", "class 1", "class 2")
    free = OnnxNetwork(toy(imgsz=(64, 96), dynamic=True)).info
    assert (free.imgsz, free.batch, free.dynamic, free.stride) == ((64, 96), None, True, 32)


@pytest.mark.parametrize("count", [1, 3, 4, 5, 9])
@pytest.mark.parametrize("batch", [1, 4])
def test_any_number_of_images_goes_through_a_fixed_batch(toy, count: int, batch: int) -> None:
    tensor = np.random.default_rng(1).random((count, 3, 64, 96), dtype=np.float32)
    (together,) = OnnxNetwork(toy("a.onnx", batch=batch)).run(tensor)
    one = OnnxNetwork(toy("b.onnx", batch=1))
    assert together.shape == (count, 7, 24 * 6)
    np.testing.assert_allclose(together, np.concatenate([one.run(image[None])[0] for image in tensor]), atol=1e-4)


def test_a_half_precision_input_is_given_half_precision(toy) -> None:
    tensor = np.random.default_rng(1).random((1, 3, 64, 96), dtype=np.float32)
    (half,), (full,) = OnnxNetwork(toy("a.onnx", half=True)).run(tensor), OnnxNetwork(toy("b.onnx")).run(tensor)
    assert half.dtype == np.float16
    np.testing.assert_allclose(half[:, 4:], full[:, 4:], atol=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metadata": {"task": "depth"}}, "expected a model for one of the tasks detect, .*, found depth"),
        ({"drop": ("task", "names")}, "found none for: task, names"),
        ({"metadata": {"names": "{0: 'a', 2: 'b'}"}}, "names: expected a name for each class number"),
        (
            {"metadata": {"names": "{0: 'a'}"}},
            r"expected an output \(batch, 4 \+ classes, anchors\) for a raw head with 1 classes",
        ),
        ({"metadata": {"names": "{0: "}}, "names: expected a Python literal"),
        ({"metadata": {"stride": "'x'"}}, "stride: expected a positive integer"),
        ({"metadata": {"args": "[]"}}, "args: expected a dictionary"),
        ({"metadata": {"end2end": "True"}}, r"expected an output \(batch, boxes, 6\) for a nms-free head"),
        ({"metadata": {"args": "{'nms': True}"}}, r"expected an output \(batch, boxes, 6\) for a nms head"),
        ({"metadata": {"imgsz": "64"}, "dynamic": True}, r"imgsz: expected \[height, width\]"),
    ],
)
def test_metadata_that_do_not_fit(toy, options: dict[str, Any], message: str) -> None:
    path = toy(**options)
    with pytest.raises(BundleError, match=message) as caught:
        OnnxNetwork(path)
    assert str(path) in caught.value.message


@pytest.mark.parametrize("damage", ["cut", "empty", "text"])
def test_a_damaged_file_is_named_without_noise(toy, capfd: pytest.CaptureFixture[str], damage: str) -> None:
    path = toy()
    content = path.read_bytes()
    path.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "text": b"not a model"}[damage])
    with pytest.raises(BundleError, match=r"toy\.onnx: expected"):
        Detector(path)
    assert capfd.readouterr() == ("", "")


def test_an_input_the_graph_refuses(toy, capfd: pytest.CaptureFixture[str]) -> None:
    model = OnnxNetwork(toy(dynamic=True))
    with pytest.raises(BundleError, match=r"toy\.onnx: ONNX Runtime failed on an input of shape \(1, 3, 8, 32\)"):
        model.run(np.zeros((1, 3, 8, 32), np.float32))  # less than the convolution's kernel
    assert capfd.readouterr() == ("", "")


def test_paths_that_are_no_model(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"none\.onnx: expected a bundle or a network: .*, found nothing"):
        Detector(tmp_path / "none.onnx")
    (tmp_path / "best.pt").write_bytes(b"")
    with pytest.raises(BundleError, match="export the checkpoint first"):
        Detector(tmp_path / "best.pt")


def test_options_that_cannot_be_met(toy) -> None:
    path = toy()
    with pytest.raises(UsageError, match="NoSuchProvider is not part of the installed onnxruntime"):
        Detector(path, providers=["NoSuchProvider"])
    with pytest.raises(ConfigError, match="threads"):
        Detector(path, threads=0)


@pytest.mark.parametrize("chosen", [False, True])
def test_options_reach_the_session(toy, chosen: bool) -> None:
    detector = Detector(toy(), threads=1, spinning=chosen, memory_pattern=chosen)
    options = detector.pipeline.network._session.get_session_options()
    assert options.intra_op_num_threads == 1
    assert options.enable_mem_pattern is chosen
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == str(int(chosen))


def test_no_number_of_threads_is_the_engines_own(toy) -> None:
    assert Detector(toy()).pipeline.network._session.get_session_options().intra_op_num_threads == 0


def test_without_onnxruntime_the_base_install_is_named(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    path = toy()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtra, match=r"(?m)^pip install yolo-tl$"):
        Detector(path)
