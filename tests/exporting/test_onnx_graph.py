from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.quantised_toy import quantised_toy
from support.toys import toy_network

from yolo_tl.edge.onnx import OnnxNetwork
from yolo_tl.errors import ExportError
from yolo_tl.exporting.half import halve
from yolo_tl.exporting.onnx_graph import OnnxGraph


def test_a_plain_file(tmp_path: Path) -> None:
    graph = OnnxGraph.read(toy_network(tmp_path / "toy.onnx", metadata={"author": "Ärger, Inc."}))
    assert graph.inputs == {"images": (1, 3, 64, 96)}
    assert graph.outputs == ("output0",)
    assert (graph.dynamic, graph.half, graph.quantised, graph.unsymmetric) == (False, False, 0, ())
    assert graph.metadata["names"] == {0: "class 0", 1: "class 1", 2: "class 2"}
    assert graph.metadata["imgsz"] == [64, 96]
    assert (graph.metadata["stride"], graph.metadata["end2end"]) == (32, False)
    assert (graph.metadata["task"], graph.metadata["author"]) == ("detect", "Ärger, Inc.")


def test_free_sizes_and_half_precision(tmp_path: Path) -> None:
    graph = OnnxGraph.read(toy_network(tmp_path / "toy.onnx", dynamic=True, half=True))
    assert graph.inputs == {"images": (None, 3, None, None)}
    assert graph.dynamic
    assert graph.half


@pytest.mark.parametrize("constants", [False, True])
@pytest.mark.parametrize(
    ("zero", "reasons"),
    [
        ("signed", ()),
        ("unsigned", ("q: uint8", "dq: uint8")),
        ("shifted", ("q: a zero point other than 0", "dq: a zero point other than 0")),
        ("none", ("q: no zero point, so uint8",)),
    ],
)
def test_quantised_files(tmp_path: Path, zero: str, reasons: tuple[str, ...], constants: bool) -> None:
    graph = OnnxGraph.read(quantised_toy(tmp_path / "toy.onnx", zero, constants=constants))
    assert graph.quantised == 2
    assert graph.unsymmetric == reasons


def test_metadata_that_is_no_literal_stays_text(tmp_path: Path) -> None:
    graph = OnnxGraph.read(toy_network(tmp_path / "toy.onnx", metadata={"names": "{0: ", "task": "3"}))
    assert (graph.metadata["names"], graph.metadata["task"]) == ("{0: ", "3")


@pytest.mark.parametrize("content", [None, b"", b"text", bytes(100), b"\x08"])
def test_what_is_no_onnx_file(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "odd.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ExportError, match=r"odd\.onnx: expected an ONNX model"):
        OnnxGraph.read(path)


def test_a_half_precision_file_computes_nearly_the_same(tmp_path: Path) -> None:
    full, half = toy_network(tmp_path / "full.onnx", imgsz=(64, 64)), tmp_path / "half.onnx"
    halve(full, half)
    before, after = OnnxGraph.read(full), OnnxGraph.read(half)
    assert (before.half, after.half) == (False, True)
    assert (after.metadata, after.inputs, after.outputs) == (before.metadata, before.inputs, before.outputs)
    assert half.stat().st_size < 0.6 * full.stat().st_size
    tensor = np.random.default_rng(0).random((1, 3, 64, 64), dtype=np.float32)
    (a,), (b,) = OnnxNetwork(full).run(tensor), OnnxNetwork(half).run(tensor)
    assert b.dtype == np.float32  # inputs and outputs stay
    assert 0 < np.abs(a[:, 4:] - b[:, 4:]).max() < 0.02


def test_a_file_that_cannot_be_halved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("no such type")

    monkeypatch.setattr("onnxruntime.transformers.float16.convert_float_to_float16", fail)
    with pytest.raises(ExportError, match=r"toy\.onnx: cannot be written in float16: no such type"):
        halve(toy_network(tmp_path / "toy.onnx"), tmp_path / "half.onnx")
    assert not (tmp_path / "half.onnx").exists()
