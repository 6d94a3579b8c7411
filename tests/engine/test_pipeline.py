from __future__ import annotations

import pickle
import random
from functools import cache

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo_tl.engine.augmentation import load_pipeline
from yolo_tl.engine.hermetic import ultralytics
from yolo_tl.errors import ModelError
from yolo_tl.presets import presets

PRESETS = sorted(presets("augment"))
cached = cache(lambda name: load_pipeline(name, sizes=[64]))


def labels_of(image, boxes, **outlines):
    """A labels dictionary with boxes x1, y1, x2, y2 as shares; the class of each is its number."""
    ultralytics()
    from ultralytics.utils.instance import Instances

    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    instances = Instances(boxes, bbox_format="xyxy", normalized=True, **outlines)
    classes = np.arange(len(boxes), dtype=np.float32)[:, None]
    return {"img": image.copy(), "cls": classes, "instances": instances, "im_file": "a.png"}


def corners(labels):
    """(N, 4) x1, y1, x2, y2 in px."""
    height, width = labels["img"].shape[:2]
    instances = labels["instances"]
    assert instances.normalized
    assert instances._bboxes.format == "xywh"
    x, y, w, h = instances.bboxes.T
    return np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=1) * (width, height, width, height)


def extent(mask):
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


def made(tmp_path, transforms, size=64):
    path = tmp_path / "mine.yaml"
    path.write_text(f"transforms: [{transforms}]")
    return load_pipeline(path, sizes=[size])


@st.composite
def labelled_images(draw):
    height, width = draw(st.integers(24, 80)), draw(st.integers(24, 80))
    channels = draw(st.sampled_from([1, 3]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    image = rng.integers(0, 256, (height, width, channels), np.uint8)
    points = np.sort(rng.random((draw(st.integers(0, 5)), 2, 2)), axis=1)
    points[:, 1] = np.minimum(points[:, 1] + 0.05, 1)
    return image, points.reshape(-1, 4)


@pytest.mark.parametrize("name", PRESETS)
@settings(max_examples=25)
@given(labelled_images(), st.integers(0, 2**32))
def test_pictures_keep_their_form_and_boxes_stay_inside(name, labelled, seed):
    image, boxes = labelled
    pipeline = cached(name)
    random.seed(seed)
    labels = pipeline(labels_of(image, boxes))
    assert labels["img"].shape == image.shape
    assert labels["img"].dtype == np.uint8
    assert labels["img"].flags.c_contiguous
    after = labels["instances"]
    classes = labels["cls"][:, 0].astype(int)
    assert len(after) == len(classes) == len(set(classes))
    assert set(classes) <= set(range(len(boxes)))
    assert bool(len(after)) == bool(len(boxes))
    if not pipeline.spatial:
        assert after.bboxes == pytest.approx(boxes, abs=1e-6)
        return
    size = np.array([image.shape[1], image.shape[0]] * 2)
    moved = corners(labels) / size
    assert (moved > -1e-6).all()
    assert (moved < 1 + 1e-6).all()
    assert (moved[:, 2:] > moved[:, :2]).all()


def test_right_angles_are_exact_in_all_eight_ways():
    rng = np.random.default_rng(0)
    pipeline, ways = cached("overhead"), set()
    for seed in range(60):
        x1, y1 = rng.integers(0, 40, 2)
        x2, y2 = x1 + rng.integers(4, 24), y1 + rng.integers(4, 24)
        image = np.zeros((64, 64, 3), np.uint8)
        image[y1:y2, x1:x2] = 255
        random.seed(seed)
        labels = pipeline(labels_of(image, np.array([[x1, y1, x2, y2]]) / 64))
        assert corners(labels)[0] == pytest.approx(extent(labels["img"][..., 0]), abs=1e-4)
        mark = np.zeros((64, 64, 3), np.uint8)
        mark[3, 9] = 255
        random.seed(seed)
        ways.add(tuple(np.argwhere(pipeline(labels_of(mark, [[0, 0, 1, 1]]))["img"][..., 0])[0]))
    assert len(ways) == 8


def test_boxes_of_small_turns_fit_round_objects():
    import cv2

    image = np.zeros((128, 128, 3), np.uint8)
    cv2.ellipse(image, (80, 50), (30, 12), 0, 0, 360, (255, 255, 255), -1)
    before = extent(image[..., 0] > 127)
    turned = 0
    for seed in range(30):
        random.seed(seed)
        labels = cached("rotation")(labels_of(image, np.array([before]) / 128))
        now = extent((np.abs(labels["img"][..., 0].astype(int) - 114) > 60) & (labels["img"][..., 0] > 127))
        assert corners(labels)[0] == pytest.approx(now, abs=1.5)
        turned += now != before
    assert turned > 10


def leaves(entries):
    for entry in entries:
        yield from leaves(entry["transforms"]) if "transforms" in entry else (entry,)


@pytest.mark.parametrize("name", ["blur-noise", "inspection"])
def test_objects_stay_in_their_boxes_where_only_pixels_change(tmp_path, name):
    image = np.full((64, 64, 3), 40, np.uint8)
    image[20:44, 16:40] = 200
    for entry in leaves(cached(name).content["transforms"]):
        pipeline = made(tmp_path, yaml.safe_dump({**entry, "p": 1.0}, default_flow_style=True))
        for seed in range(20):
            random.seed(seed)
            after = pipeline(labels_of(image, []))["img"].astype(float).mean(2)
            for profile, sides in ((after[24:40].mean(0), (16, 40)), (after[:, 20:36].mean(1), (20, 44))):
                change = np.abs(np.diff(profile))
                for side in sides:
                    steps = change[side - 8 : side + 7]
                    steps = np.where(steps > steps.max() / 4, steps, 0)  # without the noise
                    found = (steps * np.arange(side - 7, side + 8)).sum() / steps.sum()
                    assert found == pytest.approx(side, abs=0.2), entry


def test_inspection_keeps_the_hue():
    import colorsys

    colour = np.array([180, 120, 60])  # as BGR: a blue
    image = np.full((48, 48, 3), colour, np.uint8)
    wanted = colorsys.rgb_to_hsv(*colour[::-1] / 255)[0]
    changed = 0
    for seed in range(60):
        random.seed(seed)
        after = cached("inspection")(labels_of(image, []))["img"]
        changed += not np.array_equal(after, image)
        hues = [colorsys.rgb_to_hsv(*pixel[::-1] / 255)[0] for pixel in after.reshape(-1, 3)[::97]]
        assert np.array(hues) == pytest.approx(wanted, abs=0.01)
    assert changed > 20


def test_colours_are_those_of_the_image(tmp_path):
    turn = (
        "{name: HueSaturationValue, p: 1, hue_shift_limit: [30, 30], sat_shift_limit: [0, 0], val_shift_limit: [0, 0]}"
    )
    blue = np.full((64, 64, 3), (255, 0, 0), np.uint8)  # BGR
    after = made(tmp_path, turn)(labels_of(blue, []))["img"]
    assert after[0, 0] == pytest.approx([255, 0, 255], abs=2)  # 60 degrees on: magenta. Red would become yellow


# Random choices


def test_the_same_random_state_gives_the_same_picture_and_another_gives_another():
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (48, 48, 3), np.uint8)
    boxes = [[0.1, 0.1, 0.4, 0.5], [0.5, 0.3, 0.9, 0.9]]
    for name in PRESETS:
        random.seed(5)
        states, first = [], []
        for _ in range(12):
            states.append(random.getstate())
            first.append(cached(name)(labels_of(image, boxes)))
        fresh = load_pipeline(name, sizes=[64])
        for state, one in zip(states, first, strict=True):
            np.random.seed(rng.integers(1 << 30))  # of no influence
            random.setstate(state)
            again = fresh(labels_of(image, boxes))
            assert np.array_equal(again["img"], one["img"])
            assert np.array_equal(again["instances"].bboxes, one["instances"].bboxes)
        # Several of the twelve may have been left as they were, and there are eight ways to mirror and turn.
        assert len({one["img"].tobytes() for one in first}) > 3


def test_transforms_of_a_pipeline_choose_independently(tmp_path):
    """Generators that start at the same number would mirror both ways, or none."""
    pipeline = made(tmp_path, "{name: HorizontalFlip, p: 0.5}, {name: VerticalFlip, p: 0.5}")
    image = np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3)
    image[0, 0] = 255
    random.seed(0)
    seen = [pipeline(labels_of(image, [[0.1, 0.1, 0.4, 0.5]]))["img"].tobytes() for _ in range(200)]
    ways = [image, image[:, ::-1], image[::-1], image[::-1, ::-1]]
    counts = [seen.count(np.ascontiguousarray(way).tobytes()) for way in ways]
    assert sum(counts) == 200
    assert min(counts) > 25


def test_one_random_number_is_drawn_for_a_picture():
    random.seed(7)
    random.getrandbits(32)
    state = random.getstate()
    random.seed(7)
    cached("lighting")(labels_of(np.zeros((64, 64, 3), np.uint8), []))
    assert random.getstate() == state


def test_a_pipeline_travels_to_loader_processes():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    copy = pickle.loads(pickle.dumps(cached("microscope")))
    for seed in range(5):
        random.seed(seed)
        one = cached("microscope")(labels_of(image, [[0.1, 0.2, 0.4, 0.5]]))
        random.seed(seed)
        assert np.array_equal(copy(labels_of(image, [[0.1, 0.2, 0.4, 0.5]]))["img"], one["img"])


# Frames, boxes, channels


def test_a_crop_is_stretched_over_the_frame_and_its_boxes_with_it(tmp_path):
    image = np.zeros((64, 96, 3), np.uint8)
    image[16:48, 36:48] = 255  # left half of the crop
    labels = made(tmp_path, "{name: CenterCrop, p: 1, height: 32, width: 24}")(
        labels_of(image, [[36 / 96, 16 / 64, 48 / 96, 48 / 64]])
    )
    assert labels["img"].shape == (64, 96, 3)
    assert corners(labels)[0] == pytest.approx([0, 0, 48, 64], abs=1e-3)
    assert extent(labels["img"][..., 0] > 127) == pytest.approx([0, 0, 48, 64], abs=1)


def test_boxes_of_which_little_is_left_go_with_their_classes(tmp_path):
    shift = made(tmp_path, "{name: Affine, p: 1, translate_px: {x: -32, y: 0}}")
    image = np.full((64, 64, 3), 9, np.uint8)
    out, in_part, inside = [0, 0, 0.52, 0.2], [0.3, 0.3, 0.7, 0.7], [0.75, 0.5, 1, 1]
    labels = shift(labels_of(image, [out, in_part, inside]))
    assert labels["cls"].tolist() == [[1], [2]]
    assert corners(labels) / 64 == pytest.approx(np.array([[0, 0.3, 0.2, 0.7], [0.25, 0.5, 0.5, 1]]), abs=1e-5)


def test_a_picture_that_would_lose_its_last_object_stays(tmp_path):
    shift = made(tmp_path, "{name: Affine, p: 1, translate_px: {x: -32, y: 0}}")
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    labels = shift(labels_of(image, [[0, 0, 0.4, 0.2]]))
    assert np.array_equal(labels["img"], image)
    assert corners(labels)[0] / 64 == pytest.approx([0, 0, 0.4, 0.2], abs=1e-6)
    assert not np.array_equal(shift(labels_of(image, []))["img"], image)  # a background is moved


def test_outlines_that_do_not_follow_are_not_kept(tmp_path):
    outlines = np.random.default_rng(0).random((2, 20, 2)).astype(np.float32)
    boxes = [[0.1, 0.1, 0.4, 0.5], [0.5, 0.3, 0.9, 0.9]]
    labels = cached("overhead")(labels_of(np.zeros((64, 64, 3), np.uint8), boxes, segments=outlines))
    assert len(labels["instances"].segments) == 0
    assert len(labels["instances"]) == 2


def test_grey_images_keep_their_values(tmp_path):
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    mirrored = made(tmp_path, "{name: HorizontalFlip, p: 1}")(labels_of(grey, []))["img"]
    assert np.array_equal(mirrored, grey[:, ::-1])
    jitter = made(tmp_path, "{name: ColorJitter, p: 1, brightness: [0.5, 0.5], hue: 0, saturation: 0, contrast: 0}")
    assert jitter(labels_of(grey, []))["img"] == pytest.approx(grey / 2, abs=3)


def test_other_channels_and_failures_name_the_image(tmp_path):
    pipeline = made(tmp_path, "{name: RandomCrop, p: 1, height: 64, width: 64}")
    with pytest.raises(ModelError, match=r"a.png: augmentation pipelines take images of 1 or 3 channels, found 4"):
        pipeline(labels_of(np.zeros((64, 64, 4), np.uint8), []))
    with pytest.raises(ModelError, match=r"a.png: augmentation pipeline .*mine.yaml failed: "):
        pipeline(labels_of(np.zeros((32, 32, 3), np.uint8), []))
