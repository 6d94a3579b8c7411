from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.checkpoints import checkpoint

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from permuted import permuted_checkpoint

from yolo_tl.boxes import iou_matrix, xywh_to_xyxy
from yolo_tl.data.dataset import Split, read_dataset
from yolo_tl.engine.checkpoint import load_checkpoint
from yolo_tl.engine.features import ChosenBoxes, box_features, choose_boxes, random_network
from yolo_tl.engine.starts import RANDOM, assess
from yolo_tl.errors import DataError


@pytest.fixture(scope="module")
def train(sample: Path) -> Split:
    return read_dataset(sample).split("train")


@pytest.fixture(scope="module")
def network(sample: Path, tmp_path_factory: pytest.TempPathFactory):
    return load_checkpoint(checkpoint(tmp_path_factory.mktemp("weights") / "w.pt", sample))


def image_with(folder: Path, boxes: np.ndarray, *, size: tuple[int, int] = (64, 64)) -> ChosenBoxes:
    """A picture (height, width) with a gradient and noise, and boxes as shares of it."""
    height, width = size
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 200, width)[None, :, None] + rng.integers(0, 50, (height, width, 3))
    path = folder / "picture.png"
    cv2.imwrite(str(path), ramp.astype(np.uint8))
    count = len(boxes)
    return ChosenBoxes((path,), np.zeros(count, np.int64), boxes, np.zeros(count, np.int64), np.zeros(count, bool))


def maps_of(network, picture: np.ndarray) -> list:
    """What the head is given for a picture."""
    import torch

    seen: list = []
    hook = network.model[-1].register_forward_pre_hook(lambda module, inputs: seen.extend(inputs[0]))
    with torch.inference_mode():
        network(torch.from_numpy(picture[..., ::-1].copy()).permute(2, 0, 1)[None].float() / 255)
    hook.remove()
    return [level[0].numpy() for level in seen]


# Which boxes


def test_background_is_as_large_as_an_object_and_lies_where_none_is(train: Split) -> None:
    chosen = choose_boxes(train)
    objects = chosen.xyxy[~chosen.background]
    assert len(objects) == len(train.class_ids)
    assert chosen.background.sum() > len(objects) // 2
    assert (chosen.labels[chosen.background] == train.class_count).all()
    everything = xywh_to_xyxy(train.boxes)
    for box, image in zip(chosen.xyxy[chosen.background], chosen.image_index[chosen.background], strict=True):
        own = everything[train.image_index == train.images.index(chosen.images[image])]
        assert iou_matrix(box[None], own).max() < 0.1
        assert np.isclose(own[:, 2:] - own[:, :2], box[2:] - box[:2]).all(1).any()
        assert (box >= 0).all()
        assert (box <= 1).all()


def test_boxes_are_those_of_the_labels_in_the_order_of_their_images(train: Split) -> None:
    chosen = choose_boxes(train)
    assert (np.diff(chosen.image_index) >= 0).all()
    named = {
        (str(train.images[i]), k, *b)
        for i, k, b in zip(train.image_index, train.class_ids, xywh_to_xyxy(train.boxes).tolist(), strict=True)
    }
    rows = zip(chosen.image_index, chosen.labels, chosen.xyxy.tolist(), chosen.background, strict=True)
    assert {(str(chosen.images[i]), k, *b) for i, k, b, empty in rows if not empty} == named


def test_a_rare_class_is_not_lost(train: Split) -> None:
    kinds = np.zeros_like(train.class_ids)
    kinds[[3, 11]] = 1
    chosen = choose_boxes(replace(train, class_ids=kinds), boxes=4)
    labels = chosen.labels[~chosen.background]
    assert sorted(labels.tolist()) == [0, 0, 1, 1]


def test_the_same_seed_chooses_the_same_and_no_more_than_asked(train: Split) -> None:
    first, again, other = (choose_boxes(train, images=5, seed=seed) for seed in (1, 1, 2))
    assert len(first.images) == 5
    assert first.images == again.images
    assert first.xyxy.tolist() == again.xyxy.tolist()
    assert first.images != other.images
    assert (~choose_boxes(train, boxes=7).background).sum() == 7


def test_nothing_to_look_at_is_said(train: Split) -> None:
    nothing = replace(train, class_ids=train.class_ids[:0], boxes=train.boxes[:0], image_index=train.image_index[:0])
    with pytest.raises(DataError, match="expected labelled boxes, found none"):
        choose_boxes(nothing)
    whole = replace(train, boxes=np.tile([0.5, 0.5, 1.0, 1.0], (len(train.boxes), 1)))
    with pytest.raises(DataError, match="room for background"):
        choose_boxes(whole)


# Their features


def test_a_vector_is_the_mean_of_the_map_inside_the_box(tmp_path: Path, network) -> None:
    quarters = np.array([[0, 0, 1, 1], [0, 0, 0.5, 0.5], [0.5, 0, 1, 0.5], [0.5, 0.5, 1, 1]])
    boxes = image_with(tmp_path, quarters)
    found = box_features(network, boxes, imgsz=64)
    maps = maps_of(network, cv2.imread(str(boxes.images[0])))
    for level, values in zip(("P3", "P4", "P5"), maps, strict=True):
        half = values.shape[-1] // 2
        parts = values, values[:, :half, :half], values[:, :half, half:], values[:, half:, half:]
        expected = np.stack([part.mean((1, 2)) for part in parts])
        assert found[level] == pytest.approx(expected, abs=1e-5), level


def test_boxes_move_with_the_letterbox(tmp_path: Path, network) -> None:
    boxes = image_with(tmp_path, np.array([[0.0, 0, 1, 1]]), size=(96, 128))  # at 64 px: 48 rows, 8 above and below
    found = box_features(network, boxes, imgsz=64)["P3"]
    small = cv2.resize(cv2.imread(str(boxes.images[0])), (64, 48), interpolation=cv2.INTER_LINEAR)
    padded = cv2.copyMakeBorder(small, 8, 8, 0, 0, cv2.BORDER_CONSTANT, value=(114,) * 3)
    (values, *_) = maps_of(network, padded)
    assert found[0] == pytest.approx(values[:, 1:-1].mean((1, 2)), abs=1e-5)


def test_levels_are_ends_of_stages_and_what_the_head_reads(train: Split, network) -> None:
    found = box_features(network, choose_boxes(train, boxes=3), imgsz=64)
    assert list(found) == ["backbone/2", "backbone/4", "backbone/8", "backbone/16", "backbone/32", "P3", "P4", "P5"]
    assert found["backbone/8"].tolist() == found["P3"].tolist()  # this network has no neck


def test_each_image_passes_once_whatever_the_batch_and_the_network_stays(train: Split, network) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    chosen = choose_boxes(train, images=6)
    passed = []
    hook = network.register_forward_pre_hook(lambda module, inputs: passed.append(inputs[0].shape[0]))  # copied along
    found = box_features(network, chosen, imgsz=64, batch=4)
    hook.remove()
    assert passed == [4, 2]
    alone = box_features(network, chosen, imgsz=64, batch=1)
    for level, values in found.items():
        assert len(values) == len(chosen.labels)
        assert alone[level] == pytest.approx(values, abs=1e-4), level
    assert all((value == before[name]).all() for name, value in network.state_dict().items())
    assert not any(layer._forward_hooks for layer in network.model)
    assert not network.training


def test_a_random_network_has_the_same_layers_and_leaves_other_chance_alone(network) -> None:
    import torch

    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, again, other = (random_network(network, seed=seed) for seed in (1, 1, 2))
    assert torch.rand(3).tolist() == expected.tolist()
    shapes = [{name: value.shape for name, value in n.state_dict().items()} for n in (network, first)]
    assert shapes[0] == shapes[1]
    weights = [n.model[0].conv.weight for n in (first, again, other, network)]
    assert (weights[0] == weights[1]).all()
    assert not (weights[0] == weights[2]).any()


# A start


def test_what_has_learnt_is_told_from_what_was_permuted(learned: tuple[Path, Path], tmp_path: Path) -> None:
    data, weights = learned
    dataset = read_dataset(data)
    names = [str(weights), str(permuted_checkpoint(str(weights), tmp_path / "planted.pt", seed=0))]
    good, bad = assess(names, dataset, imgsz=96, device="cpu")
    assert [start.weights for start in (good, bad)] == names
    assert good.informative
    assert not bad.informative
    assert good.random == bad.random
    assert len(set(good.random)) == RANDOM
    assert good.score == pytest.approx(np.mean([level.objects for level in good.levels[-3:]]))
    assert all(level.classes is not None for level in good.levels)
