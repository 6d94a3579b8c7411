from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.config import RatesConfig, StageConfig, TrainConfig
from yolo_tl.errors import ConfigError
from yolo_tl.presets import presets, resolve
from yolo_tl.transfer.stages import plan_stages


def planned(network, *stages, epochs=20, **options):
    return plan_stages(TrainConfig(epochs=epochs, stages=list(stages), **options), network)


def test_without_stages_there_is_one(network):
    (stage,) = planned(network, freeze="backbone", bn="affine")
    assert (stage.first, stage.end, stage.bn, stage.imgsz) == (0, 20, "affine", 640)
    assert stage.freeze.engine == tuple(range(network.backbone))
    assert set(stage.factors) == {1.0}


@pytest.mark.parametrize("preset", presets("train"))
@pytest.mark.parametrize("epochs", [7, 20, 100])
def test_the_stages_of_every_recipe_cover_the_run(network, preset, epochs):
    config = resolve(TrainConfig, kind="train", preset=preset, overrides={"epochs": epochs}).config
    stages = plan_stages(config, network)
    assert stages[0].first == 0
    assert stages[-1].end == epochs
    assert all(a.end == b.first for a, b in pairwise(stages))
    assert all(stage.epochs > 0 for stage in stages)


@given(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=5), st.integers(1, 200))
def test_shares_become_epochs_or_are_refused(network, shares, epochs):
    wanted = [StageConfig(until=share) for share in sorted(shares)] + [StageConfig()]
    ends = [round(share * epochs) for share in sorted(shares)] + [epochs]
    if all(a < b for a, b in pairwise([0, *ends])):
        assert [stage.end for stage in planned(network, *wanted, epochs=epochs)] == ends
    else:
        with pytest.raises(ConfigError, match="has no epoch"):
            planned(network, *wanted, epochs=epochs)


def test_rates_multiply(network):
    rates = RatesConfig(stem=0.01, backbone=0.1, neck=0.5, head=2.0)
    first, second = planned(network, StageConfig(until=0.5), StageConfig(lr=0.1), rates=rates, layer_decay=0.9)
    head = network.head
    assert first.factors[head] == pytest.approx(2.0)
    assert first.factors[0] == pytest.approx(0.01 * 0.9**head)
    assert first.factors[network.backbone - 1] == pytest.approx(0.1 * 0.9 ** (head - network.backbone + 1))
    assert second.factors == pytest.approx([0.1 * factor for factor in first.factors])
    assert first.factor_of(f"model.{head}.cv2.0.0.conv.weight") == first.factors[head]


def test_what_of_batchnorm_stays(network):
    """That of the trunk, as asked; that of the head with the head only."""
    trunk = {norm for norm in network.norms if int(norm.split(".")[1]) < network.head}
    assert trunk < set(network.norms)
    for policy, still, fixed in (
        ("train", set(), set()),
        ("affine", set(), trunk),
        ("frozen", {f"{norm}.{kind}" for norm in trunk for kind in ("weight", "bias")}, trunk),
    ):
        (stage,) = planned(network, bn=policy)
        assert (stage.still, stage.fixed) == (still, fixed)
    (head,) = planned(network, freeze="head")
    assert head.fixed == set(network.norms) - trunk


@pytest.mark.parametrize(
    "stages, message",
    [
        ([{"until": 30}, {}], "ends after epoch 30, but the run has 20 epochs"),
        ([{"name": "a", "until": 5}, {"name": "b", "until": 5}, {}], r"stages\[1\] \(b\): has no epoch"),
        ([{"until": 0.001}, {}], "has no epoch"),
        ([{}, {}], "says no `until`"),
        ([{"until": 10}], "no stage follows up to epoch 20"),
        ([{"until": 1.5}, {}], "a share of at most 1.0"),
        ([{"until": 0}, {}], "until: expected"),
        ([{"until": "soon"}, {}], "until: expected int or float"),
        ([{"lr": 0.0}], "lr of a stage: expected above 0"),
        ([{"freeze": ["trunk", "head"]}], "nothing to train"),
        ([{"freze": "trunk"}], r"unknown key 'stages\[0\].freze'"),
        (["head"], r"stages\[0\]: expected keys and values"),
        ([{"patience": 0}], "patience of a stage"),
    ],
)
def test_stages_that_cannot_be_are_refused(network, tmp_path: Path, stages, message):
    import yaml

    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump({"extends": "small-data", "epochs": 20, "stages": stages}))
    with pytest.raises(ConfigError, match=message) as caught:
        plan_stages(resolve(TrainConfig, kind="train", file=file).config, network)
    assert caught.value.exit_code == 2


def test_a_size_of_its_own_is_a_multiple_of_the_stride(network):
    small, whole = planned(network, StageConfig(until=0.5, imgsz=0.7), StageConfig(), imgsz=320)
    assert (small.imgsz, whole.imgsz) == (224, 320)
    (own,) = planned(network, StageConfig(imgsz=416), imgsz=640)
    assert own.imgsz == 416
