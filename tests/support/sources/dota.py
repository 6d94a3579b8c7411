"""DOTA: train and val with labelTxt, headers, difficult objects, corners outside the image, a background."""

from __future__ import annotations

from pathlib import Path

from support.pictures import picture

_ROWS = {
    "train/P0001": "imagesource:GoogleEarth\ngsd:0.146343590398\n"
    "10.0 10.0 40.0 12.0 39.0 30.0 9.0 28.0 small-vehicle 0\n"
    "60.0 5.0 104.0 5.0 104.0 25.0 60.0 25.0 storage-tank 1\n",
    "train/P0002": "imagesource:GoogleEarth\ngsd:null\n",
    "val/P0003": "5 5 20 5 20 20 5 20 plane\n30 30 50 30 50 45 30 45 Boeing737 2\n",
}


def write(folder: Path) -> None:
    for name, rows in _ROWS.items():
        split, stem = name.split("/")
        picture(folder / split / "images" / f"{stem}.png")
        label = folder / split / "labelTxt" / f"{stem}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(rows)
