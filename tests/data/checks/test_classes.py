"""One lopsided class for each check of them."""

from __future__ import annotations

import pytest

from yolo_tl.data.checks import Severity

NAMES = ["disc", "square", "triangle"]


def spare(planted, count: int) -> None:
    """Leave so many rows of class 2 in train."""
    left = [count]

    def change(row: str) -> str:
        if row[0] != "2":
            return row
        left[0] -= 1
        return row if left[0] >= 0 else "0" + row[1:]

    planted.each_row(change)


def test_zero_instances(planted):
    planted.config(names=[*NAMES, "star"])
    found = planted.findings()
    assert set(found) == {"classes.zero_instances"}
    assert "star" in found["classes.zero_instances"].message


@pytest.mark.parametrize(("count", "id"), [(1, "classes.singleton"), (4, "classes.few_instances")])
def test_few(planted, count, id):
    spare(planted, count)
    found = planted.findings()
    # A class this rare cannot be in every split, nor come near to the others.
    assert set(found) - {"splits.class_missing_in_train", "splits.class_missing_in_val", "classes.imbalance"} == {id}


@pytest.mark.parametrize(("most", "severity"), [(30, Severity.INFO), (300, Severity.WARNING)])
def test_imbalance(planted, most, severity):
    planted.write(*(f"0 {0.1 + 0.001 * i:.4f} {0.9 - 0.001 * i:.4f} 0.05 0.05" for i in range(100)))
    for i in range(1, most // 3):
        planted.write(
            *planted.rows(i % 50), *(f"0 0.{10 + k} 0.{80 - k} 0.0{i % 5 + 3} 0.05" for k in range(10)), index=i % 50
        )
    spare(planted, 1 if most > 100 else 10)
    found = planted.findings(only=["classes.imbalance"])
    assert found["classes.imbalance"].severity is severity


def test_backgrounds_none(planted):
    for split in ("train", "val", "test"):
        for i, image in enumerate(planted.images(split)):
            if not planted.label_of(image).read_text():
                planted.label_of(image).write_text(f"0 0.{400 + i} 0.5 0.3 0.3\n")
    assert set(planted.findings()) == {"classes.backgrounds_none"}


def test_backgrounds_many(planted):
    for split, left in (("train", 26), ("val", 7), ("test", 3)):
        for image in planted.images(split)[left:]:
            planted.label_of(image).write_text("")
    found = planted.findings()
    assert "classes.backgrounds_many" in found
    assert set(found) <= {"classes.backgrounds_many", "classes.few_instances", "splits.class_missing_in_val"}


def test_few_images(planted):
    planted.config(names=[*NAMES, "star"])
    for index, split in ((0, "train"), (1, "train"), (0, "val")):
        rows = [f"3 {0.1 + 0.09 * k:.4f} {0.2 + 0.1 * index + (split == 'val') / 4:.4f} 0.08 0.08" for k in range(10)]
        planted.write(*rows, index=index, split=split)
    assert set(planted.findings()) == {"classes.few_images"}
