"""Printed boards: solder mask over copper, pads, vias, white print and soldered parts."""

from __future__ import annotations

import cv2
import numpy as np

from yolo_tl.data.scenes.layout import Layout
from yolo_tl.data.scenes.pixels import Color, Image, blend, colored, ramp, tinted
from yolo_tl.data.scenes.shots import Drift
from yolo_tl.data.scenes.sprite import Sprite, transformed
from yolo_tl.data.scenes.stage import Gap, Stage
from yolo_tl.data.scenes.textures import Textures, cut

_MASKS: tuple[tuple[Color, Color], ...] = (  # over laminate, over copper
    ((38, 72, 18), (62, 128, 44)),
    ((104, 52, 14), (162, 98, 38)),
    ((26, 24, 22), (56, 52, 46)),
    ((28, 22, 104), (52, 48, 160)),
    ((44, 86, 26), (74, 142, 58)),
)


class Boards:
    """The boards of one lot.

    Args:
        drift: of the lot.
        layout: the design.
        size: longer side of the pictures, px.
        textures: of the seed.
    """

    def __init__(self, drift: Drift, layout: Layout, size: int, textures: Textures) -> None:
        self.drift, self.layout, self.size, self.textures = drift, layout, size, textures
        low, high = _MASKS[int(drift.choice[0] * len(_MASKS))]
        self.mask: Color = high
        bare = tinted(self._laminate(low, high), drift.tint)
        bare = blend(bare, layout.print, layout.print_alpha)
        shaded = cv2.multiply(bare, cv2.merge([layout.shadow] * 3), scale=1 / 255)
        full = blend(shaded, layout.bodies, layout.bodies_alpha)
        alpha = np.zeros((layout.side, layout.side), np.uint8)
        alpha[1:-1, 1:-1] = 255
        self._full, self._bare = Sprite(full, alpha), Sprite(bare, alpha)
        self._ground = ramp((40, (30, 30, 32)), (128, (78, 80, 84)), (220, (130, 132, 134)))

    def stage(self, rng: np.random.Generator, width: int, height: int) -> Stage:
        """A part of a board from close by, sometimes with its edge."""
        grey = cv2.addWeighted(
            cut(self.textures.brushed, rng, width, height), 0.5, cut(self.textures.cloud, rng, width, height), 0.5, 0
        )
        stage = Stage(
            colored(grey, self._ground),
            np.zeros((height, width), np.uint8),
            self.drift.light,
            scratches=((150, 195, 235), (205, 220, 228), (225, 232, 232)),
            deepest=0.13,
            stains=((36, 84, 132), (30, 66, 112), (52, 112, 150)),
        )
        scale = float(rng.uniform(0.8, 1.15))
        reach = self.layout.side * scale / 2
        x = self._middle(rng, reach, width)
        y = self._middle(rng, reach, height)
        turn = 90 * int(rng.integers(0, 4)) + float(rng.normal(0, 1.5))
        matrix = self._full.matrix((x, y), scale, turn)
        self._full.paste(stage.image, matrix, stage.surface)
        for index in rng.permutation(len(self.layout.parts)).tolist():
            outline = transformed(self.layout.parts[index].outline(4 * self.layout.unit), matrix)
            low, high = outline.min(axis=0), outline.max(axis=0)
            if (low > 1).all() and high[0] < width - 1 and high[1] < height - 1:
                stage.gaps.append(Gap(outline, lambda box: self._bare.region(matrix, box)[0]))
        # Small parts are most of a board; those that are missing are of all sizes.
        large = [gap for gap in stage.gaps if np.ptp(gap.outline, axis=0).max() > 0.085 * width]
        if large and rng.random() < 0.75:
            stage.gaps.insert(0, large[0])
        return stage

    def _middle(self, rng: np.random.Generator, reach: float, length: int) -> float:
        """Where the middle of the board is, so that it fills the picture but for a strip at most."""
        strip = 0.12 * length if rng.random() < 0.25 else -0.03 * length
        return float(rng.uniform(length - reach - strip, reach + strip))

    def _laminate(self, low: Color, high: Color) -> Image:
        layout, textures = self.layout, self.textures
        side = layout.side
        relief = cv2.GaussianBlur(layout.copper, (3, 3), 0).astype(np.int16)
        toward = np.deg2rad(self.drift.light)
        emboss = np.cos(toward) * (np.roll(relief, -1, 1) - np.roll(relief, 1, 1))
        emboss = emboss + np.sin(toward) * (np.roll(relief, -1, 0) - np.roll(relief, 1, 0))
        speckle = textures.speckle[:side, :side].astype(np.float32) - 128
        cloud = textures.cloud[:side, :side].astype(np.float32) - 128
        levels = 70 + 0.43 * relief + 0.17 * emboss + self.drift.texture * 0.22 * speckle + 0.12 * cloud
        table = ramp((0, [c * 0.3 for c in low]), (70, low), (180, high), (255, [c * 1.3 + 60 for c in high]))
        return colored(levels.clip(0, 255).astype(np.uint8), table)
