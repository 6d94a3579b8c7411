"""CSV of RetinaNet: no header, a background, and a list of classes."""

from __future__ import annotations

from pathlib import Path

from support.pictures import picture

FORMAT_NAME = "csv"

_ROWS = """\
images/a.jpg,10,5,60,45,cow
images/a.jpg,0,0,20,20,bird
images/b.jpg,30,10,99,49,cow
images/c.jpg,,,,,
"""


def write(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "annotations.csv").write_text(_ROWS)
    (folder / "classes.csv").write_text("cow,0\ncat,1\nbird,2\n")
    for stem in "abc":
        picture(folder / "images" / f"{stem}.jpg")
