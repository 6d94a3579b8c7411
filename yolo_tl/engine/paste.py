"""Objects of other images, pasted where there is room.

Copy-paste of Ghiasi et al., "Simple Copy-Paste is a Strong Data Augmentation Method for Instance
Segmentation", CVPR 2021 (arXiv:2012.07177), for boxes: without masks a rectangle is pasted, so it
gets a soft border and neither shows nor covers another object. The rarer a class, the likelier its
objects are drawn. Ultralytics' own ``copy_paste`` does nothing where labels have no masks.
"""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from yolo_tl.boxes import Floats, area, xywh_to_xyxy
from yolo_tl.engine.hermetic import ultralytics
from yolo_tl.errors import PlanMismatch

ultralytics()

from ultralytics.data.augment import RandomFlip, RandomPerspective  # noqa: E402
from ultralytics.utils.instance import Instances  # noqa: E402
from ultralytics.utils.ops import resample_segments  # noqa: E402

OVERLAP = 0.1  # of either of two boxes, that the other may cover
MARGIN, NARROWEST, WIDEST = 0.05, 2, 8  # the soft border: a share of the shorter side, within so many px
SMALLEST = 2.0  # px; RandomPerspective drops what is smaller
PLACES = 20  # tried for one object
KEPT = 128  # crops
GREY = 114  # what Ultralytics fills a mosaic's empty parts with


@dataclass(frozen=True, eq=False)
class Sources:
    """The M objects of a data set that can be pasted.

    An object can be if it lies in its image together with its soft border, and if a tenth of
    another object at most would be cut out with it, because nothing would label that one.

    Attributes:
        image: (M,) index of its image.
        row: (M,) its row in that image's labels.
        class_id: (M,) its class.
        xyxy: (M, 4) px in the image as it is loaded.
        margin: (M,) px of soft border.
        weights: running sum of what they are drawn by.
    """

    image: NDArray[np.int64]
    row: NDArray[np.int64]
    class_id: NDArray[np.int64]
    xyxy: Floats
    margin: NDArray[np.int64]
    weights: Sequence[float]

    def __len__(self) -> int:
        return len(self.image)

    @classmethod
    def of(cls, dataset: Any, class_weights: ArrayLike | None = None) -> Sources:
        """Of a ``YOLODataset``.

        Args:
            dataset: it has boxes, and its images are not sorted into rectangles.
            class_weights: (C,) how often an object of each class is drawn, up to a factor. By default
                the inverse of the class's number of boxes, which makes all classes come equally
                often where all their objects can be pasted.
        """
        class_ids, boxes, margins, usable = [], [], [], []
        for label in dataset.labels:
            width, height = _loaded_size(label["shape"], dataset.imgsz)
            class_ids.append(label["cls"].reshape(-1).astype(np.int64))
            boxes.append(xywh_to_xyxy(label["bboxes"]) * np.array([width, height] * 2, dtype=np.float32))
            sides = (boxes[-1][:, 2:] - boxes[-1][:, :2]).min(1, initial=np.inf)
            margins.append((MARGIN * sides).round().clip(NARROWEST, WIDEST).astype(np.int64))
            usable.append((sides >= SMALLEST) & _alone(boxes[-1], margins[-1], width, height))
        counts = [len(ids) for ids in class_ids]
        every = np.concatenate(class_ids)
        wanted = 1 / np.bincount(every).clip(1) if class_weights is None else np.asarray(class_weights, dtype=float)
        chosen = np.concatenate(usable) & (wanted[every] > 0)
        ids = every[chosen]
        return cls(
            image=np.repeat(np.arange(len(counts)), counts)[chosen],
            row=np.concatenate([np.arange(count) for count in counts])[chosen],
            class_id=ids,
            xyxy=np.concatenate(boxes)[chosen],
            margin=np.concatenate(margins)[chosen],
            weights=list(accumulate(wanted[ids].tolist())),
        )


@dataclass(frozen=True, eq=False)
class Crop:
    """An object cut out with its soft border.

    Attributes:
        pixels: (H, W, channels) BGR or grey.
        box: (4,) corners in px of the crop.
        outline: (K, 2) its polygon in px of the crop; none if the data set has boxes only.
        margin: px of soft border at each side.
        class_id: its class.
    """

    pixels: NDArray[np.uint8]
    box: Floats
    outline: Floats | None
    margin: int
    class_id: int

    def mirrored(self) -> Crop:
        """The same object, left and right exchanged."""
        width = self.pixels.shape[1]
        outline = self.outline if self.outline is None else self.outline * (-1, 1) + (width, 0)
        box = np.array([width - self.box[2], self.box[1], width - self.box[0], self.box[3]])
        return replace(self, pixels=self.pixels[:, ::-1], box=box, outline=outline)

    @property
    def opacity(self) -> NDArray[np.float32]:
        """(H, W, 1) from almost 0 at the edge to 1 at the box."""
        rows, columns = (_ramp(side, self.margin) for side in self.pixels.shape[:2])
        return np.minimum(rows[:, None], columns[None, :])[..., None]


class BoxPaste:
    """Pastes objects of other images into an image of a ``YOLODataset``, as one of its transforms.

    An object keeps the size that it has in its image as loaded, which is the scale of a mosaic's
    parts, too. It is put in the middle of a mosaic, of which RandomPerspective cuts out that much.
    Boxes and, where there are any, polygons are appended; for detection only. All chance is
    Python's `random`, and the data set's buffer of images for mosaics stays as it is.

    Args:
        dataset: the data set the objects come from.
        p: probability that an image gets any.
        most: the number of objects is drawn from 1 to this.
        flip: probability that an object is mirrored left to right.
        class_weights: as in `Sources.of`.
    """

    def __init__(
        self, dataset: Any, p: float, *, most: int = 3, flip: float = 0.5, class_weights: ArrayLike | None = None
    ) -> None:
        self.dataset, self.p, self.most, self.flip = dataset, p, most, flip
        self.sources = Sources.of(dataset, class_weights)
        self.crops: dict[int, Crop] = {}

    def __repr__(self) -> str:
        return f"BoxPaste(p={self.p}, most={self.most}, flip={self.flip}, sources={len(self.sources)})"

    def __call__(self, labels: dict[str, Any]) -> dict[str, Any]:
        """Labels in which the image, `cls` and `instances` may have more objects."""
        if random.random() >= self.p or not len(self.sources):
            return labels
        image, instances = labels["img"], labels["instances"]
        height, width = image.shape[:2]
        instances.convert_bbox("xyxy")
        instances.denormalize(width, height)
        taken = instances.bboxes
        pasted: list[tuple[Crop, tuple[int, int]]] = []
        for number in self._drawn(labels["im_file"]):
            crop = self._crop(number)
            crop = crop.mirrored() if random.random() < self.flip else crop
            corner = self._place(image, taken, crop)
            if corner is None:
                continue
            if not pasted:
                image = image.copy()  # it may be the one that the data set keeps
            _blend(image, crop, *corner)
            pasted.append((crop, corner))
            taken = np.concatenate([taken, [crop.box + np.tile(corner, 2)]])
        if pasted:
            labels["img"] = image
            ids = np.array([[crop.class_id] for crop, _ in pasted], dtype=labels["cls"].dtype)
            labels["cls"] = np.concatenate([labels["cls"], ids])
            labels["instances"] = Instances.concatenate([instances, _instances(pasted)])
        return labels

    def _drawn(self, im_file: str) -> list[int]:
        """Numbers of different sources in other images; fewer where these are hard to come by."""
        count = random.randint(1, self.most)
        drawn = random.choices(range(len(self.sources)), cum_weights=self.sources.weights, k=4 * count)
        files = self.dataset.im_files
        return [n for n in dict.fromkeys(drawn) if files[self.sources.image[n]] != im_file][:count]

    def _crop(self, number: int) -> Crop:
        """A source, cut out. The last ones are kept, because the few of a rare class come again and again."""
        if number not in self.crops:
            while len(self.crops) >= KEPT:
                del self.crops[next(iter(self.crops))]
            self.crops[number] = self._cut(number)
        return self.crops[number]

    def _cut(self, number: int) -> Crop:
        sources = self.sources
        index, box = int(sources.image[number]), sources.xyxy[number]
        # A data set that does not augment reads the buffer of images for mosaics, and adds nothing to it.
        reader = copy.copy(self.dataset)
        reader.augment = False
        image = reader.load_image(index)[0]
        x1, y1, x2, y2 = _grown(box[None], sources.margin[number : number + 1])[0]
        polygons = self.dataset.labels[index]["segments"]
        sides = image.shape[1], image.shape[0]
        return Crop(
            pixels=image[y1:y2, x1:x2].copy(),
            box=box - (x1, y1, x1, y1),
            outline=polygons[sources.row[number]] * sides - (x1, y1) if len(polygons) else None,
            margin=int(sources.margin[number]),
            class_id=int(sources.class_id[number]),
        )

    def _place(self, image: NDArray[np.uint8], taken: Floats, crop: Crop) -> tuple[int, int] | None:
        """The upper left corner of a place for a crop; None if none of those tried will do."""
        spans = []
        for side, needed in zip(image.shape[1::-1], crop.pixels.shape[1::-1], strict=True):
            room = min(side, self.dataset.imgsz)
            if needed > room:
                return None
            spans.append(((side - room) // 2, (side + room) // 2 - needed))
        corners = np.array([[random.randint(*span) for span in spans] for _ in range(PLACES)])
        places = np.concatenate([corners, corners + crop.pixels.shape[1::-1]], axis=1)
        # The empty parts of a mosaic reach its edges, so a rectangle that touches one has a corner in it.
        rows, columns = places[:, [1, 1, 3, 3]] - (0, 0, 1, 1), places[:, [0, 2, 0, 2]] - (0, 1, 0, 1)
        empty = (image[rows, columns] == GREY).all(2).any(1)
        free = ~empty & _apart(crop.box + np.tile(corners, 2), places, taken).all(1)
        return tuple(corners[free.argmax()].tolist()) if free.any() else None


def insert_paste(compose: Any, dataset: Any, p: float, class_weights: ArrayLike | None = None) -> None:
    """Put a `BoxPaste` into the transforms of a data set, between Mosaic and RandomPerspective.

    There Ultralytics has its own ``CopyPaste``; MixUp and CutMix use the same part, and so paste as
    well. Objects are mirrored as often as images are. A probability of 0 inserts nothing, and so
    does a data set of rectangular batches, which has no mosaic either.

    Args:
        compose: what ``v8_transforms`` or ``YOLODataset.build_transforms`` made.
        dataset: the data set it belongs to.
        p: probability that an image gets an object.
        class_weights: as in `Sources.of`.

    Raises:
        PlanMismatch: the transforms are not arranged as in Ultralytics 8.4.
    """
    if p <= 0 or dataset.rect:
        return
    geometric = compose.transforms[0]
    steps = getattr(geometric, "transforms", [])
    found = [i for i, step in enumerate(steps) if isinstance(step, RandomPerspective)]
    if len(found) != 1:
        raise PlanMismatch(
            f"paste: expected transforms that begin with a mosaic and one RandomPerspective, found {geometric}",
            hint="set augment.paste to 0",
        )
    flips = [step for step in compose.transforms if isinstance(step, RandomFlip) and step.direction == "horizontal"]
    flip = max((step.p for step in flips), default=0.0)
    geometric.insert(found[0], BoxPaste(dataset, p, flip=flip, class_weights=class_weights))


def _loaded_size(shape: tuple[int, int], imgsz: int) -> tuple[int, int]:
    """Width and height of an image of `shape` (height, width) after ``BaseDataset.load_image``."""
    ratio = imgsz / max(shape)
    height, width = (side if ratio == 1 else min(math.ceil(side * ratio), imgsz) for side in shape)
    return width, height


def _grown(boxes: Floats, margin: NDArray[np.int64]) -> NDArray[np.int64]:
    """Boxes (N, 4) on whole px with their margins (N,) around them."""
    corners = np.concatenate([np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])], axis=1).astype(np.int64)
    return corners + margin[:, None] * np.array([-1, -1, 1, 1])


def _alone(boxes: Floats, margin: NDArray[np.int64], width: int, height: int) -> NDArray[np.bool_]:
    """Which of an image's boxes (N, 4) lie in it with their margins, almost without a part of another."""
    grown = _grown(boxes, margin)
    inside = (grown[:, :2] >= 0).all(1) & (grown[:, 2:] <= (width, height)).all(1)
    apart = _apart(boxes, grown, boxes) | np.eye(len(boxes), dtype=bool)
    return np.asarray(inside & apart.all(1))


def _apart(boxes: Floats, grown: NDArray[np.int64], others: Floats) -> NDArray[np.bool_]:
    """(N, M) whether a box (N, 4) has under a tenth in another (M, 4), and that one in the grown box (N, 4).

    An empty one, which Ultralytics lets through, is in nobody's way.
    """
    own, their = _shared(boxes, others), _shared(grown, others)
    apart = (own < OVERLAP * area(boxes)[:, None]) & ((their < OVERLAP * area(others)) | (their == 0))
    return np.asarray(apart)


def _shared(a: NDArray[Any], b: NDArray[Any]) -> Floats:
    """Intersections (N, M) in px² of corner boxes (N, 4) and (M, 4)."""
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    shared: Floats = sides.clip(0).prod(2)
    return shared


def _ramp(side: int, margin: int) -> NDArray[np.float32]:
    """(side,) rising over `margin` px from both ends to 1."""
    steps = np.arange(1, side + 1, dtype=np.float32)
    return np.minimum(np.minimum(steps, steps[::-1]) / (margin + 1), 1)


def _blend(image: NDArray[np.uint8], crop: Crop, x: int, y: int) -> None:
    """Lay a crop over an image with its upper left corner at x, y."""
    part = image[y : y + crop.pixels.shape[0], x : x + crop.pixels.shape[1]]
    opacity = crop.opacity
    part[:] = np.rint(part + opacity * (crop.pixels.astype(np.float32) - part))


def _instances(pasted: Sequence[tuple[Crop, tuple[int, int]]]) -> Instances:
    """Crops at their places, as Ultralytics keeps objects: corners in px, polygons of one length."""
    boxes = np.array([crop.box + np.tile(corner, 2) for crop, corner in pasted], dtype=np.float32)
    outlines = [(crop.outline + corner).astype(np.float32) for crop, corner in pasted if crop.outline is not None]
    if not outlines:
        return Instances(boxes, bbox_format="xyxy", normalized=False)
    longest = max(len(outline) for outline in outlines)
    # One point more closes the longest, so that none loses a corner; `concatenate` evens them out with the old ones.
    segments = np.stack(resample_segments(outlines, longest + 1))
    return Instances(boxes, segments, bbox_format="xyxy", normalized=False)
