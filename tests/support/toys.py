"""A toy network that looks like an Ultralytics export and is built in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest


def toy_network(
    path: Path,
    *,
    imgsz: tuple[int, int] = (64, 96),
    batch: int = 1,
    dynamic: bool = False,
    half: bool = False,
    classes: int = 3,
    seed: int = 0,
    drop: tuple[str, ...] = (),
    metadata: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Write an ONNX file that looks like an Ultralytics export with a raw head.

    One convolution of stride 32 in which every cell gives a box anywhere in the picture and
    scores for each class: plenty of overlap, and a result that depends on every pixel.
    """
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(seed)
    cells = 24
    kind, real = (TensorProto.FLOAT16, np.float16) if half else (TensorProto.FLOAT, np.float32)
    channels = cells * (4 + classes)
    constants: dict[str, np.ndarray] = {
        "weight": (rng.standard_normal((channels, 3, 32, 32)) / 8).astype(real),
        "bias": (rng.standard_normal(channels)).astype(real),
        "shape": np.array([0, 4 + classes, -1], np.int64),
        "scale": np.array([*[max(imgsz)] * 4, *[1] * classes], real).reshape(1, -1, 1),
    }
    nodes = [
        helper.make_node("Conv", ["images", "weight", "bias"], ["features"], strides=[32, 32]),
        helper.make_node("Sigmoid", ["features"], ["squashed"]),
        helper.make_node("Reshape", ["squashed", "shape"], ["columns"]),
        helper.make_node("Mul", ["columns", "scale"], ["output0"]),
    ]
    free = ["batch", 3, "height", "width"]
    anchors = cells * (imgsz[0] // 32) * (imgsz[1] // 32)
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("images", kind, free if dynamic else [batch, 3, *imgsz])],
        [
            helper.make_tensor_value_info(
                "output0", kind, ["batch", 4 + classes, "anchors"] if dynamic else [batch, 4 + classes, anchors]
            )
        ],
        [numpy_helper.from_array(value, key) for key, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    properties: dict[str, Any] = {
        "task": "detect",
        "stride": "32",
        "batch": str(batch),
        "imgsz": str(list(imgsz)),
        "names": str({i: f"class {i}" for i in range(classes)}),
        "args": str({"batch": batch, "nms": None, "dynamic": dynamic}),
        "channels": "3",
        "end2end": "False",
        **metadata,
    }
    helper.set_model_props(model, {key: value for key, value in properties.items() if key not in drop})
    onnx.save(model, path)
    return path
