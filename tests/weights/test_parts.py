"""The checkpoint that ships, the pictures it was trained on, and what is said of both."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo_tl.boxes import iou_matrix
from yolo_tl.files import sha256

FOLDER = Path(__file__).resolve().parents[2] / "weights"
CHECKPOINT = FOLDER / "yolo26n-parts.pt"
README = (FOLDER / "README.md").read_text("utf-8")
LOG = (FOLDER / "yolo26n-parts.log").read_text("utf-8")


@pytest.fixture(scope="module")
def parts():
    """The modules of the script, which is no package."""
    sys.path.insert(0, str(FOLDER))
    try:
        from parts import pictures, shapes
    finally:
        sys.path.remove(str(FOLDER))
    return pictures, shapes


def test_what_is_said_of_the_file_is_said_of_this_one():
    digest = sha256(CHECKPOINT)
    assert digest in README
    assert digest in LOG
    assert CHECKPOINT.stat().st_size <= 6_000_000


def test_the_scores_in_the_readme_are_those_of_the_log():
    scores = re.search(r"mAP50-95 (\d\.\d{3}), mAP50 (\d\.\d{3})", LOG)
    assert scores
    assert scores[0] in README


def test_it_names_no_path_of_the_machine_it_was_made_on(ultralytics):
    from yolo_tl.engine.checkpoint import load_checkpoint

    network = load_checkpoint(CHECKPOINT)
    paths = [value for value in network.args.values() if isinstance(value, str) and "/" in value]
    assert paths == []


def test_it_finds_parts_it_has_never_seen(parts, ultralytics):
    pictures, shapes = parts
    model = ultralytics.YOLO(CHECKPOINT)
    assert list(model.names.values()) == list(shapes.SHAPES)
    found = named = total = 0
    for index in range(40):
        image, labels = pictures.picture(7, index, 192)
        answer = model.predict(image, imgsz=192, conf=0.25, verbose=False, device="cpu")[0].boxes
        boxes, classes = answer.xyxy.numpy(), answer.cls.numpy()
        for number, x, y, w, h in labels:
            truth = np.array([[x - w / 2, y - h / 2, x + w / 2, y + h / 2]]) * 192
            over = iou_matrix(truth, boxes)[0] > 0.5 if len(boxes) else np.zeros(0, bool)
            total += 1
            found += bool(over.any())
            named += bool((over & (classes == number)).any())
    assert found > 0.5 * total
    assert named > 0.4 * total  # of sixteen classes


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), index=st.integers(0, 10**7))
def test_a_picture_depends_on_its_number_alone_and_its_boxes_lie_in_it(parts, seed, index):
    pictures, shapes = parts
    image, labels = pictures.picture(seed, index, 96)
    again, same = pictures.picture(seed, index, 96)
    assert np.array_equal(image, again)
    assert labels == same
    for number, x, y, w, h in labels:
        assert 0 <= number < len(shapes.SHAPES)
        assert min(x - w / 2, y - h / 2) >= -1e-9
        assert max(x + w / 2, y + h / 2) <= 1 + 1e-9


def test_silhouettes_are_about_two_long_and_hold_their_holes(parts):
    _, shapes = parts
    assert len(shapes.SHAPES) == 16
    for name, shape in shapes.SHAPES.items():
        for seed in range(5):
            outline, holes = shape(np.random.default_rng(seed))
            extent = np.ptp(outline, axis=0)
            assert 1.2 < extent.max() < 2.4, name
            for hole in holes:
                assert hole.min() >= outline.min() - 1e-9, name
                assert hole.max() <= outline.max() + 1e-9, name


def test_the_whole_set_is_a_data_set(parts, tmp_path):
    from yolo_tl.data import read_dataset

    pictures, shapes = parts
    dataset = read_dataset(pictures.write_set(tmp_path / "data", train=6, val=3, size=96))
    assert list(dataset.names) == list(shapes.SHAPES)
    assert (len(dataset.split("train")), len(dataset.split("val"))) == (6, 3)
