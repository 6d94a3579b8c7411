"""One picture of an inspection line, with what is wrong on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from yolo_tl.data.records import Annotation, Size
from yolo_tl.data.scenes.boards import Boards
from yolo_tl.data.scenes.camera import CAMERAS
from yolo_tl.data.scenes.caps import Caps
from yolo_tl.data.scenes.chance import Purpose, generator
from yolo_tl.data.scenes.defects import CLASSES, Damage, Defect
from yolo_tl.data.scenes.labels import Labels
from yolo_tl.data.scenes.layout import Layout
from yolo_tl.data.scenes.lighting import lit
from yolo_tl.data.scenes.pixels import Image
from yolo_tl.data.scenes.shots import LOTS, Drift, Shot, drift, shot
from yolo_tl.data.scenes.stage import Stage
from yolo_tl.data.scenes.textures import Textures

_DESIGNS = 2  # of each product


@dataclass(frozen=True)
class Scene:
    """A picture and its defects.

    Attributes:
        shot: which picture it is.
        image: (H, W, 3) BGR, as the camera saw it.
        defects: what is wrong; nothing on a good picture.
    """

    shot: Shot
    image: Image
    defects: tuple[Defect, ...]

    @property
    def size(self) -> Size:
        """Width and height, px."""
        return self.image.shape[1], self.image.shape[0]

    @property
    def annotations(self) -> tuple[Annotation, ...]:
        """The defects as boxes and polygons, exact in px."""
        return tuple(
            Annotation(defect.kind, defect.patch.extent, f"defect {i}", parts=(defect.patch.ring,))
            for i, defect in enumerate(self.defects, start=1)
        )

    def jpeg(self) -> bytes:
        """The picture as its camera writes it."""
        return CAMERAS[self.shot.camera].encoded(self.image)


def draw_scene(index: int, *, seed: int = 0, size: int = 640) -> Scene:
    """Draw one picture; it depends on the arguments alone.

    Args:
        index: number of the picture, from 0.
        seed: of the whole series.
        size: longer side, px.
    """
    return _studio(seed, size).draw(index)


@lru_cache(maxsize=1)
def _studio(seed: int, size: int) -> Studio:
    return Studio(seed, size)


class Studio:
    """What the pictures of one series share.

    Args:
        seed: of the series.
        size: longer side of the pictures, px.
    """

    def __init__(self, seed: int, size: int) -> None:
        self.seed, self.size = seed, size
        self.textures = Textures(seed, size)
        self._lots: dict[int, tuple[Drift, Caps | Boards | Labels]] = {}
        self._layouts: dict[int, Layout] = {}

    def draw(self, index: int) -> Scene:
        """The picture of a number."""
        taken = shot(self.seed, index)
        camera = CAMERAS[taken.camera]
        changes, product = self._lot(taken)
        rng = generator(self.seed, Purpose.SCENE, taken.scene)
        stage = product.stage(rng, *camera.resolution(self.size))
        _dust(stage, changes, rng)
        defects = () if taken.good else self._damage(stage, taken, rng)
        # A repeat shows the same scene in light and noise of its own.
        chance = generator(self.seed, Purpose.CAMERA, index)
        image = camera.exposed(lit(stage, changes, camera, chance), self.textures, chance)
        return Scene(taken, image, defects)

    def _lot(self, taken: Shot) -> tuple[Drift, Caps | Boards | Labels]:
        if taken.lot not in self._lots:
            if len(self._lots) >= LOTS:  # a series is over, and its drawings would fill the memory
                self._lots.clear()
            changes = drift(self.seed, taken.lot)
            self._lots[taken.lot] = changes, self._product(taken, changes)
        return self._lots[taken.lot]

    def _product(self, taken: Shot, changes: Drift) -> Caps | Boards | Labels:
        design = (taken.lot - 1) // 3 % _DESIGNS
        if taken.product == "cap":
            return Caps(changes, self.size, self.textures)
        if taken.product == "label":
            rng = generator(self.seed, Purpose.DESIGN, 2, design)
            return Labels(changes, taken.lot, rng, self.size, self.textures)
        if design not in self._layouts:
            self._layouts[design] = Layout(self.seed, design, self.size, self.textures)
        return Boards(changes, self._layouts[design], self.size, self.textures)

    def _damage(self, stage: Stage, taken: Shot, rng: np.random.Generator) -> tuple[Defect, ...]:
        damage = Damage(stage, self.textures, rng)
        count = int(rng.choice([1, 2, 3, 4, 5, 6], p=[0.15, 0.2, 0.2, 0.2, 0.15, 0.1]))
        kinds = [CLASSES[taken.scene % len(CLASSES)], *(CLASSES[i] for i in rng.integers(len(CLASSES), size=count - 1))]
        for kind in kinds:
            damage.add(kind)
        return tuple(damage.defects)


def _dust(stage: Stage, changes: Drift, rng: np.random.Generator) -> None:
    """Specks and short fibres, smaller and fainter than any defect."""
    height, width = stage.surface.shape
    unit = max(width, height) / 640
    for _ in range(int(rng.poisson(2 + 12 * changes.dirt))):
        x, y = rng.uniform(0, 1, 2) * (width, height)
        tone = float(rng.uniform(0.25, 0.6))
        reach = max(2, round(4 * unit))
        x1, y1 = max(0, int(x) - reach), max(0, int(y) - reach)
        piece = stage.image[y1 : y1 + 2 * reach, x1 : x1 + 2 * reach]
        speck = piece.copy()
        color = (220, 222, 224) if rng.random() < 0.6 else (40, 42, 46)
        middle = ((np.array([x - x1, y - y1])) * 16).astype(int)
        if rng.random() < 0.7:
            cv2.circle(speck, middle.tolist(), int(rng.uniform(0.5, 1.3) * unit * 16), color, -1, cv2.LINE_AA, 4)
        else:
            end = middle + (rng.uniform(-3.2, 3.2, 2) * unit * 16).astype(int)
            cv2.line(speck, middle.tolist(), end.tolist(), color, 1, cv2.LINE_AA, 4)
        cv2.addWeighted(speck, tone, piece, 1 - tone, 0, dst=piece)
