from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from support.networks import exported, images, require_same

from yolo_tl.edge.artifact import open_network
from yolo_tl.edge.network import RunOptions
from yolo_tl.errors import BundleError

pytest.importorskip("ai_edge_litert")
pytest.importorskip("litert_torch")
from yolo_tl.edge.litert import LiteRtNetwork

ONE = RunOptions(threads=1)
CASES: list[tuple[str, dict[str, Any]]] = [
    ("detect", {"two_headed": True}),
    ("detect", {"two_headed": True, "head": "nms-free"}),
    ("segment", {}),
    ("pose", {}),
    ("obb", {}),
    ("classify", {}),
]


@pytest.mark.parametrize(("task", "options"), CASES, ids=str)
def test_says_what_onnx_runtime_says(task: str, options: dict[str, Any]) -> None:
    ours = LiteRtNetwork(exported(task, "litert", **options), ONE)
    theirs = open_network(exported(task, "onnx", **options), ONE)
    assert ours.info == theirs.info
    tensor = images(3)
    assert require_same(ours.run(tensor), theirs.run(tensor), ours.info, box=1e-2, score=1e-4) >= 3


def with_metadata(file: Path, change: Any) -> None:
    content = file.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        values = json.loads(archive.read("metadata.json"))
    start = content.index(b"PK\x03\x04")
    file.write_bytes(content[:start])
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("metadata.json", json.dumps(change(values)))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda f: f.write_bytes(f.read_bytes()[:5000]), "expected the metadata"),
        (lambda f: f.write_bytes(b"0" * 5000 + f.read_bytes()[-3000:]), "expected"),
        (lambda f: with_metadata(f, lambda v: v | {"names": {"0": "red"}}), "expected an output"),
        (lambda f: with_metadata(f, lambda v: [1]), "expected the metadata"),
    ],
)
def test_a_damaged_model_is_refused(tmp_path: Path, damage: Any, says: str) -> None:
    file = Path(shutil.copy(exported("detect", "litert", two_headed=True), tmp_path))
    damage(file)
    with pytest.raises(BundleError, match=says):
        open_network(file)
