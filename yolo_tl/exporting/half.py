"""A float32 ONNX file in float16."""

from __future__ import annotations

from pathlib import Path

from yolo_tl.edge.onnx import import_onnxruntime
from yolo_tl.errors import ExportError
from yolo_tl.exporting.onnx_graph import load_onnx


def halve(source: Path, target: Path) -> None:
    """Write weights and arithmetic of an ONNX file in float16; inputs and outputs stay in float32.

    ONNX Runtime's converter, as Ultralytics uses it for float16 on a CPU. Selection (TopK, NMS) stays in float32.

    Raises:
        ExportError: `source` is no ONNX model, or cannot be converted.
        MissingExtra: onnx or onnxruntime is not installed.
    """
    model = load_onnx(source)
    import_onnxruntime()
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    try:
        onnx.save(convert_float_to_float16(model, keep_io_types=True), target)
    except OSError:
        raise
    except Exception as error:  # whatever a converter raises
        raise ExportError(
            f"{source}: cannot be written in float16: {error}", hint="build with precision fp32 or int8"
        ) from error
