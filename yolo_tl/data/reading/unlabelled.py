"""Images that lie among labelled ones without a label file of their own."""

from __future__ import annotations

from collections.abc import Iterator, Set
from pathlib import Path

from yolo_tl.data.records import Event, ImageRecord, Note
from yolo_tl.data.split import split_of_folder
from yolo_tl.data.tree import Tree


def unlabelled(tree: Tree, used: Set[Path]) -> Iterator[Event]:
    """A record for each image that is not `used` but lies in a folder with one that is; a note on the others.

    Where one annotation file was named as the source, the images beside it are none of its business.
    """
    if tree.only:
        return
    folders = {path.parent for path in used}
    rest = [image for image in tree.images if image not in used]
    for image in rest:
        if image.parent in folders:
            split = split_of_folder(image.relative_to(tree.image_root).as_posix())
            yield ImageRecord(image, image, split=split, labelled=False)
    if elsewhere := [image for image in rest if image.parent not in folders]:
        first = tree.relative(elsewhere[0])
        yield Note(f"{len(elsewhere)} images lie in folders without any label and are left out, first: {first}")
