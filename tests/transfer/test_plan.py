from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from yolo_tl.config import TrainConfig, flatten_schema, to_mapping
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
        class_ids=np.arange(100) % 3,
        image_index=np.arange(100) % images,
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
    assert planned(network, epochs=20, batch=16).budget.steps == 260
    assert planned(network, epochs=20, batch=16)["nbs"] == 16
    plenty = planned(network, preset="full", data=facts(images=20_000), epochs=100)
    assert (plenty["batch"], plenty["nbs"]) == (16, 64)
    some = facts(images=2_000)
    assert planned(network, preset="full", data=some, epochs=50)["nbs"] == 64
    assert planned(network, preset="small-data", data=some, epochs=50, batch=16)["nbs"] == 16
    between = planned(network, preset="full", data=some, epochs=20)
    assert between["nbs"] == 32
    assert between.budget.steps >= 1000


def test_the_batch_is_small_where_steps_are_few_and_fits_the_device(network):
    few = planned(network, epochs=20)
    assert (few["batch"], few.decisions["batch"].source) == (8, "plan")
    assert "205 images" in few.decisions["batch"].reason
    many = facts(images=20_000)
    assert planned(network, data=many, epochs=100)["batch"] == 16
    tight = DeviceFacts("0", "GPU", bf16=True, cores=16, batch=4)
    assert planned(network, data=many, device=tight, epochs=100)["batch"] == 4
    assert planned(network, preset="plain", epochs=20)["batch"] == 16
    assert planned(network, batch=3)["batch"] == 3


def test_a_batch_is_shared_out_evenly(network):
    three = DeviceFacts("cpu", "CPU", bf16=False, cores=6, count=3)
    assert planned(network, device=three, epochs=20)["batch"] == 6
    assert planned(network, device=three, preset="plain", epochs=20)["batch"] == 15
    with pytest.raises(ConfigError, match="8 images cannot be shared out evenly to 3 devices"):
        planned(network, device=three, batch=8)


def test_validation_takes_a_small_share_of_the_time(network):
    assert planned(network, preset="plain", epochs=20)["val_every"] == 1
    assert planned(network, epochs=100)["val_every"] == 3
    few = planned(network, data=facts(images=10), epochs=200)
    assert few["val_every"] == 40
    assert "87 val beside 10 train images" in few.decisions["val_every"].reason


def test_rare_classes_are_shown_more_often(network):
    data = facts(images=100)
    rare = DataFacts(
        path="", names=("a", "b"), images=data.images, instances={"train": (99, 1), "val": (9, 9)}, sides=data.sides,
        class_ids=np.array([0] * 99 + [1]), image_index=np.arange(100),
    )  # fmt: skip
    once = planned(network, data=rare, epochs=20)
    assert once.copies is None
    often = planned(network, data=rare, epochs=20, repeat=0.25)
    assert often.copies[-1] == 5
    assert set(often.copies[:-1]) == {1}
    assert often.budget.batches == 13
    assert often.to_json()["images_an_epoch"] == 104


def test_a_preset_for_another_family_is_refused(network, tmp_path):
    (tmp_path / "own.yaml").write_text("extends: small-data\nfamily: yolo26\n")
    if network.family.startswith("yolo26"):
        assert planned(network, preset=str(tmp_path / "own.yaml"))["family"] == "yolo26"
    else:
        with pytest.raises(ConfigError, match=f"is for yolo26 networks, found {network.family}"):
            planned(network, preset=str(tmp_path / "own.yaml"))


def test_the_plan_of_a_run_is_found_again(network):
    """From what run.yaml keeps: the same decisions, with their reasons; and a longer run of the same stages."""
    import yaml

    from yolo_tl.transfer.recall import extended, recall, with_reasons

    plan = planned(network, preset="gradual", epochs=20, lr=0.02)
    kept = yaml.safe_load(yaml.safe_dump(plan.to_json()))
    resolved = recall(kept)
    again = make_plan(resolved, data=facts(), network=network, device=CPU, weights="w.pt")
    assert with_reasons(again, kept).decisions == {
        key: replace(decision, value=to_mapping(decision.value)) if key == "stages" else decision
        for key, decision in plan.decisions.items()
    }
    assert again.stages == plan.stages
    longer = extended(resolved, epochs=30, ends=[3, 6])
    more = make_plan(longer, data=facts(), network=network, device=CPU, weights="w.pt")
    assert [(s.name, s.first, s.end) for s in more.stages] == [("head", 0, 3), ("neck", 3, 6), ("backbone", 6, 30)]
    assert more.decisions["epochs"].source == "user"


def test_the_user_wins_and_is_named(network):
    plan = planned(network, lr=0.005, nbs=32, freeze="backbone")
    assert plan["lr"] == 0.005
    assert plan.decisions["lr"].source == "user"
    assert plan.decisions["freeze"].source == "user"
    assert plan["nbs"] == 32
    assert plan.stages[0].freeze.engine == tuple(range(network.backbone))


def test_a_run_goes_on_to_the_end_of_its_schedule(network):
    assert planned(network, epochs=600)["patience"] == 600
    assert planned(network, epochs=600, patience=50)["patience"] == 50
    assert planned(network, preset="plain", epochs=600)["patience"] == 100


def test_the_device_decides_precision_and_loaders(network):
    assert (planned(network)["precision"], planned(network)["workers"]) == ("fp32", 0)
    on_gpu = planned(network, device=GPU)
    assert (on_gpu["device"], on_gpu["precision"], on_gpu["workers"]) == ("0", "bf16", 8)
    fast = DeviceFacts("cpu", "CPU", bf16=True, cores=2)
    assert planned(network, device=fast)["precision"] == "bf16"
    assert planned(network, device=fast, precision="fp32")["precision"] == "fp32"
    assert planned(network, preset="plain", device=fast)["precision"] == "fp32"  # as `yolo train` on a CPU


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
