"""Scratches, dents, missing parts and stains, put on a scene before it is lit.

Each changes the pixels of one `Patch` by its coverage, and no other: the outline of that patch is its polygon.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from yolo_tl.data.scenes import shapes
from yolo_tl.data.scenes.outline import Patch, Points, covered
from yolo_tl.data.scenes.pixels import Floats, Image, blend
from yolo_tl.data.scenes.stage import Stage
from yolo_tl.data.scenes.textures import Textures, cut

Kind = Literal["scratch", "dent", "missing", "stain"]
CLASSES: tuple[Kind, ...] = ("scratch", "dent", "missing", "stain")

_TRIES = 14
_SMALLEST, _THINNEST = 8.0, 3.0  # sides of a box, px
_LARGEST = 1 / 3  # of the longer side of the picture
_FAINTEST = 9.0  # mean change of a pixel, grey levels: less would be an object that nobody can see
_APART = 6  # px between two boxes


@dataclass(frozen=True)
class Defect:
    """A defect of a scene.

    Attributes:
        kind: its class.
        patch: its pixels.
    """

    kind: Kind
    patch: Patch


class Damage:
    """Puts defects on one scene.

    Args:
        stage: the scene; its picture is changed.
        textures: of the seed.
        rng: chooses form, place and strength.
    """

    def __init__(self, stage: Stage, textures: Textures, rng: np.random.Generator) -> None:
        self.stage, self.textures, self.rng = stage, textures, rng
        self.height, self.width = stage.surface.shape
        self.size = max(self.width, self.height)
        self.unit = self.size / 640
        self.defects: list[Defect] = []
        self._gaps = list(stage.gaps)

    def add(self, kind: Kind) -> bool:
        """Put one more defect on the scene, apart from the others; False where there was no room for it."""
        for _ in range(_TRIES):
            patch, over = self._missing() if kind == "missing" else self._on_surface(kind)
            if patch is None or over is None:
                continue
            x1, y1, x2, y2 = patch.box
            under = self.stage.image[y1:y2, x1:x2]
            if _change(under, over, patch) < _FAINTEST:
                continue
            self.stage.image[y1:y2, x1:x2] = blend(under, over, patch.alpha)
            self.defects.append(Defect(kind, patch))
            return True
        return False

    def _fits(self, patch: Patch | None) -> bool:
        """The patch is of a size that a box makes sense for, and apart from the others."""
        if patch is None:
            return False
        x1, y1, x2, y2 = patch.extent
        long, short = max(x2 - x1, y2 - y1), min(x2 - x1, y2 - y1)
        if not (long >= _SMALLEST and short >= _THINNEST and long <= _LARGEST * self.size):
            return False
        return all(
            x2 + _APART < a or c + _APART < x1 or y2 + _APART < b or d + _APART < y1
            for a, b, c, d in (defect.patch.extent for defect in self.defects)
        )

    def _missing(self) -> tuple[Patch | None, Image | None]:
        while self._gaps:
            gap = self._gaps.pop(0)
            patch = covered(gap.outline, self.width, self.height, self.stage.surface)
            if patch is not None and self._fits(patch):
                return patch, gap.bare(patch.box)
        return None, None

    def _on_surface(self, kind: Kind) -> tuple[Patch | None, Image | None]:
        rng = self.rng
        center = self._place()
        if center is None:
            return None, None
        least, middle, most = max(9.0, 12 * self.unit), max(18.0, 64 * self.unit), 0.98 * _LARGEST * self.size
        if kind == "dent":
            most = self.stage.deepest * self.size
        low, high = (least, middle) if rng.random() < 0.22 else (middle, max(middle, most))
        reach = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        if kind == "scratch":
            width = float(rng.uniform(3.0, 5.6)) * self.unit**0.5 * (1 + reach / (260 * self.unit))
            outline = shapes.scratch(rng, center, max(reach, 14.0), width)
        else:
            outline = shapes.blob(rng, center, reach, 0.07 if kind == "dent" else 0.24)
        patch = covered(outline, self.width, self.height, self.stage.surface)
        if patch is None or not self._fits(patch):
            return None, None
        x1, y1, x2, y2 = patch.box
        under = self.stage.image[y1:y2, x1:x2].astype(np.float32)
        look = {"scratch": self._scratched, "dent": self._dented, "stain": self._stained}[kind]
        over: Image = look(under, patch).clip(0, 255).astype(np.uint8)
        return patch, over

    def _place(self) -> Points | None:
        """Somewhere on what is inspected."""
        for x, y in zip(*(self.rng.random((2, 24))), strict=True):
            if self.stage.surface[int(y * self.height), int(x * self.width)] == 255:
                return np.array([x * self.width, y * self.height])
        return None

    def _noise(self, patch: Patch, *, soft: bool) -> Floats:
        """About -1 to 1."""
        rows, columns = patch.alpha.shape
        piece = cut(self.textures.cloud if soft else self.textures.speckle, self.rng, columns, rows)
        noise: Floats = (piece.astype(np.float32) - np.float32(128)) / np.float32(64)
        return noise

    def _strength(self, least: float, most: float) -> float:
        """How plain a defect is; few are faint."""
        return most - (most - least) * float(self.rng.random()) ** 2

    def _toward(self) -> tuple[float, float]:
        """The direction to the light, in px of the picture."""
        light = np.deg2rad(self.stage.light)
        return float(np.cos(light)), float(np.sin(light))

    def _scratched(self, under: Floats, patch: Patch) -> Floats:
        """What lies below the surface shows, and the two walls of the groove catch the light or not."""
        rng = self.rng
        color = np.array(self.stage.scratches[int(rng.integers(len(self.stage.scratches)))], np.float32)
        share = self._strength(0.35, 1.0) * (0.85 + 0.2 * self._noise(patch, soft=False))
        x, y = self._toward()
        ridge = patch.alpha.astype(np.float32) / 255
        walls = cv2.Sobel(ridge, cv2.CV_32F, 1, 0, ksize=3) * x + cv2.Sobel(ridge, cv2.CV_32F, 0, 1, ksize=3) * y
        lit: Floats = (
            under + (color - under) * share[..., None].clip(0, 1) - (float(rng.uniform(10, 36)) * walls)[..., None]
        )
        return lit

    def _dented(self, under: Floats, patch: Patch) -> Floats:
        """A hollow or a bump: one side turns to the light, the other away from it."""
        rng = self.rng
        inside = cv2.distanceTransform(cv2.copyMakeBorder(patch.solid, 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_L2, 5)
        depth = inside[1:-1, 1:-1] / max(1.0, float(inside.max()))
        depth = np.sin(np.minimum(depth * float(rng.uniform(1.1, 2.0)), 1) * (np.pi / 2)).astype(np.float32)
        reach = max(patch.alpha.shape)
        depth = cv2.GaussianBlur(depth, (0, 0), max(0.6, reach / 26), borderType=cv2.BORDER_REPLICATE)
        x, y = self._toward()
        slope = cv2.Sobel(depth, cv2.CV_32F, 1, 0, ksize=3) * x + cv2.Sobel(depth, cv2.CV_32F, 0, 1, ksize=3) * y
        slope /= max(1e-6, float(np.abs(slope).max()))
        sign = -1.0 if rng.random() < 0.3 else 1.0
        strength = self._strength(0.35, 1.0)
        shade = sign * slope * strength - 0.16 * depth * strength
        gloss = 80 * strength * np.maximum(sign * slope - 0.5, 0) ** 2
        dented: Floats = under * (1 + shade[..., None]) + gloss[..., None]
        return dented

    def _stained(self, under: Floats, patch: Patch) -> Floats:
        """A film of dirt, thicker at its rim, where it dried last."""
        rng = self.rng
        color = np.array(self.stage.stains[int(rng.integers(len(self.stage.stains)))], np.float32)
        inside = cv2.distanceTransform(patch.solid, cv2.DIST_L2, 3)
        rim = np.exp(-inside / max(1.5, max(patch.alpha.shape) / 18))
        density = (
            self._strength(0.35, 0.95) * (0.72 + 0.26 * self._noise(patch, soft=True)) + rng.uniform(0, 0.35) * rim
        )
        stained: Floats = under + (color * (0.75 + 0.25 * under / 128) - under) * density[..., None].clip(0, 0.94)
        return stained


def _change(under: Image, over: Image, patch: Patch) -> float:
    """Mean difference of the patch's pixels, grey levels."""
    return float(np.mean(cv2.mean(cv2.absdiff(under, over), mask=patch.solid)[:3]))
