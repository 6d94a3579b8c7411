"""One bad polygon, oriented box or pose for each check of them."""

from __future__ import annotations

import numpy as np
import pytest

from yolo_tl.data.checks.shapes import crosses_itself


def test_self_intersection(segments):
    segments.write("0 0.2 0.2 0.6 0.6 0.6 0.2 0.2 0.7")
    assert set(segments.findings()) == {"shapes.self_intersection"}


def test_without_shapely(segments, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "shapely", None)
    segments.write("0 0.2 0.2 0.6 0.6 0.6 0.2 0.2 0.7")
    assert set(segments.findings()) == {"shapes.self_intersection"}


def test_the_seam_of_a_joined_polygon_is_none():
    seam = np.array([[0, 0], [1, 0], [1, 1], [5, 5], [6, 5], [6, 6], [5, 5], [1, 1], [0, 1]], float) / 10
    assert not crosses_itself(seam)
    hole = np.array([[0, 0], [9, 0], [9, 9], [0, 9], [0, 0], [3, 3], [3, 6], [6, 6], [6, 3], [3, 3]], float) / 9
    assert not crosses_itself(hole)


@pytest.mark.parametrize(("row", "others"), [("0 0.5 0.5", set()), ("0 0.5 0.5 0.6 0.6 0.5 0.5", {"shapes.no_area"})])
def test_few_points(segments, row, others):
    segments.write(row, "0 0.2 0.2 0.6 0.2 0.6 0.6")
    assert set(segments.findings()) == {"shapes.few_points"} | others


def test_no_area(segments):
    segments.write("0 0.2 0.2 0.4 0.4 0.6 0.6")
    assert set(segments.findings()) == {"shapes.no_area"}


def test_box_rows_in_polygons(segments):
    segments.write("0 0.5 0.5 0.4 0.4")
    assert set(segments.findings()) == {"shapes.box_rows_in_polygons"}


def test_not_a_rectangle(oriented):
    oriented.write("0 0.2 0.2 0.6 0.3 0.6 0.6 0.2 0.4")
    assert set(oriented.findings()) == {"shapes.not_a_rectangle"}


def test_a_turned_rectangle_is_one(oriented):
    # 96 x 128 px: a square of 40 px turned by 45 degrees, its corners in shares of unequal sides
    corners = np.array([[48, 36], [76, 64], [48, 92], [20, 64]]) / [96, 128]
    oriented.write("0 " + " ".join(f"{v:.6f}" for v in corners.ravel()))
    assert oriented.findings() == {}


def test_obb_columns(oriented):
    oriented.write("0 0.2 0.2 0.6 0.2 0.6 0.6 0.4 0.7 0.2 0.6")
    assert set(oriented.findings(task="obb")) == {"shapes.obb_columns"}


def test_keypoints_shape(planted):
    planted.config(kpt_shape=[3])
    assert set(planted.findings()) == {"shapes.keypoints_shape"}


def test_keypoints_count(poses):
    poses.write("0 0.5 0.5 0.4 0.4 0.5 0.5 2")
    assert set(poses.findings()) == {"shapes.keypoints_count"}


def test_keypoint_outside_box(poses):
    poses.write("0 0.5 0.5 0.2 0.2 0.9 0.5 2 0.5 0.5 2 0 0 0")
    assert set(poses.findings()) == {"shapes.keypoint_outside_box"}


@pytest.mark.parametrize("point", ["0.5 0.5 3", "0 0 2"])
def test_keypoint_visibility(poses, point):
    poses.write(f"0 0.25 0.25 0.5 0.5 {point} 0.3 0.3 2 0.4 0.3 1".replace("0.25 0.25 0.5 0.5", "0.26 0.26 0.5 0.5"))
    assert set(poses.findings()) == {"shapes.keypoint_visibility"}


@pytest.mark.parametrize("order", [[0, 1], [1, 2, 0], [0, 0, 1], "mirror", None])
def test_flip_idx(poses, order):
    poses.config(flip_idx=order)
    others = {"config.wrong_type"} if isinstance(order, str) else set()
    assert set(poses.findings()) == {"shapes.flip_idx"} | others


def test_keypoints_beyond_the_image(poses):
    poses.write("0 0.5 0.5 0.4 0.4 1.2 0.5 2 0.5 0.5 2 0 0 0")
    assert set(poses.findings()) == {"labels.coords_out_of_range", "shapes.keypoint_outside_box"}
