from __future__ import annotations

import errno
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.networks import exported, images, require_same, tiny

from yolo_tl.edge.artifact import open_network
from yolo_tl.edge.network import RunOptions
from yolo_tl.engine import exporting
from yolo_tl.engine.torchscript import TorchScriptNetwork
from yolo_tl.errors import ExportError, WriteError
from yolo_tl.exporting.formats import FORMATS

ONE = RunOptions(threads=1)


@pytest.fixture(scope="module")
def module() -> Any:
    return tiny(two_headed=True)


@pytest.fixture
def exporter(ultralytics: Any) -> Any:
    """The class that does the work, to be made to fail."""
    from ultralytics.engine.exporter import Exporter

    return Exporter


def export(module: Any, target: Path, **changes: Any) -> None:
    values: dict[str, Any] = {
        "format": "onnx",
        "precision": "fp32",
        "head": "raw",
        "task": module.task,
        "imgsz": 64,
        "batch": 1,
        "dynamic": False,
        "simplify": False,
        "opset": None,
        "confidence": 0.3,
        "iou": 0.7,
        "max_det": 40,
    }
    exporting.export_model(module, target, **{**values, **changes})


@pytest.mark.parametrize(
    ("task", "options"),
    [
        ("detect", {"two_headed": True}),
        ("detect", {"two_headed": True, "head": "nms-free"}),
        ("detect", {"two_headed": True, "head": "nms"}),
        ("segment", {}),
        ("pose", {"head": "nms"}),
        ("obb", {}),
        ("classify", {}),
    ],
    ids=str,
)
def test_every_task_and_head_says_what_it_is(task: str, options: dict[str, Any]) -> None:
    network = open_network(exported(task, "onnx", **options), ONE)
    info = network.info
    assert (info.task, info.head, info.names) == (task, options.get("head", "raw"), ("red", "green", "blue"))
    assert (info.imgsz, info.batch, info.dynamic) == ((64, 64), 1, False)
    assert info.keypoints == ((2, 3) if task == "pose" else None)
    assert require_same(network.run(images(2)), network.run(images(2)), info, box=0, score=0) >= 2


@pytest.mark.parametrize("format", ["onnx", "openvino", "ncnn", "torchscript"])
def test_each_format_is_run_by_what_the_registry_says(format: str) -> None:
    path = exported("detect", format, two_headed=True)
    network = TorchScriptNetwork(path) if format == "torchscript" else open_network(path)
    assert type(network).__name__ == FORMATS[format].runner
    assert network.path == path


def test_float16_keeps_float32_inputs_and_outputs() -> None:
    import onnx

    exact, half = (exported("detect", "onnx", two_headed=True, precision=p) for p in ("fp32", "fp16"))
    assert half.stat().st_size < 0.6 * exact.stat().st_size
    graph = onnx.load(half).graph
    kinds = {port.type.tensor_type.elem_type for port in (*graph.input, *graph.output)}
    assert kinds == {onnx.TensorProto.FLOAT}
    ours, theirs = open_network(half, ONE), open_network(exact, ONE)
    difference = np.abs(ours.run(images(2))[0] - theirs.run(images(2))[0])
    assert 0 < difference[:, 4:].max() < 0.02


def test_nothing_is_printed_asked_for_or_left_behind(
    module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*arguments: Any, **options: Any) -> Any:
        raise AssertionError(f"a network connection: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    here, out = tmp_path / "here", tmp_path / "out"
    here.mkdir()
    (here / "debug.bin").write_text("the user's")  # pnnx deletes files of this name
    monkeypatch.chdir(here)
    weights = {name: value.clone() for name, value in module.state_dict().items()}
    for format, name in (("onnx", "a.onnx"), ("openvino", "a_openvino_model"), ("ncnn", "a_ncnn_model")):
        export(module, Path("../out") / name, format=format)
    assert sorted(path.name for path in out.iterdir()) == ["a.onnx", "a_ncnn_model", "a_openvino_model"]
    assert [path.name for path in here.iterdir()] == ["debug.bin"]
    assert Path.cwd() == here
    assert capfd.readouterr() == ("", "")
    assert module.pt_path == "/nowhere/best.pt"
    assert all((value == weights[name]).all() for name, value in module.state_dict().items())


def test_int8_is_calibrated_with_copies_of_the_images(module: Any, tmp_path: Path, sample: Path) -> None:
    pictures = sorted((sample / "images" / "train").iterdir())[:3]
    folder = tmp_path / "mine"
    folder.mkdir()
    for picture in pictures:
        (folder / picture.name).write_bytes(picture.read_bytes() + b"more")  # a JPEG that Ultralytics would write anew
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    export(module, tmp_path / "a.onnx", precision="int8", calibration=sorted(folder.iterdir()))
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    kinds = {node.op_type for node in _nodes(tmp_path / "a.onnx")}
    assert "QuantizeLinear" in kinds
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.onnx", "mine"]
    with pytest.raises(ExportError, match="need calibration images, found none"):
        export(module, tmp_path / "b.onnx", precision="int8")


@pytest.mark.parametrize("task", ["pose", "classify"])
def test_int8_of_tasks_whose_data_look_otherwise(task: str, tmp_path: Path, sample: Path) -> None:
    pictures = sorted((sample / "images" / "train").iterdir())[:2]
    export(tiny(task), tmp_path / "a.onnx", precision="int8", calibration=pictures)
    assert "QuantizeLinear" in {node.op_type for node in _nodes(tmp_path / "a.onnx")}


def _nodes(path: Path) -> Any:
    import onnx

    return onnx.load(path).graph.node


def test_the_head_is_never_exchanged_silently(module: Any, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="expected head nms-free, but Ultralytics exported raw"):
        export(module, tmp_path / "a_ncnn_model", format="ncnn", head="nms-free")
    with pytest.raises(ExportError, match=r"expected size 48, but Ultralytics exported \[64, 64\]"):
        export(module, tmp_path / "a.onnx", imgsz=48)
    assert list(tmp_path.iterdir()) == []


def fail(error: BaseException, *, words: str = "") -> Any:
    def export_onnx(self: Any, prefix: str = "") -> str:
        from ultralytics.utils import LOGGER

        self.file.with_suffix(".onnx").write_bytes(b"half a file")
        Path("beside.bin").write_bytes(b"of a converter")
        LOGGER.info(words)
        raise error

    return export_onnx


@pytest.mark.parametrize(
    ("error", "words", "raised", "says"),
    [
        (RuntimeError("no kernel for Mod"), "lowering layer 7", ExportError, "failed: no kernel for Mod(?s:.*)layer 7"),
        (ValueError(), "", ExportError, "the export failed: ValueError"),
        (OSError(errno.ENOSPC, "No space left on device"), "", WriteError, "no space left\nfree some space"),
        (RuntimeError("converter answered 1"), "write: No space left on device", WriteError, "no space left"),
        (KeyboardInterrupt("now"), "", KeyboardInterrupt, "now"),
    ],
    ids=["engine", "silent", "full", "full-in-a-child", "interrupted"],
)
def test_a_failed_export_leaves_nothing_and_says_why(
    module: Any,
    tmp_path: Path,
    exporter: Any,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    words: str,
    raised: type[BaseException],
    says: str,
) -> None:
    monkeypatch.setattr(exporter, "export_onnx", fail(error, words=words))
    before = Path.cwd()
    with pytest.raises(raised, match=says):
        export(module, tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []
    assert Path.cwd() == before


def test_a_folder_that_holds_something_is_not_replaced(
    module: Any, tmp_path: Path, exporter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.onnx").mkdir()
    (tmp_path / "a.onnx" / "mine").write_text("mine")
    monkeypatch.setattr(exporter, "export_onnx", lambda self: str(Path("model.onnx").resolve()))
    monkeypatch.setattr(exporter, "run_callbacks", lambda self, event: Path("model.onnx").write_bytes(b"model"))
    with pytest.raises(WriteError, match=r"a\.onnx: could not be written"):
        export(module, tmp_path / "a.onnx")
    assert (tmp_path / "a.onnx" / "mine").read_text() == "mine"


def test_an_export_that_writes_nothing_is_an_error(
    module: Any, tmp_path: Path, exporter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "export_onnx", lambda self: "nowhere.onnx")
    with pytest.raises(ExportError, match="the export wrote nothing"):
        export(module, tmp_path / "a.onnx")


def test_onnx2tf_finds_the_file_it_would_fetch(
    module: Any, tmp_path: Path, exporter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def export_saved_model(self: Any) -> tuple[str, None]:
        seen.append(np.load("calibration_image_sample_data_20x128x128x3_float32.npy").shape)
        folder = self.file.with_name("model_saved_model")
        folder.mkdir()
        return str(folder), None

    monkeypatch.setattr(exporter, "export_saved_model", export_saved_model)
    export(module, tmp_path / "a_saved_model", format="saved_model")
    assert seen == [(20, 128, 128, 3)]
    assert (tmp_path / "a_saved_model").is_dir()


def test_the_request_reaches_ultralytics(
    module: Any, tmp_path: Path, exporter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def call(self: Any, model: Any) -> str:
        seen.append(self.args)
        self.metadata, self.imgsz = {"end2end": False}, [64, 64]
        file = Path(model.pt_path).with_suffix(".engine")
        file.write_bytes(b"plan")
        return str(file)

    monkeypatch.setattr(exporter, "__call__", call)
    export(module, tmp_path / "a.engine", format="engine", precision="fp16", opset=17, workspace=2.0, head="nms")
    (args,) = seen
    assert (args.format, args.device, args.quantize, args.opset, args.workspace) == ("engine", "0", 16, 17, 2.0)
    assert (args.nms, args.conf, args.iou, args.max_det, args.simplify) == (True, 0.3, 0.7, 40, False)
    export(module, tmp_path / "a_ncnn_model", format="ncnn", simplify=False)
    assert seen[1].simplify  # not an argument of the format, so it is not passed on
    monkeypatch.setattr(exporting, "import_openvino", lambda: seen.append("quietly"))
    export(module, tmp_path / "a_openvino_model", format="openvino")
    assert seen[2] == "quietly"  # and only then Ultralytics, which would import it as it is
