"""A large Pascal VOC source: many small XML files as labelImg writes them, beside real JPEGs."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import cv2
import numpy as np

CLASSES = ("person", "car", "dog", "bottle", "traffic light", "chair", "bird", "boat")
SIZES = ((640, 480), (480, 640), (500, 375), (1280, 720))


def write(folder: Path, files: int = 20_000, seed: int = 0) -> int:
    """Write ``Annotations/*.xml`` and ``JPEGImages/*.jpg``; the number of objects in them.

    There are four different images; the rest are hard links to them, so that 20,000 files take
    little room and yet each has a header to be read. Every object lies in its image, no two of an
    image are equal, and a tenth of the images hold nothing.
    """
    draw = random.Random(seed)
    (folder / "Annotations").mkdir(parents=True)
    (folder / "JPEGImages").mkdir()
    originals = [_jpeg(folder / f".original_{i}", *size) for i, size in enumerate(SIZES)]
    objects = 0
    for number in range(files):
        stem = f"image_{number:06d}"
        kind = draw.randrange(len(SIZES))
        _link(originals[kind], folder / "JPEGImages" / f"{stem}.jpg")
        width, height = SIZES[kind]
        count = 0 if draw.random() < 0.1 else draw.choice((1, 2, 3, 3, 4, 7))
        objects += count
        rows = "".join(_object(draw, width, height) for _ in range(count))
        (folder / "Annotations" / f"{stem}.xml").write_text(
            _HEAD.format(stem=stem, width=width, height=height) + rows + "</annotation>\n"
        )
    for original in originals:
        original.unlink()
    return objects


_HEAD = """<annotation>
\t<folder>JPEGImages</folder>
\t<filename>{stem}.jpg</filename>
\t<path>/home/user/data/JPEGImages/{stem}.jpg</path>
\t<source>
\t\t<database>Unknown</database>
\t</source>
\t<size>
\t\t<width>{width}</width>
\t\t<height>{height}</height>
\t\t<depth>3</depth>
\t</size>
\t<segmented>0</segmented>
"""

_OBJECT = """\t<object>
\t\t<name>{name}</name>
\t\t<pose>Unspecified</pose>
\t\t<truncated>0</truncated>
\t\t<difficult>0</difficult>
\t\t<bndbox>
\t\t\t<xmin>{x1}</xmin>
\t\t\t<ymin>{y1}</ymin>
\t\t\t<xmax>{x2}</xmax>
\t\t\t<ymax>{y2}</ymax>
\t\t</bndbox>
\t</object>
"""


def _object(draw: random.Random, width: int, height: int) -> str:
    x1, y1 = draw.randrange(width - 20), draw.randrange(height - 20)
    x2, y2 = draw.randint(x1 + 8, width), draw.randint(y1 + 8, height)
    return _OBJECT.format(name=draw.choice(CLASSES), x1=x1, y1=y1, x2=x2, y2=y2)


def _jpeg(path: Path, width: int, height: int) -> Path:
    small = np.random.default_rng(width).integers(0, 256, (6, 8, 3), np.uint8)
    path.write_bytes(cv2.imencode(".jpg", cv2.resize(small, (width, height)))[1].tobytes())
    return path


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # no links on this file system
        shutil.copyfile(source, target)


if __name__ == "__main__":
    import sys

    print(write(Path(sys.argv[1])), "objects")
