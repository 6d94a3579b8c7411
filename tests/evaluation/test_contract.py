"""The inspection contract: what it may say, which thresholds it leads to, and how they are judged."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.boxes import Detections
from yolo_tl.errors import ConfigError, DataError, NotMet, NotProvable
from yolo_tl.evaluation import ImageResult, Predictions, exact
from yolo_tl.evaluation.inspection.contract import ClassRule, CostConfig, InspectionContract
from yolo_tl.evaluation.inspection.demands import count, demands, outcome
from yolo_tl.evaluation.inspection.qualification import Qualification, judge
from yolo_tl.evaluation.inspection.thresholds import choose
from yolo_tl.evaluation.inspection.units import ClassView, Inspected, inspect
from yolo_tl.presets import presets, resolve

NAMES = ("scratch", "dent")
BOX = (10.0, 10.0, 30.0, 30.0)


def image(name: str, truths: Sequence[Any] = (), found: Sequence[Any] = (), **frame: Any) -> ImageResult:
    """Truths as (class, box), detections as (class, box, confidence)."""
    return ImageResult(
        name,
        Detections.from_rows([[*box, confidence, kind] for kind, box, confidence in found]),
        np.array([box for _, box in truths], np.float32).reshape(-1, 4),
        np.array([kind for kind, _ in truths], np.int64),
        **frame,
    )


def predictions(*results: ImageResult) -> Predictions:
    return Predictions(results, NAMES, "val", model="best.pt", data="data.yaml")


def views(inspected: Inspected) -> dict[str, ClassView]:
    return {view.rule.name: view for view in inspected.classes}


GOOD = image("good.png")


# What a contract may say


def test_presets_are_contracts_and_say_what_they_are_about() -> None:
    known = presets("inspect")
    assert {"default", "critical", "screening"} <= known.keys()
    for name, about in known.items():
        assert resolve(InspectionContract, kind="inspect", preset=name).config.max_escape is not None
        assert about


def test_a_file_extends_a_preset_and_its_rules_are_completed(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "about: mine\nextends: critical\niou: 0.2\nclasses:\n- name: dent\n  weight: 3\n  min_recall: 0.9\n  iou: 0.5\n"
        "- name: scratch\n  level: 0.99\n  min_side: 8\n"
    )
    contract = resolve(InspectionContract, kind="inspect", preset=str(file)).config
    assert (contract.max_escape, contract.max_overkill, contract.level) == (0.01, 0.25, 0.95)
    scratch, dent = contract.rules(NAMES)
    assert scratch == ClassRule("scratch", level=0.99, iou=0.2, min_side=8.0, min_area=0.0)
    assert dent == ClassRule("dent", weight=3.0, min_recall=0.9, level=0.95, iou=0.5, min_side=0.0, min_area=0.0)


def test_no_class_named_means_all() -> None:
    assert [rule.name for rule in InspectionContract().rules(NAMES)] == ["scratch", "dent"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_escapes": 0.1}, "unknown key 'max_escapes'.*did you mean 'max_escape'"),
        ({"cost.overkil": 1}, "did you mean 'cost.overkill'"),
        ({"classes": [{"name": "dent", "recal": 0.9}]}, r"unknown key 'classes\[0\].recal'"),
        ({"classes": [{"weight": 2}]}, "expected a name in every rule"),
        ({"classes": [{"name": "dent"}, {"name": "dent"}]}, "several for dent"),
        ({"classes": [{"name": "dent", "weight": 0}]}, "weight of dent: expected a number above 0"),
        ({"classes": [{"name": "dent", "iou": 2.0}]}, "iou of dent"),
        ({"max_escape": 0}, "max_escape: expected a share above 0 and below 1, found 0.0"),
        ({"max_overkill": 1}, "max_overkill: expected a share"),
        ({"level": 95}, "level: expected a share"),
        ({"iou": 0}, "iou: expected a number above 0"),
        ({"min_side": -1}, "min_side: expected px"),
        ({"cost.escape": -1}, r"cost\.escape: expected a number of at least 0"),
        ({"unit": "part"}, "parts: expected it with unit: part"),
        ({"parts": "tiles"}, "parts: expected it with unit: part"),
        ({"unit": "lot"}, "unit: expected 'image' or 'part'"),
        ({"max_escape": None, "max_overkill": None}, "expected at least one limit"),
    ],
)
def test_contracts_that_cannot_be(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resolve(InspectionContract, kind="inspect", overrides=values)


def test_a_class_that_the_data_does_not_have() -> None:
    contract = InspectionContract(classes=(ClassRule("dents"),))
    with pytest.raises(ConfigError, match="no class 'dents'; did you mean 'dent'"):
        inspect(predictions(GOOD), contract)


# What an inspection sees


def test_a_defect_is_found_by_its_class_where_the_place_is_right() -> None:
    near, far = (20.0, 20.0, 40.0, 40.0), (28.0, 28.0, 48.0, 48.0)  # IoU 1/7 and 1/199 with BOX
    result = image(
        "a.png",
        [(0, BOX)],
        [(0, near, 0.5), (0, BOX, 0.4), (0, far, 0.9), (1, BOX, 0.8)],
    )
    found = views(inspect(predictions(result, GOOD), InspectionContract()))
    np.testing.assert_allclose(found["scratch"].found, [0.5])
    np.testing.assert_allclose(found["scratch"].alarm, [0.9, 0])
    np.testing.assert_allclose(found["dent"].alarm, [0.8, 0])
    strict = views(inspect(predictions(result, GOOD), InspectionContract(iou=0.5)))
    np.testing.assert_allclose(strict["scratch"].found, [0.4])


def test_one_box_may_find_two_defects_and_none_may_find_another() -> None:
    wide = (10.0, 10.0, 50.0, 30.0)
    result = image("a.png", [(0, BOX), (0, (30.0, 10.0, 50.0, 30.0)), (0, (80.0, 80.0, 90.0, 90.0))], [(0, wide, 0.5)])
    found = views(inspect(predictions(result, GOOD), InspectionContract()))
    np.testing.assert_allclose(found["scratch"].found, [0.5, 0.5, 0])


@pytest.mark.parametrize(
    ("rule", "counted"),
    [({}, 2), ({"min_side": 40.0}, 2), ({"min_side": 40.1}, 1), ({"min_area": 1600.0}, 2), ({"min_area": 1601.0}, 1)],
)
def test_sizes_are_those_in_the_original_image(rule: dict[str, float], counted: int) -> None:
    """The box of 20 px was one of 40 px before the image was halved."""
    result = image("a.png", [(0, BOX), (0, (40.0, 40.0, 80.0, 80.0))], [(0, BOX, 0.7)], ratio=0.5, pad=(3.3, 7.7))
    found = views(inspect(predictions(result, GOOD), InspectionContract(**rule)))["scratch"]
    assert len(found.found) == counted
    np.testing.assert_allclose(found.alarm, [0, 0])  # a detection of what may pass is no false alarm


def test_an_image_with_only_what_may_pass_is_good() -> None:
    contract = InspectionContract(min_side=30.0)
    inspected = inspect(
        predictions(image("small.png", [(0, BOX)]), image("large.png", [(0, (0.0, 0.0, 30.0, 5.0))])), contract
    )
    assert inspected.defective.tolist() == [False, True]


def test_images_of_a_part_are_one_unit() -> None:
    results = predictions(
        image("p1_a.png", [(0, BOX)], [(0, BOX, 0.9)]),
        image("p1_b.png", [(0, BOX)]),
        image("p2_a.png", [], [(1, BOX, 0.6)]),
        image("p2_b.png"),
        image("alone.png", [(1, BOX)]),
    )
    parts = ["p1", "p1", "p2", "p2", None]
    rule = {"unit": "part", "parts": "regex:^(.+)_"}
    missed, passed = InspectionContract(**rule), InspectionContract(**rule, escape="passed")
    inspected = inspect(results, missed, parts=parts)
    assert inspected.units == ("p1", "p2", "alone.png")
    assert inspected.defective.tolist() == [True, False, True]
    low = {"scratch": 0.5, "dent": 0.5}
    assert outcome(inspected, low, missed).escaped.tolist() == [True, False, True]
    assert outcome(inspected, low, passed).escaped.tolist() == [False, False, True]
    assert outcome(inspected, low, missed).rejected.tolist() == [False, True, False]
    judged = judge(inspected, missed, low)
    assert [(i.unit, i.images, i.classes) for i in judged.escapes] == [
        ("p1", ("p1_b.png",), ("scratch",)),
        ("alone.png", ("alone.png",), ("dent",)),
    ]
    assert [(i.unit, i.images, i.classes) for i in judged.overkills] == [("p2", ("p2_a.png",), ("dent",))]


def test_false_alarms_in_defective_units_count_if_all_do() -> None:
    result = image("a.png", [(0, BOX)], [(0, BOX, 0.9), (1, (60.0, 60.0, 70.0, 70.0), 0.6)])
    for overkill, expected in (("good", (0, 1)), ("all", (1, 2))):
        contract = InspectionContract(overkill=overkill)
        inspected = inspect(predictions(result, GOOD), contract)
        made = outcome(inspected, {"scratch": 0.5, "dent": 0.5}, contract)
        assert count(demands(contract, NAMES)[-1], inspected, made) == expected


def test_what_is_not_measurable_is_refused() -> None:
    bad = image("a.png", [(0, BOX)])
    with pytest.raises(DataError, match="expected images in val, found none"):
        inspect(predictions(), InspectionContract())
    with pytest.raises(DataError, match=r"no image of val has a defect.*not measurable"):
        inspect(predictions(GOOD), InspectionContract())
    with pytest.raises(DataError, match=r"every image of val has a defect.*not measurable"):
        inspect(predictions(bad), InspectionContract())
    assert inspect(predictions(bad), InspectionContract(overkill="all")).defective.all()
    with pytest.raises(DataError, match="val has no dent that must be found"):
        choose(inspect(predictions(bad, GOOD), InspectionContract()), InspectionContract())


def test_below_what_is_kept_of_a_full_image_no_threshold_is_chosen() -> None:
    crowd = [(0, (float(i), 50.0, float(i) + 9, 60.0), 0.2 + i / 1000) for i in range(300)]
    inspected = inspect(predictions(image("a.png", [(0, BOX)], crowd), GOOD), InspectionContract(overkill="all"))
    assert inspected.lowest == pytest.approx(0.2)
    assert choose(replace(inspected, classes=inspected.classes[:1]), InspectionContract()).thresholds["scratch"] >= 0.2


# Which thresholds are chosen


VALUES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0)
GAPS = (0.05, 0.15, 0.25, 0.4, 0.6, 0.9)  # a threshold between each two of them


def scene(seed: int) -> tuple[Inspected, InspectionContract]:
    """Up to three classes that all have a defect, and a contract for them; many confidences are equal."""
    rng = np.random.default_rng(seed)
    units, images, classes = 10, 12, int(rng.integers(1, 4))
    rules, views = [], []
    for i in range(classes):
        of = rng.integers(0, units - 4, rng.integers(1, 6))
        alarm = np.where(rng.random(images) < 0.4, rng.choice(VALUES, images), 0)
        rule = ClassRule(f"c{i}", weight=float(rng.integers(1, 3)), level=0.8, iou=0.1)
        views.append(ClassView(rule, of, rng.choice(VALUES, len(of)).astype(np.float32), alarm.astype(np.float32)))
        limits = [None if rng.random() < 0.6 else float(rng.choice([0.1, 0.3, 0.5, 0.8])) for _ in range(2)]
        rules.append(replace(rule, max_escape=limits[0], min_recall=limits[1]))
    names = tuple(str(i) for i in range(images))
    unit = np.minimum(np.arange(images), units - 1)
    contract = InspectionContract(
        escape=("missed", "passed")[rng.integers(2)],
        overkill=("good", "all")[rng.integers(2)],
        max_escape=float(rng.choice([0.2, 0.4, 0.6])),
        min_recall=None if rng.random() < 0.6 else float(rng.choice([0.3, 0.6])),
        max_overkill=None if rng.random() < 0.3 else float(rng.choice([0.2, 0.4, 0.8])),
        level=0.8,
        aim=("bound", "rate")[rng.integers(2)],
        cost=CostConfig(escape=float(rng.choice([0.0, 0.0, 0.5, 2.0])), overkill=float(rng.choice([0.0, 1.0, 1.0]))),
        classes=tuple(rules),
    )
    return Inspected("val", names, names[:units], unit, tuple(views), lowest=0.001), contract


def by_hand(
    inspected: Inspected, contract: InspectionContract, chosen: Sequence[float]
) -> tuple[dict[tuple[str, str | None], tuple[int, int]], tuple[float, float]]:
    """Failures of every kind and class, and the cost, of thresholds; counted with sets, by the definitions."""
    unit = inspected.unit.tolist()
    has: list[set[int]] = []
    lost: list[set[int]] = []
    caught: list[set[int]] = []
    alarmed: set[int] = set()
    counts: dict[tuple[str, str | None], tuple[int, int]] = {}
    cost = misses = total = weighed = 0.0
    for view, limit in zip(inspected.classes, chosen, strict=True):
        pairs = [(unit[i], value > limit) for i, value in zip(view.image, view.found.tolist(), strict=True)]
        has.append({u for u, _ in pairs})
        lost.append({u for u, found in pairs if not found})
        caught.append({u for u, found in pairs if found})
        alarmed |= {unit[i] for i, value in enumerate(view.alarm.tolist()) if value > limit}
        own = lost[-1] if contract.escape == "missed" else has[-1] - caught[-1]
        missed = sum(not found for _, found in pairs)
        counts["escape", view.rule.name] = len(own), len(has[-1])
        counts["recall", view.rule.name] = missed, len(pairs)
        cost += contract.cost.escape * view.rule.weight * len(own)
        weighed += view.rule.weight * missed
        misses, total = misses + missed, total + len(pairs)
    defective = set().union(*has)
    escaped = set().union(*lost) if contract.escape == "missed" else defective - set().union(*caught)
    judged = set(unit) - defective if contract.overkill == "good" else set(unit)
    counts["escape", None] = len(escaped), len(defective)
    counts["recall", None] = int(misses), int(total)
    counts["overkill", None] = len(alarmed & judged), len(judged)
    return counts, (cost + contract.cost.overkill * len(alarmed & judged), weighed)


def limits(contract: InspectionContract) -> dict[tuple[str, str | None], float]:
    """The largest share of failures of each kind and class."""
    given = {("escape", None): contract.max_escape, ("overkill", None): contract.max_overkill}
    given |= {("escape", rule.name): rule.max_escape for rule in contract.classes}
    recalls = {None: contract.min_recall} | {rule.name: rule.min_recall for rule in contract.classes}
    given |= {("recall", name): None if recall is None else 1 - recall for name, recall in recalls.items()}
    return {key: limit for key, limit in given.items() if limit is not None}


@pytest.mark.parametrize("seed", range(8))
def test_no_combination_of_thresholds_is_better(seed: int) -> None:
    for number in range(40):
        inspected, contract = scene(100 * seed + number)
        choice = choose(inspected, contract)
        most = limits(contract)
        asked = [key for key in most if key[0] != "overkill"]
        counted = [
            by_hand(inspected, contract, gaps) for gaps in itertools.product(GAPS, repeat=len(inspected.classes))
        ]
        found, price = by_hand(inspected, contract, list(choice.thresholds.values()))
        fewest = counted[0][0]  # of the lowest thresholds
        rates = {key: max(fewest[key][0], exact.allowed_failures(fewest[key][1], most[key])) for key in asked}
        bounds = {key: max(0, exact.provable_failures(fewest[key][1], most[key], level=0.8)) for key in asked}
        assert choice.exhaustive
        assert choice.meets == all(exact.within(*found[key], limit) for key, limit in most.items())
        assert not choice.reserve or (contract.aim == "bound" and choice.meets)
        allowed = bounds if choice.reserve else rates
        assert all(found[key][0] <= allowed[key] for key in asked)
        feasible = [cost for counts, cost in counted if all(counts[key][0] <= allowed[key] for key in asked)]
        assert price == pytest.approx(min(feasible))


@given(st.integers(0, 10**6), st.permutations(range(12)))
def test_the_same_again_and_in_any_order_of_images(seed: int, turn: list[int]) -> None:
    inspected, contract = scene(seed)
    order = np.array(turn)
    turned = replace(
        inspected,
        images=tuple(inspected.images[i] for i in order),
        unit=inspected.unit[order],
        classes=tuple(
            replace(view, image=np.argsort(order)[view.image], alarm=view.alarm[order]) for view in inspected.classes
        ),
    )
    assert choose(turned, contract) == choose(inspected, contract)


def one_class(found: list[float], alarm: list[float]) -> Inspected:
    """A unit for each defect, then one for each good unit."""
    units = len(found) + len(alarm)
    names = tuple(str(i) for i in range(units))
    view = ClassView(
        ClassRule("c", level=0.95, iou=0.1),
        np.arange(len(found)),
        np.array(found, np.float32),
        np.array([0.0] * len(found) + alarm, np.float32),
    )
    return Inspected("val", names, names, np.arange(units), (view,), lowest=0.001)


def test_of_equal_thresholds_the_middle_of_the_widest_gap() -> None:
    choice = choose(one_class([0.9, 0.8, 0.5], [0.1, 0.3]), InspectionContract(max_escape=0.4))
    assert choice.thresholds == {"c": 0.4}
    assert choice.margins["c"] == pytest.approx(0.1)
    assert choice.meets


@pytest.mark.parametrize(
    ("alarms", "weights", "gives_way"),
    [((0.8, 0.6), (1.0, 1.0), "b"), ((0.6, 0.8), (1.0, 1.0), "a"), ((0.6, 0.8), (2.0, 1.0), "b")],
)
def test_of_equally_good_classes_the_lighter_gives_way_and_then_the_one_with_the_wider_margin(
    alarms: tuple[float, float], weights: tuple[float, float], gives_way: str
) -> None:
    """One weak defect may be missed, to spare one good unit; either class has one of each."""
    names = tuple("01234")
    found = np.array([0.9, 0.9, 0.9, 0.3], np.float32)
    classes = tuple(
        ClassView(
            ClassRule(name, weight=weight, level=0.95, iou=0.1),
            np.array([0, 1, 2, 0]),
            found,
            np.where(np.arange(5) == 3 + i, alarm, 0).astype(np.float32),
        )
        for i, (name, weight, alarm) in enumerate(zip("ab", weights, alarms, strict=True))
    )
    inspected = Inspected("val", names, names, np.arange(5), classes, lowest=0.001)
    contract = InspectionContract(min_recall=0.85, max_escape=0.5, max_overkill=0.6, aim="rate")
    thresholds = choose(inspected, contract).thresholds
    assert {name for name, threshold in thresholds.items() if threshold > 0.6} == {gives_way}


def test_a_confidence_at_the_threshold_does_not_count() -> None:
    inspected = one_class([0.5, 0.75], [0.5])
    made = outcome(inspected, {"c": 0.5}, InspectionContract())
    assert made.escaped.tolist() == [True, False, False]
    assert not made.rejected.any()


def test_thresholds_divide_confidences_that_are_neighbours() -> None:
    low = np.float32(0.1234567)
    high = float(np.nextafter(low, np.float32(1)))
    inspected = one_class([high, high], [float(low)])
    choice = choose(inspected, InspectionContract())
    assert np.float32(choice.thresholds["c"]) == low  # and no confidence above it is rounded down to it
    judged = judge(inspected, InspectionContract(), choice.thresholds)
    assert (judged.escapes, judged.overkills) == ((), ())


def test_a_reserve_is_kept_where_overkill_allows_it() -> None:
    """One escape in 60 is a rate of 1.7 % whose bound is 7.7 %; none costs a false alarm."""
    inspected = one_class([0.9] * 59 + [0.2], [0.0] * 10 + [0.5])
    tight, wide = InspectionContract(max_overkill=0.05), InspectionContract(max_overkill=0.1)
    assert choose(inspected, tight).thresholds["c"] > 0.5
    assert not choose(inspected, tight).reserve
    assert choose(inspected, wide).thresholds["c"] < 0.2
    assert choose(inspected, wide).reserve
    assert choose(inspected, replace(wide, aim="rate")).thresholds["c"] > 0.5


def test_costs_weigh_escapes_against_overkill() -> None:
    inspected = one_class([0.9] * 9 + [0.2], [0.5, 0.6, 0.0])
    free = InspectionContract(max_escape=0.5, max_overkill=None)
    assert choose(inspected, free).thresholds["c"] > 0.6
    assert choose(inspected, replace(free, cost=CostConfig(escape=1.0))).thresholds["c"] > 0.6
    assert choose(inspected, replace(free, cost=CostConfig(escape=3.0))).thresholds["c"] < 0.2


# How they are judged


def qualified(val: Inspected, test: Inspected, contract: InspectionContract) -> Qualification:
    choice = choose(val, contract)
    return Qualification(
        contract, choice, judge(val, contract, choice.thresholds), judge(test, contract, choice.thresholds), {}, {}
    )


def test_met_not_met_and_not_provable() -> None:
    contract = InspectionContract(max_escape=0.05, max_overkill=0.2)
    val = one_class([0.9] * 60, [0.1] * 30)
    met = qualified(val, val, contract)
    assert met.verdict == "met"
    met.require_met()
    few = qualified(val, one_class([0.9] * 40, [0.1] * 30), contract)
    with pytest.raises(
        NotProvable, match=r"below 7\.2 %\. 59 defective images with no escape would prove it\."
    ) as said:
        few.require_met()
    assert said.value.exit_code == 9
    assert "label more images for val" in said.value.hint
    one = qualified(val, one_class([0.9] * 39 + [0.1], [0.1] * 30), contract)
    needed = exact.units_at_rate(1 / 40, 0.05, level=0.95)
    assert f"59 defective images with no escape would prove it; at this rate, {needed}." in one.describe()
    bad = qualified(val, one_class([0.9] * 30 + [0.1] * 10, [0.9] + [0.1] * 29), contract)
    with pytest.raises(NotMet, match=r"escape rate at most 5 %: not met\. 10 escapes among 40") as refused:
        bad.require_met()
    assert refused.value.exit_code == 8
    assert len(bad.judged.escapes) == 10
    assert [incident.unit for incident in bad.judged.overkills] == ["40"]


def test_a_class_without_an_example_is_not_measurable_rather_than_perfect() -> None:
    contract = InspectionContract(overkill="all", classes=(ClassRule("scratch"), ClassRule("dent", max_escape=0.1)))
    judged = judge(
        inspect(predictions(image("a.png", [(0, BOX)], [(0, BOX, 0.9)])), contract),
        contract,
        {"scratch": 0.5, "dent": 0.5},
    )
    requirement = judged.requirements[1]
    assert (requirement.name, requirement.rate, requirement.bound) == ("dent", None, 1.0)
    assert requirement.verdict == "not provable"
    assert "not measurable: there are no images with dent. 29 without a failure" in requirement.describe()


def test_a_contract_that_no_threshold_can_meet_says_the_closest() -> None:
    val = one_class([0.9] * 9 + [0.0], [0.1])
    result = qualified(val, val, InspectionContract(max_escape=0.05, max_overkill=0.5))
    assert not result.choice.meets
    text = result.describe()
    assert "No thresholds keep every limit on val. The closest, which were taken:" in text
    assert "escape rate at most 5 %: not met. 1 escape among 10 defective images: escape rate 10 %" in text


def test_json_has_every_number_and_image() -> None:
    val = one_class([0.9] * 8 + [0.1], [0.05] * 5 + [0.95])
    plain = qualified(val, val, InspectionContract(max_escape=0.2, min_recall=0.8, max_overkill=0.2)).to_json()
    assert plain["verdict"] == plain["judged"]["verdict"] == "not provable"
    assert plain["thresholds"] == {"c": 0.075}
    recall = plain["judged"]["requirements"][1]
    assert recall["kind"] == "recall"
    assert recall["rate"] == pytest.approx(1 - recall["failures"] / recall["units"])
    assert recall["bound"] == pytest.approx(1 - exact.upper_bound(recall["failures"], recall["units"], level=0.95))
    assert {incident["unit"] for incident in plain["judged"]["overkills"]} == {"14"}
    assert plain["contract"]["max_escape"] == 0.2


def detected(truths: list[np.ndarray], classes: list[np.ndarray], seed: int, split: str) -> Predictions:
    """What a detector that is right most of the time might say about these truths."""
    rng = np.random.default_rng(seed)
    results = []
    for i, (boxes, kinds) in enumerate(zip(truths, classes, strict=True)):
        jitter = boxes + rng.normal(0, 3, boxes.shape)
        stray = rng.uniform(0, 200, (2, 2))
        xyxy = np.concatenate([jitter, np.hstack([stray, stray + 30])])
        confidence = np.concatenate([rng.beta(9, 2, len(boxes)), rng.beta(2, 9, 2)])
        class_id = np.concatenate([kinds, rng.integers(0, 3, 2)])
        results.append(
            ImageResult(
                f"{split}/{i}.png",
                Detections(xyxy.astype(np.float32), confidence.astype(np.float32), class_id.astype(np.int64)),
                boxes.astype(np.float32),
                kinds.astype(np.int64),
            )
        )
    return Predictions(tuple(results), ("Platelets", "RBC", "WBC"), split, model="", data="data.yaml")


CELLS = InspectionContract(
    max_escape=0.1, max_overkill=0.3, overkill="all", classes=(ClassRule("WBC", max_escape=0.1, min_recall=0.9),)
)


def require_scipy_agrees(val: Predictions, test: Predictions) -> None:
    """The contract is kept on val; every count and bound on test equals a table made here, with SciPy."""
    from scipy.stats import beta

    result = qualified(inspect(val, CELLS), inspect(test, CELLS), CELLS)
    assert result.choice.meets
    assert all(
        exact.within(r.failures, r.units, 0.3 if r.kind == "overkill" else 0.1) for r in result.chosen.requirements
    )
    threshold = np.float32(result.choice.thresholds["WBC"])
    missed = defects = escaped = defective = rejected = 0
    for one in test.results:
        truths = one.truth_xyxy[one.truth_class == 2]
        above = (one.detections.class_id == 2) & (one.detections.confidence > threshold)
        hits = np.zeros((len(truths), above.sum()), bool)
        for i, (x1, y1, x2, y2) in enumerate(truths):
            for j, (u1, v1, u2, v2) in enumerate(one.detections.xyxy[above]):
                inter = max(0, min(x2, u2) - max(x1, u1)) * max(0, min(y2, v2) - max(y1, v1))
                hits[i, j] = inter / ((x2 - x1) * (y2 - y1) + (u2 - u1) * (v2 - v1) - inter) >= 0.1
        lost = int((~hits.any(1)).sum())
        missed, defects = missed + lost, defects + len(truths)
        escaped, defective = escaped + (lost > 0), defective + (len(truths) > 0)
        rejected += bool((~hits.any(0)).any())
    table = {
        ("escape", None): (escaped, defective),
        ("escape", "WBC"): (escaped, defective),
        ("recall", "WBC"): (missed, defects),
        ("overkill", None): (rejected, len(test.results)),
    }
    assert len(result.judged.requirements) == 4
    for r in result.judged.requirements:
        k, n = table[r.kind, r.name]
        assert (r.failures, r.units) == (k, n)
        bound = beta.ppf(0.95, k + 1, n - k)
        assert r.bound == pytest.approx(1 - bound if r.kind == "recall" else bound, abs=1e-9)
        limit = 0.3 if r.kind == "overkill" else 0.1
        assert r.verdict == ("met" if bound <= limit else "not provable" if k <= limit * n else "not met")


def test_the_table_that_scipy_makes() -> None:
    rng = np.random.default_rng(0)
    splits = []
    for seed, split in enumerate(("val", "test")):
        corners = [rng.uniform(0, 200, (rng.integers(0, 4), 2)) for _ in range(90)]
        boxes = [np.hstack([corner, corner + 40]) for corner in corners]
        splits.append(detected(boxes, [rng.integers(0, 3, len(b)) for b in boxes], seed, split))
    require_scipy_agrees(*splits)


@pytest.mark.real_data
def test_the_table_that_scipy_makes_of_bccd(shared: Path, tmp_path: Path) -> None:
    from yolo_tl.data import convert, read_dataset

    dataset = read_dataset(convert(shared / "data" / "bccd", tmp_path / "bccd").data)
    splits = []
    for seed, name in enumerate(("val", "test")):
        split = dataset.split(name)
        centre = split.boxes * np.tile(split.image_sizes[split.image_index], 2)
        corners = np.hstack([centre[:, :2] - centre[:, 2:] / 2, centre[:, :2] + centre[:, 2:] / 2])
        mine = [split.image_index == i for i in range(len(split))]
        splits.append(detected([corners[m] for m in mine], [split.class_ids[m] for m in mine], seed, name))
    require_scipy_agrees(*splits)
