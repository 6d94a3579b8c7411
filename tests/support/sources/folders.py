"""Folders of classes below two splits."""

from __future__ import annotations

from pathlib import Path

from support.pictures import picture


def write(folder: Path) -> None:
    for i, name in enumerate(("train/cat/1", "train/cat/2", "train/dog bowl/1", "val/cat/3", "val/dog bowl/4")):
        picture(folder / f"{name}.jpg", seed=i)
