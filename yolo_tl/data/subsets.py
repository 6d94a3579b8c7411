"""Some of the training images of a data set, where they are; val and test stay whole.

The subsets of one order are nested: the 5 are among the 10, the 10 among the 25. So a step from one size to the next
adds images and changes nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolo_tl.config import save
from yolo_tl.data.dataset import Dataset, Split
from yolo_tl.files import write_bytes


def nested_order(split: Split, *, seed: int) -> NDArray[np.int64]:
    """(N,) the images of a split in an order of which every beginning shows the classes as the whole does.

    Images are shuffled within strata, an image belonging to the stratum of its rarest class, or of backgrounds, and the
    strata are laid over one another evenly: so the first n hold of each stratum its share, within one. The very first
    are those that show every class, the rarest first, as long as there are images for it.
    """
    rng = np.random.default_rng(seed)
    shows = np.zeros((len(split), split.class_count), np.bool_)
    shows[split.image_index, split.class_ids] = True
    rarest_first = np.argsort(shows.sum(0), kind="stable")
    rank = np.where(shows[:, rarest_first].any(1), shows[:, rarest_first].argmax(1), split.class_count)
    place = np.zeros(len(split))
    for stratum in np.unique(rank):
        members = rng.permutation(np.flatnonzero(rank == stratum))
        place[members] = (np.arange(len(members)) + rng.random()) / len(members)
    order = np.argsort(place, kind="stable")
    first: list[int] = []
    for kind in rarest_first.tolist():
        holders = order[shows[order, kind]]
        if len(holders) and not shows[first, kind].any():
            first.append(int(holders[0]))
    return np.concatenate([np.array(first, np.int64), order[~np.isin(order, first)]])


def write_subset(dataset: Dataset, out: Path, images: Sequence[Path]) -> Path:
    """Write a data.yaml into the folder `out` that trains on `images`, and return it; it is written last.

    Raises:
        WriteError: the folder could not be written.
    """
    train = {"train": _list(out / "train.txt", sorted(images))}
    others = {
        name: _list(out / f"{name}.txt", split.images) for name, split in dataset.splits.items() if name != "train"
    }
    save(out / "data.yaml", {**train, **others, "names": dict(enumerate(dataset.names))})
    return out / "data.yaml"


def _list(file: Path, images: Iterable[Path]) -> str:
    """Write an image list; the name of the file, for the data.yaml."""
    # Not resolved: of a linked image, the labels lie beside the link.
    lines = "".join(f"{image.absolute()}\n" for image in images)
    write_bytes(file, lines.encode("utf-8", "surrogateescape"))
    return file.name
