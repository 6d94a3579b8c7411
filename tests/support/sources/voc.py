"""Pascal VOC: 0-based as tools write it, with everything that they put into a file, and masks of instances."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

from support.pictures import picture

HEAD = """<annotation verified="yes">
\t<folder>JPEGImages</folder>
\t<filename>{name}.jpg</filename>
\t<source>
\t\t<database>Unknown</database>
\t</source>
\t<size>
\t\t<width>100</width>
\t\t<height>50</height>
\t\t<depth>3</depth>
\t</size>
\t<segmented>{segmented}</segmented>
"""
BOX = "<bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox>"


def element(name: str, box: tuple[float, ...] | None, extra: str = "") -> str:
    """An <object>."""
    outline = BOX.format(*box) if box else ""
    return f"\t<object>\n\t\t<name>{name}</name>\n\t\t{extra}\n\t\t{outline}\n\t</object>\n"


def mask(path: Path, values: np.ndarray) -> None:
    """A PNG with a palette whose indices are `values`."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width = values.shape
    rows = b"".join(b"\x00" + row.astype(np.uint8).tobytes() for row in values)
    palette = bytes((i * 37 + 11 * channel) % 256 for i in range(256) for channel in range(3))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
        + chunk(b"PLTE", palette)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def write(folder: Path) -> None:
    """Four labelled images, one of them empty, and one without an XML file."""
    files = {
        "plain": element("cat", (0, 2, 30, 40))
        + element("dog", (40.5, 5, 99, 49), "<pose>Left</pose><truncated>1</truncated>"),
        "hard": element("cat", (10, 10, 20, 20), "<difficult>1</difficult>")
        + element("man", (50, 5, 90, 45), f"<part><name>head</name>{BOX.format(60, 5, 70, 15)}</part>"),
        "shapes": element(
            "ship",
            None,
            "<type>robndbox</type><robndbox><cx>50</cx><cy>25</cy><w>20</w><h>10</h><angle>0.5</angle></robndbox>",
        )
        + element(
            "leaf", (5, 5, 25, 25), "<polygon><x1>5</x1><y1>5</y1><x2>25</x2><y2>5</y2><x3>5</x3><y3>25</y3></polygon>"
        ),
        "empty": "",
    }
    for name, objects in files.items():
        picture(folder / "JPEGImages" / f"{name}.jpg")
        path = folder / "Annotations" / f"{name}.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEAD.format(name=name, segmented=int(name == "plain")) + objects + "</annotation>\n")
    picture(folder / "JPEGImages" / "loose.jpg")
    values = np.zeros((50, 100), np.uint8)
    values[2:40, 0:30], values[5:49, 41:99] = 1, 2
    values[2:40, 30:31] = 255
    mask(folder / "SegmentationObject" / "plain.png", values)
    lists = folder / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("plain\nhard\nloose\n")
    (lists / "val.txt").write_text("shapes\nempty\n")
