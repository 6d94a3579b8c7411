"""Rules as they are written down, and what is wrong with some."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml

from yolo_tl.errors import ConfigError, PresetNotFound
from yolo_tl.inspection.loading import load_rules, rules_from_dict
from yolo_tl.inspection.rules import Region, Rule, Rules
from yolo_tl.presets import presets

FULL = """
about: the belt and two parts
regions:
  - name: belt
    polygon: [[10, 10], [90, 10], [90, 90], [50, 40], [10, 90], [10, 10]]
  - name: logo
    polygon: [[0, 0], [0.5, 0], [0.5, 0.5]]
    unit: share
    ignore: true
    by: overlap
    min_overlap: 0.25
rules:
  - name: no-scratch
    classes: [scratch]
    regions: [belt]
    min_score: 4e-1
    min_size: 5
    size: longer
    max: 0
    k_of_n: [3, 5]
  - name: screws
    classes: [screw]
    exactly: 4
quality:
  max_dark: 0.5
  region: belt
tracking:
  patience: 3
"""

BAD = [
    ("rules: []", "rules: expected at least one"),
    ("rules: [{name: a}]", "expected min, max, both, or exactly of rule a, found none"),
    ("rules: [{max: 0}]", "expected a name for every rule"),
    ("rules: [{name: a, max: 0}, {name: a, max: 1}]", "rules: expected each name once, found several of a"),
    ("rules: [{name: a, max: 0, exactly: 1}]", "expected min, max, both, or exactly of rule a"),
    ("rules: [{name: a, max: -1}]", "max of rule a: expected a number of objects from 0 on, found -1"),
    ("rules: [{name: a, min: 3, max: 2}]", "expected min <= max"),
    ("rules: [{name: a, min: 0}]", "which nothing can break"),
    ("rules: [{name: a, max: 0.5}]", r"rules\[0\].max: expected int or nothing, found 0.5"),
    ("rules: [{name: a, max: true}]", r"rules\[0\].max: expected int or nothing, found True"),
    ("rules: [{name: a, max: 0, classes: scratch}]", r"rules\[0\].classes: expected tuple, found 'scratch'"),
    ("rules: [{name: a, max: 0, clases: [b]}]", r"unknown key 'rules\[0\].clases'.*did you mean 'classes'"),
    ("rules: [{name: a, max: 0, min_score: 1.5}]", "min_score of rule a: expected a number from 0 to 1"),
    ("rules: [{name: a, max: 0, min_score: .nan}]", "min_score of rule a"),
    ("rules: [{name: a, max: 0, min_size: .inf}]", "min_size of rule a: expected a size from 0 on"),
    ("rules: [{name: a, max: 0, max_size: 5, unit: share}]", "max_size of rule a: expected a share"),
    ("rules: [{name: a, max: 0, min_size: 5, max_size: 4}]", "min_size of rule a: expected at most max_size 4"),
    ("rules: [{name: a, max: 0, k_of_n: [3, 2]}]", r"k_of_n of rule a: expected \[k, n\]"),
    ("rules: [{name: a, max: 0, k_of_n: [1]}]", r"k_of_n of rule a: expected \[k, n\]"),
    ("rules: [{name: a, min: 1, once_per_track: true}]", "once_per_track of rule a: expected it with max: 0 only"),
    ("rules: [{name: a, max: 0, regions: [bolt]}]\nregions: [{name: belt, polygon: [[0,0],[1,0],[0,1]]}]", "'belt'"),
    (
        "rules: [{name: a, max: 0, regions: [x]}]\nregions: [{name: x, ignore: true, polygon: [[0,0],[1,0],[0,1]]}]",
        "found 'x', which is ignored",
    ),
    ("rules: [{name: a, max: 0}]\nquality: {region: belt}", "quality.region: there is no region 'belt'"),
    ("rules: [{name: a, max: 0}]\nquality: {max_dark: 2}", "quality.max_dark: expected a share"),
    ("rules: [{name: a, max: 0}]\nquality: {max_drak: 0.2}", "did you mean 'quality.max_dark'"),
    ("rules: [{name: a, max: 0}]\ntracking: {iou: 0}", "tracking.iou: expected above 0"),
    ("rules: [{name: a, max: 0}]\nmin_probability: 1", "min_probability: expected from 0 to below 1"),
    ("rules: [{name: a, max: 0}]\nregions: [{name: b, polygon: [[0,0],[1,0]]}]", "expected at least three corners"),
    ("rules: [{name: a, max: 0}]\nregions: [{name: b, polygon: [[0,0],[1,0],[0,.nan]]}]", "three corners"),
    ("rules: [{name: a, max: 0}]\nregions: [{name: b, polygon: [[0,0],[1,0,1],[0,1]]}]", "three corners"),
    ("rules: [{name: a, max: 0}]\nregions: [{name: b, polygon: [[0,0],[2,2],[2,0],[0,2]]}]", "cross or touch itself"),
    ("rules: [{name: a, max: 0}]\nregions: [{name: b, polygon: [[0,0],[1,1],[2,2]]}]", "cross or touch itself"),
    ("rules: [{name: a, max: 0}]\nregions: [{name: b, unit: share, polygon: [[0,0],[9,0],[0,1]]}]", "shares from 0 to"),
    ("rules: [{name: a, max: 0}]\nregions: [{name: b, polygon: [[0,0],[-1,0],[0,1]]}]", "px from 0 on"),
    ("rules: [{name: a, max: 0}]\nregions: [{name: b, polygon: [[0,x],[1,0],[0,1]]}]", r"regions\[0\].polygon\[0\]"),
    ("rules: {a: {max: 0}}", "unknown key 'rules.a.max'"),
    ("rules: [no-scratch]", r"rules\[0\]: expected keys and values"),
    ("- a", "expected keys and values, found list"),
    ("rules: [", "not a valid YAML file"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_what_is_wrong_is_said_with_file_and_place(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "line.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_rules(file)
    assert str(file) in caught.value.message


def test_a_file_is_read_with_all_it_says(tmp_path: Path) -> None:
    file = tmp_path / "line.yaml"
    file.write_text(FULL)
    rules = load_rules(file)
    scratch, screws = rules.rules
    assert (scratch.min_score, scratch.min_size, scratch.k_of_n, scratch.limits) == (0.4, 5.0, (3, 5), (0, 0))
    assert screws.limits == (4, 4)
    assert Rule("some", min=2).limits == (2, math.inf)
    assert rules.region("belt").corners == ((10, 10), (90, 10), (90, 90), (50, 40), (10, 90))
    assert rules.region("logo").placed((100, 200)) == ((0, 0), (100, 0), (100, 50))
    assert rules.quality.limited
    assert not rules.tracked


def test_the_hash_is_one_of_what_is_asked_and_not_of_how_it_is_written(tmp_path: Path) -> None:
    file, other = tmp_path / "a.yaml", tmp_path / "b.yaml"
    file.write_text(FULL)
    other.write_text(yaml.safe_dump({"tracking": {"iou": 0.3}, **yaml.safe_load(FULL), "about": "another text"}))
    rules = load_rules(file)
    assert rules.sha256 == load_rules(other).sha256
    assert rules_from_dict(rules.to_dict()) == rules
    assert load_rules(file, overrides={"quality.max_dark": 0.4}).sha256 != rules.sha256


def test_presets_are_complete_and_fit_any_classes() -> None:
    known = presets("rules")
    assert {"default", "sequence", "once", "parts-present", "centre"} <= set(known)
    for name, about in known.items():
        assert about
        assert not any(rule.classes or rule.min_score for rule in load_rules(name).rules)
    with pytest.raises(PresetNotFound, match="did you mean 'default'"):
        load_rules("defualt")


def test_a_file_extends_a_preset(tmp_path: Path) -> None:
    file = tmp_path / "line.yaml"
    file.write_text("extends: centre\nquality: {min_sharpness: 3}\n")
    rules = load_rules(file)
    assert (rules.quality.min_sharpness, rules.quality.max_dark) == (3.0, 0.95)
    with pytest.raises(ConfigError, match="no such configuration file"):
        load_rules(tmp_path / "none.yaml")


def test_rules_can_be_written_in_python() -> None:
    rules = Rules(rules=(Rule("no-scratch", max=0, regions=("belt",)),), regions=(Region("belt", SQUARE),))
    assert rules_from_dict(rules.to_dict()).sha256 == rules.sha256


SQUARE = ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0))
