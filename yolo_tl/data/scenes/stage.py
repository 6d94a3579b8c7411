"""What lies before the camera, evenly lit, and where on it a defect can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from yolo_tl.data.scenes.outline import Points
from yolo_tl.data.scenes.pixels import Color, Floats, Grey, Image
from yolo_tl.data.scenes.sprite import Box


@dataclass(frozen=True)
class Gap:
    """A place from which something can be missing.

    Attributes:
        outline: of what would be missing, (N, 2) px.
        bare: what is seen there then: the picture of a box in whole px.
    """

    outline: Points
    bare: Callable[[Box], Image]


@dataclass
class Stage:
    """A scene without defects.

    Attributes:
        image: (H, W, 3) BGR.
        surface: (H, W) coverage 0..255 of what is inspected.
        light: degrees the light comes from, clockwise from the right.
        gaps: where something can be missing, in the order to try.
        scratches: colours that lie under the surface, of which a scratch shows one.
        stains: colours of dirt.
        shade: gain of the light by the form of the body, (1, W); None where it is flat.
        deepest: the longest dent, as a share of the longer side.
    """

    image: Image
    surface: Grey
    light: float
    scratches: tuple[Color, ...]
    stains: tuple[Color, ...]
    gaps: list[Gap] = field(default_factory=list)
    shade: Floats | None = None
    deepest: float = 0.2
