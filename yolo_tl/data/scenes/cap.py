"""One metal cap seen from above: a turned or brushed top, a seal in a groove, a bevelled and knurled rim."""

from __future__ import annotations

import cv2
import numpy as np

from yolo_tl.data.scenes.outline import Points
from yolo_tl.data.scenes.pixels import Color, Floats, Grey, blend, colored, ramp, tinted
from yolo_tl.data.scenes.shots import Drift
from yolo_tl.data.scenes.sprite import Sprite
from yolo_tl.data.scenes.textures import Textures

_METALS: tuple[tuple[Color, Color, Color], ...] = (  # in the dark, in between, in the light
    ((38, 36, 34), (150, 148, 145), (255, 255, 255)),  # steel
    ((18, 34, 48), (70, 140, 175), (205, 245, 255)),  # brass
    ((60, 36, 24), (178, 122, 78), (255, 235, 215)),  # blue anodised
    ((28, 28, 46), (96, 112, 168), (225, 232, 255)),  # copper
)
_SEALS: tuple[Color, ...] = ((36, 34, 150), (150, 80, 30), (38, 36, 36), (60, 130, 50), (200, 200, 205))
# Radii as shares of the outer one.
_TOP, _GROOVE_IN, _GROOVE_OUT, _BEVEL, _KNURL = 0.60, 0.63, 0.77, 0.88, 1.0
_ROOM = 1.03
_TURNED = 0.6  # share of the lots whose caps are turned; the others are brushed


class Cap:
    """The cap of one lot, lit from one side.

    Args:
        drift: of the lot.
        size: longer side of the pictures, px.
        textures: of the seed.

    Attributes:
        radius: of the drawings, px.
        whole: the cap.
        bare: the cap without its seal.
    """

    def __init__(self, drift: Drift, size: int, textures: Textures) -> None:
        self.radius = size * 0.40
        self._drift, self._textures = drift, textures
        first, second, third = drift.choice
        self._turned = first < _TURNED
        self._metal = ramp(*zip((0, 120, 250), _METALS[int(second * len(_METALS))], strict=True))
        self._seal = _SEALS[int(third * len(_SEALS))]
        self.whole, self.bare = self._sprites()

    def sector(self, start: float, span: float) -> Points:
        """The outline of a piece of the seal, from an angle on, both in radians; px of the drawings."""
        angles = np.linspace(start, start + span, max(3, int(span * 24)))
        inner, outer = (_GROOVE_IN + 0.008) * self.radius, (_GROOVE_OUT - 0.008) * self.radius
        arc = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        ring: Points = np.concatenate([arc * outer, arc[::-1] * inner]) + (self.whole.width / 2 - 0.5)
        return ring

    def _sprites(self) -> tuple[Sprite, Sprite]:
        """A cap, and one without its seal."""
        side = int(2 * self.radius * _ROOM) + 2
        span = (np.arange(side, dtype=np.float32) - (side / 2 - 0.5)) / np.float32(self.radius)
        x, y = np.meshgrid(span, span)
        r, angle = cv2.cartToPolar(x, y)
        across = np.cos(angle - np.float32(np.deg2rad(self._drift.light)))  # 1 where the outside faces the light
        grey = self._metal_levels(x, r, angle, across)
        metal = tinted(colored(grey, self._metal), self._drift.tint)
        alpha: Grey = (255 * ((_KNURL - r) * self.radius + 0.5).clip(0, 1)).astype(np.uint8)
        height = np.sin(np.pi * (r - _GROOVE_IN) / (_GROOVE_OUT - _GROOVE_IN)).clip(0, 1)
        slope = np.cos(np.pi * (r - _GROOVE_IN) / (_GROOVE_OUT - _GROOVE_IN))
        speck = self._textures.speckle[:side, :side].astype(np.float32) - 128
        shade = 0.62 + 0.22 * height - 0.34 * slope * across + 0.0022 * speck
        gloss = 150 * np.exp(-(((-slope * across - 0.72) / 0.13) ** 2)) * (0.25 + 0.75 * np.abs(across) ** 3)
        seal = np.stack([shade * c + gloss for c in self._seal], axis=2).clip(0, 255).astype(np.uint8)
        inside = ((r - _GROOVE_IN) * self.radius + 0.5).clip(0, 1) * ((_GROOVE_OUT - r) * self.radius + 0.5).clip(0, 1)
        whole = blend(metal, seal, (255 * inside).astype(np.uint8))
        return Sprite(whole, alpha), Sprite(metal, alpha)

    def _metal_levels(self, x: Floats, r: Floats, angle: Floats, across: Floats) -> Grey:
        """Brightness of the metal, which the sheen of its finish makes."""
        side, drift = r.shape[0], self._drift
        light = np.float32(np.deg2rad(drift.light))
        fine = self._textures.brushed[:side, :side].astype(np.float32) - 128
        if self._turned:
            rings = self._textures.brushed[7, : side + 1].astype(np.float32) - 128
            grooves = rings[(r.clip(0, 1) * (side - 1)).astype(np.int32)]
            wave = np.float32(0.04) * grooves / 30
            fan = np.abs(np.cos(angle - light + wave)) ** 7 + 0.45 * np.abs(np.cos(angle - light - 1.1 - wave)) ** 14
            top = 96 + 132 * fan + drift.texture * grooves * (0.28 + 0.5 * fan)
            top = top * (0.75 + 0.25 * np.minimum(1, 7 * r)) + 60 * np.exp(-((r / 0.045) ** 2))
        else:
            axis = x * np.sin(light) - np.sign(np.cos(light)) * 0.12
            band = np.exp(-((axis / 0.26) ** 2)) + 0.35 * np.exp(-(((axis + 0.62) / 0.14) ** 2))
            top = 98 + 118 * band + drift.texture * fine * (0.45 + 0.5 * band)
        groove = 52 + 34 * across * np.sign(r - 0.7) + 0.5 * fine
        lip = 150 + 90 * across
        slant = 118 + 118 * across**3 + 26 * across + 0.25 * fine
        teeth = np.sin(angle * 90)
        knurl = 96 + 74 * across + 66 * teeth * np.sin(angle - light) + 40 * teeth * across
        knurl = knurl * (1 - 0.65 * ((r - _BEVEL) / (_KNURL - _BEVEL)).clip(0, 1) ** 2)
        levels = np.select(
            [r < _TOP, r < _GROOVE_IN, r < _GROOVE_OUT, r < _GROOVE_OUT + 0.02, r < _BEVEL],
            [top, lip, groove, lip, slant],
            knurl,
        )
        edge = np.exp(-(((r - _TOP) * self.radius / 1.3) ** 2)) + np.exp(-(((r - _BEVEL) * self.radius / 1.3) ** 2))
        grey: Grey = (levels - 60 * edge).clip(0, 255).astype(np.uint8)
        return grey
