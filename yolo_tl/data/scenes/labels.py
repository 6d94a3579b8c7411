"""Labels of paper or film on a bottle or a cardboard box."""

from __future__ import annotations

import cv2
import numpy as np

from yolo_tl.data.scenes.artwork import Artwork
from yolo_tl.data.scenes.outline import Points
from yolo_tl.data.scenes.pixels import Color, Floats, Grey, Image, colored, ramp, tinted
from yolo_tl.data.scenes.shots import Drift
from yolo_tl.data.scenes.sprite import Matrix, Sprite, transformed
from yolo_tl.data.scenes.stage import Gap, Stage
from yolo_tl.data.scenes.textures import Textures, cut

_PAPERS: tuple[Color, ...] = ((236, 240, 242), (206, 226, 236), (232, 232, 226))
_BRANDS: tuple[Color, ...] = ((120, 62, 22), (40, 40, 165), (56, 112, 34), (34, 120, 200), (110, 40, 110), (50, 46, 44))
_BOTTLES: tuple[Color, ...] = ((62, 74, 44), (34, 58, 96), (176, 172, 160), (120, 84, 46))


class Labels:
    """The labels of one lot.

    Args:
        drift: of the lot.
        lot: its number, which is printed.
        rng: the design.
        size: longer side of the pictures, px.
        textures: of the seed.
    """

    def __init__(self, drift: Drift, lot: int, rng: np.random.Generator, size: int, textures: Textures) -> None:
        self.drift, self.size, self.textures = drift, size, textures
        first, second, third = drift.choice
        self.on_bottle = first < 0.55
        self.body = _BOTTLES[int(second * len(_BOTTLES))]
        width, height = int(size * rng.uniform(0.72, 0.8)), int(size * rng.uniform(0.56, 0.64))
        paper = _PAPERS[int(third * len(_PAPERS))]
        fibre = cv2.addWeighted(textures.fibre, 0.35, textures.speckle, 0.25, 51)[:height, :width]
        blank = colored(fibre, ramp((60, [c * 0.8 for c in paper]), (128, paper), (190, [c * 1.08 for c in paper])))
        image = blank.copy()
        Artwork(rng, image, _BRANDS[int(rng.integers(len(_BRANDS)))], lot).draw()
        # Ink takes on some of the paper's texture.
        grain = cv2.merge([fibre] * 3)
        image = cv2.addWeighted(image, 1, grain, 0.22 * drift.texture, -28 * drift.texture)
        alpha = self._rounded(width, height, 0 if self.on_bottle else int(0.03 * width))
        self._label = Sprite(tinted(image, drift.tint), alpha)
        self._blank = Sprite(tinted(blank, drift.tint), alpha)
        self._edge = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)

    def stage(self, rng: np.random.Generator, width: int, height: int) -> Stage:
        """One label on its body."""
        body, shade = self._bottle(rng, width, height) if self.on_bottle else (self._box(rng, width, height), None)
        stage = Stage(
            body,
            np.zeros((height, width), np.uint8),
            self.drift.light,
            scratches=((246, 246, 246), (120, 120, 124), (96, 98, 104)),
            stains=((58, 104, 150), (40, 78, 124), (70, 82, 100)),
            shade=shade,
        )
        scale = float(rng.uniform(0.85, 1.15)) * min(1.0, height / (0.72 * self.size))
        center = (width * float(rng.uniform(0.45, 0.55)), height * float(rng.uniform(0.42, 0.58)))
        turn = float(rng.normal(0, 1.2 if self.on_bottle else 4.5))
        matrix = self._label.matrix(center, scale, turn)
        ground = stage.image.copy()
        self._raise(stage.image, matrix)
        self._label.paste(stage.image, matrix, stage.surface)
        torn = self._torn(rng, matrix, width, height)
        stage.gaps.append(Gap(torn, lambda box: ground[box[1] : box[3], box[0] : box[2]]))
        unprinted = self._unprinted(rng, matrix)
        blank = Gap(unprinted, lambda box: self._blank.region(matrix, box)[0])
        stage.gaps.insert(int(rng.integers(0, 2)), blank)
        return stage

    def _raise(self, image: Image, matrix: Matrix) -> None:
        """The thin shadow beside the label."""
        corners = transformed(self._edge, matrix)
        toward = np.deg2rad(self.drift.light)
        shift = np.array([np.cos(toward), np.sin(toward)]) * -max(1.0, self.size / 320)
        gain = np.full(image.shape[:2], 255, np.uint8)
        cv2.fillPoly(gain, [np.round((corners + shift) * 16).astype(np.int32)], 120, cv2.LINE_AA, 4)
        gain = cv2.blur(gain, (3, 3))
        cv2.multiply(image, cv2.merge([gain] * 3), dst=image, scale=1 / 255)

    def _torn(self, rng: np.random.Generator, matrix: Matrix, width: int, height: int) -> Points:
        """A ragged piece at the edge of the label, which is cut off by the label's own outline."""
        inside = [
            corner
            for corner in (transformed(self._edge, matrix)).tolist()
            if 0 < corner[0] < width and 0 < corner[1] < height
        ]
        along = transformed((self._edge[0] + rng.random() * (self._edge[1] - self._edge[0]))[None], matrix)[0]
        at = inside[int(rng.integers(len(inside)))] if inside and rng.random() < 0.65 else along.tolist()
        at = [min(max(at[0], 4.0), width - 4.0), min(max(at[1], 4.0), height - 4.0)]
        radius = self.size * float(np.exp(rng.uniform(np.log(0.06), np.log(0.2))))
        angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
        ragged = 1 + 0.08 * rng.standard_normal(72) + 0.3 * np.sin(angles * 2 + rng.uniform(0, 6))
        ring: Points = np.stack([np.cos(angles), np.sin(angles)], axis=1) * (radius * ragged)[:, None] + np.array(at)
        return ring

    def _unprinted(self, rng: np.random.Generator, matrix: Matrix) -> Points:
        """A strip or spot that took no ink."""
        w, h = self._label.width, self._label.height
        x, y = w * rng.uniform(0.08, 0.8), h * rng.uniform(0.05, 0.85)
        dx, dy = np.exp(rng.uniform(np.log(0.08), np.log(0.26), 2)) * (w, h)
        angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
        square = 1 / np.maximum(np.abs(np.cos(angles)), np.abs(np.sin(angles))) ** 0.7
        rough = square * (1 + 0.05 * rng.standard_normal(60))
        ring = np.stack([x + dx / 2 * rough * np.cos(angles), y + dy / 2 * rough * np.sin(angles)], axis=1)
        return transformed(ring, matrix)

    def _bottle(self, rng: np.random.Generator, width: int, height: int) -> tuple[Image, Floats]:
        """A bottle that is a little narrower than the picture, and how its form catches the light."""
        grey = cv2.addWeighted(
            cut(self.textures.cloud, rng, width, height), 0.3, cut(self.textures.speckle, rng, width, height), 0.08, 70
        )
        image = colored(
            grey, ramp((60, [c * 0.85 for c in self.body]), (120, self.body), (190, [c * 1.15 for c in self.body]))
        )
        reach = width * float(rng.uniform(0.47, 0.56))
        across = (np.arange(width, dtype=np.float32) - width / 2 + float(rng.normal(0, 0.02 * width))) / np.float32(
            reach
        )
        inside = np.abs(across) < 1
        bend = np.sqrt(np.clip(1 - across**2, 0, 1))
        lean = np.float32(np.cos(np.deg2rad(self.drift.light)) * 0.55)
        shade = 0.42 + 0.62 * bend + 0.12 * lean * across
        strip = 0.22 * np.exp(-(((across - lean) / 0.07) ** 2)) + 0.1 * np.exp(-(((across + 0.72) / 0.04) ** 2))
        shade = np.where(inside, shade + strip, 0.16)
        outside = np.flatnonzero(~inside)
        if len(outside):
            image[:, outside] = colored(grey[:, outside], ramp((0, (30, 30, 32)), (255, (150, 150, 152))))
        soft: Floats = cv2.blur(shade[None].astype(np.float32), (3, 1))
        return image, soft

    def _box(self, rng: np.random.Generator, width: int, height: int) -> Image:
        grey = cv2.addWeighted(
            cut(self.textures.fibre, rng, width, height), 0.75, cut(self.textures.cloud, rng, width, height), 0.25, 0
        )
        kraft = ramp((40, (52, 82, 108)), (128, (104, 148, 182)), (210, (150, 190, 220)))
        image = colored(grey, kraft)
        if rng.random() < 0.4:
            edge = int(rng.uniform(0.0, 0.12) * height)
            image[:edge] = image[:edge] // 2 + image[:edge] // 6
        return image

    @staticmethod
    def _rounded(width: int, height: int, radius: int) -> Grey:
        alpha = np.zeros((height, width), np.uint8)
        cv2.rectangle(alpha, (radius + 1, 1), (width - radius - 2, height - 2), 255, -1)
        cv2.rectangle(alpha, (1, radius + 1), (width - 2, height - radius - 2), 255, -1)
        for x in (radius + 1, width - radius - 2):
            for y in (radius + 1, height - radius - 2):
                cv2.circle(alpha, (x, y), radius, 255, -1, cv2.LINE_AA)
        return alpha
