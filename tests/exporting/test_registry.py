from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from yolo_tl.config import ExportConfig
from yolo_tl.edge.network import TASKS
from yolo_tl.errors import ConfigError, MissingExtra
from yolo_tl.exporting.formats import FORMATS
from yolo_tl.exporting.registry import Machine, Request, choose_head, find_format, require_possible
from yolo_tl.transfer.network import Network

EVERYTHING = Machine("Linux", "x86_64", (3, 11), version_of=lambda package: "1", program=lambda program: program)


@pytest.fixture(scope="module")
def theirs(ultralytics: Any) -> SimpleNamespace:
    """What the installed Ultralytics says of each format."""
    from ultralytics.engine import exporter

    table = exporter.export_formats()
    columns = ("Argument", "Suffix", "Arguments")
    rows = {name: (suffix, arguments) for name, suffix, arguments in zip(*(table[c] for c in columns), strict=True)}
    return SimpleNamespace(rows={name: row for name, row in rows.items() if name != "-"}, module=exporter)


def test_covers_exactly_what_ultralytics_exports(theirs: SimpleNamespace) -> None:
    assert set(FORMATS) == set(theirs.rows)
    assert {name: format.suffix for name, format in FORMATS.items()} == {k: row[0] for k, row in theirs.rows.items()}


@pytest.mark.parametrize("name", FORMATS)
def test_takes_what_ultralytics_takes(theirs: SimpleNamespace, name: str) -> None:
    format, arguments = FORMATS[name], set(theirs.rows[name][1])
    assert format.dynamic == ("dynamic" in arguments)
    assert format.opset == ("opset" in arguments)
    assert ("nms" in format.heads) == ("nms" in arguments)
    # NCNN can be written for a batch; one that takes images one by one runs any number of them.
    assert format.batch == ("batch" in arguments) or name == "ncnn"
    assert ("fp32" in format.precisions) == (name not in theirs.module.FP32_UNSUPPORTED_FORMATS)
    # TorchScript in float16 is for GPUs; it is made on the CPU here.
    assert ("fp16" in format.precisions) == (name in theirs.module.FP16_FORMATS) or name == "torchscript"
    # Of 8 bits, QNN has 16-bit activations.
    assert ("int8" in format.precisions) == (name in theirs.module.INT8_FORMATS) or name == "qnn"
    assert ("int8" in format.precisions) == bool(format.quantiser)


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_not_run_here_says_why(name: str) -> None:
    format = FORMATS[name]
    assert format.verified == bool(format.runner) != bool(format.unverified)


def test_the_configuration_knows_every_format() -> None:
    import typing

    names = typing.get_args(typing.get_type_hints(ExportConfig)["format"])
    assert set(names) <= set(FORMATS)
    if len(names) > 1:
        assert set(names) == set(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_a_request_that_can_work_passes(name: str) -> None:
    format = FORMATS[name]
    head = "nms" if name == "imx" else "raw"
    request = Request(name, precision=format.precisions[0], head=head, task="detect", two_headed=False, imgsz=64)
    machine = replace(EVERYTHING, python=(3, 11))
    assert require_possible(request, machine) is format


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"format": "onx"}, "expected one of .* found 'onx'; did you mean 'onnx'"),
    ({"format": "onnx", "task": "classify", "head": "nms"}, "a network that classifies has no boxes"),
    ({"format": "onnx", "task": "classify", "head": "nms-free"}, "a network that classifies has no boxes"),
    ({"format": "onnx", "head": "nms-free", "two_headed": False}, "this network has no NMS-free head"),
    *[
        (
            {"format": name, "precision": FORMATS[name].precisions[0], "head": "nms-free", "two_headed": True},
            "cannot hold",
        )
        for name in ("rknn", "ncnn", "executorch", "paddle", "imx", "edgetpu", "qnn")
    ],
    ({"format": "litert", "precision": "int8", "head": "nms-free", "two_headed": True}, "8 bits cannot hold"),
    ({"format": "litert", "head": "nms"}, "LiteRT .* cannot hold 'nms', only raw or nms-free"),
    ({"format": "torchscript", "precision": "fp16"}, "TorchScript takes fp32 here, found fp16"),
    ({"format": "ncnn", "precision": "int8"}, "NCNN takes fp32 or fp16 here, found int8"),
    ({"format": "hailo"}, "takes int8 here, found fp32"),
    ({"format": "ncnn", "dynamic": True}, "NCNN cannot leave sizes free"),
    ({"format": "onnx", "dynamic": True, "precision": "int8"}, "8-bit ranges are measured at one size"),
    ({"format": "openvino", "dynamic": True, "precision": "int8"}, "8-bit ranges are measured at one size"),
    ({"format": "ncnn", "batch": 2}, "NCNN takes one image at a time, found 2"),
    ({"format": "onnx", "imgsz": 96, "stride": 64}, "multiple of the network's stride 64, found 96\nsay --imgsz 128"),
    ({"format": "axelera", "precision": "int8", "imgsz": 32}, "takes 64 px or more, found 32"),
    ({"format": "onnx", "opset": 8}, "expected 9 or later, found 8"),
    ({"format": "onnx", "opset": 10, "head": "nms"}, "expected 11 or later, found 10"),
    ({"format": "openvino", "opset": 17}, "not made with an operator set of choice"),
    ({"format": "coreml", "batch": 4}, "several images at once need free sizes"),
    ({"format": "coreml", "head": "nms", "dynamic": True}, "no free sizes with NMS"),
    ({"format": "coreml", "head": "nms", "task": "pose"}, "drops detections in float32"),
    ({"format": "coreml", "precision": "fp16", "head": "nms", "task": "obb"}, "oriented boxes have no NMS"),
    ({"format": "coreml", "task": "classify", "dynamic": True}, "no free sizes for classification"),
    ({"format": "mnn", "head": "nms", "task": "segment"}, "this task has no NMS"),
    ({"format": "imx", "precision": "int8", "head": "raw", "task": "detect"}, "needs NMS in the graph"),
    ({"format": "imx", "precision": "int8", "head": "nms", "task": "obb"}, "takes detect, segment, pose, classify"),
    ({"format": "rknn", "precision": "int8", "head": "raw", "task": "pose"}, "for detection only"),
    ({"format": "axelera", "precision": "int8", "head": "raw", "two_headed": True}, "reads the NMS-free head"),
    ({"format": "hailo", "precision": "int8", "task": "obb", "two_headed": True}, "no YOLO26 network of this task"),
]


@pytest.mark.parametrize(("request_", "says"), REFUSED, ids=lambda value: str(value)[:60])
def test_a_request_that_cannot_work_is_refused(request_: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=f"(?s){says}"):
        require_possible(Request(**request_), EVERYTHING)


def test_what_is_not_known_yet_is_not_judged() -> None:
    require_possible(Request("rknn", precision="int8"), EVERYTHING)
    require_possible(Request("axelera", precision="int8", head="raw"), EVERYTHING)


@pytest.mark.parametrize(
    ("name", "machine", "says"),
    [
        ("coreml", {"system": "Windows"}, r"Core ML can be made on Linux, Darwin only, found Windows x86_64"),
        ("litert", {"processor": "arm64"}, r"LiteRT .* can be made on Linux x86_64, Darwin only, found Linux arm64"),
        ("imx", {"python": (3, 13)}, r"Python 3\.10 to 3\.12 only, found 3\.13"),
        ("ascend", {"program": lambda name: None}, "the program atc, which is not on the PATH"),
        ("paddle", {"version_of": lambda name: None}, "made with paddlepaddle, which is not installed"),
    ],
)
def test_a_machine_that_cannot_make_it_is_refused(name: str, machine: dict[str, Any], says: str) -> None:
    request = Request(name, precision=FORMATS[name].precisions[0])
    with pytest.raises(ConfigError, match=says):
        require_possible(request, replace(EVERYTHING, **machine))


def test_a_missing_package_of_ours_is_named_with_its_extra() -> None:
    def without(*names: str) -> Machine:
        return replace(EVERYTHING, version_of=lambda package: None if package in names else "1")

    with pytest.raises(MissingExtra, match=r'pnnx is needed(?s:.*)pip install "yolo-tl\[ncnn\]"'):
        require_possible(Request("ncnn"), without("pnnx"))
    with pytest.raises(MissingExtra, match="nncf is needed"):
        require_possible(Request("openvino", precision="int8"), without("nncf"))
    require_possible(Request("openvino"), without("nncf"))
    require_possible(Request("onnx"), without("onnxruntime"))  # onnxruntime-gpu does as well
    with pytest.raises(MissingExtra, match="onnxruntime or onnxruntime-gpu is needed"):
        require_possible(Request("onnx"), without("onnxruntime", "onnxruntime-gpu"))


def test_a_refusal_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom yolo_tl.exporting.registry import Request, require_possible\n"
        "try: require_possible(Request('ncnn', dynamic=True))\nexcept ValueError as error: print(error.message)\n"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'torch', 'ultralytics', 'onnx', 'ncnn'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["dynamic: NCNN cannot leave sizes free", "[]"], done.stderr


def network(task: str = "detect", *, two_headed: bool = False) -> Network:
    name = "model.9.one2one_cv2.weight" if two_headed else "model.9.cv2.weight"
    return Network("any", ("Conv", "Detect"), 1, ((name, 1),), (), ("red",), task, True)


def test_the_head_of_the_checkpoint_is_chosen() -> None:
    config = ExportConfig()
    assert choose_head(config, network(two_headed=True), selected="nms-free") == "nms-free"
    assert choose_head(config, network(two_headed=True), selected="one-to-many") == "raw"
    assert choose_head(config, network("classify"), selected="one-to-many") == "raw"
    assert choose_head(replace(config, head="nms"), network(two_headed=True), selected="nms-free") == "nms"


def test_a_format_without_the_head_of_the_checkpoint_is_refused_and_not_given_another() -> None:
    config = ExportConfig(format="ncnn")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"NCNN cannot hold 'nms-free', only raw(?s:.*)--head raw"):
        choose_head(config, network(two_headed=True), selected="nms-free")


def test_a_request_is_that_of_a_configuration() -> None:
    config = ExportConfig(head="auto", imgsz=96, batch=2, opset=17)
    before = Request.of(config)
    assert (before.head, before.task, before.two_headed, before.imgsz, before.batch) == (None, None, None, 96, 2)
    after = Request.of(config, head="raw", network=network("obb", two_headed=True), imgsz=128, stride=32)
    assert (after.head, after.task, after.two_headed, after.imgsz) == ("raw", "obb", True, 128)
    assert after.task in TASKS


def test_formats_are_found_by_name() -> None:
    assert find_format("engine").title == "TensorRT"
