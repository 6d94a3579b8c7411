"""WIDER FACE: a list of each split, an image without faces, an invalid face and one of zero size."""

from __future__ import annotations

from pathlib import Path

from support.pictures import picture

FORMAT_NAME = "wider-face"

_LISTS = {
    "train": "0--Parade/0_Parade_marchingband_1_849.jpg\n1\n44 10 12 14 0 0 0 0 0 0 \n"
    "0--Parade/0_Parade_Parade_0_452.jpg\n0\n0 0 0 0 0 0 0 0 0 0 \n"
    "1--Handshaking/1_Handshaking_Handshaking_1_411.jpg\n3\n"
    "8 11 12 15 2 0 0 0 2 1 \n30 20 4 5 2 0 1 1 0 0 \n60 20 0 0 2 0 0 0 0 0 \n",
    "val": "2--Demonstration/2_Demonstration_Demonstration_1_1.jpg\n1\n5 5 30 40 1 1 0 0 1 0 \n",
}


def write(folder: Path) -> None:
    for split, text in _LISTS.items():
        path = folder / "wider_face_split" / f"wider_face_{split}_bbx_gt.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        for line in text.splitlines():
            if line.endswith(".jpg"):
                picture(folder / f"WIDER_{split}" / "images" / line)
