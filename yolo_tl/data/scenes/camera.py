"""Two cameras: frame, sharpness, colour, noise and file quality."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from yolo_tl.data.scenes.pixels import Image
from yolo_tl.data.scenes.textures import Textures


@dataclass(frozen=True)
class Camera:
    """How a camera sees.

    Attributes:
        frame: width and height as shares of the longer side.
        blur: standard deviation of the lens, px at 640 px.
        noise: standard deviation of the sensor, grey levels.
        gains: white balance, of B, G and R.
        gamma: of the tone curve; below 1 is brighter.
        vignette: loss of light in a corner.
        quality: of the JPEG file, 0 to 100.
    """

    frame: tuple[float, float]
    blur: float
    noise: float
    gains: tuple[float, float, float]
    gamma: float
    vignette: float
    quality: int

    def resolution(self, size: int) -> tuple[int, int]:
        """Width and height, px, of a picture whose longer side is `size`."""
        return round(size * self.frame[0]), round(size * self.frame[1])

    def exposed(self, scene: Image, textures: Textures, rng: np.random.Generator) -> Image:
        """What the camera makes of a scene: blurred, developed, noisy."""
        image = self._blurred(scene, rng)
        image = cv2.LUT(image, self._development())
        height, width = image.shape[:2]
        x = int(rng.integers(0, textures.side - width + 1))
        y = int(rng.integers(0, textures.side - height + 1))
        grain = textures.grain[y : y + height, x : x + width]
        share = self.noise * float(rng.uniform(0.8, 1.4)) / 24
        noisy: Image = cv2.addWeighted(image, 1, grain, share, -128 * share)
        return noisy

    def encoded(self, image: Image) -> bytes:
        """The picture as a JPEG file."""
        _, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, self.quality])
        data: bytes = content.tobytes()
        return data

    def _blurred(self, scene: Image, rng: np.random.Generator) -> Image:
        unit = max(scene.shape[:2]) / 640
        chance = rng.random()
        sigma = self.blur * (1.0 if chance < 0.82 else float(rng.uniform(1.3, 2.4)))  # sometimes out of focus
        image: Image = cv2.GaussianBlur(scene, (0, 0), max(0.3, sigma * unit))
        if chance < 0.08:  # something moved
            length = max(3, round(float(rng.uniform(4, 10)) * unit)) | 1
            kernel = np.zeros((length, length), np.float32)
            kernel[length // 2] = 1
            middle = length / 2 - 0.5
            turn = cv2.getRotationMatrix2D((middle, middle), float(rng.normal(0, 20)), 1)
            kernel = cv2.warpAffine(kernel, turn, (length, length))
            image = cv2.filter2D(image, -1, kernel / kernel.sum())
        return image

    def _development(self) -> Image:
        """White balance, gamma, and a shoulder that keeps highlights from clipping hard."""
        light = np.arange(256)[:, None] / 255 * np.asarray(self.gains)
        tone = light**self.gamma
        tone = np.where(tone > 0.8, 0.8 + 0.2 * np.tanh((tone - 0.8) / 0.2), tone)
        table: Image = (255 * tone).clip(0, 255).round().astype(np.uint8)[:, None]
        return table


CAMERAS = {
    1: Camera((1.0, 1.0), 0.6, 2.4, (1.0, 1.0, 1.0), 0.95, 0.22, 90),
    2: Camera((1.0, 0.75), 0.95, 5.0, (0.86, 0.99, 1.1), 0.84, 0.38, 82),
}
