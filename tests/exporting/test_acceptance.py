"""What a qualification brings into a bundle, and the qualifications that are of something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.checkpoints import checkpoint

import yolo_tl
from yolo_tl.config import ExportConfig
from yolo_tl.data import read_dataset
from yolo_tl.errors import ExportError
from yolo_tl.exporting.acceptance import Acceptance
from yolo_tl.files import sha256, write_json

OF = {"sha256": "abc", "names": ["a", "b"], "head": "one-to-many", "imgsz": 96, "iou": 0.7, "max_det": 300}
SAME = {"sha256": "abc", "names": ("a", "b"), "head": "raw", "imgsz": 96, "config": ExportConfig()}


def qualification(path: Path, **model: Any) -> Path:
    judged = {"verdict": "not provable", "requirements": [{"failures": 1}], "escapes": ["x.png"], "overkills": []}
    content = {
        "verdict": "not provable",
        "thresholds": {"b": 0.4},
        "contract": {"max_escape": 0.05},
        "model": {**OF, **model},
        "data": {"data": "here/data.yaml", "fingerprint": "f" * 64},
        "chosen": {"meets": True, **judged},
        "judged": judged,
    }
    write_json(path, content)
    return path


def test_limits_counts_and_fingerprint_travel_and_images_do_not(tmp_path: Path) -> None:
    found = Acceptance.read(qualification(tmp_path / "q.json"))
    assert found.thresholds == {"b": 0.4}
    assert found.content.keys() == {"verdict", "contract", "model", "data", "chosen", "judged"}
    assert found.content["data"] == {"fingerprint": "f" * 64}
    assert found.content["judged"] == {"verdict": "not provable", "requirements": [{"failures": 1}]}
    found.require_of(**SAME)
    assert "x.png" not in json.dumps(found.content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sha256": "abd"}, "of checkpoint with SHA-256 abc, the export is of abd"),
        ({"names": ("b", "a")}, r"of classes \['a', 'b'\], the export is of \['b', 'a'\]"),
        ({"head": "nms-free"}, "of head one-to-many, the export is of nms-free"),
        ({"imgsz": 128}, "of input side 96, the export is of 128"),
        ({"config": ExportConfig(iou=0.5)}, "of NMS IoU 0.7, the export is of 0.5"),
        ({"config": ExportConfig(max_det=9)}, "of max_det 300, the export is of 9"),
        ({"head": "nms"}, "head raw or nms-free and a fixed size, found head nms"),
        ({"config": ExportConfig(dynamic=True)}, "found head raw and dynamic"),
    ],
)
def test_another_model_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ExportError, match=message):
        Acceptance.read(qualification(tmp_path / "q.json")).require_of(**{**SAME, **change})


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"thresholds": {"a": "high"}}', '{"thresholds": []}'])
def test_a_file_that_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "q.json").write_text(content)
    with pytest.raises(ExportError, match=r"q\.json: expected a qualification"):
        Acceptance.read(tmp_path / "q.json")
    with pytest.raises(ExportError, match=r"none\.json: cannot be read"):
        Acceptance.read(tmp_path / "none.json")


def test_the_thresholds_are_in_the_bundle_and_used(sample: Path, tmp_path: Path) -> None:
    data, weights = sample, checkpoint(tmp_path / "net.pt", sample)
    names = list(read_dataset(data).names)
    file = qualification(tmp_path / "q.json", sha256=sha256(weights), names=names, imgsz=64)
    content = json.loads(file.read_text())
    write_json(file, {**content, "thresholds": {names[1]: 0.125}})
    result = yolo_tl.export(weights, data, tmp_path / "b", overrides={"head": "raw"}, qualification=file)
    assert result.contract == "not provable"
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_text())
    assert manifest["schema"] == 2
    assert manifest["thresholds"]["classes"] == {names[1]: 0.125}
    assert manifest["qualification"]["judged"]["requirements"] == [{"failures": 1}]
    assert yolo_tl.Detector(tmp_path / "b").class_confidence == {names[1]: 0.125}
    with pytest.raises(ExportError, match="SHA-256"):
        other = qualification(tmp_path / "other.json", names=names)
        yolo_tl.export(weights, data, tmp_path / "c", overrides={"head": "raw"}, qualification=other, dry_run=True)
    assert not (tmp_path / "c").exists()
