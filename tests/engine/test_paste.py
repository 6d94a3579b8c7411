from __future__ import annotations

import copy
import itertools
import pickle
import random
from collections import Counter

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.data import read_dataset
from yolo_tl.engine.hermetic import ultralytics
from yolo_tl.engine.paste import BoxPaste, Sources, insert_paste
from yolo_tl.engine.view import view_of
from yolo_tl.errors import PlanMismatch

ultralytics()

import torch  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402
from ultralytics.cfg import get_cfg  # noqa: E402
from ultralytics.data.augment import CopyPaste, Mosaic, RandomPerspective  # noqa: E402
from ultralytics.data.build import build_yolo_dataset, seed_worker  # noqa: E402
from ultralytics.data.utils import check_det_dataset  # noqa: E402
from ultralytics.utils.instance import Instances  # noqa: E402

SIDE = 96


class FakeData:
    """As much of a data set as pasting reads: random pictures with the given boxes."""

    rect = False

    def __init__(self, boxes, class_ids, *, channels=3, sides=(SIDE, SIDE), polygons=False):
        """`boxes`: for each image a list of corners in px; `sides`: width and height of every image."""
        width, height = sides
        self.imgsz = max(sides)
        rng = np.random.default_rng(0)
        self.images = [rng.integers(0, 256, (height, width, channels), dtype=np.uint8) for _ in boxes]
        self.im_files = [f"{i}.jpg" for i in range(len(boxes))]
        self.labels = [
            self._label(*item, sides, polygons) for item in zip(self.im_files, boxes, class_ids, strict=True)
        ]

    def _label(self, file, boxes, ids, sides, polygons):
        corners = np.array(boxes, dtype=np.float32).reshape(-1, 4) / np.tile(np.float32(sides), 2)
        xywh = np.concatenate([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], axis=1)
        diamonds = [
            np.float32([[(x1 + x2) / 2, y1], [x2, (y1 + y2) / 2], [(x1 + x2) / 2, y2], [x1, (y1 + y2) / 2]])
            for x1, y1, x2, y2 in corners
        ]
        return {
            "im_file": file,
            "shape": sides[::-1],
            "cls": np.array(ids, dtype=np.float32).reshape(-1, 1),
            "bboxes": xywh,
            "segments": diamonds if polygons else [],
        }

    def load_image(self, i):
        assert not self.augment, "this would enter the buffer of images for mosaics"
        return self.images[i], self.images[i].shape[:2], self.images[i].shape[:2]

    augment = True

    def item(self, i):
        """What reaches a transform without mosaic."""
        label = copy.deepcopy(self.labels[i])
        segments = np.array([np.resize(points, (1000, 2)) for points in label["segments"]]).reshape(-1, 1000, 2)
        instances = Instances(label["bboxes"], segments, bbox_format="xywh", normalized=True)
        return {"img": self.images[i], "cls": label["cls"], "instances": instances, "im_file": label["im_file"]}


def corners_of(item):
    instances = copy.deepcopy(item["instances"])
    instances.convert_bbox("xyxy")
    instances.denormalize(*item["img"].shape[1::-1])
    return instances.bboxes.astype(float)


def shared(a, b):
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    return max(sides[0], 0) * max(sides[1], 0)


def size(box):
    return (box[2] - box[0]) * (box[3] - box[1])


def covers_too_much(a, b):
    return shared(a, b) > 0.1 * min(size(a), size(b)) + 1e-3


@st.composite
def data_sets(draw):
    """Up to 4 images with up to 5 boxes each, anywhere, which may overlap and be as large as the image."""
    width, height = draw(st.sampled_from([(96, 96), (96, 64), (48, 96)]))
    span = st.floats(0, 1, width=32)
    boxes = []
    for _ in range(draw(st.integers(1, 4))):
        found = []
        for x, y, w, h in draw(st.lists(st.tuples(span, span, span, span), max_size=5)):
            x1, y1 = x * (width - 4), y * (height - 4)
            found.append((x1, y1, min(x1 + 3 + w * 40, width), min(y1 + 3 + h * 40, height)))
        boxes.append(found)
    number = itertools.count()
    ids = [[next(number) for _ in found] for found in boxes]  # a class for each box tells where it came from
    return FakeData(
        boxes, ids, channels=draw(st.sampled_from([1, 3])), sides=(width, height), polygons=draw(st.booleans())
    )


@given(data_sets(), st.integers(0, 2**32), st.integers(1, 4), st.sampled_from([0.0, 0.5, 1.0]))
def test_what_a_paste_may_do(data, seed, most, flip):
    random.seed(seed)
    paste = BoxPaste(data, 1.0, most=most, flip=flip)
    for i, label in enumerate(data.labels):
        before, picture = data.item(i), data.images[i].copy()
        old = corners_of(before)
        after = paste(data.item(i))
        new = corners_of(after)
        height, width = picture.shape[:2]
        assert (data.images[i] == picture).all(), "the data set's own image"
        assert (after["img"].shape, after["img"].dtype) == (picture.shape, np.uint8)
        assert (new[: len(old)] == old).all()
        assert (after["cls"][: len(old)] == before["cls"]).all()
        assert after["cls"].dtype == np.float32
        assert len(old) <= len(new) == len(after["cls"]) <= len(old) + most
        assert len(after["instances"].segments) in ((len(new),) if label["segments"] else (0, len(new)))
        untouched = np.ones((height, width), bool)
        for k in range(len(old), len(new)):
            x1, y1, x2, y2 = new[k]
            assert 0 <= x1 < x2 <= width
            assert 0 <= y1 < y2 <= height
            assert not any(covers_too_much(new[k], other) for j, other in enumerate(new) if j != k)
            assert_copied(data, after, k, i)
            untouched[max(int(y1) - 8, 0) : int(np.ceil(y2)) + 8, max(int(x1) - 8, 0) : int(np.ceil(x2)) + 8] = False
        assert (after["img"][untouched] == picture[untouched]).all()
        if len(new) == len(old) + 1:
            assert_pixels(data, after, len(old), flip)


def source_of(data, item, k):
    """Image and row that box `k` of an item comes from."""
    name = item["cls"][k, 0]
    return next((i, j) for i, label in enumerate(data.labels) for j, c in enumerate(label["cls"]) if c == name)


def assert_copied(data, item, k, target):
    """Box `k` has the size of an object of another image, and its polygon if there are any."""
    image, row = source_of(data, item, k)
    assert image != target
    theirs, ours = corners_of(data.item(image))[row], corners_of(item)[k]
    assert ours[2:] - ours[:2] == pytest.approx(theirs[2:] - theirs[:2], abs=1e-3)
    others = np.delete(corners_of(data.item(image)), row, axis=0)
    assert not any(covers_too_much(theirs, other) for other in others)
    if data.labels[image]["segments"]:
        outline = item["instances"].segments[k]
        assert [*outline.min(0), *outline.max(0)] == pytest.approx(ours, abs=1e-2)


def assert_pixels(data, item, k, flip):
    """Inside of box `k` are the pixels of its object, mirrored or not."""
    image, row = source_of(data, item, k)
    ours, theirs = (whole(corners) for corners in (corners_of(item)[k], corners_of(data.item(image))[row]))
    pasted, cut = cut_out(item["img"], ours), cut_out(data.images[image], theirs)
    ways = ([cut] if flip < 1 else []) + ([cut[:, ::-1]] if flip > 0 else [])
    assert any(np.array_equal(pasted, way) for way in ways)


def whole(box):
    """The whole pixels that a box touches; a hundredth does not count."""
    return [*np.floor(box[:2] + 0.01).astype(int), *np.ceil(box[2:] - 0.01).astype(int)]


def cut_out(image, box):
    x1, y1, x2, y2 = box
    return image[y1:y2, x1:x2]


ONE_EACH = ([[(6, 6, 30, 30)], [(48, 36, 72, 60)]], [[0], [1]])


def test_the_border_is_soft():
    """Over the margin the object fades out: half of it half way, nothing beyond."""
    data = FakeData(*ONE_EACH)
    data.images = [np.full_like(image, value) for image, value in zip(data.images, (0, 200), strict=True)]
    item = BoxPaste(data, 1.0, most=1)(data.item(0))
    x1, y1, x2, _ = whole(corners_of(item)[1])
    assert item["img"][y1 + 5, x1 - 3 : x1 + 1, 0].tolist() == [0, 67, 133, 200]
    assert item["img"][y1 + 5, x2 - 1 : x2 + 3, 0].tolist() == [200, 133, 67, 0]
    assert item["img"][y1 - 1, x1 + 5, 0] == 133
    assert (cut_out(item["img"], whole(corners_of(item)[1])) == 200).all()


def test_the_state_of_random_decides_everything():
    data = FakeData(*ONE_EACH)
    random.seed(5)
    state = random.getstate()
    paste = BoxPaste(data, 0.7)
    first = [paste(data.item(i % 2)) for i in range(10)]
    random.setstate(state)
    paste = BoxPaste(data, 0.7)  # with no crop kept
    np.random.seed(1)
    for item in first:
        again = paste(data.item(int(item["im_file"][0])))
        assert np.array_equal(item["img"], again["img"])
        assert corners_of(item).tolist() == corners_of(again).tolist()
    assert len({len(item["cls"]) for item in first}) > 1


def test_few_crops_are_kept_and_none_is_mixed_up(monkeypatch):
    monkeypatch.setattr("yolo_tl.engine.paste.KEPT", 2)
    data = FakeData([[(10 + i, 20, 30 + i, 40)] for i in range(9)], [[i] for i in range(9)])
    random.seed(0)
    paste = BoxPaste(data, 1.0, most=1, flip=0.0)
    for _ in range(60):
        item = paste(data.item(0))
        assert len(paste.crops) <= 2
        if len(item["cls"]) == 2:
            assert_pixels(data, item, 1, 0.0)


def test_half_the_images_at_a_probability_of_one_half():
    data = rare_and_common()
    random.seed(0)
    paste = BoxPaste(data, 0.5, most=1)
    assert sum(len(paste(data.item(21))["cls"]) for _ in range(400)) == pytest.approx(200, abs=40)


def rare_and_common():
    """20 images with a common object each; one more with the only object of a rare class, and one to paste into."""
    box = [(40, 40, 52, 52)]
    return FakeData([box] * 21 + [[]], [[0]] * 20 + [[1], []])


@pytest.mark.parametrize("weights, share", [(None, 0.5), ([1, 1], 1 / 21), ([1, 60], 0.75), ([0, 1], 1.0)])
def test_rare_classes_come_first(weights, share):
    data = rare_and_common()
    random.seed(0)
    paste = BoxPaste(data, 1.0, most=1, class_weights=weights)
    counts = Counter(int(paste(data.item(21))["cls"][0, 0]) for _ in range(600))
    assert counts.total() == 600
    assert counts[1] / 600 == pytest.approx(share, abs=0.08)


@pytest.mark.parametrize(
    "boxes, usable",
    [
        ([(20, 20, 40, 40), (60, 60, 80, 80)], 2),
        ([(20, 20, 40, 40), (25, 25, 35, 35)], 0),  # one in the other
        ([(6, 20, 46, 60), (45, 20, 85, 60)], 2),  # a fortieth, with the border three
        ([(6, 20, 46, 60), (43, 20, 83, 60)], 0),
        ([(6, 20, 46, 60), (42.5, 58, 82.5, 70)], 2),  # corners
        ([(20, 20, 40, 40), (41, 20, 44, 40)], 1),  # the narrow one would show in the border of the wide one
        ([(20, 20, 40, 40), (60, 60, 60, 60), (30, 30, 30, 30)], 1),  # empty ones hide nothing
        ([(0, 20, 20, 40)], 0),  # cut off by the image
        ([(20, 20, 21.5, 40)], 0),  # under 2 px
    ],
)
def test_what_can_be_pasted(boxes, usable):
    assert len(Sources.of(FakeData([boxes], [[0] * len(boxes)]))) == usable


@pytest.mark.parametrize(
    "data, target",
    [
        (FakeData([[], []], [[], []]), 0),  # no boxes at all
        (FakeData([[(20, 20, 40, 40)]], [[0]]), 0),  # no other image
        (FakeData([[(3, 3, 93, 93)], [(0, 0, 96, 96)]], [[0], [1]]), 1),  # no room
        (FakeData([[(4, 4, 90, 90)], []], [[0], []]), 2),  # larger than the target
    ],
)
def test_nothing_to_paste_leaves_the_image_alone(data, target):
    narrow = {
        "img": np.zeros((96, 40, 3), np.uint8),
        "cls": np.zeros((0, 1), np.float32),
        "instances": Instances(np.zeros((0, 4), np.float32)),
        "im_file": "x.jpg",
    }
    make = (lambda: copy.deepcopy(narrow)) if target == 2 else (lambda: data.item(target))
    paste, before = BoxPaste(data, 1.0), make()
    for _ in range(10):
        after = paste(make())
        assert np.array_equal(after["img"], before["img"])
        assert corners_of(after) == pytest.approx(corners_of(before))
        assert len(after["cls"]) == len(before["cls"])


# Installed Ultralytics.


@pytest.fixture(scope="module")
def build(sample):
    """A function that builds Ultralytics' data set of the sample."""
    with view_of(read_dataset(sample), ["train"]) as view:
        data = check_det_dataset(str(view.yaml))

        def build(mode="train", **options):
            arguments = get_cfg(overrides={"imgsz": 64, "task": "detect", "workers": 0, **options})
            return build_yolo_dataset(arguments, data["train"], 4, {**data}, mode=mode)

        yield build


def kinds(compose):
    return [type(step) for step in compose.transforms]


def test_it_goes_between_mosaic_and_the_warp(build):
    dataset = build()
    insert_paste(dataset.transforms, dataset, 0.5)
    first = dataset.transforms.transforms[0]
    assert kinds(first) == [Mosaic, CopyPaste, BoxPaste, RandomPerspective]
    assert [step.pre_transform for step in dataset.transforms.transforms[1:3]] == [first, first]  # MixUp, CutMix
    dataset = build(copy_paste_mode="mixup", fliplr=0.125)
    insert_paste(dataset.transforms, dataset, 1.0, class_weights=[1, 0, 0])
    first = dataset.transforms.transforms[0]
    assert kinds(first) == [Mosaic, BoxPaste, RandomPerspective, CopyPaste]
    assert first.transforms[1].flip == 0.125
    assert set(first.transforms[1].sources.class_id.tolist()) == {0}


def test_it_is_left_out_and_refused(build):
    plain, rectangles = build(), build(rect=True)
    insert_paste(plain.transforms, plain, 0.0)
    insert_paste(rectangles.transforms, rectangles, 1.0)
    for dataset in (plain, rectangles):
        assert kinds(dataset.transforms.transforms[0]) == [Mosaic, CopyPaste, RandomPerspective]
    val = build(mode="val")
    with pytest.raises(PlanMismatch, match="LetterBox"):
        insert_paste(val.transforms, val, 0.5)


@pytest.mark.parametrize("imgsz", [64, 96, 128, 160])
def test_sources_are_where_the_image_as_loaded_has_them(build, imgsz):
    """Boxes in px, against Ultralytics' own conversion for the size that it loads."""
    dataset = build(imgsz=imgsz)
    sources = Sources.of(dataset)
    assert len(sources) > 5
    for image, row, ours in zip(sources.image, sources.row, sources.xyxy, strict=True):
        item = dataset.get_image_and_label(int(image))
        assert corners_of(item)[row] == pytest.approx(ours, abs=1e-3)


@pytest.mark.parametrize("shape", [(37, 53), (101, 64), (64, 64), (65, 200), (500, 333)])
def test_odd_sizes_are_rounded_as_ultralytics_loads_them(build, tmp_path, shape):
    dataset = build()
    cv2.imwrite(str(tmp_path / "odd.png"), np.zeros((*shape, 3), np.uint8))
    dataset.im_files[0], dataset.npy_files[0] = str(tmp_path / "odd.png"), tmp_path / "odd.npy"
    dataset.labels = [{**dataset.labels[0], "shape": shape, "bboxes": np.float32([[0.5, 0.5, 0.25, 0.5]])}]
    dataset.labels[0]["cls"] = np.zeros((1, 1), np.float32)
    height, width = dataset.load_image(0)[2]
    expected = [0.375 * width, 0.25 * height, 0.625 * width, 0.75 * height]
    assert Sources.of(dataset).xyxy[0].tolist() == pytest.approx(expected)


def test_the_buffer_for_mosaics_stays(build):
    dataset = build()
    for i in range(5):
        dataset.load_image(i)
    before = list(dataset.buffer), [image is None for image in dataset.ims]
    paste = BoxPaste(dataset, 1.0)
    for number in range(len(paste.sources)):
        paste._crop(number)
    assert (list(dataset.buffer), [image is None for image in dataset.ims]) == before


@pytest.mark.parametrize("mosaic", [0.0, 1.0])
def test_mosaics_get_objects_in_the_middle_and_not_on_grey(build, mosaic):
    dataset = build(mosaic=mosaic)
    insert_paste(dataset.transforms, dataset, 1.0)
    steps = dataset.transforms.transforms[0].transforms
    for i in range(12):
        dataset.load_image(i)
    random.seed(0)
    pasted = 0
    for i in range(120):
        item = steps[0](dataset.get_image_and_label(i % len(dataset)))
        before, old = item["img"].copy(), len(item["cls"])
        item = steps[2](item)
        pasted += len(item["cls"]) - old
        grey = (before == 114).all(2)
        assert (item["img"][grey] != 114).any(1).sum() < 4  # a pixel of a picture may have that value
        boxes = corners_of(item)[old:]
        middle = 32 * mosaic
        assert ((boxes >= middle) & (boxes <= 64 + middle)).all()
    assert pasted > 60


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_of_a_loader_have_more_objects(build, workers):
    def objects(p):
        dataset = build()
        insert_paste(dataset.transforms, dataset, p)
        random.seed(0)
        torch.manual_seed(0)
        loader = DataLoader(
            dataset, batch_size=4, num_workers=workers, collate_fn=dataset.collate_fn, worker_init_fn=seed_worker
        )
        found = []
        for batch in [batch for _ in range(4) for batch in loader]:
            assert batch["img"].shape[1:] == (3, 64, 64)
            assert len(batch["cls"]) == len(batch["bboxes"]) == len(batch["batch_idx"])
            assert ((batch["bboxes"] >= 0) & (batch["bboxes"] <= 1)).all()
            found.append(len(batch["cls"]))
        return sum(found)

    assert objects(1.0) > 1.15 * objects(0.0)


def test_it_can_be_sent_to_another_process(build):
    dataset = build()
    insert_paste(dataset.transforms, dataset, 1.0)
    sent = pickle.loads(pickle.dumps(dataset))
    assert sent.transforms.transforms[0].transforms[2].dataset is sent
    items = []
    for each in (dataset, sent):
        random.seed(3)
        np.random.seed(3)  # RandomHSV
        each.load_image(1)
        items.append(each[0])
    assert torch.equal(items[0]["img"], items[1]["img"])
    assert torch.equal(items[0]["bboxes"], items[1]["bboxes"])


def test_grey_images(build):
    dataset = build()
    dataset.channels, dataset.cv2_flag = 1, cv2.IMREAD_GRAYSCALE
    insert_paste(dataset.transforms, dataset, 1.0)
    random.seed(0)
    assert {tuple(dataset[i]["img"].shape) for i in range(len(dataset))} == {(1, 64, 64)}
    assert dataset.transforms.transforms[0].transforms[2].crops


def test_closing_the_mosaic_drops_it_and_it_can_be_put_back(build):
    dataset = build()
    insert_paste(dataset.transforms, dataset, 1.0)
    dataset.close_mosaic(get_cfg(overrides={"imgsz": 64}))
    assert kinds(dataset.transforms.transforms[0]) == [Mosaic, CopyPaste, RandomPerspective]
    insert_paste(dataset.transforms, dataset, 1.0)
    for i in range(len(dataset)):
        dataset[i]
    assert dataset.transforms.transforms[0].transforms[2].crops
