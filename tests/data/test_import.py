from __future__ import annotations

import subprocess
import sys

import pytest

import yolo_tl.data


def test_importing_costs_nothing_and_converting_needs_no_torch() -> None:
    code = """
import sys
import yolo_tl.data
assert not {"numpy", "yaml", "cv2"} & set(sys.modules), "importing the room is free"
import pathlib, tempfile
for module in ("torch", "ultralytics", "PIL", "matplotlib", "polars"):
    sys.modules[module] = None
from yolo_tl.data import convert, make_sample, read_dataset
with tempfile.TemporaryDirectory() as folder:
    make_sample(pathlib.Path(folder, "voc"), images=3, size=(32, 32))
    read_dataset(convert(pathlib.Path(folder, "voc"), pathlib.Path(folder, "yolo")).data)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_is_there() -> None:
    for name in yolo_tl.data.__all__:
        assert callable(getattr(yolo_tl.data, name))
    with pytest.raises(AttributeError, match="no attribute 'konvert'"):
        yolo_tl.data.konvert  # noqa: B018
