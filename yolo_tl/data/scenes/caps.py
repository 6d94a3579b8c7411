"""Metal caps on a belt or in a tray."""

from __future__ import annotations

import cv2
import numpy as np

from yolo_tl.data.scenes.cap import Cap
from yolo_tl.data.scenes.pixels import Color, Grey, Image, colored, ramp, tinted
from yolo_tl.data.scenes.shots import Drift
from yolo_tl.data.scenes.sprite import transformed
from yolo_tl.data.scenes.stage import Gap, Stage
from yolo_tl.data.scenes.textures import Textures, cut

_BELTS: tuple[Color, ...] = ((52, 60, 50), (44, 42, 40), (96, 74, 40), (116, 114, 110))
_TRAYS: tuple[Color, ...] = ((58, 56, 54), (168, 166, 160), (128, 120, 96))
_IN_TRAY = 0.45  # share of the lots

Place = tuple[tuple[float, float], float]  # centre and radius, px


class Caps:
    """The caps of one lot.

    Args:
        drift: of the lot.
        size: longer side of the pictures, px.
        textures: of the seed.
    """

    def __init__(self, drift: Drift, size: int, textures: Textures) -> None:
        self._drift, self._size, self._textures = drift, size, textures
        self._cap = Cap(drift, size, textures)
        self._in_tray = drift.choice[2] < _IN_TRAY
        grounds = _TRAYS if self._in_tray else _BELTS
        color = grounds[int(drift.choice[0] * 7919) % len(grounds)]
        self._ground = ramp((30, [c * 0.4 for c in color]), (128, color), (220, [c * 1.4 + 16 for c in color]))
        side = 96
        grid = np.arange(side, dtype=np.float32) / (side / 2 - 0.5) - 1
        away = np.hypot(grid[:, None], grid[None])
        self._shadow: Grey = (150 * np.clip((1 - away) * 2.6, 0, 1)).astype(np.uint8)

    def stage(self, rng: np.random.Generator, width: int, height: int) -> Stage:
        """A handful of caps, or one close by."""
        image, places = (self._tray if self._in_tray else self._belt)(rng, width, height)
        stage = Stage(
            image,
            np.zeros((height, width), np.uint8),
            self._drift.light,
            scratches=((250, 250, 250), (235, 240, 242), (52, 52, 56)),
            stains=((24, 50, 88), (22, 58, 112), (34, 44, 60)),
        )
        for center, radius in places:
            if -0.6 * radius < center[0] < width + 0.6 * radius and -0.6 * radius < center[1] < height + 0.6 * radius:
                self._put(stage, rng, center, radius)
        return stage

    def _put(self, stage: Stage, rng: np.random.Generator, center: tuple[float, float], radius: float) -> None:
        self._cast(stage.image, center, radius)
        # The light stays where it is, so a cap is turned only a little.
        matrix = self._cap.whole.matrix(center, radius / self._cap.radius, float(rng.uniform(-14, 14)))
        self._cap.whole.paste(stage.image, matrix, stage.surface)
        longest = 0.38 * self._size / radius  # radians that stay below the largest defect
        start, span = rng.uniform(0, 2 * np.pi), np.exp(rng.uniform(np.log(0.45), np.log(2.2)))
        outline = transformed(self._cap.sector(float(start), min(float(span), longest)), matrix)
        stage.gaps.append(Gap(outline, lambda box: self._cap.bare.region(matrix, box)[0]))

    def _tray(self, rng: np.random.Generator, width: int, height: int) -> tuple[Image, list[Place]]:
        """A tray with round nests, a cap in each."""
        speckle, cloud = (cut(t, rng, width, height) for t in (self._textures.speckle, self._textures.cloud))
        grey = cv2.addWeighted(speckle, 0.4 * self._drift.texture, cloud, 0.2, 128 - 51 * self._drift.texture - 26)
        count = int(rng.integers(2, 4))
        pitch = height / count
        left, top = rng.uniform(-0.25, 0.05, 2) * pitch
        turn = np.deg2rad(self._drift.light)
        lean = np.array([np.cos(turn), np.sin(turn)]) * 0.018 * pitch
        places: list[Place] = []
        for row in range(count + 1):
            for column in range(int(width / pitch) + 2):
                x, y = (column + 0.62) * pitch + left, (row + 0.62) * pitch + top
                for shift, level in ((-lean, 205), (lean, 30), ((0.0, 0.0), 84)):
                    middle = round((x + shift[0]) * 16), round((y + shift[1]) * 16)
                    cv2.circle(grey, middle, round(0.45 * pitch * 16), level, -1, cv2.LINE_AA, 4)
                dx, dy = rng.normal(0, 0.015 * pitch, 2)
                places.append(((float(x + dx), float(y + dy)), pitch * 0.40))
        return tinted(colored(grey, self._ground), self._drift.tint), places

    def _belt(self, rng: np.random.Generator, width: int, height: int) -> tuple[Image, list[Place]]:
        """A woven belt, with its seam at times, and caps that lie anywhere but on each other."""
        weave, cloud = (cut(t, rng, width, height) for t in (self._textures.weave, self._textures.cloud))
        grey = cv2.addWeighted(weave, 0.55 * self._drift.texture, cloud, 0.25, 128 - 70 * self._drift.texture - 32)
        seam = int(rng.uniform(-0.5, 1.5) * height)
        if 0 < seam < height - 8:
            grey[seam : seam + 2] //= 2
        image = tinted(colored(grey, self._ground), self._drift.tint)
        count = int(rng.choice([1, 2, 3, 5], p=[0.35, 0.2, 0.25, 0.2]))
        radius = height * {1: 0.40, 2: 0.28, 3: 0.24, 5: 0.18}[count] * float(rng.uniform(0.85, 1.08))
        places: list[Place] = []
        for _ in range(60):
            x = float(rng.uniform(0.75 * radius, width - 0.75 * radius))
            y = float(rng.uniform(0.8 * radius, height - 0.8 * radius))
            if all(np.hypot(x - center[0], y - center[1]) > 2.08 * radius for center, _ in places):
                places.append(((x, y), radius))
            if len(places) == count:
                break
        return image, places

    def _cast(self, image: Image, center: tuple[float, float], radius: float) -> None:
        """The soft shadow of a cap, away from the light."""
        toward = np.deg2rad(self._drift.light)
        x, y = center[0] - np.cos(toward) * 0.07 * radius, center[1] - np.sin(toward) * 0.07 * radius
        reach = 1.17 * radius
        x1, y1, side = round(x - reach), round(y - reach), max(8, round(2 * reach))
        left, top = max(0, x1), max(0, y1)
        right, bottom = min(image.shape[1], x1 + side), min(image.shape[0], y1 + side)
        if left >= right or top >= bottom:
            return
        shadow = cv2.resize(self._shadow, (side, side), interpolation=cv2.INTER_LINEAR)
        gain = cv2.bitwise_not(shadow[top - y1 : bottom - y1, left - x1 : right - x1])
        under = image[top:bottom, left:right]
        image[top:bottom, left:right] = cv2.multiply(under, cv2.merge([gain] * 3), scale=1 / 255)
