"""Open Images: boxes of train and validation, labels of whole images, names of classes, rotations."""

from __future__ import annotations

from pathlib import Path

from support.pictures import picture

_BOXES = (
    "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside\n"
)
_FILES = {
    "train-annotations-bbox.csv": _BOXES + "000002b66c9c498e,xclick,/m/01g317,1,0.0125,0.5,0.25,0.75,0,1,0,0,0\n"
    "000002b97e5471a0,activemil,/m/0k4j,1,0,1,0,1,-1,-1,1,0,-1\n"
    "000002b66c9c498e,xclick,/m/0k4j,1,0.5,0.75,0.1,0.2,0,0,0,1,0\n",
    "validation-annotations-bbox.csv": _BOXES + "0001eeaf4aed83f9,freeform,/m/0cmf2,1,0.2,0.4,0.1,0.9,0,0,0,0,0\n",
    "train-annotations-human-imagelabels-boxable.csv": "ImageID,Source,LabelName,Confidence\n"
    "000002b66c9c498e,verification,/m/01g317,1\n000002b66c9c498e,verification,/m/0cmf2,0\n",
    "class-descriptions-boxable.csv": '/m/0cmf2,Airplane\n/m/0k4j,Car\n/m/01g317,Person\n/m/0242l,"Coin, old"\n',
    "train-images-boxable-with-rotation.csv": "ImageID,Subset,OriginalURL,Rotation\n"
    "000002b66c9c498e,train,https://example.org/a.jpg,0.0\n000002b97e5471a0,train,https://example.org/b.jpg,90.0\n",
}
_IMAGES = ("train/000002b66c9c498e", "train/000002b97e5471a0", "validation/0001eeaf4aed83f9")


def write(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in _FILES.items():
        (folder / name).write_text(text)
    for name in _IMAGES:
        picture(folder / f"{name}.jpg")
