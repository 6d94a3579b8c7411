from __future__ import annotations

import numpy as np
import pytest

from yolo_tl.config import TrainConfig, flatten_schema
from yolo_tl.errors import ConfigError
from yolo_tl.presets import presets, resolve
from yolo_tl.transfer.facts import DataFacts, DeviceFacts
from yolo_tl.transfer.plan import make_plan
from yolo_tl.transfer.rules import adamw_rate

CPU = DeviceFacts("cpu", "CPU", bf16=False, cores=2)
GPU = DeviceFacts("0", "GPU", bf16=True, cores=16)


def facts(images: int = 205, val: int = 87, side: float = 0.2, instances=(361, 4155, 372)) -> DataFacts:
    return DataFacts(
        path="data.yaml",
        names=("Platelets", "RBC", "WBC"),
        images={"train": images, "val": val},
        instances={"train": tuple(instances), "val": (10, 20, 30)},
        sides=np.full((100, 2), side),
    )


def planned(network, *, preset="small-data", data=None, device=CPU, **overrides):
    resolved = resolve(TrainConfig, kind="train", preset=preset, overrides=overrides)
    return make_plan(resolved, data=data or facts(), network=network, device=device, weights="w.pt")


@pytest.mark.parametrize("preset", [None, *presets("train")])
def test_nothing_is_left_open(network, preset):
    plan = planned(network, preset=preset, epochs=20)
    assert list(plan.decisions) == flatten_schema(TrainConfig)
    undecided = [k for k, d in plan.decisions.items() if d.value is None and d.source != "plan"]
    assert undecided == []
    assert all(d.reason for d in plan.decisions.values() if d.source == "plan")


def test_plain_is_what_yolo_train_does(network):
    plan = planned(network, preset="plain", epochs=20)
    assert (plan["optimizer"], plan["lr"], plan["momentum"]) == ("AdamW", 0.001429, 0.9)
    assert (plan["nbs"], plan["warmup"], plan.close_mosaic_epochs) == (64, 3.0, 10)
    assert plan.ema == (0.9999, 2000.0)
    assert plan.budget.steps == 74
    assert any("only 74 optimizer steps" in w for w in plan.warnings)


def test_plain_switches_to_musgd_when_there_are_many_iterations(network):
    plan = planned(network, preset="plain", data=facts(images=118_000), epochs=100)
    assert (plan["optimizer"], plan["lr"], plan["momentum"]) == ("MuSGD", 0.01, 0.937)


def test_steps_are_not_starved_on_few_images(network):
    assert planned(network, epochs=20).budget.steps == 260
    assert planned(network, epochs=20)["nbs"] == 16
    plenty = planned(network, preset="full", data=facts(images=20_000), epochs=100)
    assert plenty["nbs"] == 64
    some = facts(images=2_000)
    assert planned(network, preset="full", data=some, epochs=50)["nbs"] == 64
    assert planned(network, preset="small-data", data=some, epochs=50)["nbs"] == 16
    between = planned(network, preset="full", data=some, epochs=20)
    assert between["nbs"] == 32
    assert between.budget.steps >= 1000


def test_the_user_wins_and_is_named(network):
    plan = planned(network, lr=0.005, nbs=32, freeze="backbone")
    assert plan["lr"] == 0.005
    assert plan.decisions["lr"].source == "user"
    assert plan.decisions["freeze"].source == "user"
    assert plan["nbs"] == 32
    assert plan.freeze.engine == tuple(range(network.backbone))


def test_the_device_decides_precision_and_loaders(network):
    assert (planned(network)["precision"], planned(network)["workers"]) == ("fp32", 0)
    on_gpu = planned(network, device=GPU)
    assert (on_gpu["device"], on_gpu["precision"], on_gpu["workers"]) == ("0", "bf16", 8)


@pytest.mark.parametrize(
    "change, warning",
    [
        ({"data": facts(side=0.01)}, "under 8 px"),
        ({"data": facts(instances=(3, 50, 50))}, "'Platelets' has 3 instances"),
        ({"data": facts(val=5)}, "5 val images"),
        ({"augment.close_mosaic": 1.0}, "mosaic is on but never runs"),
        ({"batch": 2}, "batch 2 is small"),
    ],
)
def test_risks_are_named_before_the_time_is_spent(network, change, warning):
    assert not any(warning in w for w in planned(network, epochs=100).warnings)
    assert any(warning in w for w in planned(network, epochs=100, **change).warnings)


def test_only_two_headed_networks_are_selected_on_the_nms_free_head(network):
    if network.two_headed:
        assert planned(network, head="nms-free")["head"] == "nms-free"
    else:
        with pytest.raises(ConfigError, match="no NMS-free head"):
            planned(network, head="nms-free")


def test_adamw_rate_is_the_published_fit():
    assert [adamw_rate(n) for n in (1, 3, 80)] == [0.002, 0.001429, 0.000119]
