"""A detector that looks at large images in tiles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

from yolo_tl.boxes import Detections
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.detector import Detector
from yolo_tl.edge.frame import Frame
from yolo_tl.edge.image import Image, as_bgr
from yolo_tl.edge.model import saturated
from yolo_tl.edge.mosaic import Outlines, Seen, merge
from yolo_tl.edge.network import Size
from yolo_tl.edge.prediction import Prediction, StageTimes
from yolo_tl.edge.tiling import Tile, TilePlan, Tiling
from yolo_tl.errors import ConfigError

MAX_DET = 10_000
"""Default for the number of objects in an image that has several tiles."""


class TiledDetector(Detector):
    """A `Detector` for images that are larger than its input: it looks at each tile, and puts together what it sees.

    What a tile border cuts is found once and whole (see `yolo_tl.edge.seams`). An image that is no larger than a tile
    is looked at as `detector` does, bit by bit.

    Args:
        detector: what looks at the tiles; it is not changed, and its defaults are taken over.
        tile: see `yolo_tl.edge.tiling.Tiling`, as for the next three.
        overlap: px that neighbours share at least.
        largest_object: longer side of the largest object in px, in place of `overlap`.
        overview: look at the whole image on a smaller scale, too.
        batch: most tiles that a network of free batch size runs at once; one of fixed size runs so many.
        max_det: at most so many objects per image; a tile shows at most as many as `detector` finds in an image.
        outlines: of a network that segments: ``masks`` (N, H, W) as large as the image, whose memory is only taken
            where something is, until they are read as a whole; or ``polygons``, the outline of the largest part.

    Attributes:
        tiling: how images are cut.
        tile_max_det: at most so many boxes per tile.

    Raises:
        ConfigError: a value out of range.
    """

    def __init__(
        self,
        detector: Detector,
        *,
        tile: int | Size | None = None,
        overlap: int | None = None,
        largest_object: float | None = None,
        overview: bool = False,
        batch: int = 4,
        max_det: int = MAX_DET,
        outlines: Outlines = "masks",
    ) -> None:
        super().__init__(detector.artifact)
        self.confidence, self.iou = detector.confidence, detector.iou
        self.class_confidence = dict(detector.class_confidence)
        self.tile_max_det, self.max_det = detector.max_det, max_det
        self.tiling = Tiling(tile, overlap, largest_object, overview)
        self.outlines: Outlines = outlines
        if batch < 1:
            raise ConfigError(f"batch: expected a positive number of tiles, found {batch}")
        self._step = self.batch or batch
        self.thresholds_with()  # raises for a limit out of range
        self.tiling.require_possible(self.imgsz)

    def plan(self, height: int, width: int) -> TilePlan:
        """The tiles of an image of this height and width in px."""
        return self.tiling.plan((height, width), self.imgsz)

    def predict(
        self,
        images: Sequence[Image],
        *,
        confidence: float | None = None,
        iou: float | None = None,
        max_det: int | None = None,
        classes: Sequence[int] | None = None,
    ) -> list[Detections]:
        """Detect in several images, one after the other; see `Detector.predict`.

        `iou` counts within tiles and across them, `max_det` for the whole image.
        """
        thresholds = self.thresholds_with(confidence=confidence, iou=iou, max_det=max_det)
        self._require_classes(classes)
        sources = [as_bgr(image) for image in images]
        return [self._look(image, thresholds, classes).found for image in sources]

    def observe(self, frame: Frame, *, thresholds: Thresholds | None = None) -> Prediction:
        """Look at a frame, if it is ok; see `Model.observe`.

        `saturated` is also set where a single tile shows as many boxes as it may; `times` are those of all tiles.
        """
        if frame.state != "ok" or frame.image is None:
            return self.unseen(frame, frame.age)
        age = frame.age
        looked = self._look(as_bgr(frame.image), thresholds or self.thresholds, None)
        return Prediction(
            frame,
            looked.found,
            self.names,
            self.sha256,
            saturated=looked.saturated,
            queue_age=age,
            times=looked.times,
        )

    def _look(self, image: Image, thresholds: Thresholds, classes: Sequence[int] | None) -> _Looked:
        plan = self.plan(image.shape[0], image.shape[1])
        of_tile = replace(thresholds, max_det=min(thresholds.max_det, self.tile_max_det))
        alone = len(plan.tiles) == 1
        as_it_is = alone and self.outlines == "masks"
        seen, full, spent = [], False, [0.0, 0.0, 0.0]
        for tiles in _batches(plan.tiles, self._step):
            start = perf_counter()
            tensor, geometries = self.pipeline.preprocess([tile.of(image) for tile in tiles], self.pipeline.info)
            prepared = perf_counter()
            outputs = self.pipeline.network.run(tensor)
            ran = perf_counter()
            for i, tile in enumerate(tiles):
                own = tuple(output[i : i + 1] for output in outputs)
                # One tile at a time: its masks are cut out before the next one's are made.
                (found,) = self.pipeline.read(own, geometries[i : i + 1], thresholds=of_tile, classes=classes)
                assert isinstance(found, Detections)  # the task is not to classify
                full |= saturated(found, of_tile)
                if as_it_is:
                    merged = found
                else:
                    seen.append(Seen.of(tile, found))
            for stage, moment in enumerate(((start, prepared), (prepared, ran), (ran, perf_counter()))):
                spent[stage] += (moment[1] - moment[0]) * 1e3
        if seen:
            start = perf_counter()
            merged = merge(
                seen,
                (plan.height, plan.width),
                iou=None if alone or self.head == "nms-free" else thresholds.iou,
                limit=thresholds.max_det,
                outlines=self.outlines,
            )
            spent[2] += (perf_counter() - start) * 1e3
        return _Looked(merged, full or saturated(merged, thresholds), StageTimes(*spent))


@dataclass(frozen=True)
class _Looked:
    """What came of one image."""

    found: Detections
    saturated: bool
    times: StageTimes


def _batches(tiles: Sequence[Tile], size: int) -> Iterator[Sequence[Tile]]:
    """At most `size` tiles at a time; the overview alone, for its shape would change how the others are padded."""
    own = [tile for tile in tiles if not tile.overview]
    for start in range(0, len(own), size):
        yield own[start : start + size]
    yield from ([tile] for tile in tiles if tile.overview)
