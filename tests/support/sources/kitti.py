"""KITTI, object detection: label_2 and image_2, lists of train and val, a background and DontCare."""

from __future__ import annotations

from pathlib import Path

from support.pictures import picture

_ROWS = {
    "000000": "Car 0.00 0 -1.58 10.50 12.00 60.25 48.00 1.5 1.6 3.9 -0.65 1.71 46.70 -1.59\n"
    "DontCare -1 -1 -10 70.00 5.00 90.00 15.00 -1 -1 -1 -1000 -1000 -1000 -10\n",
    "000001": "Pedestrian 0.10 3 0.21 1.00 2.00 20.00 40.00 1.9 0.5 1.2 1.84 1.47 8.41 0.01\n"
    "Misc 1.00 1 1.80 50.00 20.00 99.00 50.00 1.4 1.6 3.2 2.10 1.50 5.20 1.90 0.95\n",
    "000002": "",
    "000003": "Person_sitting 0 2 1 30 10 45 35 1 1 1 1 1 10 1\n",
}


def write(folder: Path) -> None:
    for stem, rows in _ROWS.items():
        picture(folder / "training" / "image_2" / f"{stem}.png")
        label = folder / "training" / "label_2" / f"{stem}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(rows)
    sets = folder / "ImageSets"
    sets.mkdir()
    (sets / "train.txt").write_text("000000\n000001\n000002\n")
    (sets / "val.txt").write_text("000003\n")
