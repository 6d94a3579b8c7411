from __future__ import annotations

from pathlib import Path

import pytest

TINY = {"epochs": 2, "imgsz": 64, "batch": 8, "threads": 1, "device": "cpu"}


@pytest.fixture(scope="session")
def run(sample: Path, tmp_path_factory: pytest.TempPathFactory):
    """A finished tiny run of YOLO26n from scratch on the generated sample."""
    import yolo_tl

    out = tmp_path_factory.mktemp("run") / "first"
    return yolo_tl.train(sample, "yolo26n.yaml", out=out, overrides=TINY)
