"""VisDrone-DET: train and val, ignored regions, a score of 0, commas at the end, others, a background."""

from __future__ import annotations

from pathlib import Path

from support.pictures import picture

_ROWS = {
    "train/0000001_00000_d_0000001": "10,5,20,30,1,4,0,0\n40,5,10,10,0,1,0,0\n60,20,39,29,0,0,0,0\n",
    "train/0000002_00005_d_0000014": "1,1,8,20,1,1,0,1,\n20,1,15,10,1,10,1,2,\n",
    "val/0000026_00000_d_0000026": "3,4,50,40,1,11,0,0\n",
    "val/0000026_00500_d_0000029": "",
}


def write(folder: Path) -> None:
    for name, rows in _ROWS.items():
        split, stem = name.split("/")
        picture(folder / f"VisDrone2019-DET-{split}" / "images" / f"{stem}.jpg")
        label = folder / f"VisDrone2019-DET-{split}" / "annotations" / f"{stem}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(rows)
