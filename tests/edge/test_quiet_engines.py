"""What inference libraries do beside inference: nothing leaves the device, and signals stay what they were."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(code: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("ORT_", "XDG_"))}
    environment["HOME"] = str(home)
    return subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", code], env=environment, capture_output=True, text=True, check=False
    )


def test_onnx_runtime_collects_nothing(toy, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    code = (
        "import numpy as np; from yolo_tl.edge import Detector; "
        f"Detector({str(toy())!r})(np.zeros((9, 9, 3), np.uint8)); print('ran')"
    )
    done = run(code, home)
    assert done.stdout == "ran\n", done.stderr
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_signals_are_handled_after_openvino_was_let_go_in_another_thread(tmp_path: Path) -> None:
    """As where a server exchanges its model: the CPU plugin frees a stack that the first thread handles signals on."""
    pytest.importorskip("openvino")
    code = """
import gc, os, signal, threading
from yolo_tl.edge.openvino import import_openvino
from yolo_tl.edge.signal_stack import same_signal_stack
openvino = import_openvino()
with same_signal_stack():
    held = [openvino.Core()]
    held[0].get_property("CPU", "FULL_DEVICE_NAME")
thread = threading.Thread(target=lambda: (held.clear(), gc.collect()))
thread.start()
thread.join()
signal.signal(signal.SIGTERM, lambda *_: print("handled"))
os.kill(os.getpid(), signal.SIGTERM)
"""
    done = run(code, tmp_path)
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr
