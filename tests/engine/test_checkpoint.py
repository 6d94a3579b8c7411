from __future__ import annotations

import os
from pathlib import Path

import pytest

from yolo_tl.engine.checkpoint import describe_network, load_checkpoint, new_network
from yolo_tl.errors import ModelError, UntrustedCheckpoint, WeightsNotFound


@pytest.fixture
def checkpoint(tmp_path, ultralytics) -> Path:
    path = tmp_path / "real.pt"
    ultralytics.YOLO("yolov8n.yaml", verbose=False).save(path)
    return path


class Evil:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def test_a_real_checkpoint_loads(checkpoint):
    network = describe_network(load_checkpoint(checkpoint), pretrained=True)
    assert (network.family, network.backbone, network.head, network.task) == ("yolov8n", 10, 22, "detect")


def test_foreign_code_does_not_run_unless_trusted(tmp_path):
    import torch

    path, marker = tmp_path / "evil.pt", tmp_path / "pwned"
    torch.save({"model": Evil(marker)}, path)
    with pytest.raises(UntrustedCheckpoint, match=r"evil.pt.*posix.system") as caught:
        load_checkpoint(path)
    assert "--trust" in caught.value.hint
    assert not marker.exists()
    with pytest.raises(ModelError, match="no network in it"):
        load_checkpoint(path, trust=True)
    assert marker.exists()


@pytest.mark.parametrize("damage", ["cut", "junk", "empty", "zip"])
def test_damaged_files_are_named(checkpoint, tmp_path, damage):
    content = checkpoint.read_bytes()
    bad = tmp_path / "bad.pt"
    bad.write_bytes({"cut": content[: len(content) // 2], "junk": b"hello", "empty": b"", "zip": content[:200]}[damage])
    with pytest.raises(ModelError, match="bad.pt: not a loadable checkpoint"):
        load_checkpoint(bad)


def test_missing_file_and_architecture(tmp_path):
    with pytest.raises(WeightsNotFound):
        load_checkpoint(tmp_path / "none.pt")
    with pytest.raises(WeightsNotFound, match="no such architecture"):
        new_network("yolo99q.yaml")
