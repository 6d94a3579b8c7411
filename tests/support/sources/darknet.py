"""Darknet YOLO as CVAT exports it: options, names, lists from another folder, text files beside the images."""

from __future__ import annotations

from pathlib import Path

from support.pictures import picture


def write(folder: Path) -> None:
    for split, name in (("train", "a"), ("train", "b"), ("valid", "c")):
        picture(folder / f"obj_{split}_data" / f"{name}.png")
        with (folder / f"{split}.txt").open("a") as stream:
            stream.write(f"data/obj_{split}_data/{name}.png\n")
    (folder / "obj_train_data" / "a.txt").write_text("0 0.5 0.5 0.2 0.4\n1 0.25 0.25 0.5 0.5\n")
    (folder / "obj_train_data" / "b.txt").write_text("")
    (folder / "obj_valid_data" / "c.txt").write_text("1 0.3 0.3 0.2 0.2\n")
    (folder / "obj.names").write_text("cat\ndog\n")
    options = "classes = 2\ntrain = data/train.txt\nvalid = data/valid.txt\nnames = data/obj.names\nbackup = backup/\n"
    (folder / "obj.data").write_text(options)
