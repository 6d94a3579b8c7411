"""Writing a data set as Ultralytics reads it."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import yaml

from yolo_tl.data.label_rows import format_row
from yolo_tl.data.ledger import Ledger
from yolo_tl.data.records import ImageRecord
from yolo_tl.data.split import SPLITS
from yolo_tl.files import link_or_copy

Link = Literal["auto", "hardlink", "symlink", "copy"]


def write_yolo(
    folder: Path, records: Sequence[ImageRecord], *, classes: Sequence[str], ledger: Ledger, link: Link = "auto"
) -> None:
    """Write ``images/<split>/``, ``labels/<split>/`` and ``data.yaml`` into an empty folder.

    A background gets an empty label file. The yaml has no ``path``: Ultralytics then starts
    from the yaml's own folder, wherever it is moved to. Links share their content with the
    user's file, so a JPEG without its end marker is copied whatever `link` says: training
    tools, Ultralytics among them, write such files anew.

    Args:
        folder: an empty folder.
        records: cleaned (see `yolo_tl.data.clean`), each with a split.
        classes: the names, by index.
        ledger: gets the rows and images written, and the names changed.
        link: how images are placed.

    Raises:
        WriteError: an image could not be placed.
        OSError: a file could not be written.
    """
    ids = {name: i for i, name in enumerate(classes)}
    ways: Counter[str] = Counter()
    for split in SPLITS:
        chosen = [record for record in records if record.split == split]
        if not chosen:
            continue
        images, labels = folder / "images" / split, folder / "labels" / split
        images.mkdir(parents=True)
        labels.mkdir(parents=True)
        for record, name in zip(chosen, _unique_names(chosen, ledger), strict=True):
            assert record.size is not None
            way = "copy" if link != "copy" and _would_be_rewritten(record.path) else link
            ways[link_or_copy(record.path, images / name, way)] += 1
            rows = [format_row(ids[a.name], a.box, record.size) for a in record.annotations]
            text = "".join(f"{row}\n" for row in rows)
            (labels / name).with_suffix(".txt").write_bytes(text.encode())
            ledger.images_out += 1
            ledger.annotations_out += len(rows)
            ledger.backgrounds += not rows
    ledger.note("images placed: " + ", ".join(f"{count} by {way}" for way, count in sorted(ways.items())))
    (folder / "data.yaml").write_bytes(data_yaml(records, classes).encode())


def data_yaml(records: Sequence[ImageRecord], classes: Sequence[str]) -> str:
    """The text of ``data.yaml``. Ultralytics asks for the keys train and val even where they are empty."""
    present = {record.split for record in records}
    content: dict[str, object] = {split: f"images/{split}" if split in present else None for split in ("train", "val")}
    if "test" in present:
        content["test"] = "images/test"
    content["names"] = dict(enumerate(classes))
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def _unique_names(records: Sequence[ImageRecord], ledger: Ledger) -> list[str]:
    """File names that share no stem: ``x.jpg`` and ``x.png`` would share one label file.

    Of several the first by path keeps its name; the others get a piece of the hash of theirs.
    """
    names: dict[int, str] = {}
    taken: set[str] = set()
    for i in sorted(range(len(records)), key=lambda i: ledger.name(records[i].path)):
        path = records[i].path
        name, length = path.name, 8
        while (key := unicodedata.normalize("NFC", Path(name).stem).casefold()) in taken:
            digest = hashlib.sha256(ledger.name(path).encode("utf-8", "surrogateescape")).hexdigest()[:length]
            name, length = f"{path.stem}-{digest}{path.suffix}", length + 1
        taken.add(key)
        names[i] = name
        if name != path.name:
            ledger.repair_image("renamed", path, f"{name}: another image has the same name")
    return [names[i] for i in range(len(records))]


def _would_be_rewritten(path: Path) -> bool:
    with path.open("rb") as stream:
        if stream.read(2) != b"\xff\xd8":
            return False
        stream.seek(-2, 2)
        return stream.read() != b"\xff\xd9"
