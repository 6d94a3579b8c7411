"""Data set folders as Ultralytics reads them, made at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from support.scenes import Image, save


def dataset(
    folder: Path,
    images: Mapping[str, tuple[Image, Sequence[str]]],
    names: Sequence[str] = ("cat", "dog"),
    **keys: object,
) -> Path:
    """Write ``{"train/a.jpg": (picture, rows)}`` and a data.yaml; returns the folder."""
    for name, (picture, rows) in images.items():
        save(folder / "images" / name, picture)
        labels = (folder / "labels" / name).with_suffix(".txt")
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_text("".join(f"{row}\n" for row in rows), "utf-8")
    splits = {name.split("/")[0] for name in images}
    content = {split: f"images/{split}" if split in splits else None for split in ("train", "val")}
    if "test" in splits:
        content["test"] = "images/test"
    text = yaml.safe_dump({**content, **keys, "names": dict(enumerate(names))}, sort_keys=False)
    (folder / "data.yaml").write_text(text, "utf-8")
    return folder
