from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.networks import exported, images, require_same

from yolo_tl.edge.artifact import open_network
from yolo_tl.edge.network import RunOptions
from yolo_tl.errors import BundleError

pytest.importorskip("ncnn")
pytest.importorskip("pnnx")
from yolo_tl.edge.ncnn import NcnnNetwork

ONE = RunOptions(threads=1)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of a model that a test may damage."""
    return Path(shutil.copytree(exported("detect", "ncnn", two_headed=True), tmp_path / "a_ncnn_model"))


@pytest.mark.parametrize(("task", "two_headed"), [("detect", True), ("segment", False)])
def test_says_what_onnx_runtime_says(task: str, two_headed: bool) -> None:
    ours = NcnnNetwork(exported(task, "ncnn", two_headed=two_headed), ONE)
    theirs = open_network(exported(task, "onnx", two_headed=two_headed), ONE)
    assert ours.info == theirs.info
    tensor = images(3)
    assert require_same(ours.run(tensor), theirs.run(tensor), ours.info, box=5e-3, score=1e-4) >= 3


def test_stores_and_computes_in_float32_and_with_the_threads_asked_for(model: Path) -> None:
    network, half = NcnnNetwork(model, ONE), NcnnNetwork(model, RunOptions(threads=2, precision="f16"))
    option, other = network._net.opt, half._net.opt
    lossy = ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_packed", "bf16_storage", "vulkan_compute")
    assert not any(getattr(option, f"use_{name}") for name in lossy)
    assert other.use_fp16_arithmetic
    assert (option.num_threads, other.num_threads) == (1, 2)
    brain = NcnnNetwork(model, RunOptions(threads=1, precision="bf16")).run(images(1))[0]
    assert np.abs(brain - network.run(images(1))[0]).max() > 1e-3


def test_nothing_but_the_model_is_kept(model: Path) -> None:
    assert sorted(file.name for file in model.iterdir()) == ["metadata.yaml", "model.ncnn.bin", "model.ncnn.param"]


def test_another_size_is_refused(model: Path) -> None:
    with pytest.raises(BundleError, match=r"expected images \(3, 64, 64\), found \(3, 96, 96\)"):
        NcnnNetwork(model, ONE).run(images(1, size=96))


def rewrite(file: Path, change: Any) -> None:
    file.write_bytes(change(file.read_bytes()))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda f: (f / "model.ncnn.bin").unlink(), r"model\.ncnn\.bin: expected the weights"),
        (lambda f: rewrite(f / "model.ncnn.bin", lambda b: b[: len(b) // 2]), "expected an NCNN model"),
        (lambda f: rewrite(f / "model.ncnn.param", lambda b: b"nothing"), "expected an NCNN model"),
        (lambda f: (f / "metadata.yaml").unlink(), "expected the metadata"),
    ],
)
def test_a_damaged_model_is_refused(model: Path, damage: Any, says: str) -> None:
    damage(model)
    with pytest.raises(BundleError, match=says):
        open_network(model)
