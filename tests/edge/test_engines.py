"""The engine that runs a file: its own, or another that reads it, too; metadata read without a library for ONNX."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.bundles import toy_bundle
from support.networks import exported
from support.toys import toy_network

from yolo_tl import api
from yolo_tl.edge import Detector
from yolo_tl.edge.artifact import open_network
from yolo_tl.edge.network import RunOptions
from yolo_tl.edge.onnx_metadata import read_onnx_metadata
from yolo_tl.errors import BundleError, ConfigError, UsageError


def test_openvino_runs_an_onnx_file_as_its_own_engine_does(toy, pictures) -> None:
    pytest.importorskip("openvino")
    path = toy()
    own, other = Detector(path, threads=1), Detector(path, threads=1, engine="openvino")
    assert type(other.pipeline.network).__name__ == "OpenVinoNetwork"
    assert own.pipeline.info == other.pipeline.info
    for picture in pictures:
        a, b = own(picture), other(picture)
        assert len(a) == len(b) > 0
        np.testing.assert_allclose(np.sort(a.confidence), np.sort(b.confidence), atol=1e-5)
        assert sorted(a.class_id) == sorted(b.class_id)


@pytest.mark.parametrize("task", ["detect", "segment", "classify"])
def test_what_ultralytics_writes_is_read_as_onnx_runtime_reads_it(task) -> None:
    path = exported(task, "onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    expected = onnxruntime.InferenceSession(str(path)).get_modelmeta().custom_metadata_map
    assert len(expected) > 5
    assert read_onnx_metadata(path)._values == expected


def test_the_self_test_says_whether_another_engine_will_do(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    assert api.selftest(toy_bundle(tmp_path / "bundle"), threads=1, engine="openvino", repeat=0).passed


def test_an_engine_that_does_not_read_the_file_is_refused(toy, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected auto, onnxruntime, openvino, found 'tensorflow'"):
        Detector(toy(), engine="tensorflow")
    (tmp_path / "model.tflite").write_bytes(b"")
    for engine in ("onnxruntime", "openvino"):
        with pytest.raises(UsageError, match=f"expected a file that {engine} reads"):
            open_network(tmp_path / "model.tflite", RunOptions(engine=engine))


def test_half_precision_inputs_are_refused_by_openvino(toy) -> None:
    pytest.importorskip("openvino")
    with pytest.raises(BundleError, match=r"of f32, found .*f16"):
        Detector(toy(half=True), engine="openvino")


@given(data=st.data())
def test_a_damaged_file_is_an_error_and_nothing_else(tmp_path_factory, data) -> None:
    path = tmp_path_factory.mktemp("damaged") / "model.onnx"
    whole = toy_network(path).read_bytes()
    cut = data.draw(st.integers(0, len(whole) - 1))
    path.write_bytes(whole[:cut] + data.draw(st.binary(max_size=8)))
    with pytest.raises(BundleError):
        read_onnx_metadata(path)
