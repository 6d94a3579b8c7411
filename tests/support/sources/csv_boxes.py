"""CSV of TensorFlow's object detection: train and val labels, a quoted name, a background."""

from __future__ import annotations

from pathlib import Path

from support.pictures import picture

FORMAT_NAME = "csv"

_HEADER = "filename,width,height,class,xmin,ymin,xmax,ymax\n"
_FILES = {
    "train_labels.csv": _HEADER + 'a.jpg,100,50,cat,10,5,60,45\na.jpg,100,50,"dog, small",0,0,20.5,20\n'
    "b.jpg,100,50,cat,30,10,99,49\n",
    "val_labels.csv": _HEADER + "c.jpg,100,50,,,,,\nd.jpg,100,50,cat,1,2,30,40\n",
}


def write(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in _FILES.items():
        (folder / name).write_text(text)
    for stem in "abcd":
        picture(folder / "images" / f"{stem}.jpg")
