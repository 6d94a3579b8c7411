"""The print of a label: bands, text, a barcode and signs."""

from __future__ import annotations

import cv2
import numpy as np

from yolo_tl.data.scenes.pixels import Color, Image

_WORDS = ("PURE", "NORD", "ALBA", "VITA", "TERRA", "LUMEN", "SOLIS", "AQUA")
_LINES = (
    "NET WT 500 g  17.6 OZ",
    "STORE COOL AND DRY",
    "BEST BEFORE SEE BASE",
    "BATCH",
    "KEEP UPRIGHT",
    "MADE IN LINE 4",
)
_INK: Color = (48, 42, 40)


class Artwork:
    """Draws the print of one design on paper.

    Args:
        rng: chooses words and places.
        image: the paper, (H, W, 3) BGR; drawn upon.
        color: the colour of the brand.
        lot: the number that is printed as that of the lot.
    """

    def __init__(self, rng: np.random.Generator, image: Image, color: Color, lot: int) -> None:
        self.rng, self.image, self.color, self.lot = rng, image, color, lot
        self.height, self.width = image.shape[:2]

    def draw(self) -> None:
        """All of it."""
        rng, w, h = self.rng, self.width, self.height
        band = int(h * rng.uniform(0.2, 0.3))
        margin = int(0.04 * w)
        cv2.rectangle(self.image, (0, 0), (w, band), self.color, -1)
        stripe = [min(255.0, c * 0.5 + 120) for c in self.color]
        cv2.rectangle(self.image, (0, band + h // 50), (w, band + h // 28), stripe, -1)
        self._text(str(rng.choice(_WORDS)), margin, int(band * 0.78), band * 0.62, (250, 250, 250), 0.11, script=True)
        self._logo(int(w - band * 0.75), band // 2, int(band * 0.36))
        line = 0.052 * h
        top = int(band + h * 0.13)
        self._text(
            str(rng.choice(_WORDS)) + " No." + str(rng.integers(2, 90)), margin, top, line * 1.5, self.color, 0.1
        )
        for i, text in enumerate(rng.permutation(_LINES).tolist()):
            text = f"{text} {self.lot:04d}" if text == "BATCH" else text
            self._text(text, margin, int(top + (i + 1.2) * line * 1.55), line * 0.8, _INK, 0.09)
        self._barcode(int(w * 0.58), int(h * 0.62), int(w * 0.37), int(h * 0.26))
        self._signs(int(w * 0.6), int(band + h * 0.09), int(h * 0.17))

    def _text(
        self, text: str, x: int, y: int, height: float, color: Color, weight: float, *, script: bool = False
    ) -> None:
        font = cv2.FONT_HERSHEY_TRIPLEX if script else cv2.FONT_HERSHEY_DUPLEX
        thick = max(1, round(height * weight))
        cv2.putText(self.image, text, (x, y), font, height / 22, color, thick, cv2.LINE_AA)

    def _logo(self, x: int, y: int, radius: int) -> None:
        cv2.circle(self.image, (x, y), radius, (248, 248, 248), -1, cv2.LINE_AA)
        points = [
            (x + radius * 0.72 * np.cos(a), y + radius * 0.72 * np.sin(a)) for a in np.arange(5) * 2.513 - np.pi / 2
        ]
        cv2.fillPoly(self.image, [np.array(points, np.int32)], self.color, cv2.LINE_AA)
        cv2.circle(self.image, (x, y), radius, self.color, max(1, radius // 10), cv2.LINE_AA)

    def _barcode(self, x: int, y: int, w: int, h: int) -> None:
        cv2.rectangle(self.image, (x, y), (x + w, y + h), (246, 247, 248), -1)
        widths = self.rng.integers(1, 4, 48)
        edges = np.cumsum(widths) * (w * 0.92) / widths.sum() + x + w * 0.04
        for left, right in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            cv2.rectangle(
                self.image, (round(left), y + h // 20), (round(right) - 1, y + int(h * 0.8)), (26, 24, 24), -1
            )
        digits = " ".join(map(str, self.rng.integers(0, 10, 10).tolist()))
        self._text(digits, x + w // 14, y + int(h * 0.97), h * 0.11, (26, 24, 24), 0.09)

    def _signs(self, x: int, y: int, side: int) -> None:
        for i in range(2):
            left = x + int(i * side * 1.25)
            cv2.rectangle(self.image, (left, y), (left + side, y + side), _INK, max(1, side // 22))
            middle = (left + side // 2, y + side // 2)
            if i == int(self.rng.integers(2)):
                corners = np.array([(0, -0.34), (0.34, 0.28), (-0.34, 0.28)]) * side + middle
                cv2.polylines(self.image, [corners.astype(np.int32)], True, self.color, max(1, side // 12), cv2.LINE_AA)
            else:
                cv2.circle(self.image, middle, side // 3, self.color, max(1, side // 12), cv2.LINE_AA)
                cv2.line(
                    self.image, middle, (middle[0], middle[1] - side // 3), self.color, max(1, side // 14), cv2.LINE_AA
                )
