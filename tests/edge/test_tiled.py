"""The tiled detector, with a network that finds what is drawn, and with a toy that finds anything."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from support.sight import NAMES, Sight, drawing, seeing

from yolo_tl.boxes import Detections
from yolo_tl.edge import Detector, Frame
from yolo_tl.edge.artifact import Artifact
from yolo_tl.edge.network import NetworkInfo, Outputs
from yolo_tl.edge.pipeline import Pipeline
from yolo_tl.edge.tiled import TiledDetector
from yolo_tl.errors import ConfigError, ImageError


def rows(found: Detections) -> list[tuple[int, ...]]:
    return sorted((*map(int, box), int(number)) for box, number in zip(found.xyxy, found.class_id, strict=True))


@pytest.mark.parametrize("options", [{"largest_object": 60}, {"overlap": 13}, {"overlap": 1}])
def test_everything_that_was_drawn_is_found_once_and_whole(options: dict) -> None:
    image, planted = drawing(700, 900)
    found = TiledDetector(seeing(), **options)(image)
    assert len(planted) > 150
    assert rows(found) == planted


def test_the_overview_shows_what_is_larger_than_a_tile_and_leaves_the_rest_to_the_tiles() -> None:
    image, planted = drawing(700, 900)
    image[5:300, 5:450] = 200
    image[10:290, 10:440] = (0, 0, 255)
    small = [row for row in planted if row[0] >= 450 or row[1] >= 300]
    detector = seeing()
    tiled = TiledDetector(detector, largest_object=60, overview=True)
    found = tiled(image)
    sizes = [shape[0] for shape in detector.pipeline.network.asked]
    assert sum(sizes) == len(tiled.plan(700, 900).tiles)
    assert sizes[-1] == 1  # it comes alone: its shape would change how the tiles beside it are padded
    large = [row for row in rows(found) if row[2] - row[0] > 300]
    assert large == [pytest.approx((10, 10, 440, 290, 0), abs=8)]  # a px of the overview is seven of the image
    whole = set(small) - {row for row in small if max(row[2] - row[0], row[3] - row[1]) > 60}
    assert whole <= set(rows(found))


def test_an_image_of_one_tile_is_looked_at_as_the_detector_does(toy, pictures) -> None:
    detector = Detector(toy(), threads=1)
    detector.confidence, detector.iou, detector.max_det = 0.4, 0.6, 20
    detector.class_confidence = {"class 1": 0.45}
    tiled = TiledDetector(detector, tile=600)
    for options in ({}, {"confidence": 0.2, "max_det": 7}, {"classes": [1]}):
        for ours, theirs in zip(
            tiled.predict(pictures, **options), [detector(one, **options) for one in pictures], strict=True
        ):
            assert np.array_equal(ours.xyxy, theirs.xyxy)
            assert np.array_equal(ours.confidence, theirs.confidence)
            assert np.array_equal(ours.class_id, theirs.class_id)
            assert len(theirs)


@pytest.mark.parametrize(("options", "sizes"), [({"dynamic": True}, {1, 4}), ({"batch": 3}, {3}), ({}, {1})])
def test_tiles_go_together_as_the_network_takes_them(toy, options: dict, sizes: set[int]) -> None:
    detector = Detector(toy(imgsz=(64, 64), **options), threads=1)
    image = cv2.resize(np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8), (200, 200))
    network, asked = detector.pipeline.network, []
    ask = network.run
    network.run = lambda tensor: asked.append(len(tensor)) or ask(tensor)
    tiled = TiledDetector(detector, overlap=16)
    found = tiled(image)
    assert sum(asked) == len(tiled.plan(200, 200).tiles) == 16
    assert max(asked) <= max(sizes)
    alone = [detector(tile.of(image), max_det=tiled.tile_max_det) for tile in tiled.plan(200, 200).tiles]
    assert len(found)
    assert found.confidence.max() == max(one.confidence.max() for one in alone)


def test_it_takes_over_what_the_detector_was_set_to_and_leaves_it_alone() -> None:
    detector = seeing()
    detector.confidence, detector.iou, detector.max_det = 0.6, 0.5, 30
    detector.class_confidence = {"blue": 0.7}
    tiled = TiledDetector(detector, max_det=99)
    assert tiled.thresholds == detector.thresholds_with(max_det=99)
    assert (tiled.names, tiled.imgsz, tiled.task, tiled.head) == (NAMES, (128, 128), "detect", "nms-free")
    tiled.class_confidence["blue"] = 0.1
    assert detector.class_confidence == {"blue": 0.7}
    assert isinstance(tiled, Detector)


def test_limits_and_classes_count_for_the_image() -> None:
    image, planted = drawing(300, 400)
    tiled = TiledDetector(seeing(), largest_object=60)
    assert rows(tiled(image, classes=[1])) == [row for row in planted if row[4] == 1]
    best = tiled(image).confidence[:5].tolist()
    assert tiled(image, max_det=5).confidence.tolist() == best
    assert all(tiled(image, confidence=0.8).confidence > 0.8)
    assert len(tiled.predict([])) == 0


def test_a_frame_is_observed_and_says_when_something_may_be_missing() -> None:
    image, planted = drawing(300, 400)
    tiled = TiledDetector(seeing(), largest_object=60)
    said = tiled.observe(Frame(image, "line", 7, "x.png"))
    assert rows(said.result) == planted
    assert said.frame.number == 7
    assert not said.saturated
    assert said.times.inference > 0
    assert said.times.preprocess > 0
    few = tiled.observe(Frame(image, "line", 8, "x.png"), thresholds=tiled.thresholds_with(max_det=3))
    assert few.saturated
    assert len(few) == 3
    tiled.tile_max_det = 4  # a tile that is full: what else it shows is not known
    assert tiled.observe(Frame(image, "line", 9, "x.png")).saturated
    lost = tiled.observe(Frame(None, "line", 10, state="lost"))
    assert lost.result is None
    assert lost.frame.state == "lost"


def test_frames_are_observed_in_a_pipeline_too() -> None:
    from yolo_tl.streams.pipelining import pipelined

    image, planted = drawing(300, 400)
    tiled = TiledDetector(seeing(), largest_object=60)
    (said,) = pipelined(tiled, [Frame(image, "line", 0, "x.png")])
    assert rows(said.result) == planted


def test_grey_images_are_taken_and_others_refused() -> None:
    tiled = TiledDetector(seeing())
    assert len(tiled(np.full((300, 300), 90, np.uint8))) == 0
    with pytest.raises(ImageError):
        tiled(np.zeros((300, 300, 4), np.uint8))
    with pytest.raises(ConfigError, match="classes"):
        tiled(np.zeros((300, 300, 3), np.uint8), classes=[3])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"tile": 0}, "tile"),
        ({"overlap": 128}, "overlap: expected less than the tile's 128 px"),
        ({"largest_object": 128}, "largest_object"),
        ({"largest_object": 50, "overlap": 9}, "found both"),
        ({"batch": 0}, "batch: expected a positive number of tiles, found 0"),
        ({"max_det": 0}, "max_det"),
    ],
)
def test_what_cannot_work_is_said_before_any_image_is_seen(options: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        TiledDetector(seeing(), **options)


class Outlined(Sight):
    """The same as a network that segments: one prototype, which is set inside every patch."""

    def __init__(self) -> None:
        super().__init__()
        self.info = NetworkInfo("segment", NAMES, "nms-free", (128, 128), batch=None)

    def run(self, tensor: np.ndarray) -> Outputs:
        (found,) = super().run(tensor)
        inside = np.where(tensor.min(axis=1, keepdims=True) == 0, 1.0, -1.0).astype(np.float32)
        return np.concatenate([found, np.ones((*found.shape[:2], 1), np.float32)], axis=2), inside


def test_masks_are_as_large_as_the_image_or_outlines() -> None:
    image, planted = drawing(300, 400)
    detector = Detector(Artifact(Path("sight"), Pipeline(Outlined())))
    found = TiledDetector(detector, overlap=20)(image)
    assert rows(found) == planted
    assert found.masks.shape == (len(planted), 300, 400)
    for mask, (x1, y1, x2, y2) in zip(found.masks, found.xyxy.astype(int), strict=True):
        expected = np.zeros_like(mask)
        expected[y1:y2, x1:x2] = True
        assert np.array_equal(mask, expected)
    for size in (image, image[:128, :128]):  # of several tiles, and of one
        outlined = TiledDetector(detector, overlap=20, outlines="polygons")(np.ascontiguousarray(size))
        assert outlined.masks is None
        assert len(outlined.polygons) == len(outlined) > 2
        for polygon, box in zip(outlined.polygons, outlined.xyxy, strict=True):
            assert [*polygon.min(0), *polygon.max(0) + 1] == box.tolist()
