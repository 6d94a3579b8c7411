from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from support.networks import exported, images, require_same

from yolo_tl.edge.artifact import open_network
from yolo_tl.edge.network import RunOptions
from yolo_tl.edge.openvino import OpenVinoNetwork, import_openvino
from yolo_tl.errors import BundleError

if find_spec("openvino") is None:
    pytest.skip("OpenVINO is not installed", allow_module_level=True)

ONE = RunOptions(threads=1)
CASES: list[tuple[str, dict[str, Any]]] = [
    ("detect", {"two_headed": True}),
    ("detect", {"two_headed": True, "head": "nms-free"}),
    ("segment", {}),
    ("pose", {"head": "nms"}),
    ("classify", {}),
]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of a model that a test may damage."""
    return Path(shutil.copytree(exported("detect", "openvino", two_headed=True), tmp_path / "a_openvino_model"))


@pytest.mark.parametrize(("task", "options"), CASES, ids=str)
def test_says_what_onnx_runtime_says(task: str, options: dict[str, Any]) -> None:
    ours = OpenVinoNetwork(exported(task, "openvino", **options), ONE)
    theirs = open_network(exported(task, "onnx", **options), ONE)
    assert ours.info == theirs.info
    tensor = images(3)
    assert require_same(ours.run(tensor), theirs.run(tensor), ours.info, box=1e-3, score=1e-5) >= 3


def test_free_sizes_and_batches() -> None:
    options: dict[str, Any] = {"two_headed": True, "dynamic": True}
    ours = OpenVinoNetwork(exported("detect", "openvino", **options), ONE)
    theirs = open_network(exported("detect", "onnx", **options), ONE)
    assert (ours.info.dynamic, ours.info.batch, ours.info.imgsz) == (True, None, (64, 64))
    assert ours.info == theirs.info
    for tensor in (images(1), images(3, size=96), images(2)[:, :, :32]):
        require_same(ours.run(tensor), theirs.run(tensor), ours.info, box=1e-3, score=1e-5)


def test_nms_in_a_graph_of_free_batch_never_gets_more_than_it_was_unrolled_for() -> None:
    options: dict[str, Any] = {"head": "nms", "dynamic": True, "batch": 2}
    network = OpenVinoNetwork(exported("detect", "openvino", **options), ONE)
    tensor = images(3)
    together, alone = network.run(tensor), [network.run(tensor[i : i + 1]) for i in range(3)]
    for i in range(3):
        require_same((together[0][i : i + 1],), alone[i], network.info, box=1e-3, score=1e-5)


def test_a_fixed_batch_is_filled() -> None:
    network = OpenVinoNetwork(exported("detect", "openvino", two_headed=True), ONE)
    assert network.info.batch == 1
    tensor = images(3)
    np.testing.assert_array_equal(network.run(tensor)[0][2], network.run(tensor[2:])[0][0])


def test_outputs_are_not_overwritten_by_the_next_run() -> None:
    network = OpenVinoNetwork(exported("detect", "openvino", two_headed=True), ONE)
    first = network.run(images(1, seed=1))[0]
    kept = first.copy()
    network.run(images(1, seed=2))
    np.testing.assert_array_equal(first, kept)


def test_computes_in_float32_and_with_the_threads_asked_for() -> None:
    openvino = import_openvino()

    path = exported("detect", "openvino", two_headed=True)
    network = OpenVinoNetwork(path, ONE)
    assert network.compiled.get_property("INFERENCE_PRECISION_HINT") == openvino.Type.f32
    assert network.compiled.get_property("INFERENCE_NUM_THREADS") == 1
    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        return
    brain = OpenVinoNetwork(path, RunOptions(threads=1, precision="bf16"))
    exact, rounded = network.run(images(1))[0], brain.run(images(1))[0]
    assert np.abs(exact - rounded).max() > 1e-3  # so the comparison with ONNX Runtime above is one of float32


def test_a_quantised_network_of_free_size_is_compiled_for_each_size(tmp_path: Path) -> None:
    openvino = import_openvino()
    from openvino import opset13

    source = exported("detect", "openvino", two_headed=True, dynamic=True)
    model = openvino.Core().read_model(next(source.glob("*.xml")))
    first = model.inputs[0].get_node()
    levels = opset13.fake_quantize(first, *(np.float32(value) for value in (0, 1, 0, 1)), 256)
    for port in list(first.output(0).get_target_inputs()):
        if port.get_node().get_type_name() != "FakeQuantize":
            port.replace_source_output(levels.output(0))
    openvino.save_model(model, tmp_path / "model.xml", compress_to_fp16=False)
    shutil.copy(source / "metadata.yaml", tmp_path)
    network = OpenVinoNetwork(tmp_path, ONE)
    assert network.compiled is None
    theirs = OpenVinoNetwork(source, ONE)
    for tensor in (images(1), images(2, size=96)):
        rounded = (tensor * 255).round().astype(np.float32) / 255
        require_same(network.run(rounded), theirs.run(rounded), network.info, box=1e-2, score=1e-3)


def test_nothing_is_reported_to_anyone(model: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    code = (
        "import sys; from pathlib import Path; from yolo_tl.edge.artifact import open_network\n"
        f"open_network(Path({str(model)!r}))\n"
        "print(sorted(m for m in sys.modules if m.startswith('openvino_telemetry.')))\n"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'torch', 'ultralytics', 'onnx', 'onnxruntime'}))"
    )
    hidden = {"CI", "GITHUB_ACTIONS", "BUILD_NUMBER"}  # in which OpenVINO reports nothing of itself
    environment = {key: value for key, value in os.environ.items() if key not in hidden} | {"HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.stdout.split("\n")[:2] == ["[]", "[]"], done.stderr
    assert list(home.iterdir()) == []


def damage_xml(folder: Path) -> None:
    file = folder / "model.xml"
    file.write_text(file.read_text()[:2000])


def cut_weights(folder: Path) -> None:
    file = folder / "model.bin"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def change_metadata(folder: Path, **values: Any) -> None:
    file = folder / "metadata.yaml"
    content = yaml.safe_load(file.read_text()) | values
    file.write_text(yaml.safe_dump({key: value for key, value in content.items() if value is not None}))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda f: (f / "model.xml").unlink(), "expected"),
        (
            lambda f: shutil.copy(f / "model.xml", f / "other.xml"),
            r"expected one \.xml file, found model.xml, other.xml",
        ),
        (lambda f: (f / "model.bin").unlink(), r"model\.bin: expected the weights of model.xml"),
        (lambda f: (f / "model.bin").write_bytes(b""), r"model\.bin: expected the weights of model.xml"),
        (cut_weights, "OpenVINO cannot"),
        (damage_xml, "OpenVINO cannot read it"),
        (lambda f: (f / "metadata.yaml").unlink(), "expected the metadata of an Ultralytics export"),
        (lambda f: (f / "metadata.yaml").write_text("a: [1"), "expected YAML"),
        (lambda f: (f / "metadata.yaml").write_text("- 1"), "expected a YAML mapping, found list"),
        (lambda f: change_metadata(f, names=None), "found none for: names"),
        (lambda f: change_metadata(f, task="depth"), "expected a model for one of the tasks"),
        (lambda f: change_metadata(f, names={0: "red"}), r"expected an output \(batch, 4 \+ classes, anchors\)"),
    ],
)
def test_a_damaged_model_is_refused(model: Path, damage: Any, says: str) -> None:
    damage(model)
    with pytest.raises(BundleError, match=says):
        open_network(model)


def test_another_size_than_the_fixed_one_is_refused(model: Path) -> None:
    with pytest.raises(BundleError, match=r"OpenVINO failed on an input of shape \(1, 3, 96, 96\)"):
        OpenVinoNetwork(model, ONE).run(images(1, size=96))


def test_a_network_of_other_inputs_is_refused(model: Path) -> None:
    openvino = import_openvino()
    from openvino import opset13

    source = opset13.parameter([1, 1, 64, 64], np.float32)
    openvino.save_model(openvino.Model([opset13.relu(source)], [source]), model / "grey.xml")
    shutil.move(model / "grey.xml", model / "model.xml")
    with pytest.raises(BundleError, match=r"expected one input \(batch, 3, height, width\)"):
        OpenVinoNetwork(model)
