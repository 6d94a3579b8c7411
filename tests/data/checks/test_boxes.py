"""One odd box for each check of them."""

from __future__ import annotations

import pytest

FAULTS = {
    "boxes.tiny_at_imgsz": ["0 0.5 0.5 0.002 0.3"],
    "boxes.huge": ["0 0.5 0.5 0.95 0.95"],
    "boxes.whole_image": ["0 0.5 0.5 1 1"],
    "boxes.extreme_aspect": ["0 0.5 0.5 0.9 0.02"],
    "boxes.overlap_same_class": ["0 0.5 0.5 0.4 0.4", "0 0.502 0.5 0.4 0.4"],
    "boxes.cross_class_twins": ["0 0.5 0.5 0.4 0.4", "1 0.502 0.5 0.4 0.4"],
}


@pytest.mark.parametrize("id", FAULTS)
def test_one_box_is_odd(planted, id):
    planted.write(*FAULTS[id])
    others = {"boxes.extreme_aspect", "boxes.size_outlier"} if id == "boxes.tiny_at_imgsz" else set()
    assert set(planted.findings()) - others == {id}


def test_crowded_image(planted):
    rows = [f"{k % 3} {0.03 + 0.05 * (k % 19):.4f} {0.03 + 0.05 * (k // 19):.4f} 0.04 0.04" for k in range(19 * 17)]
    planted.write(*rows)
    found = planted.findings()
    assert "boxes.crowded_image" in found
    assert set(found) <= {"boxes.crowded_image", "boxes.size_outlier", "splits.size_drift"}


def test_size_outlier(planted):
    for i, image in enumerate(planted.images()):
        planted.label_of(image).write_text(
            f"0 0.5 0.{400 + i} 0.2 0.2\n1 0.2 0.{300 + i} 0.2 0.2\n2 0.8 0.{300 + i} 0.2 0.2\n"
        )
    assert "boxes.size_outlier" not in planted.findings()
    planted.write("0 0.5 0.5 0.01 0.01", *planted.rows(0)[1:])
    found = planted.findings()
    assert "usually" in found["boxes.size_outlier"].examples[0].detail


@pytest.mark.parametrize(("imgsz", "expected"), [(640, set()), (64, {"boxes.tiny_at_imgsz"})])
def test_tiny_depends_on_imgsz(planted, imgsz, expected):
    planted.write("0 0.5 0.5 0.04 0.04")
    found = planted.findings(imgsz=imgsz)
    assert set(found) - {"boxes.size_outlier"} == expected


def test_every_pair_is_found_in_a_crowd(planted):
    rows = [f"0 {0.1 + 0.08 * (k % 10):.4f} {0.1 + 0.08 * (k // 10):.4f} 0.05 0.05" for k in range(100)]
    twins = [f"0 {0.1 + 0.08 * (k % 10) + 0.001:.4f} {0.1 + 0.08 * (k // 10):.4f} 0.05 0.05" for k in range(0, 100, 7)]
    planted.write(*rows, *twins)
    assert planted.findings()["boxes.overlap_same_class"].count == len(twins)
