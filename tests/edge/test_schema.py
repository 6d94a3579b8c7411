"""The schema on the device says what `jsonschema` says."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.edge import schema
from yolo_tl.edge.manifest import SCHEMA_FILE, Manifest
from yolo_tl.edge.preprocess import Preprocess
from yolo_tl.edge.schema import load_schema, problems
from yolo_tl.errors import BundleError

jsonschema = pytest.importorskip("jsonschema")
MANIFEST = load_schema(SCHEMA_FILE)
PEER = jsonschema.Draft202012Validator(MANIFEST)
DIGEST = "0123456789abcdef" * 4

VALID: dict[str, Any] = {
    "schema": 2,
    "made_by": "yolo_tl 1",
    "format": "openvino",
    "model": "model_openvino_model",
    "files": {"model_openvino_model/model.xml": DIGEST, "golden/golden.json": DIGEST},
    "task": "pose",
    "names": ["a", "b"],
    "input": {"shape": [1, 3, 64, 96], "imgsz": [64, 96], "dtype": "float32", "dynamic": False, "stride": 32},
    "preprocess": {"letterbox": 114, "colour": "RGB", "scale": "1/255"},
    "head": "raw",
    "keypoints": [17, 3],
    "precision": "int8",
    "arithmetic": "f32",
    "thresholds": {"confidence": 0.25, "iou": 0.7, "max_det": 300, "classes": {"b": 0.5}},
    "qualification": {"verdict": "met"},
    "gate": {"passed": True},
    "calibration": {"digest": DIGEST, "images": [DIGEST, DIGEST]},
    "source": {"checkpoint": "best.pt", "sha256": DIGEST, "metrics": None},
    "data": {"fingerprint": DIGEST},
    "versions": {"packages": {}},
    "hardware": {"flags": []},
    "licence": "AGPL-3.0",
}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


NUMBERS = st.one_of(st.integers(-2, 400), st.sampled_from([0.5, 1.0, 2.0, 114.0, -0.1, 1.5, 1e300, float("inf")]))
PLAIN = ["", "a", "b", "c", "RGB", "1", "nms", "detect", "pose", "fp16", "bf16", "crop", "letterbox", DIGEST]
PATHS = ["/a", "a/", "a//b", "../a", "a/..", "a\\b", "C:a", ".hidden", "...", "a\nb", "a/./b", "ä/ö", "x/y"]
WORDS = st.sampled_from([*PLAIN, *PATHS, DIGEST[1:], DIGEST + "\n"])
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=5,
)


@st.composite
def changed(draw: st.DrawFn) -> Any:
    """The valid manifest with some values exchanged, removed or added."""
    content = copy.deepcopy(VALID)
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from(places(content)))
        if not path:
            continue
        parent: Any = content
        for key in path[:-1]:
            parent = parent[key]
        how = draw(st.sampled_from(["exchange", "remove", "add"]))
        if how == "exchange":
            parent[path[-1]] = draw(VALUES)
        elif how == "remove":
            del parent[path[-1]]
        elif isinstance(parent, dict):
            parent[draw(WORDS)] = draw(VALUES)
        else:
            parent.append(draw(VALUES))
    return content


def test_the_schema_is_one_and_takes_a_valid_manifest() -> None:
    jsonschema.Draft202012Validator.check_schema(MANIFEST)
    assert list(problems(VALID, MANIFEST)) == []
    assert PEER.is_valid(VALID)


@given(changed())
def test_the_device_accepts_and_refuses_what_jsonschema_does(content: Any) -> None:
    assert (not list(problems(content, MANIFEST))) == PEER.is_valid(content)


@pytest.mark.parametrize("path", [place for place in places(VALID) if place], ids=str)
def test_every_value_counts(path: tuple[Any, ...]) -> None:
    """Each value exchanged by one of every kind, so that no place is left to chance."""
    for value in (None, True, 0, -1, 0.5, 2.0, 10**400, "", "no", [], ["a", "a"], {}, {"ö/../ä": 1}):
        content = copy.deepcopy(VALID)
        parent: Any = content
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = value
        assert (not list(problems(content, MANIFEST))) == PEER.is_valid(content), value


@given(changed())
def test_what_fits_the_schema_can_be_used(content: Any) -> None:
    """No key and no type can fail later; what a schema cannot say is refused in words."""
    try:
        manifest = Manifest.parse(Path("manifest.json"), content if isinstance(content, dict) else {})
    except BundleError:
        return
    assert PEER.is_valid(content)
    assert isinstance(manifest.thresholds.max_det, int)
    assert {number for number, _ in manifest.thresholds.by_class} <= set(range(len(manifest.names)))


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("fit", *VALID["preprocess"], "other"), VALUES)))
def test_preprocessing_is_described_as_it_is_read(values: dict[str, Any]) -> None:
    rule = MANIFEST["$defs"]["preprocess"]
    try:
        Preprocess.from_json(values)
        read = True
    except (ValueError, TypeError):
        read = False
    assert (not list(problems(values, rule, root=MANIFEST))) == read


@pytest.mark.parametrize(
    "rule",
    [{"uniqueItems": True}, {"const": 1}, {"const": [True]}, {"enum": [True, 0, [1], {"a": False}]}, False, True],
)
@pytest.mark.parametrize(
    "value", [1, 1.0, True, False, 0, [1], [1.0], [True], [1, 1.0], [1, True], [[1], [1.0]], [[1], [True]], {"a": 0}]
)
def test_true_is_not_one_and_one_is_one_point_nought(rule: Any, value: Any) -> None:
    assert (not list(problems(value, rule))) == jsonschema.Draft202012Validator(rule).is_valid(value)


def test_a_keyword_that_is_not_known_is_never_skipped() -> None:
    with pytest.raises(KeyError, match="multipleOf"):
        list(problems(3, {"multipleOf": 2}))


@pytest.mark.parametrize("fit", ["letterbox", "crop", None, "other"])
@pytest.mark.parametrize("padding", [0, 255, 256, True, None])
def test_a_grey_level_belongs_to_the_letterbox_alone(fit: str | None, padding: int | None) -> None:
    values = {"fit": fit, "letterbox": padding, "colour": "BGR", "scale": "1"}
    values = {key: value for key, value in values.items() if value is not None}
    fits = padding is not None and padding is not True and padding < 256
    expected = {"letterbox": fits, None: fits, "crop": padding is None}.get(fit, False)
    assert (not list(problems(values, MANIFEST["$defs"]["preprocess"], root=MANIFEST))) == expected
    assert PEER.is_valid({**VALID, "preprocess": values}) == expected


def test_what_is_wrong_is_said_with_its_place() -> None:
    content = {**VALID, "input": {**VALID["input"], "shape": [1, 4, 64, 96]}}
    assert list(problems(content, MANIFEST)) == [("input.shape[1]", "expected 3, found 4")]
    assert list(problems({**VALID, "more": 1}, MANIFEST)) == [("more", "expected no such key")]
    assert schema.shown(json.dumps("x" * 100)).endswith("...")
