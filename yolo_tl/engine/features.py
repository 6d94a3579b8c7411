"""Features of labelled boxes, level by level: what a network sees of objects before it learns this data.

A level is where a stage of the backbone ends (``backbone/8``: at an eighth of the image's side) or one that the
detection head reads (``P3`` at an eighth, ``P4``, ``P5``). A box's vector is the mean of the feature map inside it
(RoIAlign, He et al. 2017, arXiv 1703.06870). Local features rank detectors better than those of whole images (Wang et
al. 2023, arXiv 2306.15306).

Beside each object stands a box of background of the same size, because a detector has to find before it can name. On
blood cells, whose classes differ in colour, random weights tell the classes apart as well as those of COCO do, but
not cells from what lies between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import iou_matrix, xywh_to_xyxy
from yolo_tl.data.dataset import Split
from yolo_tl.data.pictures.pixels import read_pixels
from yolo_tl.engine.hermetic import ultralytics
from yolo_tl.errors import DataError

BOXES, IMAGES = 1000, 128  # that are looked at, at most

_BATCH = 8
_APART = 0.1  # IoU with an object below which a box is background
_TRIES = 20


@dataclass(frozen=True, eq=False)
class ChosenBoxes:
    """N boxes of a split, objects and background, in the order of their images.

    Attributes:
        images: the image files that hold them.
        image_index: (N,) the image of each, index into `images`, rising.
        xyxy: (N, 4) corners as shares of the image's sides.
        labels: (N,) class of each; of background, the number of classes.
        background: (N,) which are background.
    """

    images: tuple[Path, ...]
    image_index: NDArray[np.int64]
    xyxy: NDArray[np.float64]
    labels: NDArray[np.int64]
    background: NDArray[np.bool_]


def choose_boxes(split: Split, *, boxes: int = BOXES, images: int = IMAGES, seed: int = 0) -> ChosenBoxes:
    """Choose labelled boxes, the classes in turn so that a rare one is not lost, and one of background beside each.

    A background box has the size of its object and lies in the same image; where no place is free it is left out.
    The same seed chooses the same.

    Args:
        split: the labelled images.
        boxes: labelled boxes, at most.
        images: that they come from, at most.
        seed: of the choice.

    Raises:
        DataError: the split has no box, or nowhere a place for background.
    """
    if not len(split.class_ids):
        raise DataError(f"{split.name}: expected labelled boxes, found none", hint="label some images first")
    random = np.random.default_rng(seed)
    shuffled = random.permutation(len(split.class_ids))
    turn = np.empty(len(shuffled), np.int64)  # how many boxes of its class come before it
    for kind in np.unique(split.class_ids):
        own = shuffled[split.class_ids[shuffled] == kind]
        turn[own] = np.arange(len(own))
    ordered = shuffled[np.argsort(turn[shuffled], kind="stable")]
    named = dict.fromkeys(split.image_index[ordered].tolist())
    ordered = ordered[np.isin(split.image_index[ordered], list(named)[:images])][:boxes]
    corners = xywh_to_xyxy(split.boxes)
    objects = [corners[split.image_index == i] for i in range(len(split))]
    beside = [_elsewhere(corners[k], objects[split.image_index[k]], random) for k in ordered.tolist()]
    found = np.array([place is not None for place in beside])
    if not found.any():
        raise DataError(
            f"{split.name}: expected room for background beside the {len(ordered)} boxes, found none",
            hint="objects that fill their images need no detector: train a classifier",
        )
    owner = np.concatenate([split.image_index[ordered], split.image_index[ordered[found]]])
    xyxy = np.concatenate([corners[ordered], [place for place in beside if place is not None]])
    labels = np.concatenate([split.class_ids[ordered], np.full(found.sum(), split.class_count)])
    shown, index = np.unique(owner, return_inverse=True)
    order = np.argsort(index, kind="stable")
    return ChosenBoxes(
        images=tuple(split.images[i] for i in shown),
        image_index=index[order].astype(np.int64),
        xyxy=xyxy[order],
        labels=labels[order].astype(np.int64),
        background=labels[order] == split.class_count,
    )


def box_features(
    module: Any, boxes: ChosenBoxes, *, imgsz: int, device: str = "cpu", batch: int = _BATCH
) -> dict[str, NDArray[np.float32]]:
    """The vectors (N, D) of the boxes at each level, the shallowest first; one forward pass an image.

    Args:
        module: an Ultralytics detection network; it is not changed.
        boxes: what to look at.
        imgsz: side of the square input, px; images are letterboxed as for training.
        device: ``cpu`` or a CUDA index.
        batch: images per forward pass.

    Raises:
        ImageError: an image cannot be decoded.
    """
    ultralytics()
    import torch
    from torchvision.ops import roi_align
    from ultralytics.data.augment import LetterBox
    from ultralytics.utils.instance import Instances

    target = torch.device(device if device == "cpu" else f"cuda:{device}")
    network = deepcopy(module).to(target).float().eval()
    letterbox = LetterBox((imgsz, imgsz), auto=False)
    found: dict[str, list[NDArray[np.float32]]] = {}
    with torch.inference_mode(), _maps_of(network) as maps:
        for start in range(0, len(boxes.images), batch):
            pictures, regions = [], []
            for number in range(start, min(start + batch, len(boxes.images))):
                pixels = read_pixels(boxes.images[number])
                height, width = pixels.shape[:2]
                corners = boxes.xyxy[boxes.image_index == number] * [width, height, width, height]
                instances = Instances(corners.astype(np.float32), bbox_format="xyxy", normalized=False)
                shown = letterbox({"img": pixels, "instances": instances})
                pictures.append(shown["img"])
                regions.append(torch.from_numpy(shown["instances"].bboxes).float().to(target))
            stacked = torch.from_numpy(np.stack(pictures)).to(target)
            network(stacked.flip(-1).permute(0, 3, 1, 2).float() / 255)
            for level, values in maps.items():
                pooled = roi_align(values, regions, 1, spatial_scale=values.shape[-1] / imgsz, aligned=True)
                found.setdefault(level, []).append(pooled.flatten(1).cpu().numpy())
    return {level: np.concatenate(parts) for level, parts in found.items()}


def random_network(module: Any, *, seed: int) -> Any:
    """A network of the same architecture with random weights, as training from scratch starts."""
    ultralytics()
    import torch
    from ultralytics.nn.tasks import DetectionModel

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return DetectionModel(deepcopy(module.yaml), verbose=False)


@contextmanager
def _maps_of(network: Any) -> Iterator[Mapping[str, Any]]:
    """A mapping that holds, after each forward pass, level → feature map (B, D, H, W)."""
    maps: dict[str, Any] = {}
    ends: dict[str, Any] = {}

    def after(layer: Any, inputs: Any, output: Any) -> None:
        if getattr(output, "ndim", 0) == 4:
            ends[f"backbone/{round(side[0] / output.shape[-1])}"] = output  # the last one of each size stays

    def before_head(layer: Any, inputs: Any) -> None:
        heads = {f"P{round(np.log2(side[0] / level.shape[-1]))}": level for level in inputs[0]}
        maps.update({**ends, **heads})

    def begin(module: Any, inputs: Any) -> None:
        side[:] = [inputs[0].shape[-1]]

    side: list[int] = []
    hooks = [layer.register_forward_hook(after) for layer in network.model[: len(network.yaml["backbone"])]]
    hooks += [network.register_forward_pre_hook(begin), network.model[-1].register_forward_pre_hook(before_head)]
    try:
        yield maps
    finally:
        for hook in hooks:
            hook.remove()


def _elsewhere(
    box: NDArray[np.float64], objects: NDArray[np.float64], random: np.random.Generator
) -> NDArray[np.float64] | None:
    """A box of the same size in the same image that no object lies in; None if none was found."""
    size = box[2:] - box[:2]
    corner = random.uniform(size=(_TRIES, 2)) * np.maximum(1 - size, 0)
    places = np.hstack([corner, corner + size])
    free = np.flatnonzero(iou_matrix(places, objects).max(1) < _APART)
    return places[free[0]] if len(free) else None
