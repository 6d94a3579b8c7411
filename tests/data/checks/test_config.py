"""One fault in the data.yaml for each check of it."""

from __future__ import annotations

import os

import pytest

from yolo_tl.data.checking import check
from yolo_tl.data.checks import Severity
from yolo_tl.errors import ParseError

NAMES = ["disc", "square", "triangle"]
FAULTS = {
    "config.path_not_found": ({"test": "images/nowhere"}, set()),
    "config.missing_split": ({"train": None}, {"classes.few_instances"}),
    "config.missing_val": ({"val": None}, set()),
    "config.duplicate_names": ({"names": ["disc", "disc", "triangle"]}, set()),
    "config.nc_mismatch": ({"nc": 4}, set()),
    "config.names_gap": ({"names": {0: "disc", 1: "square", 2: "triangle", 4: "star"}}, {"classes.zero_instances"}),
    "config.unknown_key": ({"trian": "images/train"}, set()),
    "config.download": ({"download": "print('hello')"}, set()),
    "config.wrong_type": ({"test": 7}, set()),
    "config.relative_path": ({"path": "../data"}, set()),
}


@pytest.mark.parametrize("id", FAULTS)
def test_one_key_is_wrong(planted, id):
    changes, others = FAULTS[id]
    planted.config(**changes)
    assert set(planted.findings()) == {id} | others


def test_missing_names(planted):
    planted.config(names=None)
    found = planted.findings()
    assert set(found) == {"config.missing_names"}
    assert found["config.missing_names"].severity is Severity.ERROR
    planted.config(nc=3)
    assert planted.findings()["config.missing_names"].severity is Severity.WARNING


def test_train_is_val(planted):
    planted.config(val="images/train")
    found = planted.findings()
    assert set(found) == {"config.train_is_val"}
    assert found["config.train_is_val"].count == len(planted.images())


def test_a_split_without_images(planted):
    for image in planted.images("test"):
        image.unlink()
        planted.label_of(image).unlink()
    found = planted.findings()
    assert set(found) == {"config.missing_split"}
    assert "test holds no image" in found["config.missing_split"].message


def test_duplicate_keys(planted):
    planted.yaml.write_text(planted.yaml.read_text() + "  2: star\n")
    found = planted.findings()
    assert set(found) == {"config.duplicate_keys"}
    example = found["config.duplicate_keys"].examples[0]
    assert (example.detail, example.line) == ("2", len(planted.yaml.read_text().splitlines()))


def test_encoding(planted):
    planted.yaml.write_bytes(planted.yaml.read_text().replace("disc", "disque é").encode("latin-1"))
    assert set(planted.findings()) == {"config.encoding"}


def test_relative_list(planted):
    lines = [os.path.relpath(image, planted.root) for image in planted.images("test")]
    (planted.root / "test.txt").write_text("\n".join(lines))
    planted.config(test="test.txt")
    found = planted.findings()
    assert set(found) == {"config.relative_list"}
    assert found["config.relative_list"].examples[0].line == 1
    (planted.root / "test.txt").write_text("\n".join(f"./{line}" for line in lines))
    assert planted.findings() == {}


def test_symlinked_split(planted, tmp_path):
    (planted.root / "images/test").rename(tmp_path / "pictures")
    (planted.root / "images/test").symlink_to(tmp_path / "pictures")
    assert set(planted.findings()) == {"config.symlinked_split"}


def test_yaml_that_is_none_is_an_error(planted):
    planted.yaml.write_text("train: [\n")
    with pytest.raises(ParseError, match=r"data\.yaml"):
        check(planted.yaml)


def test_validation_stands_for_val(planted):
    planted.config(val=None, validation="images/val")
    assert planted.findings() == {}
