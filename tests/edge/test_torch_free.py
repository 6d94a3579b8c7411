"""The edge runs where torch and everything that comes with it cannot be imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
import sys
from importlib.abc import MetaPathFinder

BLOCKED = {"torch", "torchvision", "ultralytics", "matplotlib", "polars", "pandas", "scipy", "PIL", "yaml"}

class Wall(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"{name} is walled off", name=name)

sys.meta_path.insert(0, Wall())
import numpy as np
from yolo_tl.edge import Detector, draw

image = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
detector = Detector(sys.argv[1])
found = detector(image, confidence=0.3)
draw(image, found, detector.names)
assert not BLOCKED & {name.partition(".")[0] for name in sys.modules}
print(len(found))
"""


def test_a_detection_without_torch(toy) -> None:
    path: Path = toy()
    done = subprocess.run([sys.executable, "-c", CODE, path], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert int(done.stdout) > 0


def test_the_inference_library_is_imported_only_to_infer() -> None:
    code = "import sys, yolo_tl.edge; print(sorted({'onnxruntime', 'yaml', 'click'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
