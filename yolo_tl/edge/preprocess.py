"""From images to the tensor a network takes: the contract that an export was verified with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from yolo_tl.edge.buffers import Buffers
from yolo_tl.edge.crop import crop
from yolo_tl.edge.image import Image
from yolo_tl.edge.letterbox import Content, layout, resized, write_planes
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
    _buffers: Buffers = field(default_factory=Buffers, init=False, repr=False, compare=False)

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
            The tensor (B, 3, H, W), which cannot be written to and stays as it is as long as something refers to it,
            and where each image lies in it.
        """
        sizes = [(image.shape[0], image.shape[1]) for image in images]
        canvas, places = self._places(sizes, info)
        block, tensor = self._buffers.take((len(images), 3, *canvas))
        if block.layout != places:  # what surrounds the images stays, where it lies as before
            block.layout = None
            tensor.fill(np.float32(self.padding) / np.float32(255 if self.scale == "1/255" else 1))
            block.layout = places
        for planes, image, inside in zip(tensor, images, places, strict=True):
            if self.fit == "crop":
                fitted = crop(image, canvas)
            else:
                fitted = resized(image, (inside.height, inside.width), memory=block.pixels)
            part = planes[(slice(None), *inside.place)]
            write_planes(fitted, part, rgb=self.colour == "RGB", scaled=self.scale == "1/255", memory=block.planes)
        tensor.flags.writeable = False
        return tensor, tuple(Geometry(size, canvas) for size in sizes)

    def _places(self, sizes: Sequence[Size], info: NetworkInfo) -> tuple[Size, list[Content]]:
        """Height and width of the input, and where in it images of these sizes lie."""
        if self.fit == "crop":
            return info.imgsz, [Content(0, 0, *info.imgsz)] * len(sizes)
        rectangle = info.dynamic and len(set(sizes)) == 1
        layouts = [layout(size, info.imgsz, stride=info.stride if rectangle else None) for size in sizes]
        return layouts[0][0], [inside for _, inside in layouts]

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
