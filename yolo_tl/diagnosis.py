"""What is installed, what is missing, what hardware is there, and where weights are looked for.

Answers without importing torch where it can, so that it works on the device and on a broken install.
"""

from __future__ import annotations

import importlib.util
import platform
import re
import shutil
import subprocess
import sys
from importlib import metadata
from typing import Any

from yolo_tl import __version__
from yolo_tl.engine.hermetic import cores
from yolo_tl.engine.runs import installed
from yolo_tl.engine.weights import folders

NOT_FOR_USERS = ("all", "dev")
PACKAGES = ("numpy", "opencv-python", "onnxruntime", "ultralytics", "torch", "torchvision", "albumentations", "onnx")


def report() -> dict[str, Any]:
    """Everything as plain values: ``yolo_tl``, ``packages``, ``extras``, ``hardware``, ``weights``."""
    return {
        "yolo_tl": __version__,
        "python": sys.version.split()[0],
        "packages": {name: installed(name) for name in PACKAGES},
        "extras": {name: _extra(name, needs) for name, needs in sorted(_extras().items())},
        "hardware": {
            "machine": f"{platform.system()} {platform.machine()}",
            "cpu cores": str(cores()),
            "NVIDIA driver": _nvidia(),
            "torch sees": _torch_devices(),
            "TensorRT": installed("tensorrt") or "not installed",
        },
        "weights": _weights(),
    }


def _extras() -> dict[str, list[str]]:
    """Extra → the packages it brings, as this package's own metadata lists them."""
    extras: dict[str, list[str]] = {}
    for requirement in metadata.requires("yolo-tl") or []:
        needed, _, marker = requirement.partition(";")
        extra = re.search(r"extra\s*==\s*['\"]([\w-]+)", marker)
        name = re.match(r"[\w.-]+", needed.strip())
        if extra and name and extra[1] not in NOT_FOR_USERS:
            extras.setdefault(extra[1], []).append(name[0])
    return extras


def _extra(name: str, needs: list[str]) -> str:
    missing = [package for package in needs if installed(package) is None]
    return f'missing {", ".join(missing)}: pip install "yolo-tl[{name}]"' if missing else "complete"


def _nvidia() -> str:
    """Name, driver and compute capability of each GPU, as ``nvidia-smi`` tells them."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return "none found"
    query = [tool, "--query-gpu=name,driver_version,compute_cap", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return f"nvidia-smi failed: {error}"
    return "; ".join(done.stdout.strip().splitlines()) or "none found"


def _torch_devices() -> str:
    if importlib.util.find_spec("torch") is None:
        return "torch is not installed"
    import torch

    if not torch.cuda.is_available():
        return "CPU only"
    return ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))


def _weights() -> dict[str, list[str]]:
    places = folders()
    found = [str(path) for folder in places if folder.is_dir() for path in sorted(folder.glob("*.pt"))]
    return {"folders": [str(folder) for folder in places], "found": found}
