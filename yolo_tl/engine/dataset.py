"""The training images, augmented as the plan says and not by what happens to be installed."""

from __future__ import annotations

from copy import copy
from typing import Any

from yolo_tl.engine.augmentation import replace_albumentations
from yolo_tl.engine.hermetic import ultralytics
from yolo_tl.engine.paste import insert_paste
from yolo_tl.engine.pipeline import Pipeline

ultralytics()

from ultralytics.data.dataset import YOLODataset  # noqa: E402


class PlanDataset(YOLODataset):
    """Ultralytics' data set with the plan's own pipeline in place of the one that Ultralytics finds installed."""

    def __init__(self, *, pipeline: Pipeline | None, paste: float, **options: Any) -> None:
        self.pipeline, self.paste = pipeline, paste  # the parent builds the transforms
        super().__init__(**options)

    def build_transforms(self, hyp: Any) -> Any:
        """The parent's transforms, with pasting and the pipeline in their places; also after mosaic is closed."""
        transforms = super().build_transforms(hyp)
        if self.augment:
            insert_paste(transforms, self, self.paste)
            replace_albumentations(transforms, self.pipeline)
        return transforms


def build_dataset(
    arguments: Any,
    *,
    images: str,
    imgsz: int,
    batch: int | None,
    data: dict[str, Any],
    train: bool,
    stride: int,
    pipeline: Pipeline | None,
    paste: float,
) -> PlanDataset:
    """The images of a split as ``ultralytics.data.build_yolo_dataset`` sets them up, at a size of its own.

    Args:
        arguments: Ultralytics arguments.
        images: folder of the images.
        imgsz: longer side, px.
        batch: images per batch; validation shapes its rectangles by it.
        data: the parsed ``data.yaml``.
        train: augment; otherwise rectangles without augmentation.
        stride: of the network, px.
        pipeline: Albumentations of training; None leaves Ultralytics' own.
        paste: probability of pasting objects.
    """
    return PlanDataset(
        img_path=images,
        imgsz=imgsz,
        batch_size=batch,
        augment=train,
        hyp=copy(arguments),
        rect=not train,
        cache=arguments.cache or None,
        single_cls=False,
        stride=stride,
        pad=0.0 if train else 0.5,
        prefix="train: " if train else "val: ",
        task=arguments.task,
        classes=None,
        data=data,
        fraction=1.0,
        pipeline=pipeline,
        paste=paste,
    )
