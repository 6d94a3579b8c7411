"""What an ONNX file is made of, as far as the builder of another format has to know before it begins."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolo_tl.errors import ExportError, MissingExtra

_LITERALS = {"stride", "batch", "channels", "imgsz", "names", "args", "end2end", "kpt_shape", "kpt_names", "dla"}


@dataclass(frozen=True)
class OnnxGraph:
    """An ONNX file, read without its weights being looked at.

    Attributes:
        path: the file.
        inputs: name → shape; None where a side is free.
        outputs: names, in order.
        half: whether weights are in float16.
        quantised: number of QuantizeLinear and DequantizeLinear nodes.
        unsymmetric: of those, the ones that are not signed 8 bit around zero, each with the reason.
        metadata: what Ultralytics wrote into it.
    """

    path: Path
    inputs: Mapping[str, tuple[int | None, ...]]
    outputs: tuple[str, ...]
    half: bool
    quantised: int
    unsymmetric: tuple[str, ...]
    metadata: Mapping[str, Any]

    @property
    def dynamic(self) -> bool:
        """Whether a side of an input is free."""
        return any(side is None for shape in self.inputs.values() for side in shape)

    @classmethod
    def read(cls, path: Path) -> OnnxGraph:
        """Read a file.

        Raises:
            ExportError: it is missing or no ONNX model.
            MissingExtra: onnx is not installed.
        """
        model = load_onnx(path)
        from onnx import TensorProto

        graph = model.graph
        constants = {tensor.name: tensor for tensor in graph.initializer}
        constants |= {
            node.output[0]: attribute.t
            for node in graph.node
            if node.op_type == "Constant"
            for attribute in node.attribute
            if attribute.name == "value"
        }
        quantisers = [node for node in graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
        return cls(
            path=path,
            inputs={value.name: _shape(value) for value in graph.input if value.name not in constants},
            outputs=tuple(value.name for value in graph.output),
            half=any(tensor.data_type == TensorProto.FLOAT16 and tensor.dims for tensor in graph.initializer),
            quantised=len(quantisers),
            unsymmetric=tuple(_unsymmetric(quantisers, constants)),
            metadata={entry.key: _value(entry.key, entry.value) for entry in model.metadata_props},
        )


def load_onnx(path: Path) -> Any:
    """The model in an ONNX file.

    Raises:
        ExportError: it is missing or no ONNX model.
        MissingExtra: onnx is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingExtra("onnx", "train") from error
    try:
        model = onnx.load(path)
    except Exception as error:  # protobuf's errors have no common class of their own
        raise ExportError(f"{path}: expected an ONNX model: {error}", hint="export the checkpoint to ONNX") from error
    if not model.graph.node:
        raise ExportError(f"{path}: expected an ONNX model, found an empty one", hint="export the checkpoint to ONNX")
    return model


def _shape(value: Any) -> tuple[int | None, ...]:
    sides = value.type.tensor_type.shape.dim
    return tuple(side.dim_value if side.HasField("dim_value") else None for side in sides)


def _unsymmetric(nodes: list[Any], constants: Mapping[str, Any]) -> Iterator[str]:
    from onnx import TensorProto, numpy_helper

    for node in nodes:
        name = node.name or node.output[0]
        zero = constants.get(node.input[2]) if len(node.input) > 2 and node.input[2] else None
        if zero is None:
            # Without a zero point QuantizeLinear writes unsigned numbers; what DequantizeLinear reads was written so.
            if node.op_type == "QuantizeLinear":
                yield f"{name}: no zero point, so uint8"
        elif zero.data_type != TensorProto.INT8:
            yield f"{name}: {TensorProto.DataType.Name(zero.data_type).lower()}"
        elif numpy_helper.to_array(zero).any():
            yield f"{name}: a zero point other than 0"


def _value(key: str, text: str) -> Any:
    """Typed as in the files Ultralytics writes itself, where it is not all text."""
    if key not in _LITERALS:
        return text
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
