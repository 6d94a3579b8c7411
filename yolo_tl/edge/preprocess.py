"""From images to the tensor a network takes: the contract that an export was verified with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from yolo_tl.edge.crop import crop
from yolo_tl.edge.image import Image
from yolo_tl.edge.letterbox import letterbox, to_tensor
from yolo_tl.edge.network import NetworkInfo, Size, Task


@dataclass(frozen=True)
class Geometry:
    """Where an image lies in the input of the network.

    Attributes:
        image: height and width of the image in px.
        canvas: height and width of the input in px.
    """

    image: Size
    canvas: Size


@dataclass(frozen=True)
class Preprocess:
    """What is done to an image before the network; the defaults are what Ultralytics trains with.

    Attributes:
        padding: grey level around the image, of the fit ``letterbox``.
        colour: order of the channels that the network sees.
        scale: what every level is multiplied by, as text that is exact.
        fit: ``letterbox`` shows the whole image and pads it; ``crop`` fills the input with its middle, and is what
            the task classify is trained with.
    """

    padding: int = 114
    colour: Literal["RGB", "BGR"] = "RGB"
    scale: Literal["1/255", "1"] = "1/255"
    fit: Literal["letterbox", "crop"] = "letterbox"

    @classmethod
    def of(cls, task: Task) -> Preprocess:
        """What Ultralytics does for a task."""
        return cls(fit="crop" if task == "classify" else "letterbox")

    def __call__(self, images: Sequence[Image], info: NetworkInfo) -> tuple[NDArray[np.float32], tuple[Geometry, ...]]:
        """Prepare images for one run.

        With the fit ``letterbox``, images of one shape are padded to a small rectangle where the network takes one,
        images of different shapes to its whole input.

        Args:
            images: each (H, W, 3) uint8 BGR; one at least.
            info: the network.

        Returns:
            The tensor (B, 3, H, W), and where each image lies in it.
        """
        if self.fit == "crop":
            fitted = [crop(image, info.imgsz) for image in images]
        else:
            rectangle = info.dynamic and len({image.shape for image in images}) == 1
            stride = info.stride if rectangle else None
            fitted = [letterbox(image, info.imgsz, stride=stride, padding=self.padding) for image in images]
        tensor = to_tensor(fitted, rgb=self.colour == "RGB", scaled=self.scale == "1/255")
        canvas = (tensor.shape[2], tensor.shape[3])
        return tensor, tuple(Geometry((image.shape[0], image.shape[1]), canvas) for image in images)

    def to_json(self) -> dict[str, Any]:
        """As a manifest holds it; the grey level only where there is one."""
        padding = {"letterbox": self.padding} if self.fit == "letterbox" else {}
        return {"fit": self.fit, **padding, "colour": self.colour, "scale": self.scale}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Preprocess:
        """From a manifest; one without ``fit`` is older than other fits, and means ``letterbox``.

        Raises:
            ValueError: a step that is not known here; the message names it.
        """
        values = {"fit": "letterbox", **values}
        known: dict[str, tuple[Any, ...]] = {
            "fit": ("letterbox", "crop"),
            "colour": ("RGB", "BGR"),
            "scale": ("1/255", "1"),
        }
        if values["fit"] == "letterbox":
            known["letterbox"] = tuple(range(256))
        for key in [*known, *values]:
            value = values.get(key)
            if value not in known.get(key, ()) or isinstance(value, bool):
                expected = ", ".join(map(str, known.get(key, ()))) if key != "letterbox" else "0 to 255"
                if key not in known:
                    expected = "no such step"
                raise ValueError(f"{key}: expected {expected}, found {value!r}")
        return cls(values.get("letterbox", cls.padding), values["colour"], values["scale"], values["fit"])
