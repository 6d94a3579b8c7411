"""From images to the tensor a network takes: the contract that an export was verified with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from yolo_tl.edge.image import Image
from yolo_tl.edge.letterbox import letterbox, to_tensor
from yolo_tl.edge.network import NetworkInfo, Size


@dataclass(frozen=True)
class Frame:
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
        padding: grey level around the image.
        colour: order of the channels that the network sees.
        scale: what every level is multiplied by, as text that is exact.
    """

    padding: int = 114
    colour: Literal["RGB", "BGR"] = "RGB"
    scale: Literal["1/255", "1"] = "1/255"

    def __call__(self, images: Sequence[Image], info: NetworkInfo) -> tuple[NDArray[np.float32], tuple[Frame, ...]]:
        """Prepare images for one run.

        Images of one shape are padded to a small rectangle where the network takes one, images of different
        shapes to its whole input.

        Args:
            images: each (H, W, 3) uint8 BGR; one at least.
            info: the network.

        Returns:
            The tensor (B, 3, H, W), and where each image lies in it.
        """
        rectangle = info.dynamic and len({image.shape for image in images}) == 1
        stride = info.stride if rectangle else None
        tensor = to_tensor(
            [letterbox(image, info.imgsz, stride=stride, padding=self.padding) for image in images],
            rgb=self.colour == "RGB",
            scaled=self.scale == "1/255",
        )
        canvas = (tensor.shape[2], tensor.shape[3])
        return tensor, tuple(Frame((image.shape[0], image.shape[1]), canvas) for image in images)

    def to_json(self) -> dict[str, Any]:
        """As a manifest holds it."""
        return {"letterbox": self.padding, "colour": self.colour, "scale": self.scale}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Preprocess:
        """From a manifest.

        Raises:
            ValueError: a step that is not known here; the message names it.
        """
        known: dict[str, tuple[Any, ...]] = {
            "letterbox": tuple(range(256)),
            "colour": ("RGB", "BGR"),
            "scale": ("1/255", "1"),
        }
        for key in [*known, *values]:
            value = values.get(key)
            if value not in known.get(key, ()) or isinstance(value, bool):
                expected = ", ".join(map(str, known.get(key, ()))) if key != "letterbox" else "0 to 255"
                raise ValueError(f"{key}: expected {expected or 'no such step'}, found {value!r}")
        return cls(values["letterbox"], values["colour"], values["scale"])
