"""Which images are compared, and what is known of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.scripted import grey_images

from yolo_tl.data import read_dataset
from yolo_tl.errors import DataNotFound, UsageError
from yolo_tl.exporting.gate import choose_samples
from yolo_tl.exporting.gate.flips import Rule

DETECT = {"task": "detect", "names": ("a", "b")}
CLASSIFY = {"task": "classify", "names": ("cat", "dog")}


def test_a_data_set_has_its_labels(sample):
    found = choose_samples(sample, **DETECT)
    split = read_dataset(sample).split("val")
    assert (found.split, found.unlabelled) == ("val", "")
    assert [one.image for one in found.images] == list(split.images)
    assert sum(len(one.names) for one in found.images) == len(split.class_ids)
    centres = np.concatenate([(one.boxes[:, :2] + one.boxes[:, 2:]) / 2 for one in found.images])
    np.testing.assert_allclose(centres, split.boxes[:, :2], atol=1e-9)
    assert choose_samples(sample / "data.yaml", split="train", **DETECT).split == "train"


def test_images_are_spread_evenly(sample):
    all_of_them = choose_samples(sample, split="train", **DETECT).images
    few = choose_samples(sample, split="train", count=4, **DETECT).images
    places = [[one.image for one in all_of_them].index(other.image) for other in few]
    assert places[0] == 0
    assert places[-1] == len(all_of_them) - 1
    assert len(set(np.diff(places)) - {5, 6}) <= 1
    assert len(choose_samples(sample, split="train", count=999, **DETECT).images) == len(all_of_them)


def test_a_split_without_labels_has_none(sample, tmp_path):
    shutil.copytree(sample, tmp_path / "data")
    shutil.rmtree(tmp_path / "data" / "labels" / "val")
    found = choose_samples(tmp_path / "data", **DETECT)
    assert "has no label files" in found.unlabelled
    assert all(one.names is None for one in found.images)


def test_any_folder_and_any_image_will_do(tmp_path):
    grey_images(tmp_path / "images", 3)
    (tmp_path / "images" / "readme.txt").write_text("x")
    found = choose_samples(tmp_path / "images", **DETECT)
    assert [one.image.name for one in found.images] == ["0.png", "1.png", "2.png"]
    assert "has no data.yaml" in found.unlabelled
    assert len(choose_samples(tmp_path / "images" / "1.png", **DETECT).images) == 1
    with pytest.raises(UsageError, match="no split of a folder"):
        choose_samples(tmp_path / "images", split="val", **DETECT)


@pytest.mark.parametrize("split", ["val", ""])
def test_a_folder_for_each_class_is_labelled(tmp_path, split):
    for name in ("cat", "dog"):
        (tmp_path / split).mkdir(exist_ok=True)
        grey_images(tmp_path / split / name, 2)
    found = choose_samples(tmp_path, **CLASSIFY)
    assert (found.split, found.unlabelled) == (split, "")
    assert [one.names for one in found.images] == [("cat",)] * 2 + [("dog",)] * 2
    other = choose_samples(tmp_path, task="classify", names=("cat", "cow"))
    assert "not a folder for each class" in other.unlabelled
    with pytest.raises(DataNotFound, match="no split 'test'"):
        choose_samples(tmp_path, split="test", **CLASSIFY)


def test_what_is_not_there_is_said(sample, tmp_path):
    with pytest.raises(DataNotFound, match="no such file"):
        choose_samples(tmp_path / "nowhere", **DETECT)
    with pytest.raises(DataNotFound, match="has no split 'other'"):
        choose_samples(sample, split="other", **DETECT)
    (tmp_path / "readme.txt").write_text("x")
    with pytest.raises(DataNotFound, match="expected images, found none"):
        choose_samples(tmp_path, **DETECT)


def test_units_are_those_of_the_qualification(tmp_path):
    images = [tmp_path / name for name in ("p1_front.png", "p1_back.png", "p2_front.png")]
    rule = Rule.of({"unit": "part", "parts": "regex:^(p[0-9])_"}, ["b"], images, tmp_path)
    assert [rule.unit(image) for image in images] == ["p1", "p1", "p2"]
    alone = Rule.of(json.loads('{"unit": "image", "parts": ""}'), ["b"], images, tmp_path)
    assert [alone.unit(Path(image)) for image in images] == [str(image) for image in images]
