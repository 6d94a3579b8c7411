"""The built wheel: presets travel inside, and the base install runs without any extra."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, ROOT]
    subprocess.run([str(part) for part in command], check=True)
    return next(folder.glob("*.whl"))


def test_presets_and_types_are_inside(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for preset in ROOT.glob("configs/*/*.yaml"):
        assert f"yolo_tl/{preset.relative_to(ROOT).as_posix()}" in names
    for name in (
        *("py.typed", "edge/manifest.schema.json", "reporting/page.css", "reporting/thresholds.js"),
        *("serving/page/index.html", "serving/page/app.js", "serving/page/style.css"),
        *("device_kit/templates/install.sh", "device_kit/templates/yolo-tl.service"),
    ):
        assert f"yolo_tl/{name}" in names
    assert not [name for name in names if name.startswith(("tests", "benchmarks"))]


def test_the_unpacked_wheel_finds_its_presets_and_names_the_missing_extra(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path / "site")!r})
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchvision", "ultralytics", "onnxruntime"):
            raise ImportError(name, name=name)
sys.meta_path.insert(0, Block())
import yolo_tl
from yolo_tl.presets import presets
assert yolo_tl.__file__.startswith({str(tmp_path)!r})
print(sorted(presets("train")))
from yolo_tl.cli import main
main(sys.argv[1:])
"""
    command = [sys.executable, "-c", code, "evaluate", "yolo26n.pt", "nowhere"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "'small-data'" in done.stdout
    assert done.returncode == 3
    data = tmp_path / "data.yaml"
    import cv2
    import numpy as np

    for grey, split in enumerate(("train", "val")):
        (tmp_path / split).mkdir()
        cv2.imwrite(str(tmp_path / split / "a.png"), np.full((32, 32, 3), grey, np.uint8))
    data.write_text("train: train\nval: val\nnames: [a]\n")
    command[-2:] = ["yolo26n.pt", str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert 'pip install "yolo-tl[train]"' in done.stderr
