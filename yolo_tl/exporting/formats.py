"""Export formats as data: what each needs, what it can hold, and how the result is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from yolo_tl.edge.network import TASKS, Head, Task

Precision = Literal["fp32", "fp16", "int8"]

_ELSEWHERE = "its runtime is not part of this package"
_APPLE = "its runtime exists on Apple devices only"
_DEVICE = "it runs on its own processor only"


@dataclass(frozen=True)
class Conflict:
    """A combination that a format cannot take: all of what is named here at once.

    Attributes:
        reason: why.
        hint: what to ask for instead.
        precision: one of these.
        head: one of these.
        task: one of these.
        dynamic: whether sizes are free.
        batched: whether more than one image is run at once.
        two_headed: whether the network has an NMS-free head beside its other one.
    """

    reason: str
    hint: str = ""
    precision: tuple[Precision, ...] = ()
    head: tuple[Head, ...] = ()
    task: tuple[Task, ...] = ()
    dynamic: bool | None = None
    batched: bool | None = None
    two_headed: bool | None = None


@dataclass(frozen=True)
class Format:
    """One export format.

    Attributes:
        name: as in the configuration, and as Ultralytics calls it.
        title: as people call it.
        suffix: what the name of the result ends in; without a dot it is a folder, unless it ends in a file's suffix.
        runner: the `Network` that runs it for verification; empty where nothing here can.
        unverified: why it is not run here.
        packages: distributions that must be installed to make it; of several joined by ``or``, one.
        extra: the extra of this package that brings them; empty where they are the user's own.
        programs: programs that must be on the PATH to make it. Ultralytics would install them.
        precisions: which it takes.
        quantiser: what makes 8-bit models of it: recipes on ONNX, NNCF, or Ultralytics itself.
        heads: which it can hold.
        tasks: which it can do.
        dynamic: whether batch and size can be left free.
        batch: whether more than one image can be run at once.
        smallest: smallest side of the input, px.
        opset: whether it is made through ONNX with an operator set of choice.
        systems: where it can be made: operating systems, with a processor where only that one.
        python: first and last version of Python it can be made with, where only some will do.
        conflicts: combinations it cannot take.
    """

    name: str
    title: str
    suffix: str
    runner: str = ""
    unverified: str = ""
    packages: tuple[str, ...] = ()
    extra: str = ""
    programs: tuple[str, ...] = ()
    precisions: tuple[Precision, ...] = ("fp32",)
    quantiser: Literal["", "onnx", "nncf", "ultralytics"] = ""
    heads: tuple[Head, ...] = ("raw", "nms-free", "nms")
    tasks: tuple[Task, ...] = TASKS
    dynamic: bool = False
    batch: bool = True
    smallest: int = 32
    opset: bool = False
    systems: tuple[str, ...] = ("Linux", "Darwin", "Windows")
    python: tuple[tuple[int, int], tuple[int, int]] | None = None
    conflicts: tuple[Conflict, ...] = ()

    @property
    def verified(self) -> bool:
        """Whether the result can be run here and so be compared with its checkpoint."""
        return bool(self.runner)


_RUNTIME = "onnxruntime or onnxruntime-gpu"
_ONNX = ("onnx", "onnxslim", _RUNTIME)
_FIXED = Conflict("8-bit ranges are measured at one size", "say --dynamic false", precision=("int8",), dynamic=True)
_TENSORFLOW = (*_ONNX, "tensorflow", "onnx2tf", "tf_keras", "sng4onnx", "onnx_graphsurgeon", "ai-edge-litert")

_ALL = (
    Format(
        name="onnx",
        title="ONNX",
        suffix=".onnx",
        runner="OnnxNetwork",
        packages=_ONNX,
        extra="train",
        precisions=("fp32", "fp16", "int8"),
        quantiser="onnx",
        dynamic=True,
        opset=True,
        conflicts=(_FIXED,),
    ),
    Format(
        name="openvino",
        title="OpenVINO",
        suffix="_openvino_model",
        runner="OpenVinoNetwork",
        packages=("openvino",),
        extra="openvino",
        precisions=("fp32", "fp16", "int8"),
        quantiser="nncf",
        dynamic=True,
        conflicts=(_FIXED,),
    ),
    Format(
        name="engine",
        title="TensorRT",
        suffix=".engine",
        runner="TensorRtNetwork",
        packages=_ONNX,  # the builder itself goes by many names and is looked for by import
        extra="train",
        precisions=("fp32", "fp16", "int8"),
        quantiser="onnx",
        dynamic=True,
        opset=True,
        systems=("Linux", "Windows"),
        conflicts=(_FIXED,),
    ),
    Format(
        name="torchscript",
        title="TorchScript",
        suffix=".torchscript",
        runner="TorchScriptNetwork",
        packages=("torch",),
        extra="train",
        dynamic=True,
    ),
    Format(
        name="ncnn",
        title="NCNN",
        suffix="_ncnn_model",
        runner="NcnnNetwork",
        packages=("ncnn", "pnnx"),
        extra="ncnn",
        precisions=("fp32", "fp16"),
        heads=("raw",),
        batch=False,
    ),
    Format(
        name="litert",
        title="LiteRT (TensorFlow Lite)",
        suffix=".tflite",
        runner="LiteRtNetwork",
        packages=("litert-torch", "ai-edge-litert", "ai-edge-quantizer"),
        extra="litert",
        precisions=("fp32", "int8"),
        quantiser="ultralytics",
        heads=("raw", "nms-free"),
        systems=("Linux x86_64", "Darwin"),
        conflicts=(
            Conflict(
                "8 bits cannot hold the class numbers of an NMS-free head",
                "say --head raw",
                precision=("int8",),
                head=("nms-free",),
            ),
        ),
    ),
    Format(
        name="coreml",
        title="Core ML",
        suffix=".mlpackage",
        unverified=_APPLE,
        packages=("coremltools",),
        precisions=("fp32", "fp16", "int8"),
        quantiser="ultralytics",
        dynamic=True,
        systems=("Linux", "Darwin"),
        conflicts=(
            Conflict("it has no free sizes with NMS in the graph", "drop one of them", head=("nms",), dynamic=True),
            Conflict("it has no free sizes for classification", task=("classify",), dynamic=True),
            Conflict("several images at once need free sizes", "say --dynamic true", batched=True, dynamic=False),
            Conflict("oriented boxes have no NMS in the graph", "say --head raw", head=("nms",), task=("obb",)),
            Conflict(
                "NMS in the graph of this task drops detections in float32",
                "say --precision fp16, or --head raw",
                precision=("fp32",),
                head=("nms",),
                task=("segment", "pose"),
            ),
        ),
    ),
    Format(
        name="coreai",
        title="Apple Core AI",
        suffix=".aimodel",
        unverified=_APPLE,
        packages=("coreai-torch",),
        precisions=("fp32", "fp16"),
        heads=("raw", "nms-free"),
        systems=("Linux x86_64", "Darwin arm64"),
    ),
    Format(
        name="saved_model",
        title="TensorFlow SavedModel",
        suffix="_saved_model",
        unverified=_ELSEWHERE,
        packages=_TENSORFLOW,
        precisions=("fp32", "int8"),
        quantiser="ultralytics",
        opset=True,
    ),
    Format(
        name="pb",
        title="TensorFlow GraphDef",
        suffix=".pb",
        unverified=_ELSEWHERE,
        packages=_TENSORFLOW,
        heads=("raw", "nms-free"),
        opset=True,
    ),
    Format(
        name="edgetpu",
        title="Coral Edge TPU",
        suffix="_edgetpu.tflite",
        unverified=_DEVICE,
        packages=_TENSORFLOW,
        programs=("edgetpu_compiler",),
        precisions=("int8",),
        quantiser="ultralytics",
        heads=("raw",),
        batch=False,
        opset=True,
        systems=("Linux x86_64",),
    ),
    Format(
        name="paddle",
        title="PaddlePaddle",
        suffix="_paddle_model",
        unverified=_ELSEWHERE,
        packages=("paddlepaddle", "x2paddle"),
        heads=("raw",),
    ),
    Format(
        name="mnn",
        title="MNN",
        suffix=".mnn",
        unverified=_ELSEWHERE,
        packages=(*_ONNX, "MNN"),
        precisions=("fp32", "fp16", "int8"),
        quantiser="ultralytics",
        dynamic=True,
        opset=True,
        conflicts=(
            Conflict("it has no free sizes with NMS in the graph", "drop one of them", head=("nms",), dynamic=True),
            Conflict("this task has no NMS in the graph", "say --head raw", head=("nms",), task=("segment", "obb")),
        ),
    ),
    Format(
        name="imx",
        title="Sony IMX500",
        suffix="_imx_model",
        unverified=_DEVICE,
        packages=("model-compression-toolkit", "edge-mdt-cl", "edge-mdt-tpc", "imx500-converter"),
        programs=("java",),
        precisions=("int8",),
        quantiser="ultralytics",
        heads=("raw", "nms"),
        tasks=("detect", "segment", "pose", "classify"),
        batch=False,
        systems=("Linux",),
        python=((3, 10), (3, 12)),
        conflicts=(
            Conflict(
                "this task needs NMS in the graph", "say --head nms", head=("raw",), task=("detect", "segment", "pose")
            ),
        ),
    ),
    Format(
        name="rknn",
        title="Rockchip RKNN (RK3588)",
        suffix="_rknn_model",
        unverified=_DEVICE,
        packages=(*_ONNX, "rknn-toolkit2"),
        precisions=("fp16", "int8"),
        quantiser="ultralytics",
        heads=("raw",),
        opset=True,
        systems=("Linux",),
        conflicts=(
            Conflict(
                "8-bit models are for detection only",
                "say --precision fp16",
                precision=("int8",),
                task=("segment", "obb", "pose", "classify"),
            ),
        ),
    ),
    Format(
        name="executorch",
        title="ExecuTorch",
        suffix="_executorch_model",
        unverified=_ELSEWHERE,
        packages=("executorch",),
        heads=("raw",),
    ),
    Format(
        name="axelera",
        title="Axelera AI",
        suffix="_axelera_model",
        unverified=_DEVICE,
        packages=(*_ONNX, "axelera-devkit", "axelera-rt"),
        precisions=("int8",),
        quantiser="ultralytics",
        heads=("raw", "nms-free"),
        smallest=64,
        systems=("Linux",),
        conflicts=(
            Conflict(
                "its runtime reads the NMS-free head wherever there is one",
                "say --head nms-free",
                head=("raw",),
                two_headed=True,
            ),
        ),
    ),
    Format(
        name="deepx",
        title="DEEPX",
        suffix="_deepx_model",
        unverified=_DEVICE,
        packages=(*_ONNX, "dx_com"),
        precisions=("int8",),
        quantiser="ultralytics",
        heads=("raw", "nms-free"),
        batch=False,
        opset=True,
        systems=("Linux x86_64",),
    ),
    Format(
        name="qnn",
        title="Qualcomm QNN (Hexagon v73)",
        suffix="_qnn.onnx",
        unverified=_DEVICE,
        packages=("onnx", "onnxslim", "onnxruntime-qnn"),
        precisions=("int8",),
        quantiser="ultralytics",
        heads=("raw",),
        opset=True,
    ),
    Format(
        name="hailo",
        title="Hailo (Hailo-8L)",
        suffix="_hailo_model",
        unverified=_DEVICE,
        packages=(*_ONNX, "hailo-dataflow-compiler"),
        precisions=("int8",),
        quantiser="ultralytics",
        heads=("raw", "nms-free"),
        batch=False,
        systems=("Linux x86_64",),
        conflicts=(
            Conflict(
                "it takes no YOLO26 network of this task",
                "train a YOLO11 network",
                task=("segment", "obb", "pose"),
                two_headed=True,
            ),
        ),
    ),
    Format(
        name="ascend",
        title="Huawei Ascend (310B4)",
        suffix="_ascend_model",
        unverified=_DEVICE,
        packages=_ONNX,
        programs=("atc",),
        precisions=("fp16",),
        opset=True,
        systems=("Linux",),
    ),
    Format(
        name="xilinx",
        title="AMD Versal (Vitis AI)",
        suffix="_xilinx_model",
        unverified=_DEVICE,
        packages=(*_ONNX, "amd-quark"),
        precisions=("int8",),
        quantiser="ultralytics",
        heads=("raw", "nms-free"),
        batch=False,
        opset=True,
        systems=("Linux",),
        python=((3, 11), (3, 13)),
    ),
)

FORMATS: dict[str, Format] = {format.name: format for format in _ALL}
