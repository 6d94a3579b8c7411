"""One image and one object in each of six formats, with the reference, the class and the numbers of choice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from support.hostile import BOX
from support.pictures import picture

Files = dict[str, str]
Box = tuple[object, object, object, object]

ROW = f"0 {BOX}"
CORNERS: Box = (10, 10, 30, 40)
KINDS = ("coco", "voc", "yolo", "labelme", "cvat", "csv")
MAIN = {"coco": "a.json", "voc": "a.xml", "yolo": "labels/a.txt", "labelme": "a.json", "cvat": "a.xml", "csv": "a.csv"}
PLACE = {"coco": "annotation 1", "voc": "object 1", "yolo": "line 1", "labelme": "shape 1", "csv": "line 2"}
PLACE["cvat"] = "image 0, box 1"


def coco(image: str, name: str, box: Box) -> Files:
    x1, y1, x2, y2 = (float(v) if isinstance(v, int) else v for v in box)
    sides = [x2 - x1, y2 - y1] if isinstance(x1, float) else [20, 30]  # type: ignore[operator]
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [x1, y1, *sides]}
    images, categories = [{"id": 1, "file_name": image}], [{"id": 1, "name": name}]
    content = {"images": images, "annotations": [annotation], "categories": categories}
    return {"a.json": json.dumps(content, ensure_ascii=False)}


def voc(image: str, name: str, box: Box) -> Files:
    corners = "".join(f"<{t}>{v}</{t}>" for t, v in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
    thing = f"<object><name>{name}</name><bndbox>{corners}</bndbox></object>"
    return {"a.xml": f"<annotation><filename>{image}</filename>{thing}</annotation>"}


def yolo(image: str, name: str, box: Box) -> Files:
    x1, y1, x2, y2 = (v if isinstance(v, int) else 0 for v in box)
    shares = [(x1 + x2) / 200, (y1 + y2) / 100, (x2 - x1) / 100, (y2 - y1) / 50]
    values = shares if isinstance(box[0], int) else [box[0], *shares[1:]]
    yaml = f"train: train.txt\nnames: [{name}]\n"
    return {"data.yaml": yaml, "train.txt": f"{image}\n", "labels/a.txt": f"0 {' '.join(map(str, values))}\n"}


def labelme(image: str, name: str, box: Box) -> Files:
    shape = {"label": name, "points": [box[:2], box[2:]], "shape_type": "rectangle"}
    return {"a.json": json.dumps({"shapes": [shape], "imagePath": image, "imageData": None}, ensure_ascii=False)}


def cvat(image: str, name: str, box: Box) -> Files:
    corners = " ".join(f'{t}="{v}"' for t, v in zip(("xtl", "ytl", "xbr", "ybr"), box, strict=True))
    shape = f'<box label="{name}" {corners}/>'
    return {"a.xml": f'<annotations><image id="0" name="{image}">{shape}</image></annotations>'}


def csv(image: str, name: str, box: Box) -> Files:
    return {"a.csv": f"filename,class,xmin,ymin,xmax,ymax\n{image},{name},{','.join(map(str, box))}\n"}


def files_of(kind: str, image: str = "images/a.jpg", name: str = "cat", box: Box = CORNERS) -> Files:
    """The annotation files of a source of one image and one object."""
    return globals()[kind](image, name, box)  # type: ignore[no-any-return]


def folder_of(files: Files, *pictures: str, encoding: str = "utf-8") -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(text.encode(encoding))
        for name in pictures or ("images/a.jpg",):
            picture(folder / name)

    return make
