from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from support.bundles import change_manifest, toy_bundle

from yolo_tl.edge.archive import pack
from yolo_tl.edge.manifest import SCHEMA_FILE
from yolo_tl.edge.schema import load_schema
from yolo_tl.edge.signature import make_keys, sign
from yolo_tl.errors import BundleError
from yolo_tl.exporting.bundle_differences import SECTIONS, compare_bundles


@pytest.fixture(scope="module")
def a(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_bundle(tmp_path_factory.mktemp("made") / "bundle")


@pytest.fixture
def b(a: Path, tmp_path: Path) -> Path:
    return shutil.copytree(a, tmp_path / "b")


def changes(a: Path, b: Path) -> list[tuple[str, str, Any, Any]]:
    return [(change.section, change.key, change.a, change.b) for change in compare_bundles(a, b).changes]


def test_every_section_of_a_manifest_is_compared() -> None:
    assert set(SECTIONS) == {*load_schema(SCHEMA_FILE)["properties"], "signature"} - {"schema"}


def test_a_bundle_is_the_same_as_itself_packed(a: Path, b: Path, tmp_path: Path) -> None:
    pack(b, tmp_path / "b.zip")
    for other in (a, b, tmp_path / "b.zip"):
        assert compare_bundles(a, other).same
        assert compare_bundles(other, a).to_json()["changes"] == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"names": ["class 0", "x", "class 2"]}, ("names", "[1]", "class 1", "x")),
        ({"names": ["class 0", "class 1"]}, ("names", "[2]", "class 2", None)),
        ({"thresholds": {"confidence": 0.5, "iou": 0.4, "max_det": 300}}, ("thresholds", "confidence", 0.9, 0.5)),
        ({"preprocess": {"letterbox": 0, "colour": "RGB", "scale": "1/255"}}, ("preprocess", "letterbox", 114, 0)),
        ({"head": "nms"}, ("head", "", "raw", "nms")),
        ({"precision": "int8"}, ("precision", "", "fp32", "int8")),
        ({"gate": {"passed": True, "flips": 3}}, ("gate", "flips", 0, 3)),
        ({"gate": {"passed": True}}, ("gate", "flips", 0, None)),
        ({"keypoints": [1, 2]}, ("keypoints", "", None, [1, 2])),
        ({"data": {"fingerprint": "f"}}, ("data", "fingerprint", None, "f")),
    ],
    ids=str,
)
def test_one_difference_is_found_from_both_sides(
    a: Path, b: Path, change: dict[str, Any], expected: tuple[str, str, Any, Any]
) -> None:
    change_manifest(b, lambda content: content.update(change))
    assert expected in changes(a, b)
    assert (*expected[:2], expected[3], expected[2]) in changes(b, a)
    assert {found[0] for found in changes(a, b)} == {expected[0]}


def test_another_model_and_a_signature(a: Path, b: Path, tmp_path: Path) -> None:
    other = toy_bundle(tmp_path / "other", seed=1, golden=False)
    found = changes(a, other)
    assert [change[1] for change in found if change[0] == "files"][-1] == "model.onnx"
    assert ("files", "golden/golden.json") in {change[:2] for change in found}
    sign(b, make_keys(tmp_path / "keys")[0])
    assert [change[0] for change in changes(a, b)] == ["signature"]
    (b / "model.onnx").write_bytes(b"damaged")
    with pytest.raises(BundleError, match=r"changed: model\.onnx"):
        compare_bundles(a, b)
