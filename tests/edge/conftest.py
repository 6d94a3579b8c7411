"""Pictures of awkward shapes, and a toy network that is built in milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
import pytest

Toy = Callable[..., Path]


@pytest.fixture(scope="session")
def pictures() -> list[np.ndarray]:
    """Smooth noise in shapes that letterboxing treats differently: square, long, thin, odd, upscaled."""
    rng = np.random.default_rng(7)
    sizes = [(64, 64), (100, 37), (45, 217), (240, 320), (405, 540), (65, 63), (20, 60)]
    small = [rng.integers(0, 256, (max(h // 9, 2), max(w // 9, 2), 3), dtype=np.uint8) for h, w in sizes]
    return [cv2.resize(s, (w, h), interpolation=cv2.INTER_CUBIC) for s, (h, w) in zip(small, sizes, strict=True)]


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    """Write an ONNX file that looks like an Ultralytics export with a raw head.

    One convolution of stride 32 in which every cell gives a box anywhere in the picture and
    scores for each class: plenty of overlap, and a result that depends on every pixel.
    """
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    def make(
        name: str = "toy.onnx",
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
        path = tmp_path / name
        onnx.save(model, path)
        return path

    return make
