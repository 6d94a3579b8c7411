from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.networks import exported, images, require_same

from yolo_tl.edge.artifact import open_network
from yolo_tl.edge.network import RunOptions
from yolo_tl.engine.torchscript import METADATA, TorchScriptNetwork
from yolo_tl.errors import BundleError

ONE = RunOptions(threads=1)
CASES: list[tuple[str, dict[str, Any]]] = [
    ("detect", {"two_headed": True}),
    ("detect", {"two_headed": True, "head": "nms-free"}),
    ("segment", {}),
    ("pose", {"head": "nms"}),
    ("classify", {}),
]


@pytest.mark.parametrize(("task", "options"), CASES, ids=str)
def test_says_what_onnx_runtime_says(task: str, options: dict[str, Any]) -> None:
    ours = TorchScriptNetwork(exported(task, "torchscript", **options), ONE)
    theirs = open_network(exported(task, "onnx", **options), ONE)
    assert ours.info == theirs.info
    tensor = images(3)
    assert require_same(ours.run(tensor), theirs.run(tensor), ours.info, box=1e-3, score=1e-5) >= 3


def test_free_sizes_and_batches() -> None:
    options: dict[str, Any] = {"two_headed": True, "dynamic": True}
    ours = TorchScriptNetwork(exported("detect", "torchscript", **options), ONE)
    theirs = open_network(exported("detect", "onnx", **options), ONE)
    assert ours.info == theirs.info
    for tensor in (images(1), images(3, size=96)):
        require_same(ours.run(tensor), theirs.run(tensor), ours.info, box=1e-3, score=1e-5)


def test_uses_the_threads_asked_for_and_gives_them_back(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    network = TorchScriptNetwork(exported("detect", "torchscript", two_headed=True), RunOptions(threads=2))
    real, seen = network._module, []

    def spy(tensor: Any) -> Any:
        seen.append(torch.get_num_threads())
        return real(tensor)

    monkeypatch.setattr(network, "_module", spy)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    network.run(images(1))
    assert seen == [2]
    assert torch.get_num_threads() == 1
    torch.set_num_threads(before)


def test_another_size_than_the_fixed_one_is_refused() -> None:
    network = TorchScriptNetwork(exported("detect", "torchscript", two_headed=True), ONE)
    with pytest.raises(BundleError, match=r"expected images \(3, 64, 64\), found \(3, 96, 96\)"):
        network.run(images(1, size=96))


def saved(file: Path, metadata: str | None) -> Path:
    import torch

    traced = torch.jit.trace(torch.nn.Identity(), torch.zeros(1, 3, 64, 64))
    traced.save(str(file), _extra_files={} if metadata is None else {METADATA: metadata})
    return file


GOOD: dict[str, Any] = {
    "task": "detect",
    "names": {"0": "red", "1": "green", "2": "blue"},
    "stride": 32,
    "imgsz": [64, 64],
    "batch": 1,
}


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        (None, "expected the metadata of an Ultralytics export"),
        ("{", "expected JSON"),
        ("[1]", "expected a JSON object"),
        (json.dumps({**GOOD, "names": {"a": "red"}}), "metadata names"),
        (json.dumps({**GOOD, "task": "depth"}), "expected a model for one of the tasks"),
    ],
)
def test_metadata_that_does_not_fit_is_refused(tmp_path: Path, metadata: str | None, says: str) -> None:
    with pytest.raises(BundleError, match=says):
        TorchScriptNetwork(saved(tmp_path / "a.torchscript", metadata))


def test_an_output_that_is_not_what_the_metadata_says_is_refused(tmp_path: Path) -> None:
    network = TorchScriptNetwork(saved(tmp_path / "a.torchscript", json.dumps(GOOD)))
    with pytest.raises(BundleError, match=r"expected an output \(batch, 4 \+ classes, anchors\)"):
        network.run(np.zeros((1, 3, 64, 64), np.float32))


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="found nothing"):
        TorchScriptNetwork(tmp_path / "none.torchscript")
    file = Path(shutil.copy(exported("detect", "torchscript", two_headed=True), tmp_path))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(BundleError, match="expected a TorchScript file"):
        TorchScriptNetwork(file)
