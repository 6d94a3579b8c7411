"""A small generated data set: what a detector can learn in a minute, for tests and trials."""

from __future__ import annotations

import colorsys
import xml.etree.ElementTree as ET
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import iou_matrix
from yolo_tl.data.conversion import convert
from yolo_tl.data.records import Size
from yolo_tl.errors import ConfigError
from yolo_tl.files import staged_folder

# Each class has a shape and a range of hues, so that a few steps of training show.
_HUES = {"disc": 0.0, "square": 0.33, "triangle": 0.6}
CLASSES = tuple(_HUES)
_SPLITS = (("train", 0.7), ("val", 0.2), ("test", 0.1))

Image = NDArray[np.uint8]


def make_sample(
    out: Path | str,
    *,
    images: int = 60,
    size: Size = (160, 160),
    seed: int = 0,
    format: Literal["voc", "yolo"] = "voc",
    overwrite: bool = False,
) -> Path:
    """Draw discs, squares and triangles on textured backgrounds, and label them.

    One image in ten is a background. The same arguments give the same pixels and boxes.

    Args:
        out: the folder to make.
        images: how many; 70 % train, 20 % val, 10 % test.
        size: width and height in px.
        seed: of the random drawing.
        format: Pascal VOC (``JPEGImages``, ``Annotations``, ``ImageSets/Main``), or a YOLO data set.
        overwrite: replace a folder that holds files.

    Returns:
        `out`.

    Raises:
        ConfigError: fewer than 3 images, or a side under 32 px.
        UsageError: `out` holds files and `overwrite` is false.
        WriteError: the folder could not be written.
    """
    out = Path(out)
    if images < 3 or min(size) < 32:
        raise ConfigError(f"sample: expected 3 or more images of 32 px or more, found {images} of {size[0]}x{size[1]}")
    if format == "yolo":
        with TemporaryDirectory() as folder:
            voc = make_sample(Path(folder, "voc"), images=images, size=size, seed=seed)
            convert(voc, out, link="copy", overwrite=overwrite)
        return out
    rng = np.random.default_rng(seed)
    with staged_folder(out, overwrite=overwrite) as stage:
        for part in ("JPEGImages", "Annotations", "ImageSets/Main"):
            (stage / part).mkdir(parents=True)
        names = [f"sample_{i:04d}" for i in range(images)]
        for i, name in enumerate(names):
            count = 0 if i % 10 == 9 else int(rng.integers(1, 4))
            picture, objects = _draw(rng, size, count)
            _write_image(stage / "JPEGImages" / f"{name}.jpg", picture)
            (stage / "Annotations" / f"{name}.xml").write_bytes(_voc_xml(f"{name}.jpg", size, objects))
        for split, chosen in _split(names).items():
            text = "".join(f"{name}\n" for name in chosen)
            (stage / "ImageSets/Main" / f"{split}.txt").write_bytes(text.encode())
    return out


def _split(names: list[str]) -> dict[str, list[str]]:
    held_out = {split: max(1, round(len(names) * share)) for split, share in _SPLITS[1:]}
    train = len(names) - sum(held_out.values())
    val = train + held_out["val"]
    return {"train": names[:train], "val": names[train:val], "test": names[val:]}


def _draw(rng: np.random.Generator, size: Size, count: int) -> tuple[Image, list[tuple[str, list[int]]]]:
    """A picture (H, W, 3) BGR and its objects: class, and x1, y1, x2, y2 in px."""
    picture = _background(rng, size)
    objects: list[tuple[str, list[int]]] = []
    for _ in range(20 * count):
        if len(objects) == count:
            break
        side = int(min(size) * rng.uniform(0.2, 0.4))
        x, y = int(rng.integers(0, size[0] - side)), int(rng.integers(0, size[1] - side))
        box = [x, y, x + side, y + side]
        if objects and iou_matrix([box], [other for _, other in objects]).max() > 0:
            continue
        name = CLASSES[int(rng.integers(len(CLASSES)))]
        objects.append((name, _shape(picture, rng, name, box)))
    return picture, objects


def _background(rng: np.random.Generator, size: Size) -> Image:
    import cv2

    coarse = rng.uniform(40, 110, (6, 6, 1)) + rng.uniform(-12, 12, (6, 6, 3))
    smooth = cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR)
    textured: NDArray[np.float64] = smooth + rng.normal(0, 8, (size[1], size[0], 3))
    return textured.clip(0, 255).astype(np.uint8)


def _shape(picture: Image, rng: np.random.Generator, name: str, box: list[int]) -> list[int]:
    """Draw one object into `picture`; returns the extent of its pixels, x2 and y2 exclusive."""
    import cv2

    x1, y1, x2, y2 = box
    hue = (_HUES[name] + rng.uniform(-0.05, 0.05)) % 1
    red, green, blue = colorsys.hsv_to_rgb(hue, rng.uniform(0.7, 1), rng.uniform(0.75, 1))
    mask: Any = np.zeros(picture.shape[:2], np.uint8)
    if name == "disc":
        cv2.circle(mask, ((x1 + x2) // 2, (y1 + y2) // 2), (x2 - x1) // 2 - 1, 1, thickness=-1)
    elif name == "square":
        cv2.rectangle(mask, (x1, y1), (x2 - 1, y2 - 1), 1, thickness=-1)
    else:
        corners = np.array([[(x1 + x2) // 2, y1], [x2 - 1, y2 - 1], [x1, y2 - 1]], np.int32)
        cv2.fillPoly(mask, [corners], 1)
    inside = mask.astype(bool)
    grain = rng.normal(0, 6, (int(inside.sum()), 3))
    picture[inside] = np.clip(np.array([blue, green, red]) * 255 + grain, 0, 255).astype(np.uint8)
    ys, xs = np.nonzero(inside)
    return [int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1]


def _write_image(path: Path, picture: Image) -> None:
    import cv2

    _, content = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
    path.write_bytes(content.tobytes())


def _voc_xml(filename: str, size: Size, objects: list[tuple[str, list[int]]]) -> bytes:
    root = ET.Element("annotation")
    ET.SubElement(root, "filename").text = filename
    _children(ET.SubElement(root, "size"), {"width": size[0], "height": size[1], "depth": 3})
    for name, box in objects:
        item = ET.SubElement(root, "object")
        _children(item, {"name": name, "difficult": 0})
        _children(ET.SubElement(item, "bndbox"), dict(zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)))
    ET.indent(root)
    return ET.tostring(root)


def _children(parent: ET.Element, values: dict[str, Any]) -> None:
    for tag, value in values.items():
        ET.SubElement(parent, tag).text = str(value)


if __name__ == "__main__":
    import argparse

    parser = argparse.ArgumentParser(prog="python -m yolo_tl.data.sample", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    print(make_sample(asked.out, images=asked.images, seed=asked.seed))
